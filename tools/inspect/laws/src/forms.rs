//! Writes bytes as the tools do.

use std::fmt::Write as _;

/// A form of dump.
#[derive(Clone, Copy)]
pub struct Form {
    /// The tool and its options.
    pub name: &'static str,
    /// The form is never refused.
    pub certain: bool,
    /// Writes the dump of some bytes.
    pub write: fn(&[u8]) -> String,
}

const fn certain(name: &'static str, write: fn(&[u8]) -> String) -> Form {
    Form { name, certain: true, write }
}

const fn refusable(name: &'static str, write: fn(&[u8]) -> String) -> Form {
    Form { name, certain: false, write }
}

/// The forms.
pub const FORMS: &[Form] = &[
    certain("xxd", xxd),
    refusable("xxd -e", xxd_e),
    certain("xxd -b", xxd_b),
    certain("xxd -g1", xxd_g1),
    certain("xxd -p", |bytes| lines(bytes, 30, "", |byte| format!("{byte:02x}"))),
    certain("xxd -i", |bytes| {
        format!("unsigned char a[] = {{\n{}\n}};\n", list(bytes, |byte| format!("0x{byte:02x}")))
    }),
    certain("hexdump", |bytes| words(bytes, 16, |word| format!("{word:04x}"))),
    certain("hexdump -C", hexdump_c),
    certain("hexdump -b", |bytes| rows(bytes, 16, |byte| format!("{byte:03o}"))),
    certain("hexdump -d", |bytes| words(bytes, 16, |word| format!("  {word:05}"))),
    certain("od", |bytes| words(bytes, 8, |word| format!("{word:06o}"))),
    certain("od -x", |bytes| words(bytes, 8, |word| format!("{word:04x}"))),
    certain("od -t x1", |bytes| rows(bytes, 8, |byte| format!("{byte:02x}"))),
    certain("od -t o1", |bytes| rows(bytes, 8, |byte| format!("{byte:03o}"))),
    certain("od -t d1", |bytes| rows(bytes, 8, |byte| format!("{:4}", byte.cast_signed()))),
    certain("od -A d -t u1", |bytes| rows(bytes, 10, |byte| format!("{byte:3}"))),
    certain("od -t c", |bytes| rows(bytes, 8, cell)),
    certain("Wireshark, bytes of packets", wireshark),
    certain("Wireshark, escaped string", |bytes| {
        let rows: Vec<String> = bytes.chunks(16).map(|row| format!("\"{}\"", escaped(row))).collect();
        rows.join(" \\\n") + "\n"
    }),
    certain("Python bytes", |bytes| format!("b'{}'\n", literal(bytes, '\''))),
    certain("Go %q", |bytes| format!("\"{}\"\n", literal(bytes, '"'))),
    certain("C octal", |bytes| {
        format!("\"{}\"\n", bytes.iter().fold(String::new(), |text, byte| text + &format!("\\{byte:03o}")))
    }),
    certain("escaped text", |bytes| escaped(bytes) + "\n"),
    certain("Rust list", |bytes| format!("[{}]\n", list(bytes, |byte| byte.to_string()))),
    certain("Rust {:02x?}", |bytes| format!("[{}]\n", list(bytes, |byte| format!("{byte:02x}")))),
    certain("Java bytes", |bytes| format!("[{}]\n", list(bytes, |byte| byte.cast_signed().to_string()))),
    certain("Go %v", |bytes| format!("[{}]\n", list(bytes, |byte| byte.to_string()).replace(',', ""))),
    certain("Node buffer", |bytes| {
        format!("<Buffer {}>\n", list(bytes, |byte| format!("{byte:02x}")).replace(',', ""))
    }),
    certain("Erlang binary", |bytes| format!("<<{}>>\n", list(bytes, |byte| byte.to_string()).replace(' ', ""))),
    certain("BitConverter", |bytes| list(bytes, |byte| format!("{byte:02X}")).replace(", ", "-") + "\n"),
    certain("labelled digits", |bytes| lines(bytes, 20, "12:00:00 TX: ", |byte| format!("{byte:02x} "))),
    certain("base64", |bytes| data_encoding::BASE64.encode(bytes) + "\n"),
    certain("strace", |bytes| {
        bytes.chunks(40).fold(String::new(), |text, row| {
            let count = row.len();
            text + &format!("write(3, \"{}\", {count}) = {count}\n", literal(row, '"'))
        })
    }),
];

fn dots(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }).collect()
}

fn list(bytes: &[u8], write: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|&byte| write(byte)).collect::<Vec<_>>().join(", ")
}

fn lines(bytes: &[u8], width: usize, label: &str, write: impl Fn(u8) -> String) -> String {
    let row = |row: &[u8]| format!("{label}{}\n", row.iter().map(|&byte| write(byte)).collect::<String>().trim_end());
    bytes.chunks(width).map(row).collect()
}

fn xxd(bytes: &[u8]) -> String {
    offset_rows(bytes, |row| {
        let groups =
            row.chunks(2).map(|pair| pair.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
        format!("{:<39}  {}", groups.collect::<Vec<_>>().join(" "), dots(row))
    })
}

fn xxd_e(bytes: &[u8]) -> String {
    offset_rows(bytes, |row| {
        let groups = row.chunks(4).map(|group| {
            format!("{:>8}", group.iter().rev().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
        });
        format!("{:<35}  {}", groups.collect::<Vec<_>>().join(" "), dots(row))
    })
}

fn xxd_b(bytes: &[u8]) -> String {
    bytes.chunks(6).enumerate().fold(String::new(), |text, (at, row)| {
        let digits = list(row, |byte| format!("{byte:08b}")).replace(',', "");
        text + &format!("{:08x}: {digits:<53}  {}\n", 6 * at, dots(row))
    })
}

fn xxd_g1(bytes: &[u8]) -> String {
    offset_rows(bytes, |row| format!("{:<47}  {}", list(row, |byte| format!("{byte:02x}")).replace(',', ""), dots(row)))
}

fn offset_rows(bytes: &[u8], write: impl Fn(&[u8]) -> String) -> String {
    let rows = bytes.chunks(16).enumerate();
    rows.fold(String::new(), |text, (at, row)| text + &format!("{:08x}: {}\n", 16 * at, write(row)))
}

fn wireshark(bytes: &[u8]) -> String {
    bytes.chunks(16).enumerate().fold(String::new(), |text, (at, row)| {
        let digits = list(row, |byte| format!("{byte:02x}")).replace(',', "");
        text + &format!("{:04x}   {digits:<47}   {}\n", 16 * at, dots(row))
    })
}

fn hexdump_c(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut last, mut starred) = (&bytes[..0], false);
    for (at, row) in bytes.chunks(16).enumerate() {
        if row == last && row.len() == 16 {
            if !starred {
                text += "*\n";
            }
            starred = true;
            continue;
        }
        (last, starred) = (row, false);
        let halves = row.chunks(8).map(|half| list(half, |byte| format!("{byte:02x}")).replace(',', ""));
        let _ = writeln!(text, "{:08x}  {:<48}  |{}|", 16 * at, halves.collect::<Vec<_>>().join("  "), dots(row));
    }
    text + &format!("{:08x}\n", bytes.len())
}

fn offset(at: usize, radix: u32) -> String {
    match radix {
        16 => format!("{at:07x}"),
        8 => format!("{at:07o}"),
        _ => format!("{at:07}"),
    }
}

fn rows(bytes: &[u8], radix: u32, write: impl Fn(u8) -> String) -> String {
    let mut text = String::new();
    for (at, row) in bytes.chunks(16).enumerate() {
        let values: String = row.iter().map(|&byte| format!(" {}", write(byte))).collect();
        let _ = writeln!(text, "{}{values}", offset(16 * at, radix));
    }
    text + &offset(bytes.len(), radix) + "\n"
}

fn words(bytes: &[u8], radix: u32, write: impl Fn(u16) -> String) -> String {
    let mut text = String::new();
    for (at, row) in bytes.chunks(16).enumerate() {
        let word = |pair: &[u8]| u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let values: String = row.chunks(2).map(|pair| format!(" {}", write(word(pair)))).collect();
        let _ = writeln!(text, "{}{values}", offset(16 * at, radix));
    }
    text + &offset(bytes.len(), radix) + "\n"
}

fn cell(byte: u8) -> String {
    match byte {
        0 => " \\0".into(),
        7 => " \\a".into(),
        8 => " \\b".into(),
        9 => " \\t".into(),
        10 => " \\n".into(),
        11 => " \\v".into(),
        12 => " \\f".into(),
        13 => " \\r".into(),
        b' '..=b'~' => format!("  {}", char::from(byte)),
        _ => format!("{byte:03o}"),
    }
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("\\x{byte:02x}"))
}

fn literal(bytes: &[u8], quote: char) -> String {
    bytes.iter().fold(String::new(), |text, &byte| match byte {
        b'\n' => text + "\\n",
        b'\r' => text + "\\r",
        b'\t' => text + "\\t",
        b'\\' => text + "\\\\",
        byte if char::from(byte) == quote => text + "\\" + &quote.to_string(),
        b' '..=b'~' => text + &char::from(byte).to_string(),
        byte => text + &format!("\\x{byte:02x}"),
    })
}
