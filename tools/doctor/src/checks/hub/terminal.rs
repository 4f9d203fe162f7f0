//! Line terminals: people who type lines, on the same port (SPEC 9, Line terminals).
//!
//! A terminal is in the hub's default room, and so are the members of these scenes.

use std::time::Duration;

use bookend::{Encoding, Encodings, Hello, PresenceEvent, kind};

use super::super::CheckResult;
use super::cast::named;
use super::line_peer::Terminal;
use super::member::{Event, Member, leave_all, quoted};
use super::script::Script;
use crate::frame::frame;
use crate::report::Finding;
use crate::target::Target;

/// The HELLO of a member of the default room.
fn hello(target: &Target) -> Hello {
    let own = target.hello();
    let hello =
        Hello::new().with_accepted(Encodings::ALL).with_preferred(Encoding::Utf8).with_keepalive(0).with_hub(true);
    let hello = hello.with_max_body(1 << 20);
    match own.token() {
        Some(token) => hello.clone().with_token(token).unwrap_or(hello), // it was one before
        None => hello,
    }
}

/// The first line is missing: does the server answer a terminal all the same?
async fn ungreeted(target: &Target, name: &'static str, not_applicable: Finding) -> CheckResult {
    let peer = target.connect(name).await?;
    let mut terminal = Terminal { peer, seen: Vec::new(), timeout: target.timeout() };
    if terminal.reads(b"\n").await.is_ok() {
        return Ok(Finding::warns(format!("the first line came late: {}", quoted(&terminal.seen))));
    }
    terminal.types(b"hello\r\n").await;
    terminal.settles().await;
    match terminal.seen.first() {
        None | Some(0xF5) => Err(not_applicable),
        Some(_) => Err(Finding::fails(format!(
            "no line arrived before anything was sent; for the line \"hello\", {} arrived",
            quoted(&terminal.seen)
        ))
        .named("a line terminal is not greeted")),
    }
}

/// The first line: a name, the date, the time.
pub(super) async fn hub_terminal_line(target: &Target, name: &'static str) -> CheckResult {
    let (_terminal, line) = match Terminal::connect(target, name).await {
        Ok(greeted) => greeted,
        Err(finding) => return ungreeted(target, name, finding).await,
    };
    let words = String::from_utf8_lossy(&line).into_owned();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let year = 1970 + since / 31_556_952;
    let has_year = (year - 1..=year + 1).any(|year| words.contains(&year.to_string()));
    let digits: Vec<bool> = words.chars().map(|c| c.is_ascii_digit()).collect();
    let is_time = |at: usize, c: char| c == ':' && at > 0 && digits[at - 1] && digits.get(at + 1) == Some(&true);
    let has_time = words.chars().enumerate().any(|(at, c)| is_time(at, c));
    let seen = format!("the first line is {}", quoted(&line));
    if !line.ends_with(b"\r\n") || line.len() > 1024 || line.contains(&0xF5) {
        return Err(Finding::fails(format!("{seen}; expected at most 1,024 bytes that end in CR LF, without F5")));
    }
    if !has_year || !has_time {
        return Err(Finding::fails(format!(
            "{seen}; expected the name of the hub, the date with the year, and the time"
        )));
    }
    Ok(Finding::ok(seen))
}

/// What a terminal types reaches the others, line by line.
pub(super) async fn hub_terminal_lines(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut terminal = Terminal::enter(target, name).await?;
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "doctor ann")).await?;
    ann.name().await?;
    let mark = ann.log.len();
    let long = "l".repeat(1024);
    let cases: [(&str, &[u8], &str); 10] = [
        ("a line that ends in CR LF", b"crlf\r\n", "crlf"),
        ("a line that ends in LF", b"lf\n", "lf"),
        ("a line that ends in CR NUL", b"cr nul\r\0", "cr nul"),
        ("a line that ends in CR", b"cr\r", "cr"),
        ("a line after it", b"after cr\r\n", "after cr"),
        ("UTF-8", "grüß 😀\r\n".as_bytes(), "grüß 😀"),
        ("a line of 1,024 bytes", &[long.as_bytes(), b"\r\n"].concat(), &long),
        ("telnet options", b"tel\xFF\xFB\x1F\xFF\xFD\x01net\r\n", "telnet"),
        ("a telnet subnegotiation", b"sub\xFF\xFA\x18\x01x\xFF\xF0neg\r\n", "subneg"),
        ("the last line", b"last\r\n", "last"),
    ];
    for (what, bytes, _) in &cases {
        script.step(format!("a terminal types {what}, {}", quoted(bytes)));
        terminal.types(bytes).await;
        tokio::time::sleep(Duration::from_millis(30)).await; // as a person would
    }
    ann.find(|event| event.says("last").then_some(()))
        .await
        .map_err(|missing| script.missing("ann", "\"last\"", &missing))?;
    let said: Vec<String> = ann.log[mark..]
        .iter()
        .filter_map(Event::delivery)
        .map(|it| String::from_utf8_lossy(&it.payload).into_owned())
        .collect();
    for (place, (what, bytes, text)) in cases.iter().enumerate() {
        if said.get(place).map(String::as_str) != Some(text) {
            let seen = said.get(place).map_or("nothing".into(), |seen| quoted(seen.as_bytes()));
            script.step(format!("a terminal types {what}, {}", quoted(bytes)));
            return Err(
                script.fails(format!("ann receives {} as message {}", quoted(text.as_bytes()), place + 1), seen)
            );
        }
    }
    script.step("a terminal sends WILL 31 and DO 1 within a line");
    terminal.settles().await;
    if !terminal.shows(b"\xFF\xFE\x1F") || !terminal.shows(b"\xFF\xFC\x01") {
        return Err(script
            .fails("the terminal receives DONT 31 (FF FE 1F) and WONT 1 (FF FC 01)", "it does not")
            .with_fix("refuse telnet options: WILL by DONT, DO by WONT (R9.18)"));
    }
    script.step("a terminal types a line of 1,025 bytes, and a line with FF FF");
    let mark = ann.log.len();
    terminal.types(b"ff\xFF\xFFff\r\n").await;
    terminal.types(&[&[b'x'; 1025][..], b"\r\n"].concat()).await;
    terminal.settles().await;
    ann.settle().await;
    if let Some(event) = ann.log[mark..].iter().find(|event| event.delivery().is_some_and(|it| it.payload.len() > 1024))
    {
        return Err(script.fails("no message of more than 1,024 bytes", format!("{event} arrived")));
    }
    if let Some(event) = ann.log[mark..].iter().find(|event| event.says("ffff")) {
        return Err(script.fails("FF FF stands for a byte FF, which is no UTF-8", format!("{event} arrived")));
    }
    ann.leave().await;
    Ok(Finding::ok(
        "lines that end in CR LF, LF, CR NUL and CR, of up to 1,024 bytes, reach the others without telnet options",
    ))
}

/// Corrections in a line that has not ended.
pub(super) async fn hub_terminal_corrections(target: &Target, name: &'static str) -> CheckResult {
    let mut terminal = Terminal::enter(target, name).await?;
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "doctor ann")).await?;
    for (what, bytes, text) in [
        ("U+0008", &b"one ax\x08b\r\n"[..], "one ab"),
        ("U+007F", b"two ax\x7Fb\r\n", "two ab"),
        ("telnet EC", b"three ax\xFF\xF7b\r\n", "three ab"),
        ("telnet EL", b"junk\xFF\xF8four\r\n", "four"),
    ] {
        terminal.types(bytes).await;
        let word = text.split(' ').next().unwrap_or(text);
        let heard = ann.find(|event| {
            let payload = &event.delivery()?.payload;
            payload.windows(word.len()).any(|window| window == word.as_bytes()).then(|| payload.clone())
        });
        let heard = heard.await.map_err(|missing| missing.finding(&format!("the line with {what}")))?;
        if heard != text.as_bytes() {
            return Ok(Finding::warns(format!("after {what}, {} arrives instead of \"{text}\"", quoted(&heard))));
        }
    }
    ann.leave().await;
    Ok(Finding::ok("U+0008, U+007F, EC and EL correct a line that has not ended"))
}

/// What others say reaches a terminal in a form that does no harm, and nothing that is not for it.
pub(super) async fn hub_terminal_shows(target: &Target, name: &'static str) -> CheckResult {
    const END: &str = "end of the show";
    let mut script = Script::new();
    let mut terminal = Terminal::enter(target, name).await?;
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "doctor ann")).await?;
    let mut ben = Member::join(target, name, "ben", &named(&hello(target), "doctor ben")).await?;
    let mark = ann.log.len();
    terminal.types(b"here I am\r\n").await;
    let heard =
        ann.find(|event| event.delivery().filter(|_| event.says("here I am")).map(|it| (it.from, it.name.clone())));
    let (id, own) = heard.await.map_err(|missing| script.missing("ann", "the terminal's line", &missing))?;
    script.step("ann POSTs control characters, bidirectional controls and line breaks");
    let odd = "odd \u{1b}[2J \u{7} \u{9b} \u{202e} \u{2066} \r\ndoctor ben: forged\u{2028} \u{0}.";
    ann.post(0, Encoding::Utf8, odd.as_bytes()).await;
    ann.post(ben.id, Encoding::Ascii, b"not for the terminal").await;
    ann.post(id, Encoding::Ascii, b"for the terminal alone").await;
    ben.find(|event| event.says("not for the terminal").then_some(()))
        .await
        .map_err(|why| script.missing("ben", "a message", &why))?;
    ben.sync().await.map_err(|missing| script.missing("ben", "PONG", &missing))?;
    ann.post(0, Encoding::Ascii, END.as_bytes()).await;
    let read = terminal.reads(END.as_bytes()).await;
    read.map_err(|missing| script.missing("the terminal", format!("\"{END}\""), &missing))?;
    let text = String::from_utf8_lossy(&terminal.seen).into_owned();
    let bad = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{2028}', '\0'];
    if let Some(found) = bad.into_iter().find(|c| text.contains(*c)) {
        let seen = format!("the character U+{:04X} arrived as it is", u32::from(found));
        return Err(script
            .fails("`\\u{hex}` for each of them at the terminal", seen)
            .named("control characters reach a terminal"));
    }
    if text.lines().any(|line| line.starts_with("doctor ben: forged")) {
        let finding = script.fails("a line break in a payload as `\\u{hex}`", "a line \"doctor ben: forged\" arrived");
        return Err(finding.named("a line break forges another speaker's line"));
    }
    let lower = text.to_ascii_lowercase();
    if !lower.contains("\\u{1b}") || !lower.contains("\\u{202e}") {
        return Err(script.fails("`\\u{1b}` and `\\u{202e}` at the terminal", "they are not there"));
    }
    script.step(format!("ann POSTs one message to ben and one to the terminal, {id}"));
    if text.contains("not for the terminal") {
        return Err(script
            .fails("nothing of it at the terminal", "it is there")
            .named("the private message reached somebody else"));
    }
    if text.matches("for the terminal alone").count() != 1 {
        return Err(script.fails("the message to the terminal once", "it is not there, or twice"));
    }
    ben.settle().await;
    if ben.log.iter().any(|event| event.says("for the terminal alone")) {
        return Err(script
            .fails("ben receives nothing of it", "he does")
            .named("the private message reached somebody else"));
    }
    script.step("the terminal's connection ends");
    terminal.peer.end().await;
    drop(terminal);
    let left = ann.find(|event| match event {
        Event::Presence { member, event: PresenceEvent::Left, name } if *member == id => Some(name.clone()),
        _ => None,
    });
    let left = left.await.map_err(|missing| script.missing("ann", format!("PRESENCE left {id}"), &missing))?;
    if left != own || ann.log[mark..].is_empty() {
        return Err(script.fails(format!("PRESENCE left {id} \"{own}\""), format!("the name is \"{left}\"")));
    }
    leave_all([ann, ben]).await;
    Ok(Finding::ok("controls and line breaks are escaped, and only what is for the terminal reaches it"))
}

/// Names that imitate a line of somebody else, or of the hub.
pub(super) async fn hub_terminal_names(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut terminal = Terminal::enter(target, name).await?;
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "doctor ann")).await?;
    terminal.types(b"here I am\r\n").await;
    ann.find(|event| event.says("here I am").then_some(()))
        .await
        .map_err(|why| script.missing("ann", "the terminal's line", &why))?;
    let plain = hello(target).with_hub(false);
    let mut pat = Member::join(target, name, "pat, without the hub profile", &named(&plain, "doctor pat")).await?;
    for (number, wanted) in
        ["doctor ann: hi", "doctor:", "* doctor", "! doctor", "doctor *", "doctor (to you)", "doctor\u{A789} x"]
            .iter()
            .enumerate()
    {
        let hello = hello(target).with_name(wanted).unwrap_or_else(|_| hello(target)); // a plain line
        let mut eve = Member::join(target, name, "eve", &hello).await?;
        let given = eve.name().await?;
        let words = format!("show {number}.");
        script.step(format!("a member whose name is \"{given}\" POSTs \"{words}\""));
        eve.post(0, Encoding::Ascii, words.as_bytes()).await;
        terminal.reads(words.as_bytes()).await.map_err(|why| script.missing("the terminal", &words, &why))?;
        let text = String::from_utf8_lossy(&terminal.seen).into_owned();
        let line = text.lines().rev().find(|line| line.contains(&words)).unwrap_or_default().to_owned();
        let told = pat.find(|event| match event {
            Event::Message(_, body) if event.says(&words) => Some(String::from_utf8_lossy(body).into_owned()),
            _ => None,
        });
        let told = told.await.map_err(|missing| script.missing(pat.role, "MESSAGE", &missing))?;
        // A star or an exclamation mark before the end of a name is harmless: only those at the start, or before a blank.
        for (who, line) in [("the terminal", &line), (pat.role, &told)] {
            if given != "doctor *" && (line.contains(&given) || !line.contains("\\u{")) {
                let expected = format!("{who} is shown this name with `\\u{{hex}}` for what imitates a line");
                let finding = script.fails(expected, format!("it is shown \"{line}\""));
                return Err(finding.named("a name imitates another speaker or the hub"));
            }
        }
        eve.leave().await;
    }
    leave_all([ann, pat]).await;
    Ok(Finding::ok("names that imitate a speaker or the hub are shown with \\u{hex}, at a terminal and in a MESSAGE"))
}

/// What no person types: HTTP, and a HELLO after other bytes.
pub(super) async fn hub_terminal_refuses(target: &Target, name: &'static str) -> CheckResult {
    let mut script = Script::new();
    let mut ann = Member::join(target, name, "ann", &named(&hello(target), "doctor ann")).await?;
    ann.settle().await;
    let wire = frame(kind::HELLO, Encoding::Binary, &hello(target).body());
    for (what, bytes, reason) in [
        ("an HTTP request", b"GET /doctor HTTP/1.1\r\nHost: doctor\r\n\r\n".to_vec(), &b""[..]),
        ("another HTTP request", b"POST /doctor HTTP/1.0\r\n\r\ndoctor".to_vec(), b""),
        (
            "a HELLO after its length",
            [&u32::try_from(wire.len()).unwrap_or(0).to_be_bytes()[..], &wire].concat(),
            b"bad-start",
        ),
        ("a HELLO after a byte order mark", [b"\xEF\xBB\xBF", &wire[..]].concat(), b"bad-start"),
        ("a HELLO after a line \"doctor\"", [b"doctor\n", &wire[..]].concat(), b"bad-start"),
        ("a HELLO after 1,024 bytes", [&[b'd'; 1024][..], &wire].concat(), b"bad-start"),
    ] {
        script.step(format!("a terminal sends {what}"));
        let (mut terminal, _) = Terminal::connect(target, name).await?;
        // In two writes without a pause: a read may end within it.
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        terminal.types(head).await;
        terminal.types(tail).await;
        if !terminal.ends().await {
            return Err(
                script.fails("it is refused, and the stream ends", format!("{} arrived", quoted(&terminal.seen)))
            );
        }
        if !terminal.shows(reason) {
            let finding = script.fails("it is refused with bad-start", format!("{} arrived", quoted(&terminal.seen)));
            return Err(finding);
        }
        ann.settle().await;
        let heard =
            ann.log.iter().find(|event| event.delivery().is_some_and(|it| !it.payload.is_empty() && it.from != 0));
        if let Some(event) = heard {
            return Err(script.fails("nothing of it reaches the room", format!("ann receives {event}")));
        }
    }
    ann.leave().await;
    Ok(Finding::ok("HTTP, and a HELLO after other bytes, are refused, and nothing of them reaches a room"))
}
