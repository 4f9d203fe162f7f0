//! Names what an adapter does wrong, from the first part of its answer that differs from the expected one.

/// What is wrong, in a clause; `None` if the answers do not show it. Both answers are without the bytes of sent frames.
pub(super) fn name(request: &str, expected: &str, seen: &str) -> Option<String> {
    let verb = request.split(' ').next()?;
    if verb == "session" {
        let (expected, seen) = first_difference(expected.split_whitespace(), seen.split(' '))?;
        let (expected, seen) = first_difference(items(expected), items(seen))?;
        return in_session(expected, seen);
    }
    if verb == "frame" {
        let (expected, seen) = first_difference(expected.split_whitespace(), seen.split_whitespace())?;
        return Some(in_frames(expected, seen));
    }
    if let Some(fault) = expected.strip_prefix("fault:") {
        let name = name_of(fault);
        return Some(match seen.strip_prefix("fault:") {
            Some(seen) if name_of(seen) == name => {
                format!("{name} is found at offset {}, not {}", offset_of(seen), offset_of(fault))
            }
            Some(seen) => format!("{name} is called {}", name_of(seen)),
            None if seen == "ignored" => format!("what must be refused as {name} is ignored"),
            None => format!("what must be refused as {name} is accepted"),
        });
    }
    if let Some(fault) = seen.strip_prefix("fault:") {
        return Some(format!("what is legal is refused as {}", name_of(fault)));
    }
    let (expected, seen) = first_difference(expected.split_whitespace(), seen.split_whitespace())?;
    match verb {
        "encode" => Some("the frame is written in another form".into()),
        "encode-text" => Some("the text is written in another form".into()),
        "text" => Some(match (expected, seen) {
            ("bom", _) => "a byte order mark was there, and is not reported".into(),
            ("nobom", _) => "no byte order mark was there, and one is reported".into(),
            _ => "the text is decoded to other characters".into(),
        }),
        _ => match expected.split_once('=') {
            Some(("wire", _)) => Some("it is written again in another form".into()),
            Some((field, _)) if !seen.starts_with(&format!("{field}=")) => Some(format!("{field} is missing")),
            Some((field, _)) => Some(format!("{field} is read as another value")),
            None if seen == "other" || seen == "ignored" => Some("what is legal is not recognised".into()),
            None if expected == "other" || expected == "ignored" => {
                Some(format!("what must be treated as {expected} is accepted"))
            }
            None => None,
        },
    }
}

/// The first two parts that differ; a missing one is empty.
fn first_difference<'a>(
    expected: impl Iterator<Item = &'a str>,
    seen: impl Iterator<Item = &'a str>,
) -> Option<(&'a str, &'a str)> {
    let (mut expected, mut seen) = (expected, seen);
    loop {
        match (expected.next(), seen.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some((one.unwrap_or_default(), other.unwrap_or_default())),
        }
    }
}

/// What happened in one step of a session.
fn items(word: &str) -> impl Iterator<Item = &str> {
    word.split(',').filter(|&item| item != "-")
}

fn name_of(fault: &str) -> &str {
    fault.split(':').next().unwrap_or_default()
}

fn offset_of(fault: &str) -> &str {
    fault.split(':').nth(1).unwrap_or("?")
}

fn in_frames(expected: &str, seen: &str) -> String {
    let fault = |word: &str| word.strip_prefix("fault:").map(|fault| name_of(fault).to_owned());
    match (fault(expected), fault(seen)) {
        (Some(name), Some(found)) if name == found => {
            let (offset, at) = (expected.rsplit(':').next(), seen.rsplit(':').next());
            format!("{name} is found at offset {}, not {}", at.unwrap_or("?"), offset.unwrap_or("?"))
        }
        (Some(name), Some(found)) => format!("{name} is called {found}"),
        (Some(name), None) => format!("the fault {name} is not found"),
        (None, Some(found)) => format!("a sound stream is refused as {found}"),
        (None, None) => match (expected, seen) {
            ("more", "end") => "a frame that is not whole is not noticed at the end".into(),
            ("more" | "end", _) => "there is a frame where none is".into(),
            (_, "more" | "end" | "") => "a whole frame is not found".into(),
            _ => "a frame has another kind, encoding or body than was sent".into(),
        },
    }
}

/// The difference between two items of a session; a missing one is empty.
fn in_session(expected: &str, seen: &str) -> Option<String> {
    let of = |item: &'static str| move |word: &str| word.split(':').next() == Some(item);
    let (close, error, got, ping, pong, end) = (of("close"), of("error"), of("got"), of("ping"), of("pong"), of("end"));
    let fields = |word: &str| word.split(':').map(str::to_owned).collect::<Vec<_>>();
    let last = |word: &str| word.rsplit(':').next().unwrap_or_default().to_owned();
    Some(if close(expected) && close(seen) {
        match (&fields(expected)[..], &fields(seen)[..]) {
            ([_, code, name], [_, found, _]) if code != found => {
                format!("CLOSE has the code {found}, not {code} {name}")
            }
            _ => format!("CLOSE names {}, not {} (R6.2)", last(seen), last(expected)),
        }
    } else if error(expected) && error(seen) {
        let names = ["", "the id", "the frame number", "the code", "the name"];
        let differs = |(at, (one, other)): (usize, (String, String))| {
            (one != other)
                .then(|| format!("{} of the ERROR is {other}, not {one}", names.get(at).unwrap_or(&"a field")))
        };
        let pairs = fields(expected).into_iter().zip(fields(seen));
        pairs.enumerate().find_map(differs)?
    } else if close(seen) {
        format!("a fault {} is seen where there is none", last(seen))
    } else if close(expected) {
        match last(expected).as_str() {
            "normal" | "-" => "CLOSE is not sent".into(),
            name => format!("the fault {name} is not noticed"),
        }
    } else if error(expected) {
        let delivered = if got(seen) { ", and the message is delivered" } else { "" };
        format!("no ERROR {} is sent{delivered}", last(expected))
    } else if error(seen) {
        format!("an ERROR {} is sent where none is due", last(seen))
    } else if pong(expected) && pong(seen) {
        "PONG carries other bytes than its PING".into()
    } else if pong(expected) {
        "a PING is not answered".into()
    } else if pong(seen) {
        "a PONG is sent where none is due".into()
    } else if ping(expected) {
        "no PING is sent when the keepalive is due".into()
    } else if ping(seen) {
        "a PING is sent before the keepalive is due".into()
    } else if got(expected) && got(seen) {
        "another message is delivered than arrived".into()
    } else if got(expected) {
        "a message is not delivered".into()
    } else if got(seen) {
        "a message is delivered that must not be".into()
    } else if end(expected) && end(seen) {
        format!("the session ends with {}, not {}", last(seen), last(expected))
    } else if end(expected) {
        "the session does not end".into()
    } else if end(seen) {
        "the session ends too early".into()
    } else {
        match (expected, seen) {
            ("sent", seen) if seen.starts_with("refused:") => {
                format!("what may be sent is refused as {}", last(seen))
            }
            (expected, "sent") if expected.starts_with("refused:") => {
                format!("what must be refused as {} is sent", last(expected))
            }
            (expected, seen) if expected.starts_with("refused:") && seen.starts_with("refused:") => {
                format!("what must be refused as {} is refused as {}", last(expected), last(seen))
            }
            ("hello", _) => "HELLO is not sent".into(),
            (_, "hello") => "HELLO is sent where none is due".into(),
            _ => return None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_has_a_name() {
        for (request, expected, seen, named) in [
            ("frame 9 whole f5", "more", "end", "not whole"),
            ("frame 9 whole f5", "fault:bad-end:9", "02:2:61 end", "fault bad-end is not found"),
            ("frame 9 whole f5", "02:2:61 end", "fault:bad-end:9", "refused as bad-end"),
            ("frame 9 whole f5", "fault:bad-end:9", "fault:bad-end:8", "offset 8, not 9"),
            ("text 2 ff", "fault:bad-text:0", "ok efbfbd nobom", "refused as bad-text is accepted"),
            ("text 2 efbbbf", "ok - bom", "ok - nobom", "byte order mark was there"),
            ("hello 42", "ok major=1 minor=0", "ok major=1 minor=1", "minor is read"),
            ("message 82 0 -", "ignored", "ok CANCEL id=1", "treated as ignored"),
            ("session server", "- hello close:1002:malformed", "- hello got:03:00", "malformed is not noticed"),
            ("session server", "close:1002:malformed", "close:1003:unknown-kind", "the code 1003, not 1002 malformed"),
            (
                "session server",
                "error:1:2:1007:bad-text",
                "error:1:1:1007:bad-text",
                "frame number of the ERROR is 1, not 2",
            ),
            ("session server", "- ping", "- -", "no PING"),
            ("session server", "pong:61", "pong:-", "other bytes"),
            ("session server", "refused:not-open", "sent", "refused as not-open is sent"),
            ("session server", "-", "got:02:61", "delivered that must not be"),
            ("session server", "end:no-close", "-", "does not end"),
        ] {
            let found = name(request, expected, seen).unwrap_or_default();
            assert!(found.contains(named), "{expected} / {seen}: {found}");
        }
        assert_eq!(name("session server", "- hello", "- hello"), None);
    }
}
