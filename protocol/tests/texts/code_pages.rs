//! Which code page the diagnosis names, measured on sentences of many languages in every code page in which they were
//! written: `cargo test -p bookend --test texts -- --nocapture code_pages` prints the confusion matrix.

use std::collections::BTreeMap;

use bookend::Encoding;
use bookend::diagnosis::{Confidence, Evidence, diagnose};

use crate::corpus::{LANGUAGES, Language};
use crate::tables;

/// Bytes in a code page, and their text.
struct Sample {
    page: &'static str,
    text: String,
    bytes: Vec<u8>,
}

#[test]
fn likely_names_are_right_on_text_that_the_diagnosis_was_not_adjusted_by() {
    let measured = Measured::of(|language| language.held_out);
    measured.print();
    measured.judge();
}

#[test]
fn likely_names_are_right_on_text_that_the_diagnosis_was_adjusted_by() {
    let measured = Measured::of(|language| language.known);
    if std::env::var_os("SHOW_WRONG").is_some() {
        measured.wrong.iter().for_each(|wrong| println!("{wrong}"));
    }
    measured.judge();
}

/// What was named, by page.
#[derive(Default)]
struct Measured {
    samples: usize,
    likely: usize,
    /// How many were likely, and how many of them wrong, by name.
    stated: BTreeMap<&'static str, (usize, usize)>,
    /// Those that were likely and wrong.
    wrong: Vec<String>,
    certain_and_wrong: usize,
    matrix: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

impl Measured {
    fn of(sentences: fn(&Language) -> &'static [&'static str]) -> Measured {
        let mut measured = Measured::default();
        for language in LANGUAGES {
            for page in language.pages {
                for text in pieces(sentences(language)) {
                    let Some(bytes) = encode(page, &text) else { continue };
                    measured.count(&Sample { page, text, bytes });
                }
            }
        }
        measured
    }

    fn count(&mut self, sample: &Sample) {
        if std::str::from_utf8(&sample.bytes).is_ok_and(|_| !sample.page.starts_with("utf-32")) {
            return; // nothing shows
        }
        self.samples += 1;
        let diagnosis = diagnose(&Evidence::text(Encoding::Utf8, &sample.bytes));
        let row = self.matrix.entry(sample.page).or_default();
        let Some(first) = diagnosis.first() else {
            *row.entry("nothing".into()).or_default() += 1;
            return;
        };
        let mark = if first.confidence() > Confidence::Possible { "" } else { "?" };
        *row.entry(format!("{}{mark}", first.name().trim_start_matches("text-"))).or_default() += 1;
        let stated = diagnosis.hypotheses().iter().filter(|hypothesis| hypothesis.confidence() > Confidence::Possible);
        self.likely += usize::from(mark.is_empty());
        for hypothesis in stated {
            let is_wrong = !is_right(hypothesis.name(), sample);
            let (count, wrong) = self.stated.entry(hypothesis.name()).or_default();
            *count += 1;
            *wrong += usize::from(is_wrong);
            if is_wrong {
                self.wrong.push(format!("{} {:?}: {hypothesis}", sample.page, sample.text));
                self.certain_and_wrong += usize::from(hypothesis.confidence() == Confidence::Certain);
            }
        }
    }

    fn print(&self) {
        println!("{} samples, {} likely, {} of these wrong", self.samples, self.likely, self.wrong.len());
        for (name, (count, wrong)) in &self.stated {
            println!("{name:26} {count:5} likely, {wrong} wrong");
        }
        for (page, row) in &self.matrix {
            let total: usize = row.values().sum();
            let mut cells: Vec<(&String, &usize)> = row.iter().collect();
            cells.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let cells: Vec<String> = cells
                .iter()
                .map(|(name, count)| format!("{name} {:.1} %", 100.0 * **count as f64 / total as f64))
                .collect();
            println!("{page:12} {total:5}  {}", cells.join(" · "));
        }
    }

    fn judge(&self) {
        assert!(self.samples > 1000 && self.likely * 2 > self.samples, "{} of {}", self.likely, self.samples);
        assert_eq!(self.certain_and_wrong, 0);
        let wrong = self.wrong.len();
        assert!(wrong * 100 <= self.likely, "{wrong} of {} are wrong", self.likely);
    }
}

/// One word to a paragraph.
fn pieces(sentences: &[&str]) -> Vec<String> {
    let mut pieces = vec![sentences.join(" "), sentences.join("\r\n").to_uppercase()];
    for sentence in sentences {
        let words: Vec<&str> = sentence.split(' ').collect();
        // Languages without blanks are cut between characters.
        let characters: Vec<String> = sentence.chars().map(String::from).collect();
        let blanks = words.len() > 2;
        let count = if blanks { words.len() } else { characters.len() };
        for length in [1, 2, 3, 5, 8, 13, count] {
            for from in 0..(count + 1).saturating_sub(length) {
                let until = from + length;
                pieces.push(if blanks { words[from..until].join(" ") } else { characters[from..until].concat() });
            }
        }
    }
    pieces.sort_unstable();
    pieces.dedup();
    pieces
}

/// `None` if the page does not have all of the characters.
fn encode(page: &str, text: &str) -> Option<Vec<u8>> {
    let units = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let scalars = |bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| bytes(u32::from(c))).collect();
    match page {
        "ibm437" => from_table(text, tables::IBM437, 0x80),
        "ibm850" => from_table(text, tables::IBM850, 0x80),
        "ibm037" => from_table(text, tables::IBM037, 0),
        "ibm500" => from_table(text, tables::IBM500, 0),
        "utf-16be" => Some(units(u16::to_be_bytes)),
        "utf-16le" => Some(units(u16::to_le_bytes)),
        "utf-32be" => Some(scalars(u32::to_be_bytes)),
        "utf-32le" => Some(scalars(u32::to_le_bytes)),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("it is known");
            let (bytes, _, unmappable) = encoding.encode(text);
            (!unmappable).then(|| bytes.into_owned())
        }
    }
}

fn from_table(text: &str, table: &str, first: usize) -> Option<Vec<u8>> {
    let byte = |character: char| match table.chars().position(|known| known == character) {
        Some(at) => u8::try_from(first + at).ok(),
        None => u8::try_from(character).ok().filter(|byte| usize::from(*byte) < first),
    };
    text.chars().map(byte).collect()
}

/// Does the fix bring the text back? A name of several pages is right if one of them does.
fn is_right(name: &str, sample: &Sample) -> bool {
    let reads = |page: &str| encode(page, &sample.text).as_ref() == Some(&sample.bytes);
    match name {
        "text-windows-1252" => reads("windows-1252") || reads("iso-8859-1"),
        "text-shift-jis" => reads("shift_jis"),
        "text-dos-code-page" => ["ibm437", "ibm850", "ibm866"].into_iter().any(reads),
        "text-ebcdic" => ["ibm037", "ibm500"].into_iter().any(reads),
        "text-utf-16-called-utf-8" => sample.page.starts_with("utf-16"),
        "text-utf-32" => sample.page.starts_with("utf-32"),
        "text-legacy-encoding" => !sample.page.starts_with("utf-"),
        _ => false,
    }
}
