//! Which type parameter stands for the leaves.

use syn::{DeriveInput, Error, Ident, LitStr, Result, TypeParam, WherePredicate};

use crate::fields::mentions;

/// The parameter that is named by `#[structure(leaf = "T")]`, or the last one.
pub(crate) fn parameter(input: &DeriveInput) -> Result<&Ident> {
    let named = attribute(input)?;
    let found = match &named {
        None => input.generics.type_params().last(),
        Some(name) => input.generics.type_params().find(|parameter| parameter.ident == name.value()),
    };
    let Some(leaf) = found else {
        let name = &input.ident;
        return Err(match named {
            None => Error::new(
                name.span(),
                format!("`Structure` needs a type parameter that stands for the leaves, as in `struct {name}<T> {{ w: T }}`"),
            ),
            Some(named) => Error::new(named.span(), format!("`{name}` has no type parameter `{}`", named.value())),
        });
    };
    unbounded(input, leaf)?;
    Ok(&leaf.ident)
}

fn attribute(input: &DeriveInput) -> Result<Option<LitStr>> {
    let mut leaf = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("structure")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("leaf") {
                return Err(meta.error("a struct is marked with `#[structure(leaf = \"T\")]`, and with nothing else"));
            }
            match leaf.replace(meta.value()?.parse()?) {
                None => Ok(()),
                Some(_) => Err(meta.error("the leaf is named twice")),
            }
        })?;
    }
    Ok(leaf)
}

/// Leaves may be of any type: numbers, arrays, handles, names.
fn unbounded(input: &DeriveInput, leaf: &TypeParam) -> Result<()> {
    let conditions = input.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let bounded = conditions.filter_map(|predicate| match predicate {
        WherePredicate::Type(bound) if mentions(&bound.bounded_ty, &leaf.ident) => Some(&bound.bounded_ty),
        _ => None,
    });
    let message = || {
        let leaf = &leaf.ident;
        format!(
            "leaves are of any type, so `{leaf}` must not have bounds here; put them where they are used, as in `impl<{leaf}: Real>`"
        )
    };
    match (leaf.bounds.first(), bounded.map(|ty| Error::new_spanned(ty, message())).next()) {
        (Some(bound), _) => Err(Error::new_spanned(bound, message())),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(()),
    }
}
