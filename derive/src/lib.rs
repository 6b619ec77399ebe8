//! `#[derive(Structure)]` for wengert, which re-exports it beside the trait; the trait's page says what it gives.
//!
//! In: a struct that is generic in what its leaves are. Out: an implementation of `wengert::Structure`, an expression for every field. What a
//! field is shows in how its type is written: the leaf, a container of what is a field again, or a structure with an implementation of its own.

mod fields;
mod leaf;

use fields::Visitor;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, GenericParam, Result};

/// Implements `wengert::Structure` for a struct that is generic in its leaves, and `wengert::graph::VisitMut`, which writes to them.
///
/// | a field | is |
/// |---|---|
/// | `T` | a leaf |
/// | `[X; N]`, `Vec<X>`, `Option<X>`, `Box<X>`, a tuple of these | visited part by part |
/// | any other type that has `T` as an argument, as `Layer<T>` | a structure of its own |
/// | a type without `T` | carried over: it is cloned |
///
/// The leaf is the last type parameter, or the one that `#[structure(leaf = "T")]` on the struct names. `#[structure(skip)]` on a field says
/// that it has no leaf. A leaf's name is the path to it, as `layers[0].b`.
#[proc_macro_derive(Structure, attributes(structure))]
pub fn structure(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    implementation(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn implementation(input: &DeriveInput) -> Result<TokenStream> {
    let data = match &input.data {
        Data::Struct(data) => data,
        Data::Enum(data) => return Err(refusal(data.enum_token.span, "an enum")),
        Data::Union(data) => return Err(refusal(data.union_token.span, "a union")),
    };
    let leaf = leaf::parameter(input)?;
    let others = input.generics.type_params().map(|parameter| &parameter.ident).filter(|ident| *ident != leaf).collect();
    let mut visitor = Visitor { leaf, others, cloned: vec![], nested: vec![] };
    let fields = visitor.fields(&data.fields)?;
    let fields_mut = visitor.fields_mut(&data.fields);

    let name = &input.ident;
    let mut generics = input.generics.clone();
    let conditions = generics.make_where_clause();
    for ty in &visitor.cloned {
        conditions.predicates.push(syn::parse_quote!(#ty: ::core::clone::Clone));
    }
    // Its leaves can be written to where those of its parts can; a struct within itself says nothing new.
    let mut writable = generics.clone();
    for ty in visitor.nested.iter().filter(|ty| ty.path.segments.last().is_none_or(|last| last.ident != *name)) {
        writable.make_where_clause().predicates.push(syn::parse_quote!(#ty: ::wengert::graph::VisitMut<Leaf = #leaf>));
    }
    let writable = &writable.where_clause;
    // A loop may start from it where it consists of numbers of one arithmetic.
    let mut carried = input.generics.clone();
    {
        let (_, own, _) = input.generics.split_for_impl();
        carried.make_where_clause().predicates.push(syn::parse_quote!(#name #own: ::wengert::graph::Values<__A>));
    }
    carried.params.push(syn::parse_quote!(__A));
    let (carried_parameters, _, carried) = carried.split_for_impl();
    let (parameters, own, conditions) = generics.split_for_impl();
    let with = input.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Lifetime(parameter) => {
            let lifetime = &parameter.lifetime;
            quote!(#lifetime)
        }
        GenericParam::Type(parameter) if parameter.ident == *leaf => quote!(__U),
        GenericParam::Type(parameter) => {
            let ident = &parameter.ident;
            quote!(#ident)
        }
        GenericParam::Const(parameter) => {
            let ident = &parameter.ident;
            quote!(#ident)
        }
    });
    let with = quote!(#name<#(#with),*>);
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::wengert::Structure for #name #own #conditions {
            type Leaf = #leaf;
            type With<__U> = #with;
            fn visit<'__a, __U>(&'__a self, __at: &mut ::wengert::graph::Visit<'_, &'__a #leaf, __U>) -> #with {
                #name { #(#fields),* }
            }
        }
        #[automatically_derived]
        impl #parameters ::wengert::graph::VisitMut for #name #own #writable {
            fn visit_mut<'__a>(&'__a mut self, __each: &mut dyn ::core::ops::FnMut(&'__a mut #leaf)) {
                #(#fields_mut)*
            }
        }
        #[automatically_derived]
        impl #carried_parameters ::wengert::graph::IntoValues<__A> for #name #own #carried {
            type Values = Self;
            fn into_values(self) -> Self {
                self
            }
        }
    })
}

fn refusal(at: proc_macro2::Span, what: &str) -> Error {
    let message = format!(
        "`Structure` cannot be derived for {what}: which leaves there are must not depend on the value; derive it for a struct"
    );
    Error::new(at, message)
}
