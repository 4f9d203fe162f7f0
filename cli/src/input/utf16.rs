//! Recognises UTF-16 at the start of an input that should be UTF-8, as PowerShell and some editors write it.

use bookend::Encoding;
use bookend::diagnosis::{Confidence, Evidence, diagnose};

use super::MessageFormat;

/// The name of the mistake in the diagnosis of the core.
const MISTAKE: &str = "text-utf-16-called-utf-8";

/// True if the input that starts like this is UTF-16. Its lines would be cut inside characters, and some of the parts
/// would be valid UTF-8 with U+0000 in it.
pub(super) fn starts(start: &[u8], format: MessageFormat) -> bool {
    match format {
        MessageFormat::Hex | MessageFormat::Binary => false,
        _ if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") => true,
        // Without a byte order mark, the names `find -print0` writes look like UTF-16.
        MessageFormat::Nul => false,
        // Line feeds and blanks of UTF-16 have a zero, and UTF-8 that is not sound may look like other UTF-16.
        MessageFormat::Lines | MessageFormat::Jsonl | MessageFormat::Whole if !start.contains(&0) => false,
        MessageFormat::Lines | MessageFormat::Jsonl | MessageFormat::Whole => {
            let diagnosis = diagnose(&Evidence::text(Encoding::Utf8, start));
            diagnosis.first().is_some_and(|first| first.name() == MISTAKE && first.confidence() > Confidence::Possible)
        }
    }
}
