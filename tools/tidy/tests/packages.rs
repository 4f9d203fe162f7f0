//! A package is complete without the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder of the workspace whose crate is published, and the manifest of that crate.
struct Published {
    folder: PathBuf,
    manifest: toml::Table,
}

/// Every crate that is published.
fn published() -> Vec<Published> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &Path| -> toml::Table {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.parse().expect("it is a manifest")
    };
    let members = read(&top.join("Cargo.toml"))["workspace"]["members"].clone();
    let folders = members.as_array().expect("members is a list").iter();
    let all = folders.map(|member| {
        let folder = top.join(member.as_str().expect("a member is a path"));
        Published { manifest: read(&folder.join("Cargo.toml")), folder }
    });
    all.filter(|one| one.manifest["package"].get("publish").is_none()).collect()
}

#[test]
fn readmes_of_packages_link_only_to_files_of_the_package() {
    for Published { folder, manifest } in published() {
        let page = fs::read_to_string(folder.join("README.md"))
            .unwrap_or_else(|error| panic!("{}/README.md: {error}", folder.display()));
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().expect("a split has a first part");
            assert!(!file.contains(".."), "{}/README.md links to {target}", folder.display());
            assert!(folder.join(file).exists(), "{}/README.md links to {target}", folder.display());
            let included = manifest["package"]["include"].as_array().expect("include is a list");
            let is_included = included.iter().filter_map(toml::Value::as_str).any(|pattern| {
                let (start, end) = pattern.trim_start_matches('/').split_once('*').unwrap_or((&pattern[1..], ""));
                file.starts_with(start) && file.ends_with(end)
            });
            assert!(is_included, "{}/Cargo.toml does not include {file}", folder.display());
        }
    }
}

#[test]
fn published_crates_have_what_a_registry_shows() {
    let all = published();
    assert!(all.len() >= 10, "{} crates are published", all.len());
    for Published { folder, manifest } in all {
        for key in ["description", "license", "keywords", "categories", "rust-version"] {
            assert!(manifest["package"].get(key).is_some(), "{}/Cargo.toml has no {key}", folder.display());
        }
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert!(folder.join(licence).exists(), "{} has no {licence}", folder.display());
        }
    }
}
