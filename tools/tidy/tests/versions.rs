//! docs/versions.md is true: the manifests state the versions of its tables.

use std::fs;
use std::path::Path;

const PAGE: &str = "docs/versions.md";

/// The chat client of each peer, whose HELLO states the version, and the name that it states.
const SOFTWARE: [(&str, &str); 7] = [
    ("bookend-c", "interop/c/options.c"),
    ("bookend-csharp", "interop/csharp/Chat.cs"),
    ("bookend-elixir", "interop/elixir/programs/chat.ex"),
    ("bookend-go", "interop/go/cmd/chat/options.go"),
    ("bookend-java", "interop/java/src/org/bookend/Chat.java"),
    ("bookend-javascript", "interop/javascript/chat.js"),
    ("bookend-python", "interop/python/src/bookend/chat.py"),
];

/// Where a manifest states what its package needs, and how; `{}` is the number on the page.
const NEEDS: [(&str, &str, &str); 7] = [
    ("Rust", "Cargo.toml", "rust-version = \"{}\""),
    ("Python", "interop/python/pyproject.toml", "requires-python = \">={}\""),
    ("JavaScript", "interop/javascript/package.json", "\"node\": \">={}\""),
    ("Go", "interop/go/go.mod", "\ngo {}\n"),
    ("Java", "interop/java/pom.xml", "<maven.compiler.release>{}<"),
    ("Elixir, Erlang", "interop/elixir/mix.exs", "elixir: \"~> {}\""),
    ("C#", "interop/csharp/Bookend.csproj", "<TargetFrameworks>netstandard{};"),
];

#[test]
fn every_manifest_states_the_version_of_the_page() {
    let packages = rows("| language |");
    assert!(packages.len() >= 7, "packages on the page: {packages:?}");
    for row in &packages {
        let version = row[2].as_str();
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "{PAGE}: {} has the version of the workspace", row[0]);
        let path = row[4].split(['[', ']']).nth(1).expect("the last column is a link");
        let ways = [
            format!("\nversion = \"{version}\"\n"),
            format!("\"version\": \"{version}\""),
            format!("<version>{version}</version>"),
            format!("<Version>{version}</Version>"),
            format!("version: \"{version}\","),
            format!("VERSION {version} "),
            format!("\"bookend-go {version}\""),
        ];
        let text = read(path);
        assert!(ways.iter().any(|way| text.contains(way)), "{path} does not state version {version}");
    }
}

#[test]
fn every_crate_is_found_in_the_version_of_the_page() {
    let version = env!("CARGO_PKG_VERSION");
    for line in read("Cargo.toml").lines().filter(|line| line.starts_with("bookend") && line.contains("version")) {
        assert!(line.contains(&format!("version = \"{version}\"")), "Cargo.toml: {line}");
    }
}

#[test]
fn every_peer_states_the_version_of_the_page_in_its_hello() {
    for (name, path) in SOFTWARE {
        let expected = format!("\"{name} {}\"", env!("CARGO_PKG_VERSION"));
        assert!(read(path).contains(&expected), "{path} does not state {expected}");
    }
}

#[test]
fn every_package_needs_what_the_page_says() {
    let packages = rows("| language |");
    for (language, path, pattern) in NEEDS {
        let row = packages.iter().find(|row| row[0] == language).expect("each language has a row");
        let number = row[3].split([' ', ',']).find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        let expected = pattern.replace("{}", number.expect("a number of what it needs"));
        assert!(read(path).contains(&expected), "{path} does not state {expected}");
    }
}

#[test]
fn the_page_has_the_versions_of_the_specification_and_of_the_vectors() {
    let newest = rows("| packages |").remove(0);
    assert!(env!("CARGO_PKG_VERSION").starts_with(&format!("{}.", newest[0])), "the first row is of this version");
    assert!(read("SPEC.md").starts_with(&format!("# Bookend, version {}\n", newest[1])), "SPEC.md: {newest:?}");
    let release: serde_json::Value = serde_json::from_str(&read("interop/vectors/release.json")).expect("it is JSON");
    assert_eq!(
        (&release["specification"], &release["version"]),
        (&newest[1].clone().into(), &newest[2].clone().into())
    );
}

/// The cells of each row of the table whose head begins so.
fn rows(head: &str) -> Vec<Vec<String>> {
    let page = read(PAGE);
    let (_, table) = page.split_once(head).unwrap_or_else(|| panic!("{PAGE} has a table {head}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn read(path: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(top.join(path)).unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}
