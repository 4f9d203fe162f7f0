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
    let top = top();
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
            assert!(includes(&manifest, file), "{}/Cargo.toml does not include {file}", folder.display());
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

/// cargo drops a dev-dependency without a version, so that code which needs it does not compile in the package.
#[test]
fn packages_have_no_code_that_needs_an_unpublished_crate() {
    let workspace = read(&top().join("Cargo.toml"));
    let mut checked = 0;
    for Published { folder, manifest } in published() {
        let Some(needed) = manifest.get("dev-dependencies").and_then(toml::Value::as_table) else { continue };
        for name in needed.keys().filter(|name| name.starts_with("bookend")) {
            let inherits = needed[name].get("workspace").is_some();
            let entry = if inherits { &workspace["workspace"]["dependencies"][name] } else { &needed[name] };
            if entry.get("version").is_some() {
                continue;
            }
            for path in rust_files(&folder) {
                let file = path.strip_prefix(&folder).expect("it is below").to_string_lossy().replace('\\', "/");
                if includes(&manifest, &file) {
                    let text = fs::read_to_string(&path).expect("it is text");
                    let crate_name = name.replace('-', "_");
                    assert!(!text.contains(&crate_name), "{} needs {name}: exclude it", path.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked} files were checked");
}

/// Whether the list `include` of a manifest has a file: the last pattern that matches decides.
fn includes(manifest: &toml::Table, file: &str) -> bool {
    let patterns = manifest["package"]["include"].as_array().expect("include is a list");
    let deciding = patterns.iter().filter_map(toml::Value::as_str).rfind(|pattern| {
        let pattern = pattern.trim_start_matches(['!', '/']);
        match pattern.split_once('*') {
            Some((start, end)) => {
                let between = file.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
                between.is_some_and(|between| !between.contains('/'))
            }
            None => file.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    });
    deciding.is_some_and(|pattern| !pattern.starts_with('!'))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("it is listed").path();
        if path.is_dir() {
            files.append(&mut rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(manifest: &Path) -> toml::Table {
    let text = fs::read_to_string(manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    text.parse().expect("it is a manifest")
}
