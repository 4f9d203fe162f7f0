//! The dumps in `golden/`, which real tools made, and what people add to them.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden");

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(Path::new(GOLDEN).join(folder)).expect(folder).map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(Path::new(GOLDEN).join(name)).expect(name)
}

/// The form, and the bytes of each side; those of the only side are the client's.
pub(super) fn read(text: &[u8]) -> Result<(String, [Vec<u8>; 2]), String> {
    let sample = &text[..text.len().min(SAMPLE)];
    if !is_text(sample) {
        return Err("not text".into());
    }
    let dump = recognise(sample, sample.len() == text.len(), Wanted::Any)?.ok_or("no dump")?;
    let form = dump.form.clone();
    let mut reader = DumpReader::new(dump, Box::new(Cursor::new(text.to_vec())));
    let mut sides = [Vec::new(), Vec::new()];
    while let Some(piece) = reader.piece().map_err(|error| error.to_string())? {
        sides[usize::from(reader.content == Content::Sides && piece.side == Some(Side::Server))].extend(piece.bytes);
    }
    Ok((form, sides))
}

fn show(sides: &[Vec<u8>; 2]) -> String {
    let [client, server] = sides;
    format!("{} and {} bytes: {:02x?}", client.len(), server.len(), &client[..client.len().min(40)])
}

/// What people add to a dump.
fn wrapped(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let text = &format!("{}\n", text.strip_suffix('\n').unwrap_or(text));
    let lines = |prefix: &str| text.lines().map(|line| format!("{prefix}{line}\n")).collect::<String>();
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    vec![
        ("nothing", text.clone().into()),
        ("a prompt", format!("$ show session.bin\n{text}$ \n").into()),
        ("a prompt with a folder", format!("ann@host:~/work$ show session.bin\n{text}").into()),
        ("a fence", format!("```\n{text}```\n").into()),
        ("a fence with a language", format!("```text\n{text}\n```\n").into()),
        ("a quoted mail", lines("> ").into()),
        ("a mail quoted twice", lines(">> ").into()),
        ("line ends of Windows", text.replace('\n', "\r\n").into()),
        ("a byte order mark", [b"\xEF\xBB\xBF", text.as_bytes()].concat()),
        ("UTF-16LE", [b"\xFF\xFE", &wide(u16::to_le_bytes)[..]].concat()),
        ("UTF-16BE", [b"\xFE\xFF", &wide(u16::to_be_bytes)[..]].concat()),
        ("blank lines", format!("\n\n{text}\n\n").into()),
    ]
}

#[test]
fn dumps_of_real_tools_are_read_whatever_surrounds_them() {
    let bytes = golden("session.bin");
    let mut wrong: Vec<String> = Vec::new();
    for path in files("one").into_iter().chain(files("documented")) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for (what, text) in wrapped(&text) {
            // Base64 is read if nothing surrounds it.
            if name.starts_with("base64") && (what.contains("prompt") || what.contains("fence")) {
                continue;
            }
            if wrong.last().is_some_and(|wrong: &String| wrong.starts_with(&format!("{name} "))) {
                continue;
            }
            match read(&text) {
                Ok((_, sides)) if sides == [bytes.clone(), Vec::new()] => {}
                Ok((form, sides)) => wrong.push(format!("{name} in {what}, as {form}: {}", show(&sides))),
                Err(why) => wrong.push(format!("{name} in {what}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn both_sides_are_read() {
    let sides = [golden("session.bin"), golden("server.bin")];
    for path in files("both") {
        for (what, text) in wrapped(&fs::read_to_string(&path).unwrap()) {
            let found = read(&text);
            let shown = found.as_ref().map(|(form, sides)| format!("{form}: {}", show(sides)));
            assert!(found.as_ref().is_ok_and(|(_, found)| *found == sides), "{}, {what}: {shown:?}", path.display());
        }
    }
}

#[test]
fn headers_of_packets_are_recognised() {
    for path in files("packets") {
        for (what, text) in wrapped(&fs::read_to_string(&path).unwrap()) {
            let dump = recognise(&text, true, Wanted::Any).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let content = dump.map(|dump| dump.content);
            assert!(matches!(content, Some(Content::Packets(_))), "{}, {what}: {content:?}", path.display());
        }
    }
}

#[test]
fn dumps_that_are_not_certain_are_refused() {
    for path in files("refused") {
        for (what, text) in wrapped(&fs::read_to_string(&path).unwrap()) {
            let found = recognise(&text, true, Wanted::Any).map(|dump| dump.map(|dump| dump.form));
            assert!(found.is_err(), "{}, {what}: {found:?}", path.display());
        }
    }
}
