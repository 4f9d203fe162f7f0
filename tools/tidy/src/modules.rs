//! The modules of a crate.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, File, Item};

/// A module with a file of its own.
pub struct Module {
    /// Its path from the crate root, which is empty for the root itself.
    pub path: Vec<String>,
    /// Its file.
    pub file: PathBuf,
    /// The source, without what is only compiled for tests.
    pub source: File,
}

/// Every module of the crate whose root is `root`, the root first.
///
/// # Panics
/// If a file cannot be read or is not Rust.
pub fn modules(root: &Path) -> Vec<Module> {
    let mut found = Vec::new();
    let folder = root.parent().expect("a file has a folder");
    add(root.to_owned(), folder.to_owned(), Vec::new(), &mut found);
    found
}

/// Adds a module and its submodules, whose files are in `folder`.
fn add(file: PathBuf, folder: PathBuf, path: Vec<String>, found: &mut Vec<Module>) {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut source = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    source.items.retain(|item| !is_test(attributes(item)));
    let children: Vec<String> = source.items.iter().filter_map(declared).collect();
    found.push(Module { path: path.clone(), file, source });
    for child in children {
        let (flat, nested) = (folder.join(format!("{child}.rs")), folder.join(&child).join("mod.rs"));
        let file = if flat.exists() { flat } else { nested };
        let path = [&path[..], std::slice::from_ref(&child)].concat();
        add(file, folder.join(child), path, found);
    }
}

/// The name of a module that an item declares in a file of its own.
fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// True for `#[cfg(test)]`, alone or in an `all`, and for `#[test]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_word = |tree: proc_macro2::TokenTree| tree.to_string() == "test";
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.meta.require_list().is_ok_and(|list| {
                    let words: Vec<String> = list.tokens.clone().into_iter().map(|tree| tree.to_string()).collect();
                    list.tokens.clone().into_iter().any(is_word)
                        || words.first().is_some_and(|word| word == "all") && words[1..].concat().contains("test")
                })
    })
}
