//! What is done with each field, by how its type is written.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Field, Fields, GenericArgument, Ident, Index, Member, PathArguments, Result, Type, TypePath};

/// Writes the fields of a structure with other leaves.
pub(crate) struct Visitor<'a> {
    pub(crate) leaf: &'a Ident,
    /// The other type parameters.
    pub(crate) others: Vec<&'a Ident>,
    /// The types that must be `Clone` and depend on a parameter. What others lack is said where they are cloned.
    pub(crate) cloned: Vec<Type>,
    /// The types of fields that are structures of their own.
    pub(crate) nested: Vec<TypePath>,
}

impl Visitor<'_> {
    /// `field: value` for every field.
    pub(crate) fn fields(&mut self, fields: &Fields) -> Result<Vec<TokenStream>> {
        fields.iter().enumerate().map(|(k, field)| self.field(k, field)).collect()
    }

    fn field(&mut self, k: usize, field: &Field) -> Result<TokenStream> {
        let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(k)), Member::Named);
        let name = field.ident.as_ref().map_or_else(|| k.to_string(), |ident| ident.unraw().to_string());
        if is_skipped(&field.attrs)? && mentions(&field.ty, self.leaf) {
            let message = format!("the field has leaves, which change their type with `{}`: it cannot be skipped", self.leaf);
            return Err(Error::new_spanned(&field.ty, message));
        }
        let value = self.part(&field.ty, &quote!((&self.#member)))?;
        if !mentions(&field.ty, self.leaf) {
            return Ok(quote!(#member: #value));
        }
        Ok(quote!(#member: {
            let __at = &mut __at.at(#name);
            #value
        }))
    }

    /// The expression that visits `place`, a reference to a value of the type, at `__at`.
    fn part(&mut self, ty: &Type, place: &TokenStream) -> Result<TokenStream> {
        if !mentions(ty, self.leaf) {
            if self.others.iter().any(|other| mentions(ty, other)) {
                self.cloned.push(ty.clone());
            }
            return Ok(quote_spanned!(ty.span()=> ::core::clone::Clone::clone(#place)));
        }
        match ty {
            Type::Paren(inner) => self.part(&inner.elem, place),
            Type::Group(inner) => self.part(&inner.elem, place),
            Type::Array(array) => {
                let each = self.part(&array.elem, &quote!(__x))?;
                Ok(quote!(__at.array(#place, |__at, __x| #each)))
            }
            Type::Tuple(tuple) => {
                let parts = tuple.elems.iter().enumerate().map(|(k, ty)| {
                    let (index, name) = (Index::from(k), k.to_string());
                    let value = self.part(ty, &quote!((&#place.#index)))?;
                    Ok(quote!({
                        let __at = &mut __at.at(#name);
                        #value
                    }))
                });
                let parts = parts.collect::<Result<Vec<_>>>()?;
                Ok(quote!((#(#parts,)*)))
            }
            Type::Path(path) if path.qself.is_none() => self.path(path, place),
            _ => Err(self.refusal(ty)),
        }
    }

    fn path(&mut self, ty: &TypePath, place: &TokenStream) -> Result<TokenStream> {
        if ty.path.is_ident(self.leaf) {
            return Ok(quote!(__at.this(#place)));
        }
        let last = ty.path.segments.last().expect("a path has segments");
        let PathArguments::AngleBracketed(arguments) = &last.arguments else {
            // As `T::Item`.
            return Err(self.refusal(ty));
        };
        let only = match arguments.args.first() {
            Some(GenericArgument::Type(only)) if arguments.args.len() == 1 => Some(only),
            _ => None,
        };
        match (last.ident.to_string().as_str(), only) {
            ("Vec", Some(elem)) => {
                let each = self.part(elem, &quote!(__x))?;
                Ok(quote!(__at.list(#place, |__at, __x| #each)))
            }
            ("Option", Some(elem)) => {
                let value = self.part(elem, &quote!(__x))?;
                Ok(quote!(::core::option::Option::as_ref(#place).map(|__x| #value)))
            }
            ("Box", Some(elem)) => {
                let value = self.part(elem, &quote!((&**#place)))?;
                Ok(quote!(::std::boxed::Box::new(#value)))
            }
            ("PhantomData", Some(_)) => Ok(quote!(::core::marker::PhantomData)),
            _ => {
                self.nested.push(ty.clone());
                Ok(quote_spanned!(ty.span()=> ::wengert::Structure::visit(#place, __at)))
            }
        }
    }

    /// The statements that pass the leaves of every field to `__each`, to write to. Fields that cannot be visited were refused before.
    pub(crate) fn fields_mut(&self, fields: &Fields) -> Vec<TokenStream> {
        let with_leaves = fields.iter().enumerate().filter(|(_, field)| mentions(&field.ty, self.leaf));
        let one = |(k, field): (usize, &Field)| {
            let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(k)), Member::Named);
            self.part_mut(&field.ty, &quote!((&mut self.#member)))
        };
        with_leaves.map(one).collect()
    }

    /// The statement for `place`, a reference to a value of the type.
    fn part_mut(&self, ty: &Type, place: &TokenStream) -> TokenStream {
        match ty {
            _ if !mentions(ty, self.leaf) => quote!(),
            Type::Paren(inner) => self.part_mut(&inner.elem, place),
            Type::Group(inner) => self.part_mut(&inner.elem, place),
            Type::Array(array) => self.each_mut(&array.elem, place),
            Type::Tuple(tuple) => {
                let names: Vec<Ident> = (0..tuple.elems.len()).map(|k| format_ident!("__p{k}")).collect();
                let parts = tuple.elems.iter().zip(&names).map(|(ty, name)| {
                    let part = self.part_mut(ty, &quote!(#name));
                    // Also where it has no leaf, so that the name is used.
                    quote!({ let _ = &#name; #part })
                });
                quote!({ let (#(#names,)*) = #place; #(#parts)* })
            }
            Type::Path(path) => self.path_mut(path, place),
            _ => quote!(),
        }
    }

    fn path_mut(&self, ty: &TypePath, place: &TokenStream) -> TokenStream {
        if ty.path.is_ident(self.leaf) {
            return quote!(__each(#place););
        }
        let last = ty.path.segments.last().expect("a path has segments");
        let only = match &last.arguments {
            PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => match &arguments.args[0] {
                GenericArgument::Type(only) => Some(only),
                _ => None,
            },
            _ => None,
        };
        match (last.ident.to_string().as_str(), only) {
            ("Vec" | "Option", Some(elem)) => self.each_mut(elem, place),
            ("Box", Some(elem)) => self.part_mut(elem, &quote!((&mut **#place))),
            ("PhantomData", Some(_)) => quote!(),
            _ => quote_spanned!(ty.span()=> ::wengert::graph::VisitMut::visit_mut(#place, __each);),
        }
    }

    fn each_mut(&self, elem: &Type, place: &TokenStream) -> TokenStream {
        let each = self.part_mut(elem, &quote!(__x));
        quote!(for __x in #place.iter_mut() { #each })
    }

    fn refusal(&self, ty: &impl ToTokens) -> Error {
        let leaf = self.leaf;
        let message = format!(
            "a field of this type cannot be made again with other leaves: a field is `{leaf}`, an array, `Vec`, `Option`, `Box` or \
             tuple of fields, a structure as `Layer<{leaf}>`, or has no `{leaf}`"
        );
        Error::new_spanned(ty, message)
    }
}

fn is_skipped(attributes: &[Attribute]) -> Result<bool> {
    let mut skipped = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("structure")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(meta.error("a field is marked with `#[structure(skip)]`, and with nothing else"));
            }
            skipped = true;
            Ok(())
        })?;
    }
    Ok(skipped)
}

/// Whether the type has the parameter in it.
pub(crate) fn mentions(ty: &Type, parameter: &Ident) -> bool {
    within(ty.to_token_stream(), parameter)
}

fn within(tokens: TokenStream, parameter: &Ident) -> bool {
    // A name after `::` is of a module or an item.
    let mut colons = 0;
    tokens.into_iter().any(|token| {
        let before = std::mem::take(&mut colons);
        match token {
            TokenTree::Ident(ident) => before < 2 && ident == *parameter,
            TokenTree::Group(group) => within(group.stream(), parameter),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                colons = before + 1;
                false
            }
            _ => false,
        }
    })
}
