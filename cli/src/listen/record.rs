//! A file of `listen --json` that is continued: where its last message is.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::Value;

/// How much is read at a time, from the end.
const BLOCK: u64 = 64 << 10;

/// Opens the file to append, and finds the number after which to continue; `None` in a file without messages. A last line
/// that was not finished is removed.
pub(super) fn open(path: &Path) -> io::Result<(File, Option<u64>)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    lock(&file)?;
    let end = file.seek(SeekFrom::End(0))?;
    let mut lines = LinesBackwards { file: &mut file, start: end, rest: Some(Vec::new()) };
    let torn = lines.next()?.unwrap_or_default();
    let is_whole = serde_json::from_slice::<Value>(&torn).is_ok();
    let mut position = Position::default();
    if is_whole {
        position.look_at(&torn)?;
    }
    while position.found.is_none()
        && let Some(line) = lines.next()?
    {
        position.look_at(&line)?;
    }
    if is_whole {
        file.write_all(b"\n")?; // only the line feed is missing
    } else if BEGINNINGS.iter().any(|beginning| beginning.starts_with(&torn) || torn.starts_with(beginning)) {
        file.set_len(end - torn.len() as u64)?;
    } else {
        return Err(io::Error::other("its last line is not of listen --json"));
    }
    Ok((file, position.found.or(position.joined)))
}

/// How the lines of `listen --json` begin.
const BEGINNINGS: [&[u8]; 2] = [b"{\"event\":\"", b"{\"from\":"];

/// The lines of a file, the last one first: what follows the last line feed.
struct LinesBackwards<'a> {
    file: &'a mut File,
    /// The start of `rest` in the file.
    start: u64,
    /// What was read and not returned; `None` after the first line.
    rest: Option<Vec<u8>>,
}

impl LinesBackwards<'_> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(rest) = &mut self.rest else { return Ok(None) };
        let mut searched = 0; // bytes at the end of `rest` without a line feed
        loop {
            let new = rest.len() - searched;
            if let Some(at) = rest[..new].iter().rposition(|byte| *byte == b'\n') {
                let line = rest.split_off(at + 1);
                rest.pop();
                return Ok(Some(line));
            }
            if self.start == 0 {
                return Ok(self.rest.take());
            }
            searched = rest.len();
            // Long lines are read in blocks of their own length.
            let length = self.start.min(BLOCK.max(searched as u64));
            self.start -= length;
            let mut block = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.file.seek(SeekFrom::Start(self.start))?;
            self.file.read_exact(&mut block)?;
            block.append(rest);
            *rest = block;
        }
    }
}

/// Another `listen` must not append at the same time.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<()> {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => io::Error::other("another program appends to it"),
        error => error.into(),
    })
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<()> {
    Ok(())
}

/// What the last lines of the file say, which are read backwards.
#[derive(Default)]
struct Position {
    found: Option<u64>,
    /// The number before the `next_seq` of the earliest WELCOME so far.
    joined: Option<u64>,
    /// The hub did not resume after an earlier message: what follows the WELCOME counts.
    is_not_resumed: bool,
}

impl Position {
    fn look_at(&mut self, line: &[u8]) -> io::Result<()> {
        let object: Value = serde_json::from_slice(line)
            .map_err(|why| io::Error::other(format!("a line in it is not of listen --json: {why}")))?;
        match object["event"].as_str() {
            None => self.found = object["seq"].as_u64().filter(|seq| *seq > 0),
            Some("gap") if object["cause"] == "not-resumed" => self.is_not_resumed = true,
            Some("gap") => self.found = object["last"].as_u64(),
            Some("welcome") => {
                self.joined = object["next_seq"].as_u64().map(|next| next.saturating_sub(1));
                self.found = self.joined.filter(|_| self.is_not_resumed);
            }
            Some(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Where a file with these bytes continues, and what is left of it.
    fn opened(name: &str, bytes: &[u8]) -> (Option<u64>, Vec<u8>) {
        let path = std::env::temp_dir().join(format!("bookend-record-{name}-{}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let (_, position) = open(&path).unwrap();
        let left = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        (position, left)
    }

    const WELCOME: &str = "{\"event\":\"welcome\",\"member\":5,\"next_seq\":10,\"greeting\":\"hi\"}\n";
    const HERE: &str = "{\"event\":\"here\",\"member\":5,\"name\":\"guest\"}\n";
    const SEVEN: &str = "{\"from\":7,\"name\":\"bob\",\"to\":0,\"seq\":7,\"time\":0,\"encoding\":2,\"text\":\"x\"}\n";
    const PRIVATE: &str = "{\"from\":7,\"name\":\"bob\",\"to\":5,\"seq\":0,\"time\":0,\"encoding\":2,\"text\":\"x\"}\n";
    const GAP: &str = "{\"event\":\"gap\",\"missed\":2,\"first\":8,\"last\":9}\n";
    const ILLEGAL: &str = "{\"event\":\"gap\",\"missed\":2,\"cause\":\"bad-text\"}\n";
    const NOT_RESUMED: &str = "{\"event\":\"gap\",\"missed\":null,\"after\":7,\"cause\":\"not-resumed\"}\n";

    #[test]
    fn record_continues_after_the_last_number_in_it() {
        for (name, lines, position) in [
            ("empty", &[][..], None),
            ("events", &[HERE], None),
            ("first-session", &[WELCOME, HERE], Some(9)),
            ("message", &[WELCOME, HERE, SEVEN, PRIVATE, ILLEGAL], Some(7)),
            ("gap", &[SEVEN, GAP, HERE], Some(9)),
            ("resumed", &[SEVEN, WELCOME, HERE], Some(7)),
            ("not-resumed", &[SEVEN, WELCOME, HERE, NOT_RESUMED, HERE], Some(9)),
            ("after-that", &[WELCOME, NOT_RESUMED, SEVEN], Some(7)),
        ] {
            let whole = lines.concat();
            assert_eq!(opened(name, whole.as_bytes()), (position, whole.clone().into_bytes()), "{name}");
            let torn = [whole.as_bytes(), &SEVEN.as_bytes()[..30]].concat();
            assert_eq!(opened(name, &torn), (position, whole.clone().into_bytes()), "{name}: a torn line is removed");
            let unterminated = whole.trim_end().as_bytes();
            assert_eq!(opened(name, unterminated), (position, whole.into_bytes()), "{name}: a whole line is kept");
        }
    }

    #[test]
    fn long_lines_are_read_across_blocks() {
        let long = SEVEN.replace("\"x\"", &format!("\"{}\"", "x".repeat(200_000)));
        let torn = format!("{{\"from\":{}", "1".repeat(100_000));
        let bytes = [&long, HERE, &torn].concat();
        assert_eq!(opened("long", bytes.as_bytes()), (Some(7), [&long, HERE].concat().into_bytes()));
        let events = HERE.repeat(5_000);
        let bytes = [SEVEN, &events].concat();
        assert_eq!(opened("events-only", bytes.as_bytes()).0, Some(7));
    }

    #[test]
    fn file_of_something_else_is_refused_and_left_alone() {
        let path = std::env::temp_dir().join(format!("bookend-record-other-{}", std::process::id()));
        for other in ["dear diary\n", "dear diary", "{\"seq\":7}\ndear diary"] {
            fs::write(&path, other).unwrap();
            assert!(open(&path).unwrap_err().to_string().contains("not of listen --json"), "{other}");
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        fs::remove_file(path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn only_one_program_appends_at_a_time() {
        let path = std::env::temp_dir().join(format!("bookend-record-lock-{}", std::process::id()));
        let first = open(&path).unwrap();
        assert_eq!(open(&path).unwrap_err().to_string(), "another program appends to it");
        drop(first);
        assert!(open(&path).is_ok());
        fs::remove_file(path).unwrap();
    }
}
