//! Decodes hexadecimal digits without offsets: with any separators, with labels and with the characters beside them.

use super::clean::is_noise;
use super::direction;
use super::lines::Line;
use super::notation::GROUPS;
use super::piece::{Decoder, Out};
use super::row;
use super::rows::shortened;
use crate::side::Side;

/// Reasons of refusals.
const HALF: &str = "the second digit of a byte is missing";
pub(super) const OMITTED: &str =
    "rows that repeat are left out (*), and without offsets nothing shows how many: use od -v";

/// How lines of digits are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Lines may have labels, and other lines are text.
    pub(super) labelled: bool,
    /// The lines of the second side are indented by a tab.
    pub(super) tabs: bool,
}

/// Decodes digits.
pub(super) struct Digits {
    style: Style,
    /// The first digit of a byte whose second digit has not arrived.
    half: Option<u8>,
    side: Option<Side>,
    /// The label of the last line, without its digits.
    label: String,
    inside: bool,
}

impl Digits {
    pub(super) fn new(style: Style) -> Digits {
        Digits { style, half: None, side: None, label: String::new(), inside: false }
    }

    /// Digits and separators alone.
    fn plain(&mut self, text: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let prefix = ["0x", "0X", "\\x"].into_iter().find(|prefix| rest.starts_with(prefix));
            if let Some(prefix) = prefix.filter(|_| self.half.is_none()) {
                rest = &rest[prefix.len()..];
                continue;
            }
            let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            match (digit, self.half.take()) {
                (Some(low), Some(high)) => bytes.push(high << 4 | low),
                (Some(high), None) => self.half = Some(high),
                (None, Some(_)) => return Err(HALF.into()),
                (None, None) if is_separator(character) => {}
                (None, None) => return Err("not a hexadecimal digit".into()),
            }
            rest = &rest[character.len_utf8()..];
        }
        Ok(())
    }
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || ",;:-_\"'{}[]()<>`|.\u{A0}\\".contains(character)
}

/// A line of digits, with what precedes them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labelled<'a> {
    pub(super) label: &'a str,
    pub(super) bytes: Vec<u8>,
    /// It is a single byte, which may be a number as well.
    short: bool,
}

/// Finds the digits of a line. `Ok(None)` if it has none; `Err` if its text does not show them.
pub(super) fn labelled(line: &str) -> Result<Option<Labelled<'_>>, String> {
    let text = without_comment(line).trim_end();
    if let Some(found) = beside_characters(text) {
        return Ok(Some(found));
    }
    let start = run(text);
    let (label, digits) = text.split_at(start);
    let digits = digits.trim_matches(|c: char| is_separator(c));
    if digits.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let groups: Vec<&str> = digits.split([' ', '\t', ',', ';']).filter(|group| !group.is_empty()).collect();
    // After a colon, the first number is a byte.
    let is_ended = label.trim_end().ends_with([':', '=', '>', '<', '→', '←']);
    let skipped = skipped(&groups, !is_ended && !label.trim().is_empty());
    let before = groups.get(skipped).and_then(|group| text.find(group)).map_or(label, |at| &text[..at]);
    let mut plain = Digits::new(Style::default());
    if plain.plain(&groups[skipped..].join(" "), &mut bytes).is_err() || plain.half.is_some() {
        return Ok(None);
    }
    let label = if skipped > 0 { before } else { label };
    let is_marked = label.trim_end().ends_with([':', '=', '>', '<', ']', ')', '(', '|', '→', '←', '"', '\'', '`']);
    let counted = label.trim_end().ends_with('=') && bytes.len() < 2;
    let short = bytes.len() == 1 && is_marked && !counted;
    let is_data = short
        || label.trim().is_empty()
        || (!counted && is_marked && bytes.len() >= 2)
        || (direction::of(label).is_some() && bytes.len() >= 2)
        || (bytes.len() >= 4 && digits.contains(|c: char| c.is_ascii_digit()));
    Ok(is_data.then_some(Labelled { label, bytes, short }))
}

/// The bytes of `f5 f8 …  ..hi..`: hexadecimal bytes, and the characters beside them.
fn beside_characters(text: &str) -> Option<Labelled<'_>> {
    let values = row::values(text, GROUPS)?;
    let count = values.by_text.filter(|&count| count >= 2)?;
    Some(Labelled { label: "", bytes: values.bytes[..count].to_vec(), short: false })
}

fn without_comment(line: &str) -> &str {
    let ends = [" #", "\t#", "//", "/*", " ;", " --", " (", " <-", "  ←"];
    let end = ends.into_iter().filter_map(|mark| line.find(mark)).filter(|&at| run(&line[..at]) < at).min();
    end.map_or(line, |end| &line[..end])
}

/// Where the digits at the end of a line begin.
fn run(text: &str) -> usize {
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        let is_prefix = matches!(character, 'x' | 'X') && text[..at].ends_with(['0', '\\']);
        if !(character.is_ascii_hexdigit() || is_separator(character) || is_prefix) {
            break;
        }
        // A colon and a blank end a label.
        if matches!(character, ':' | '=') && text[at + 1..].starts_with(' ') {
            break;
        }
        start = at;
    }
    // The digits begin with a whole word.
    let word = text[..start].ends_with(|c: char| c.is_alphanumeric());
    let end = text[start..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len() - start);
    let odd = text[start..].chars().take_while(char::is_ascii_hexdigit).count() % 2;
    if (word || odd == 1) && start + end < text.len() { start + end } else { start }
}

/// The number of groups that are no bytes: times and dates, and the number of the bytes after them.
fn skipped(groups: &[&str], may_be_counted: bool) -> usize {
    let Some(last) = groups.last() else { return 0 };
    let inner = |group: &str| group.trim_matches(|c: char| is_separator(c)).contains([':', '-', '.']);
    let times = if inner(last) { 0 } else { groups.iter().take_while(|group| inner(group)).count() };
    let digits: usize = groups[times..].iter().skip(1).map(|group| group.trim_start_matches("0x").len()).sum();
    let count = groups[times..].first().and_then(|group| group.trim_matches([':', '(', ')', '[', ']']).parse().ok());
    times
        + usize::from(
            (may_be_counted || times > 0)
                && count.is_some_and(|count: usize| groups.len() > times + 1 && 2 * count == digits),
        )
}

impl Decoder for Digits {
    fn line(&mut self, line: Line<'_>, out: &mut Out) -> Result<(), String> {
        let mut bytes = Vec::new();
        if line.whole().is_some_and(|text| text.trim() == "*") {
            return Err(OMITTED.into());
        }
        let continues = std::mem::replace(&mut self.inside, !line.ends);
        if self.style.labelled && !continues {
            match (labelled(line.text)?, line.whole()) {
                (Some(found), Some(_)) => {
                    let label = found.label.replace(|c: char| c.is_ascii_digit(), "");
                    if found.short && label != self.label {
                        return Ok(());
                    }
                    self.label = label;
                    self.side = direction::of(found.label).or(self.side);
                    out.push(self.side, true, &found.bytes);
                }
                (_, Some(text)) => self.side = mark(text).or(self.side),
                (_, None) => {
                    let start = run(line.text);
                    self.side = direction::of(&line.text[..start]).or(self.side);
                    self.plain(&line.text[start..], &mut bytes)?;
                    out.push(self.side, true, &bytes);
                }
            }
            return Ok(());
        }
        // The second side of `tshark -z follow,tcp,raw` is indented by a tab.
        if !continues && line.whole().is_some_and(is_noise) {
            return Ok(());
        }
        if !continues && self.style.tabs {
            self.side = if line.text.starts_with('\t') { Some(Side::Server) } else { Some(Side::Client) };
        }
        self.plain(line.text, &mut bytes).map_err(|why| format!("{why}: {}", shortened(line.text)))?;
        out.push(self.side, !continues, &bytes);
        if line.ends && self.half.is_some() {
            return Err(HALF.into());
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Out) -> Result<(), String> {
        if self.half.is_some() { Err(HALF.into()) } else { Ok(()) }
    }
}

/// A line that gives the direction of those after it, as socat writes them.
fn mark(text: &str) -> Option<Side> {
    let first = text.split_whitespace().next()?;
    let is_sign = matches!(first, ">" | "<" | ">>" | "<<" | "->" | "<-");
    if is_sign || text.trim_end().ends_with(':') { direction::of(text) } else { None }
}
