//! Values that were printed in place of what they hold: what languages print for an object, an array or a pointer.

use alloc::vec::Vec;

use super::plausible;

/// The whole of such a text. `%w` is a name, with dots and the like, `%c` and `%j` one as C# and Java have them; `%x` hexadecimal digits; `%q` what stands in quotes,
/// with escapes; `%n` numbers of bytes; `%s` anything.
const FORMS: [(&str, &str); 60] = [
    ("an object of JavaScript", "[object %w]"),
    ("objects of JavaScript", "[object %w],[object %s]"),
    ("a function of JavaScript", "[Function: %w]"),
    ("a function of JavaScript", "[Function]"),
    ("a function of JavaScript", "[Function (anonymous)]"),
    ("a function of JavaScript", "[AsyncFunction: %w]"),
    ("a class of JavaScript", "[class %s]"),
    ("a promise of JavaScript", "Promise { %s }"),
    ("a Map of JavaScript", "Map(%x) {%s}"),
    ("a Set of JavaScript", "Set(%x) {%s}"),
    ("an array of JavaScript", "Uint8Array(%x) [%s]"),
    ("an ArrayBuffer of JavaScript", "ArrayBuffer { %s }"),
    ("a Buffer of Node", "<Buffer %s>"),
    ("a Buffer of Node", "{\"type\":\"Buffer\",\"data\":[%s]}"),
    (".NET's name of a type", "System.%w[]"),
    (".NET's name of a type", "System.%w[%s]"),
    (".NET's name of a type", "System.%c"),
    (".NET's name of a type", "System.Object"),
    ("bytes as digits (.NET's BitConverter)", "%h"),
    ("an array of Java", "[%a@%x"),
    ("an array of Java", "[L%w;@%x"),
    ("an object of Java", "%j@%x"),
    ("an object of Java", "%j@%x[%s]"),
    ("a buffer of Java", "java.nio.%w[pos=%x lim=%x cap=%x]"),
    ("bytes of Python", "b'%q'"),
    ("bytes of Python", "b\"%q\""),
    ("bytes of Python", "bytearray(b'%q')"),
    ("bytes of Python", "bytearray(b\"%q\")"),
    ("an object of Python", "<%s at 0x%x>"),
    ("an object of Python", "<%s object at 0x%x%s>"),
    ("a method of Python", "<bound method %s>"),
    ("a class of Python", "<class '%w'>"),
    ("a view of Python", "dict_keys([%s])"),
    ("a view of Python", "dict_values([%s])"),
    ("a response of Python", "<Response [%x]>"),
    ("an enumeration of Python", "<%s: '%q'>"),
    ("a pointer to a struct of Go", "&{%s}"),
    ("a pointer to a struct of Go", "&%w{%s}"),
    ("a map of Go", "map[%s:%s]"),
    ("a pointer of Go", "0xc000%x"),
    ("bytes of Go", "[%n]"),
    ("nil of Go", "<nil>"),
    ("an Option of Rust", "Some(\"%q\")"),
    ("a Result of Rust", "Ok(\"%q\")"),
    ("an Optional of Swift", "Optional(%s)"),
    ("NSData", "{length = %x, bytes = 0x%x%s}"),
    ("an object of Objective-C", "<%s: 0x%x%s>"),
    ("an object of Ruby", "#<%s:0x%x%s>"),
    ("a struct of Ruby", "#<struct %s>"),
    ("a process of Erlang", "#PID<%w>"),
    ("a binary of Erlang", "<<%n>>"),
    ("a reference of Perl", "HASH(0x%x)"),
    ("a reference of Perl", "ARRAY(0x%x)"),
    ("a reference of Perl", "CODE(0x%x)"),
    ("a reference of Perl", "%w=HASH(0x%x)"),
    ("a table of Lua", "table: 0x%x"),
    ("a function of Lua", "function: 0x%x"),
    ("a resource of PHP", "Resource id #%x"),
    ("an array of PHP", "Array\n(%s)"),
    ("an object of PHP", "%w Object\n(%s)"),
];

/// Texts that no pattern is needed for.
const EXACTLY: [(&str, &str); 3] =
    [("an array of PHP", "Array"), ("a null pointer", "(null)"), ("an object of PHP", "stdClass Object")];

/// No longer text is examined: an object that somebody printed unknowingly is short.
pub(super) const LONGEST: usize = 16 << 10;

/// What tells a printed value from other text is no further from its ends, in bytes.
const NEAR: usize = 96;

/// False for most texts, which do not end as a printed value does.
pub(super) fn may_be(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return false };
    let (head, rest) = text.split_at(text.len().min(NEAR));
    let tail = &rest[rest.len().saturating_sub(NEAR)..];
    let holds = |is: fn(&u8) -> bool| head.iter().any(is) || tail.iter().any(is);
    match last {
        b'}' if *first == b'{' => text.starts_with(b"{\"type\":\"Buffer\"") || text.starts_with(b"{length"),
        b']' | b'}' | b'>' | b'\'' | b'"' => true,
        b')' | b'!' | b'.' | b',' | b';' => holds(|byte| matches!(byte, b'[' | b'%' | b'(')),
        b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => holds(|byte| matches!(byte, b'@' | b'x' | b'#' | b'-')),
        _ => holds(|byte| matches!(byte, b'.' | b'%')) || text == b"Array" || text.ends_with(b"Object"),
    }
}

/// What the whole text is the printed form of, and where that begins. A sentence about such a form has other words.
pub(super) fn object(text: &str) -> Option<(&'static str, usize)> {
    let text_end = text.trim_end();
    let trimmed = text_end.trim_start();
    let start = text_end.len() - trimmed.len();
    if is_complaint_of_go(trimmed) {
        return Some(("what Go prints for a wrong verb", start));
    }
    let quoted = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = Some((trimmed, start));
    let [after_words, after_name] = labels(trimmed).map(|label| label.map(|label| (&trimmed[label..], start + label)));
    let within_quotes = quoted.map(|value| (value, start + 1));
    let mut values = [value, after_words, after_name, within_quotes].into_iter().flatten();
    values
        .find_map(|(value, at)| form_of(value).map(|form| (form, at)))
        .or_else(|| at_end(trimmed).map(|at| ("an object of JavaScript", start + at)))
}

/// Where the commonest of all stands at the end of a text that does not ask about it or quote it.
fn at_end(text: &str) -> Option<usize> {
    let kept = text.trim_end_matches(['.', '!', ',', ';', ')']).strip_suffix("[object Object]")?;
    let is_greeting = kept.ends_with([' ', '(']) && kept.split_ascii_whitespace().count() <= 3;
    (is_greeting && !text.contains(['?', '`', '\'', '"', '“', '”'])).then_some(kept.len())
}

fn form_of(value: &str) -> Option<&'static str> {
    let first = *value.as_bytes().first()?;
    let may_fit = |form: &str| matches!(form.as_bytes()[0], begin if begin == first || begin == b'%');
    let exact = EXACTLY.iter().find(|(_, exact)| *exact == value);
    exact.or_else(|| FORMS.iter().find(|(_, form)| may_fit(form) && fits(form, value))).map(|(name, _)| *name)
}

/// `%!d(string=hi)` or `%!s(MISSING)` in a text without other quotes.
fn is_complaint_of_go(text: &str) -> bool {
    if !text.contains("%!") {
        return false;
    }
    let verb = text.split("%!").skip(1).any(|rest| {
        let inside = rest.get(1..).and_then(|rest| rest.strip_prefix('('));
        let known = |inside: &str| inside.contains('=') || inside.starts_with("MISSING") || inside.starts_with("BAD");
        rest.starts_with(|c: char| c.is_ascii_alphabetic()) && inside.is_some_and(known)
    });
    verb && !text.contains(['`', '\'', '"'])
}

/// The lengths of labels at the beginning, such as `12:30 INFO received: ` and `data=`.
fn labels(text: &str) -> [Option<usize>; 2] {
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    let name = line.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
    let is_name = name > 0 && matches!(line.as_bytes().get(name), Some(b':' | b'='));
    let head = &line.as_bytes()[..line.len().min(NEAR)];
    [head.windows(2).rposition(|pair| pair == b": ").map(|at| at + 2), is_name.then_some(name + 1)]
}

/// Does the whole text have this form?
fn fits(form: &str, text: &str) -> bool {
    let (literal, rest) = form.split_once('%').unwrap_or((form, ""));
    let Some(text) = text.strip_prefix(literal) else { return false };
    let Some(kind) = rest.bytes().next() else { return text.is_empty() };
    let after = &rest[1..];
    if kind == b's' {
        let next = after.split('%').next().unwrap_or(after);
        return match after.len() == next.len() {
            true => text.ends_with(next) && text.len() >= next.len() && !text.contains("\n\n"),
            false => text.rfind(next).is_some_and(|at| fits(after, &text[at..])),
        };
    }
    let taken = length_of(kind, after.bytes().next(), text.as_bytes());
    taken.is_some_and(|taken| fits(after, &text[taken..]))
}

/// How many bytes at the beginning are of this kind; at least one.
fn length_of(kind: u8, next: Option<u8>, text: &[u8]) -> Option<usize> {
    let count = |is: fn(&u8) -> bool| text.iter().take_while(|byte| is(byte)).count();
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'`' | b':' | b'/');
    let length = match kind {
        b'w' => count(word),
        b'x' => count(u8::is_ascii_hexdigit),
        b'q' => return quoted(text, next?),
        b'a' => return text.first().filter(|byte| b"BCDFIJSZ".contains(byte)).map(|_| 1),
        b'c' => return csharp_type(&text[..count(word)]),
        b'j' => return java_class(&text[..count(word)]),
        b'n' => return numbers(text),
        b'h' => return pairs(text),
        _ => 0,
    };
    (length > 0).then_some(length)
}

/// Printable ASCII up to the quote, which no backslash precedes.
fn quoted(text: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if !matches!(byte, b' '..=b'~') => return None,
            _ if byte == quote && !escaped => return Some(at),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    None
}

/// A class in a package: `java.lang.Object`. An address of mail has no such name.
fn java_class(word: &[u8]) -> Option<usize> {
    let (package, class) = word.split_at(word.iter().rposition(|byte| *byte == b'.')? + 1);
    let is_package = package.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'.');
    (is_package && package.len() > 2 && class.first().is_some_and(u8::is_ascii_uppercase)).then_some(word.len())
}

/// A type in a namespace: `IO.MemoryStream`.
fn csharp_type(word: &[u8]) -> Option<usize> {
    let mut parts = word.split(|byte| *byte == b'.');
    let capitals = parts.clone().all(|part| part.first().is_some_and(u8::is_ascii_uppercase));
    (capitals && parts.nth(1).is_some()).then_some(word.len())
}

/// The bytes of a text as decimal numbers: a list of other numbers is one that was meant.
fn numbers(text: &[u8]) -> Option<usize> {
    let list = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b' ' | b',' | b'-');
    let length = text.iter().take_while(list).count();
    let list = core::str::from_utf8(&text[..length]).ok()?;
    let mut bytes = Vec::new();
    for number in list.split([' ', ',']).filter(|number| !number.is_empty()) {
        let number: i16 = number.parse().ok()?;
        bytes.push(u8::try_from(number).or_else(|_| i8::try_from(number).map(|signed| signed.to_be_bytes()[0])).ok()?);
    }
    let text = core::str::from_utf8(&bytes).ok()?;
    (bytes.len() >= 4 && plausible::is_plain_latin(text)).then_some(length)
}

/// The bytes of a text as `68-65-6C-6C-6F`.
fn pairs(text: &[u8]) -> Option<usize> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase());
    let mut bytes = Vec::new();
    for pair in text.chunks(3) {
        let (digits, rest) = pair.split_at_checked(2)?;
        let byte = (digit(digits[0])? << 4) + digit(digits[1])?;
        if !matches!(rest, [] | [b'-']) {
            return None;
        }
        bytes.push(u8::try_from(byte).ok()?);
    }
    let plain = core::str::from_utf8(&bytes).is_ok_and(plausible::is_plain_latin);
    (bytes.len() >= 4 && plain).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_values_are_recognised() {
        for text in [
            "[object Object]",
            "[object Object],[object Object]",
            "data: [object Promise]",
            "Hello [object Object]!",
            "12:30 INFO received: b'hello'",
            "System.Byte[]",
            "System.Collections.Generic.List`1[System.String]",
            "System.Threading.Tasks.Task`1[System.Int32]",
            "[B@1a2b3c",
            "[Ljava.lang.String;@7852e922",
            "java.lang.Object@15db9742",
            "com.example.app.Message@6d06d69c\n",
            "java.nio.HeapByteBuffer[pos=0 lim=5 cap=5]",
            r"b'gr\xc3\xbc\xc3\x9fe'",
            "b\"it's\"",
            r"bytearray(b'\x00abc')",
            "<__main__.Message object at 0x7f2b8c0d5e50>",
            "<memory at 0x7f2b8c0d5e50>",
            "<function main.<locals>.send at 0x7f2b8c0d5e50>",
            "<class 'bytes'>",
            "<Buffer 68 65 6c 6c 6f>",
            "<Buffer 68 65 6c 6c 6f ... 50 more bytes>",
            "{\"type\":\"Buffer\",\"data\":[104,105]}",
            "Uint8Array(5) [ 104, 101, 108, 108, 111 ]",
            "Promise { <pending> }",
            "&{Ann 5}",
            "&main.Message{Text:\"hello\"}",
            "map[name:ann text:hello]",
            "0xc00001c0a8",
            "[104 101 108 108 111]",
            "[104, 101, 108, 108, 111]",
            "<<104,101,108,108,111>>",
            "68-65-6C-6C-6F",
            "Some(\"hello\")",
            "Optional(\"hello\")",
            "{length = 5, bytes = 0x68656c6c6f}",
            "<NSObject: 0x600000c1c010>",
            "#<Message:0x000055d5 @text=\"hello\">",
            "#<Object:0x00007f8b>",
            "HASH(0x55d0c8a5e2a0)",
            "My::Message=HASH(0x55d0c8a5e2a0)",
            "table: 0x55d0c8a5e2a0",
            "Resource id #3",
            "Array",
            "Array\n(\n    [0] => a\n)\n",
            "System.IO.MemoryStream",
            "hello %!d(string=ann)",
            "%!s(MISSING)",
            "\"[object Object]\"",
            "java.util.concurrent.CompletableFuture@5e8c[Not completed]",
        ] {
            assert!(object(text).is_some(), "{text}");
        }
    }

    #[test]
    fn text_that_mentions_them_or_resembles_them_is_not() {
        for text in [
            "",
            "why does it say [object Object]?",
            "[object Object] is what I get",
            "in the window I always see [object Object]",
            "not \"[object Object]\"",
            "write b'abc' in Python",
            "b'abc' and b'def'",
            "b'it is",
            "the type is System.Byte[] here",
            "ann@example.org",
            "Ann.Smith@cafe",
            "[1, 2, 3]",
            "[65, 70, 68, 71]",
            "[1 2 3]",
            "[\"a\", \"b\"]",
            "{\"type\":\"message\",\"data\":[1]}",
            "<b>bold</b>",
            "<html><body>at 0x10</body></html>",
            "0xdeadbeef",
            "Map of the town",
            "Array of light",
            "12-34-56-78",
            "DE-AD-BE-EF",
            "ok: see you at 5",
            "map[x]",
            "f(0)",
            "Go prints `%!d(string=hi)` then",
            "100%! (really)",
            "System.out",
            "\"hi\"",
            "&amp; so on",
        ] {
            assert_eq!(object(text), None, "{text}");
        }
    }
}
