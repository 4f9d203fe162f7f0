//! Sound texts of all kinds: nothing is stated of them, and remarks are rare.
//! `cargo test -p bookend --test texts -- --nocapture sound` prints how rare.

use bookend::Encoding;
use bookend::diagnosis::{Confidence, Evidence, diagnose};
use bookend::text::encode;

use crate::corpus::LANGUAGES;

/// More scripts, and what people and programs send beside sentences.
const OTHERS: &[&str] = &[
    "सभी मनुष्य जन्म से स्वतंत्र हैं",
    "அனைத்து மக்களும் சமம்",
    "মানুষ স্বাধীনভাবে জন্মগ্রহণ করে",
    "มนุษย์ทั้งหลายเกิดมามีอิสระ",
    "ყველა ადამიანი იბადება თავისუფალი",
    "Բոլոր մարդիկ ծնվում են ազատ",
    "የሰው ልጅ ሁሉ ነጻ",
    "ទាំងអស់គ្នា",
    "ຄົນທັງຫຼາຍ",
    "😀🎉 🇩🇪 👩‍👩‍👧‍👦 ❤️ 👍🏽",
    "¯\\_(ツ)_/¯ (╯°□°)╯︵ ┻━┻",
    "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, ∑ᵢ aᵢ² ≤ ∞",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒮𝒸𝓇𝒾𝓅𝓉",
    "┌──────┬──────┐\n│ name │ size │\n├──────┼──────┤\n│ a    │ 12   │\n└──────┴──────┘",
    "════════════════",
    "███████████████",
    "........................",
    "aaaaaaaaaaaaaaaa",
    "hahahahahahahaha",
    "______",
    "Аааааааа!",
    "ввввввв",
    "ööööööö",
    "ооооооо",
    "ﷺ ﷽",
    "ㅋㅋㅋㅋㅋㅋㅋㅋ",
    "哈哈哈哈哈哈",
    "wwwwwwww",
    "草草草草",
    "烫烫",
    "ÅÄÖ",
    "ÍÞÝ",
    "ÿ",
    "þ",
    "«Aha!»",
    "««« »»»",
    "fn main() { println!(\"{:?}\", &[1, 2, 3]); }",
    "let x = b'a'; // one byte",
    "for (int i = 0; i < n; i++) { a[i] = 0xCC; }",
    "#include <stdio.h>\nint main(void) { return 0; }",
    "def f(x):\n    return b'abc' + bytes(x)\n",
    "SELECT name, count(*) FROM users WHERE id = 42 GROUP BY name;",
    "<html><body><p class=\"x\">Hello</p></body></html>",
    "<?xml version=\"1.0\"?><a b=\"c\">d</a>",
    "{\"type\":\"message\",\"text\":\"hello\",\"n\":[1,2,3],\"ok\":true,\"x\":null}",
    "[1,2,3]",
    "[\"a\",\"b\"]",
    "{}",
    "[]",
    "null",
    "true",
    "0",
    "42",
    "-1",
    "3.14",
    "1e9",
    "2026-11-29T20:15:00Z INFO hub: client 7 joined room lobby",
    "Nov 29 20:15:00 host sshd[123]: Accepted publickey for root from 10.0.0.1",
    "ERROR at com.example.Main.run(Main.java:42)",
    "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nTypeError: b'x' is not str",
    "panic: runtime error: index out of range [5] with length 3",
    "00000000: f5f8 0100 0000 001d 424b 4e44 0d0a 1a0a  ........BKND....",
    "cd cd cd cd cd cd cd cd",
    "CD CD CD CD",
    "deadbeef deadbeef",
    "0xCCCCCCCC",
    "DE AD BE EF",
    "f5 f8 02 02 00 00 00 02 68 69 f8 f5",
    "SGVsbG8sIHdvcmxkISBUaGlzIGlzIGJhc2U2NC4=",
    "dGhlIHF1aWNrIGJyb3duIGZveA==",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----",
    "https://example.org/a?b=c&d=%20e#f",
    "ann@example.org",
    "user@host:~/src$ ls -l",
    "C:\\Users\\Ann\\Documents\\résumé.txt",
    "/usr/local/bin/x --flag=value",
    "name;size;date\na;1;2026\nb;2;2027",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "# Title\n\n- one\n- two\n\n```sh\nls\n```",
    "@@ -1,3 +1,4 @@\n-old\n+new",
    "why does it print [object Object] here?",
    "the type is System.Byte[] and not string",
    "I wrote b'abc' in the shell",
    "he said: \"b'abc'\", not abc",
    "see <__main__.X object at 0x7f> in the log",
    "+49 30 1234567",
    "12:30",
    "10.0.0.1",
    "fe80::1%eth0",
    "550e8400-e29b-41d4-a716-446655440000",
    "d41d8cd98f00b204e9800998ecf8427e",
    "ok",
    "k",
    "?",
    "!",
    ":-)",
    "<3",
    "/me waves",
    "\t",
    "\n",
    "\r\n",
    " ",
    "line one\r\nline two\r\n",
    "\u{1B}[31mred\u{1B}[0m",
    "bell \u{7}",
    "a\u{0}b",
    "e\u{301}",
    "\u{200F}שלום",
    "Ｆｕｌｌ　ｗｉｄｔｈ",
    "ｶﾀｶﾅ",
    "①②③",
    "№ 5",
    "100 %",
    "½ cup",
    "5′ 3″",
    "20 °C",
    "€ 5,–",
];

/// Numbers that look random and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit.max(1)
    }

    /// A text of one or several pieces, cut at any character.
    fn text(&mut self, pieces: &[&str]) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(4) {
            text += pieces[self.below(pieces.len())];
            text += ["", " ", "\n", ", "][self.below(4)];
        }
        let characters = text.chars().count();
        let (from, most) = (self.below(1 + characters / 4), 1 + self.below(characters));
        if self.below(3) == 0 { text } else { text.chars().skip(from).take(most).collect() }
    }

    /// What programs send: digits, hexadecimal, base64, UUIDs, JSON.
    fn generated(&mut self) -> String {
        const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let length = 1 + self.below(200);
        let mut of =
            |alphabet: &[u8]| (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect::<String>();
        match length % 6 {
            0 => of(b"0123456789"),
            1 => of(b"0123456789abcdef"),
            2 => of(BASE64),
            3 => of(b"0123456789ABCDEF "),
            4 => format!("{{\"id\":{},\"name\":\"{}\"}}", length, of(BASE64)),
            _ => of(b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~"),
        }
    }
}

#[test]
fn sound_texts_have_few_remarks_and_nothing_is_stated_of_them() {
    const TEXTS: usize = 20_000;
    let all: Vec<&str> = LANGUAGES
        .iter()
        .flat_map(|language| language.known.iter().chain(language.held_out))
        .chain(OTHERS)
        .copied()
        .collect();
    let (mut chance, mut remarks, mut stated, mut texts) = (Chance(17), Vec::new(), Vec::new(), 0);
    for round in 0..TEXTS {
        let text = if round % 4 == 0 { chance.generated() } else { chance.text(&all) };
        for encoding in [Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le, Encoding::Ascii] {
            let mut payload = Vec::new();
            if encode(encoding, &text, &mut payload).is_err() {
                continue; // US-ASCII has less
            }
            texts += 1;
            let diagnosis = diagnose(&Evidence::text(encoding, &payload));
            for hypothesis in diagnosis.hypotheses() {
                let is_stated = hypothesis.confidence() > Confidence::Possible;
                let list = if is_stated { &mut stated } else { &mut remarks };
                list.push(format!("{encoding} {text:?}: {hypothesis}"));
            }
        }
    }
    println!("{texts} sound texts, {} stated, {} remarks", stated.len(), remarks.len());
    stated.iter().chain(&remarks).take(40).for_each(|found| println!("{found}"));
    assert!(stated.is_empty(), "{} of {texts}", stated.len());
    assert!(remarks.len() * 2000 <= texts, "{} of {texts}", remarks.len());
}
