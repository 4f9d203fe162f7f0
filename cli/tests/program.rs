//! The program `bookend` as users run it: a process with pipes, and a hub over TCP.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::process::{Output, Stdio};

use bookend::{Code, Message, PresenceEvent};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub::{Hub, OWN, Posted, presence, text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

fn bookend(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program was built")
}

async fn end(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = timeout(HANG_TIMEOUT, child.wait_with_output()).await.unwrap().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A listener and its address.
async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(HANG_TIMEOUT, listener.accept()).await.unwrap().unwrap().0
}

#[tokio::test]
async fn chat_posts_and_prints_and_exits_with_0() {
    let (listener, address) = listen().await;
    let mut child = bookend(&["chat", &address, "--name", "ann", "--room", "den"]);
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    assert_eq!((hub.peer().name(), hub.peer().room()), (Some("ann"), Some("den")));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all("grüß\r\n".as_bytes()).await.unwrap();
    assert_eq!(hub.next().await, Posted::text("grüß"));
    hub.deliver(OWN, 0, "ann", text("grüß")).await;
    stdin.write_all(b"no line end").await.unwrap();
    drop(stdin);
    assert_eq!(hub.rest().await, (vec![Posted::text("no line end")], Some(Code::NORMAL)));
    assert_eq!(end(child).await, (Some(0), "* ann here\nann: grüß\n".into(), String::new()));
}

#[tokio::test]
async fn several_hosts_are_tried_in_order_and_after_a_loss_the_next_is_first() {
    let ((closed, nobody), (first, one), (second, two)) = (listen().await, listen().await, listen().await);
    drop(closed);
    let mut child = bookend(&["chat", &format!("{nobody},{one},{two}"), "--name", "ann"]);
    let mut hub = Hub::welcome(accept(&first).await, &[]).await;
    hub.close(Code::GOING_AWAY, "").await;
    let mut hub = Hub::welcome(accept(&second).await, &[]).await;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"here\n").await.unwrap();
    assert_eq!(hub.next().await, Posted::text("here"));
    drop(stdin);
    hub.rest().await;
    let (code, _, stderr) = end(child).await;
    assert_eq!(code, Some(0));
    assert!(stderr.contains("going-away") && stderr.contains("reconnected"), "{stderr}");
    drop((first, second));
    let (code, _, stderr) = end(bookend(&["send", &format!("{one},{two}"), "hi"])).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains(&format!("{one}: TCP: connection-refused")), "{stderr}");
    assert!(stderr.contains(&format!("; {two}: TCP: connection-refused")), "{stderr}");
}

#[tokio::test]
async fn token_is_read_from_a_file_or_from_the_environment() {
    let (listener, address) = listen().await;
    let path = std::env::temp_dir().join(format!("bookend-program-token-{}", std::process::id()));
    std::fs::write(&path, "from a file\n").unwrap();
    for (words, token) in [
        (&["send", &address, "--token-file", path.to_str().unwrap(), "hi"][..], &b"from a file"[..]),
        (&["send", &address, "hi"], b"from the environment"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
        let mut child =
            command.args(words).env("BOOKEND_TOKEN", "from the environment").kill_on_drop(true).spawn().unwrap();
        let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
        assert_eq!(hub.peer().token(), Some(token));
        assert_eq!(hub.rest().await, (vec![Posted::text("hi")], Some(Code::NORMAL)));
        assert!(timeout(HANG_TIMEOUT, child.wait()).await.unwrap().unwrap().success());
    }
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn ping_prints_times_and_a_summary() {
    let (listener, address) = listen().await;
    let child = bookend(&["ping", &address, "--count", "1", "--timeout", "30s"]);
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    assert!(hub.peer().room().unwrap().starts_with("ping-"), "no member is notified");
    assert_eq!(hub.rest().await, (vec![], Some(Code::NORMAL)));
    let (code, stdout, stderr) = end(child).await;
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout.starts_with(&format!("PONG from {address}: seq=1 time=")), "{stdout}");
    assert!(stdout.contains("1 sent, 1 answered\nrtt min/avg/max/mdev = "), "{stdout}");
}

#[tokio::test]
async fn completions_and_manual_pages_are_generated() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, stdout, _) = end(bookend(&["completions", shell])).await;
        assert_eq!(code, Some(0));
        assert!(stdout.contains("token-file") && stdout.contains("relay"), "{shell}: {stdout}");
    }
    let folder = std::env::temp_dir().join(format!("bookend-man-{}", std::process::id()));
    let (code, stdout, stderr) = end(bookend(&["man", folder.to_str().unwrap()])).await;
    assert_eq!((code, &*stderr), (Some(0), ""));
    for line in stdout.lines() {
        let page = std::fs::read_to_string(line).unwrap();
        assert!(page.contains(".TH bookend") && page.contains(".SH OPTIONS"), "{line}: {page}");
    }
    assert!(stdout.contains("bookend-chat.1") && stdout.contains("bookend-ping.1"), "{stdout}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn send_exits_after_the_confirmation() {
    let (listener, address) = listen().await;
    let child = bookend(&["send", &address, "to", "be"]);
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    assert_eq!(hub.rest().await, (vec![Posted::text("to be")], Some(Code::NORMAL)));
    assert_eq!(end(child).await, (Some(0), String::new(), String::new()));
}

#[tokio::test]
async fn bad_line_is_exit_code_1_and_the_others_are_sent() {
    let (listener, address) = listen().await;
    let mut child = bookend(&["send", &address]);
    child.stdin.take().unwrap().write_all(b"one\r\ntw\xF6\nthree").await.unwrap();
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    assert_eq!(hub.rest().await.0, [Posted::text("one"), Posted::text("three")]);
    let expected = "bookend: line 2: bad-text: byte 2 is not utf-8\nbookend: 3 messages read: 2 confirmed, 1 refused (at 2), 0 unconfirmed, 0 not sent\n";
    assert_eq!(end(child).await, (Some(1), String::new(), expected.into()));
}

#[tokio::test]
async fn refused_connection_is_exit_code_3_with_stage_and_fix() {
    let (listener, address) = listen().await;
    drop(listener);
    for command in ["chat", "send", "listen", "ping"] {
        let (code, stdout, stderr) = end(bookend(&[command, &address])).await;
        assert_eq!((code, &*stdout), (Some(3), ""));
        assert!(stderr.starts_with(&format!("bookend: {address}: TCP: connection-refused: ")), "{stderr}");
        assert!(
            stderr.ends_with("\nbookend: is the hub running? bookend-server starts one; --wait TIME waits for it\n"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn web_server_is_exit_code_3_and_identified() {
    let (listener, address) = listen().await;
    let child = bookend(&["listen", &address]);
    let mut stream = accept(&listener).await;
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    while stream.read_buf(&mut Vec::new()).await.unwrap_or(0) > 0 {}
    let (code, _, stderr) = end(child).await;
    assert_eq!(code, Some(3), "{stderr}");
    let expected = ": HELLO: no-close: foreign-http (certain): an HTTP answer: \"HTTP/1.1 400 Bad Request\"\n";
    assert!(stderr.contains(expected) && stderr.contains("this is HTTP: correct the address or port"), "{stderr}");
}

#[tokio::test]
async fn invalid_option_is_exit_code_2_and_help_is_0() {
    assert_eq!(end(bookend(&["chat", "--send-hex", "2", "ff"])).await.0, Some(2));
    assert_eq!(end(bookend(&["listen", "host:port"])).await.0, Some(2));
    let (code, stdout, stderr) = end(bookend(&["send", "--help"])).await;
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout.contains("Exit codes:"), "{stdout}");
}

#[tokio::test]
async fn lost_hub_is_exit_code_1() {
    let (listener, address) = listen().await;
    let child = bookend(&["listen", &address, "--json", "--once"]);
    Hub::welcome(accept(&listener).await, &[]).await.close(Code::GOING_AWAY, "shutting down").await;
    let (code, _, stderr) = end(child).await;
    let expected =
        format!("bookend: {address}: session: going-away: the peer closed: 1001 going-away: shutting down\n");
    assert_eq!((code, stderr), (Some(1), expected));
}

#[cfg(unix)]
#[tokio::test]
async fn closed_output_ends_the_program_quietly_although_nobody_speaks() {
    let (listener, address) = listen().await;
    let mut child = bookend(&["listen", &address]);
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    drop(child.stdout.take());
    assert_eq!(timeout(HANG_TIMEOUT, hub.rest()).await.expect("the program ends").1, Some(Code::NORMAL));
    assert_eq!(end(child).await, (Some(0), String::new(), String::new()));
}

#[tokio::test]
async fn listen_prints_messages_only_to_a_pipe_unless_presence_is_wanted() {
    for (more, lines, losses) in [
        (&[][..], "bob: one\n* closing soon\n", "bookend: 3 messages were missed\n"),
        (
            &["--presence"],
            "* bob here\n* guest here\n* cid joined\nbob: one\n* 3 messages missed\n* closing soon\n",
            "",
        ),
    ] {
        let (listener, address) = listen().await;
        let child = bookend(&[&["listen", &address, "--count", "2"], more].concat());
        let mut hub = Hub::welcome(accept(&listener).await, &[(7, "bob")]).await;
        hub.say(&presence(8, PresenceEvent::Joined, "cid")).await;
        hub.deliver(7, 0, "bob", text("one")).await;
        hub.say(&Message::Gap { missed: 3 }).await;
        hub.deliver(0, 0, "", text("closing soon")).await;
        hub.rest().await;
        let (_, stdout, stderr) = end(child).await;
        assert_eq!((&*stdout, &*stderr), (lines, losses));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn output_that_cannot_be_written_is_exit_code_1() {
    let program = env!("CARGO_BIN_EXE_bookend");
    let (_listener, address) = listen().await;
    let mut cases = vec![(format!("{program} listen {address} >&-"), "it is closed")];
    if cfg!(target_os = "linux") {
        cases.push((format!("{program} --help >/dev/full"), "No space left on device"));
        cases.push((format!("{program} completions bash >/dev/full"), "No space left on device"));
    }
    for (line, why) in cases {
        let shell = Command::new("sh").args(["-c", &line]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let (code, _, stderr) = end(shell.unwrap()).await;
        assert_eq!(code, Some(1), "{line}: {stderr}");
        assert!(stderr.starts_with("bookend: standard output: ") && stderr.contains(why), "{line}: {stderr}");
    }
}

#[tokio::test]
async fn wait_is_for_a_hub_that_is_not_there_yet() {
    let (listener, address) = listen().await;
    drop(listener);
    let waiting = bookend(&["send", &address, "--wait", "60s", "early"]);
    let failed = bookend(&["listen", &address, "--wait", "100ms"]);
    let (code, _, errors) = end(failed).await;
    assert_eq!(code, Some(3), "{errors}");
    assert!(errors.contains("; trying again\n") && errors.contains("is the hub running?"), "{errors}");
    let listener = TcpListener::bind(&address).await.unwrap();
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    assert_eq!(hub.rest().await, (vec![Posted::text("early")], Some(Code::NORMAL)));
    let (code, _, errors) = end(waiting).await;
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.ends_with("bookend: connected\n"), "{errors}");
}

#[cfg(unix)]
#[tokio::test]
async fn interrupt_closes_the_session() {
    let (listener, address) = listen().await;
    let mut child = bookend(&["chat", &address]);
    let mut hub = Hub::welcome(accept(&listener).await, &[]).await;
    // It handles the signal from its first line on.
    child.stdout.as_mut().unwrap().read_u8().await.unwrap();
    let id = child.id().unwrap().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().await.unwrap();
    assert!(killed.success());
    assert_eq!(timeout(HANG_TIMEOUT, hub.rest()).await.unwrap().1, Some(Code::NORMAL));
    assert_eq!(end(child).await.0, Some(130));
}

#[tokio::test]
async fn unusable_tls_options_are_exit_code_2() {
    for (words, expected) in [
        (["--ca", "/nowhere/ca.pem"], "bookend: /nowhere/ca.pem: "),
        (["--ca", env!("CARGO_MANIFEST_PATH")], "Cargo.toml: certificate-unreadable: it contains no certificate\n"),
        (["--server-name", "a b"], "bookend: --server-name: bad-server-name: "),
    ] {
        let child = bookend(&["send", "tls://127.0.0.1:1", words[0], words[1], "hello"]);
        let (code, _, errors) = end(child).await;
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
}
