//! Bytes from hexadecimal digits.

use bookend::escaped;
use data_encoding::HEXLOWER_PERMISSIVE;

/// The bytes, or what is wrong with the digits. Blanks between them do not matter.
pub(super) fn bytes(text: &[u8]) -> Result<Vec<u8>, String> {
    if let Some(at) = text.iter().position(|byte| !byte.is_ascii_hexdigit() && !byte.is_ascii_whitespace()) {
        let before = String::from_utf8_lossy(&text[..at]).chars().count();
        let rest = String::from_utf8_lossy(&text[at..]);
        let found: String = rest.chars().take(1).collect();
        return Err(format!("character {}, \"{}\", is not a hexadecimal digit", before + 1, escaped(&found)));
    }
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    HEXLOWER_PERMISSIVE.decode(&digits).map_err(|_| format!("it has {} digits; each byte needs two", digits.len()))
}
