//! Reading Rust: attributes at a crate root, and tokens outside tests.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, File, Item, Meta, Token};

/// The metas of an inner attribute, with `cfg_attr(not(test), …)` looked through: tests may be laxer than the product.
pub(crate) fn product_metas(attribute: &Attribute) -> Vec<Meta> {
    if !attribute.path().is_ident("cfg_attr") {
        return vec![attribute.meta.clone()];
    }
    let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    let mut metas = metas.into_iter();
    match metas.next() {
        Some(condition) if condition.to_token_stream().to_string().replace(' ', "") == "not(test)" => metas.collect(),
        _ => Vec::new(),
    }
}

/// Whether items under these attributes exist only in tests.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<Meta>().is_ok_and(|condition| condition.path().is_ident("test"))
    })
}

/// Every identifier of the product's code with its line, macro arguments included, comments and tests not.
pub(crate) fn product_identifiers(file: &File) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    product_tokens(file).into_iter().for_each(|tokens| identifiers(tokens, &mut found));
    found
}

/// The lines that hold a token of the product's code: comments, documentation and tests do not count.
pub(crate) fn product_lines(file: &File) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    product_tokens(file).into_iter().for_each(|tokens| token_lines(tokens, &mut found));
    found
}

/// The tokens of each item that is not for tests only.
fn product_tokens(file: &File) -> Vec<TokenStream> {
    let mut found = Vec::new();
    file.items.iter().for_each(|item| tokens_of_item(item, &mut found));
    found
}

fn tokens_of_item(item: &Item, found: &mut Vec<TokenStream>) {
    match item {
        Item::Mod(module) if is_test_only(&module.attrs) => {}
        Item::Fn(function) if is_test_only(&function.attrs) => {}
        Item::Impl(block) if is_test_only(&block.attrs) => {}
        Item::Use(import) if is_test_only(&import.attrs) => {}
        Item::Mod(module) => {
            module.content.iter().flat_map(|(_, items)| items).for_each(|inner| tokens_of_item(inner, found));
        }
        other => found.push(other.to_token_stream()),
    }
}

fn token_lines(tokens: TokenStream, found: &mut BTreeSet<usize>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_attribute = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        if is_attribute && tokens.next_if(is_documentation).is_some() {
            continue;
        }
        let (first, last) = (token.span().start().line, token.span().end().line);
        match token {
            TokenTree::Group(group) => {
                found.extend([first, last]);
                token_lines(group.stream(), found);
            }
            _ => found.extend(first..=last),
        }
    }
}

/// `[doc = "…"]`, what a documentation comment becomes.
fn is_documentation(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc")
}

fn identifiers(tokens: TokenStream, found: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => found.push((name.to_string(), name.span().start().line)),
            TokenTree::Group(group) => identifiers(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<String> {
        let file = syn::parse_file(code).unwrap();
        product_identifiers(&file).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn identifiers_skip_comments_and_tests_but_see_macros_and_inner_modules() {
        let code = "/// HashMap\nmod a { fn f() { vec![Instant] } }\n#[cfg(test)] mod t { struct Hidden; }\n";
        assert_eq!(names(code), ["fn", "f", "vec", "Instant"]);
    }

    #[test]
    fn only_the_condition_not_test_is_looked_through() {
        let metas = |code: &str| product_metas(&syn::parse_file(code).unwrap().attrs[0]).len();
        assert_eq!(metas("#![deny(a)]"), 1);
        assert_eq!(metas("#![cfg_attr(not(test), deny(a), forbid(b))]"), 2);
        assert_eq!(metas("#![cfg_attr(feature = \"lax\", deny(a))]"), 0);
    }
}
