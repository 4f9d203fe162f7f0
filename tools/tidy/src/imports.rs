//! Which modules a module names: in `use`, in paths, and in the arguments of macros.

use std::collections::{BTreeSet, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Item, ItemUse, UseTree};

use crate::modules::Module;

/// The path of a module from the crate root.
pub(crate) type Path = Vec<String>;

/// The modules of a crate, and what they re-export.
pub(crate) struct Crate<'a> {
    modules: BTreeSet<&'a [String]>,
    /// By module and name, the path that a `pub use` there leads to.
    exports: HashMap<(Path, String), Path>,
}

impl<'a> Crate<'a> {
    pub(crate) fn new(modules: &'a [Module]) -> Crate<'a> {
        let mut exports = HashMap::new();
        let paths = modules.iter().map(|module| &*module.path).collect();
        let bare = Crate { modules: paths, exports: HashMap::new() };
        for module in modules {
            for item in &module.source.items {
                let Item::Use(item) = item else { continue };
                if matches!(item.vis, syn::Visibility::Inherited) {
                    continue;
                }
                for (path, name) in used(item) {
                    if let Some(path) = bare.absolute(&module.path, &path) {
                        exports.insert((module.path.clone(), name), path);
                    }
                }
            }
        }
        Crate { exports, ..bare }
    }

    /// The modules that `module` imports from. Re-exports by `pub use` do not count as imports, but lead to the module
    /// that defines the item.
    pub(crate) fn imports(&self, module: &Module) -> BTreeSet<Path> {
        let mut paths = Paths(Vec::new());
        for item in &module.source.items {
            match item {
                Item::Use(item) if !matches!(item.vis, syn::Visibility::Inherited) => {}
                Item::Use(item) => paths.0.extend(used(item).into_iter().map(|(path, _)| path)),
                Item::Mod(inner) if inner.content.is_none() => {}
                item => paths.visit_item(item),
            }
        }
        let imports = paths.0.iter().filter_map(|path| self.defining(&module.path, path));
        imports.filter(|import| *import != module.path).collect()
    }

    /// The module that defines what `path` names in `module`, if it is of this crate.
    fn defining(&self, module: &[String], path: &[String]) -> Option<Path> {
        let mut path = self.absolute(module, path)?;
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|length| self.modules.contains(&path[..*length]))?;
            let Some(name) = path.get(length) else { return Some(path) };
            match self.exports.get(&(path[..length].to_vec(), name.clone())) {
                Some(exported) => path = exported.clone(),
                None => return Some(path[..length].to_vec()),
            }
        }
        None
    }

    /// `path`, written in `module`, from the crate root; `None` if it leads out of the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        match &**first {
            "crate" | "$crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let parent = module.split_last()?.1;
                match rest.first() {
                    Some(next) if next == "super" => self.absolute(parent, rest),
                    _ => Some([parent, rest].concat()),
                }
            }
            child => {
                let of_child = [module, &[child.to_owned()]].concat();
                self.modules.contains(&*of_child).then(|| [module, path].concat())
            }
        }
    }
}

/// The paths that a `use` names, each with the name it gets.
fn used(item: &ItemUse) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    flatten(&item.tree, Vec::new(), &mut found);
    found
}

fn flatten(tree: &UseTree, mut path: Path, found: &mut Vec<(Path, String)>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, found);
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = path.last().cloned().unwrap_or_default();
            found.push((path, last));
        }
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            found.push((path, name.ident.to_string()));
        }
        UseTree::Rename(name) => {
            path.push(name.ident.to_string());
            found.push((path, name.rename.to_string()));
        }
        UseTree::Glob(_) => found.push((path, "*".into())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path.clone(), found)),
    }
}

/// Collects the paths in code.
struct Paths(Vec<Path>);

impl Visit<'_> for Paths {
    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }
}

impl Paths {
    /// Paths in the arguments of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Path::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                _ => self.end(&mut path),
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Path) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.0.push(path);
        }
    }
}
