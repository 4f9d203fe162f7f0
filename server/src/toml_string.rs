//! Text as a string of TOML.

/// `text` as a basic string of TOML, in quotes.
///
/// ```
/// assert_eq!(bookend_server::toml_string(r"C:\hub"), r#""C:\\hub""#);
/// ```
#[must_use]
pub fn toml_string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_for_toml() {
        assert_eq!(toml_string("C:\\a \"b\"\n\u{7f}ü"), r#""C:\\a \"b\"\u000A\u007Fü""#);
    }
}
