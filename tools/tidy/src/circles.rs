//! Modules that import each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Crate, Path};
use crate::modules::Module;

/// The word for the items that a crate root itself defines.
const ROOT: &str = "(root)";

/// The circles of a crate: each is a list of modules that import each other, directly or through others.
///
/// Siblings are compared, level by level: a module stands for itself and all its submodules. That a module and its own
/// submodules import each other is not a circle, except at the root, where the items of `lib.rs` or `main.rs` count as a
/// module of their own.
pub fn circles(modules: &[Module]) -> Vec<Vec<String>> {
    let of_crate = Crate::new(modules);
    let mut levels: BTreeMap<Path, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for module in modules {
        for import in of_crate.imports(module) {
            let shared = module.path.iter().zip(&import).take_while(|(one, other)| one == other).count();
            let at_root = |path: &Path| if shared == 0 { Some(ROOT.to_owned()) } else { path.get(shared).cloned() };
            let (from, to) = (module.path.get(shared).cloned(), import.get(shared).cloned());
            if let (Some(from), Some(to)) = (from.or_else(|| at_root(&module.path)), to.or_else(|| at_root(&import))) {
                let level = levels.entry(module.path[..shared].to_vec()).or_default();
                level.entry(from).or_default().insert(to);
            }
        }
    }
    let mut found = Vec::new();
    for (parent, graph) in levels {
        for circle in components(&graph) {
            found.push(
                circle.iter().map(|name| [&parent[..], std::slice::from_ref(name)].concat().join("::")).collect(),
            );
        }
    }
    found
}

/// The strongly connected components of more than one node.
fn components(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(node) = next.pop() {
            for to in graph.get(node).into_iter().flatten() {
                if seen.insert(to) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<&String>> = graph.keys().map(|node| (node, reached(node))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (node, others) in &reach {
        let back = |other: &&&String| reach.get(**other).is_some_and(|of_other| of_other.contains(node));
        let circle: Vec<String> = others.iter().filter(back).map(|other| (*other).clone()).collect();
        if circle.len() > 1 && !found.iter().any(|known| known.contains(node)) {
            found.push(circle);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, source: &str) -> Module {
        let path = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Module { path, file: "test.rs".into(), source: syn::parse_file(source).expect("it is Rust") }
    }

    #[test]
    fn modules_that_import_each_other_through_a_third_are_a_circle() {
        let modules = [
            module("", "mod a; mod b; mod c; pub use c::C;"),
            module("a", "use crate::b::B;"),
            module("b", "fn b() { super::c::c(); }"),
            module("c", "pub struct C; fn c() { matches!(1, crate::a::A) }"),
        ];
        assert_eq!(circles(&modules), [["a", "b", "c"]]);
        assert!(circles(&modules[..3]).is_empty());
    }

    #[test]
    fn re_exports_lead_to_the_module_that_defines_the_item() {
        let lower = module("c", "pub struct C;");
        let modules = [module("", "mod a; mod c; pub use c::C; pub use a::A;"), module("a", "use crate::C;"), lower];
        assert!(circles(&modules).is_empty());
    }

    #[test]
    fn module_and_its_submodules_are_no_circle_but_siblings_are() {
        let modules = [
            module("", "mod a;"),
            module("a", "mod b; mod c; use b::B; pub struct A;"),
            module("a::b", "use super::A; use super::c::C;"),
            module("a::c", "use crate::a::b::B;"),
        ];
        assert_eq!(circles(&modules), [["a::b", "a::c"]]);
    }

    #[test]
    fn items_of_the_root_are_a_module_of_their_own() {
        let modules = [module("", "mod a; use a::A; const LIMIT: u32 = 1;"), module("a", "use crate::LIMIT;")];
        assert_eq!(circles(&modules), [["(root)", "a"]]);
    }
}
