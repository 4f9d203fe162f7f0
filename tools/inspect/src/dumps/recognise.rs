//! Finds the form of a dump: the table of forms, in the order in which they are tried.

use bookend::session::MAX_PREAMBLE;
use bookend::{END, START};

use super::base64::{Base64, Yaml};
use super::digits::{self, Digits};
use super::lists::{self, Base, Lists};
use super::literals::{self, Literals};
use super::packets;
use super::piece::{Fit, Fitting, Sample};
use super::{BASE64, HEX, offsets, strace};
use crate::side::Side;

/// The forms. The first that fits is read.
const FORMS: &[fn(&Sample<'_>) -> Fitting] =
    &[strace::fit, yaml, offsets::fit, lists_or_literals, binary, plain_digits, base64, bare_lists, labelled_digits];

/// The form that fits a text. `Err` if the form is known, but the text cannot be read with certainty.
pub(super) fn form(sample: &Sample<'_>) -> Fitting {
    for fit in FORMS {
        if let Some(found) = fit(sample)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The only text of hexadecimal digits or rows that is accepted without evidence, because it was asked for.
pub(super) fn hex(sample: &Sample<'_>) -> Fitting {
    match offsets::fit(sample)? {
        Some(found) => Ok(Some(found)),
        None => Ok(plain_digits(sample)?.or(Some(digits_fit(HEX, digits::Style::default())))),
    }
}

pub(super) fn base64_fit() -> Fit {
    Fit::new(BASE64, Base64::default)
}

/// The bytes of each side in the sample.
fn sides(sample: &Sample<'_>, fit: &Fit) -> Result<[Vec<u8>; 2], String> {
    let mut sides = [Vec::new(), Vec::new()];
    for piece in sample.trial(fit)?.pieces() {
        sides[usize::from(piece.side == Some(Side::Server))].extend_from_slice(&piece.bytes);
    }
    Ok(sides)
}

/// True if the sample, read in this form, has a START or an END, or begins with the headers of a packet.
fn is_evident(sample: &Sample<'_>, fit: &Fit) -> bool {
    sides(sample, fit).is_ok_and(|sides| sides.iter().any(|bytes| is_stream(bytes)))
}

fn is_stream(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == START || pair == END) || packets::link(bytes, true).is_some()
}

/// The form fits if the sample has evidence. An error is kept if the sample spells a START.
fn if_evident(sample: &Sample<'_>, fit: Fit, spelled: bool) -> Fitting {
    match sides(sample, &fit) {
        Ok(sides) if sides.iter().any(|bytes| is_stream(bytes)) => Ok(Some(fit)),
        Err(why) if spelled => Err(format!("{}: {why}", fit.form)),
        _ => Ok(None),
    }
}

fn contains(sample: &Sample<'_>, parts: &[&str]) -> bool {
    sample.lines.iter().any(|line| {
        let lower = line.text.to_ascii_lowercase();
        parts.iter().any(|part| lower.contains(part))
    })
}

fn yaml(sample: &Sample<'_>) -> Fitting {
    let begins = |line: &str| {
        let key = line.trim_start_matches([' ', '-']).split_once(": !!binary").map(|(key, _)| key);
        key.is_some_and(|key| key.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let fits = sample.whole().any(begins) && contains(sample, &["peer"]);
    Ok(fits.then(|| Fit::new("Wireshark Follow, YAML", Yaml::default)))
}

fn literals(sample: &Sample<'_>) -> Fitting {
    if !contains(sample, &["\\", "b'", "b\""]) {
        return Ok(None);
    }
    if contains(sample, &["õø", "øõ"]) {
        return Err("a string literal: of characters, not bytes; print the bytes before they are decoded".into());
    }
    let bytes = contains(sample, &["\\xf5", "\\365", "\\xf8", "\\370"]);
    let units = !bytes && contains(sample, &["\\u00f5", "\\u{f5}", "\\u00f8", "\\x{f5}"]);
    let decimal = contains(sample, &["\\245\\248"]);
    let spelled = bytes || units || decimal;
    for quoted in [true, false] {
        let style = literals::Style { decimal, units, quoted };
        let form = if quoted { "string literal" } else { "escaped text" };
        let fit = Fit::new(form, move || Literals::new(style));
        let read = sides(sample, &fit);
        let is_bytes = contains(sample, &["b'", "b\""]) || contains(sample, &["\\x"]);
        let is_whole =
            quoted && is_bytes && read.as_ref().is_ok_and(|sides| sides.iter().any(|bytes| bytes.len() >= 4));
        let is_stream = read.is_ok_and(|sides| sides.iter().any(|bytes| is_stream(bytes)));
        if !is_stream && contains(sample, &["\\\\xf5\\\\xf8", "\\\\u00f5\\\\u00f8", "\\\\365\\\\370"]) {
            return Err("a string literal: it is escaped twice; print it once only".into());
        }
        if is_whole {
            return Ok(Some(fit));
        }
        let has_quotes = contains(sample, &["\"", "'", "\u{201C}", "\u{2018}"]);
        if let Some(found) = if_evident(sample, fit, spelled && (has_quotes || !quoted))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// A list may have literals as elements, and a literal may contain what looks like a list: the one that yields more bytes is
/// read.
fn lists_or_literals(sample: &Sample<'_>) -> Fitting {
    let count = |fit: &Fit| sides(sample, fit).map_or(0, |sides| sides[0].len() + sides[1].len());
    match (lists(sample), literals(sample)) {
        (Ok(Some(list)), Ok(Some(literal))) => Ok(Some(if count(&literal) > count(&list) { literal } else { list })),
        (Ok(None), other) | (other, Ok(None)) => other,
        (list, literal) => {
            if is_in_brackets(sample) {
                list
            } else {
                literal
            }
        }
    }
}

/// True if the first escape is within brackets.
fn is_in_brackets(sample: &Sample<'_>) -> bool {
    let characters = sample.lines.iter().flat_map(|line| line.text.chars());
    let depth = characters.take_while(|&character| character != '\\').fold(0_i64, |depth, character| match character {
        '[' | '{' => depth + 1,
        ']' | '}' => depth - 1,
        _ => depth,
    });
    depth > 0
}

fn lists(sample: &Sample<'_>) -> Fitting {
    if !contains(sample, &["[", "{", "<"]) {
        return Ok(None);
    }
    let mut why = Ok(None);
    for base in [Base::Hexadecimal, Base::Decimal] {
        let style = lists::Style { base, bracketed: true };
        let form = if contains(sample, &["<buffer"]) { "buffer of Node" } else { "list of numbers" };
        let fit = Fit::new(form, move || Lists::new(style));
        match if_evident(sample, fit, contains(sample, &["0xf5", "245", "<buffer", "-11", "f5,", "[f5"])) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(error) => why = Err(error),
        }
    }
    // Bytes of another protocol.
    let style = lists::Style { base: Base::Decimal, bracketed: true };
    let fit = Fit::new("list of numbers", move || Lists::new(style));
    let read = sides(sample, &fit);
    let is_array = contains(sample, &["0x"]) && read.is_ok_and(|sides| sides.iter().any(|bytes| bytes.len() >= 8));
    if is_array { Ok(Some(fit)) } else { why }
}

fn bare_lists(sample: &Sample<'_>) -> Fitting {
    for (base, form) in [(Base::Octal, "octal numbers"), (Base::Decimal, "decimal numbers")] {
        let style = lists::Style { base, bracketed: false };
        let fit = Fit::new(form, move || Lists::new(style));
        if is_evident(sample, &fit) {
            return Ok(Some(fit));
        }
    }
    Ok(None)
}

fn binary(sample: &Sample<'_>) -> Fitting {
    let fit = Fit::new("binary numbers", || Lists::new(lists::Style { base: Base::Binary, bracketed: false }));
    Ok(is_evident(sample, &fit).then_some(fit))
}

fn digits_fit(form: &str, style: digits::Style) -> Fit {
    Fit::new(form, move || Digits::new(style))
}

fn plain_digits(sample: &Sample<'_>) -> Fitting {
    let tabs = digits::Style { labelled: false, tabs: true };
    let followed = digits_fit("tshark -z follow,tcp,raw", tabs);
    if let Ok(both) = sides(sample, &followed)
        && both.iter().all(|bytes| is_stream(&bytes[..bytes.len().min(MAX_PREAMBLE)]))
    {
        return Ok(Some(followed));
    }
    let fit = digits_fit(HEX, digits::Style::default());
    let Ok([bytes, _]) = sides(sample, &fit) else { return Ok(None) };
    if bytes.is_empty() {
        return Ok(None);
    }
    let first = sample.lines.iter().find_map(|line| line.text.split_whitespace().next()).unwrap_or("");
    let swapped: Vec<u8> = bytes.iter().copied().take(first.len() / 2).rev().collect();
    if matches!(first.len(), 4 | 8 | 16) && swapped.starts_with(&START) {
        let why = "nothing shows in which order their bytes are: use xxd, or od -t x1";
        return Err(format!("hexadecimal words: {why}"));
    }
    Ok(Some(fit))
}

fn labelled_digits(sample: &Sample<'_>) -> Fitting {
    let style = digits::Style { labelled: true, tabs: false };
    let fit = digits_fit("hexadecimal digits with labels", style);
    if_evident(sample, fit, contains(sample, &["f5f8", "f5 f8"]))
}

fn base64(sample: &Sample<'_>) -> Fitting {
    let fit = base64_fit();
    // Plain words may be base64 as well, but they do not decode to a START.
    let has_start = |bytes: &[u8]| bytes.windows(2).take(MAX_PREAMBLE + 1).any(|window| window == START);
    Ok(sides(sample, &fit).is_ok_and(|[bytes, _]| has_start(&bytes)).then_some(fit))
}
