//! What an error suggests works: each test fails once, does what the fix says, and succeeds.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::process::Stdio;
use std::time::Duration;

use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs the program with these words. The exit code, and the fix: the last line of the errors.
async fn run(words: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    for name in ["ALL_PROXY", "HTTPS_PROXY", "NO_PROXY", "BOOKEND_TOKEN"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.args(words).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(TIMEOUT, command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), errors.lines().last().unwrap_or_default().to_owned())
}

async fn hub(config: Config) -> String {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    tokio::spawn(listener.run(Hub::new(config)));
    address
}

/// An HTTP proxy that offers this scheme, and lets the user `ann` with the password `sesame` through.
async fn http_proxy(offer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(client.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            if request.contains("\r\nProxy-Authorization: Basic YW5uOnNlc2FtZQ==\r\n") {
                let target = request.split(' ').nth(1).unwrap();
                let mut hub = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut hub).await; // either side may end first
            } else {
                let answer =
                    format!("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {offer}\r\n\r\n");
                client.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    address
}

/// The first word of the fix that begins like this.
fn word<'a>(fix: &'a str, beginning: &str) -> &'a str {
    let words = fix.split([' ', ',']).find(|word| word.starts_with(beginning));
    words.unwrap_or_else(|| panic!("no {beginning} in {fix:?}"))
}

#[tokio::test]
async fn an_http_proxy_that_wants_a_password_is_given_one() {
    let (hub, proxy) = (hub(Config::default()).await, http_proxy("Basic realm=\"x\"").await);
    let (code, fix) = run(&["send", &hub, "--proxy", &format!("http://{proxy}"), "hi"], &[]).await;
    assert_eq!(code, Some(3));
    assert!(fix.contains("--proxy") && !fix.contains("socks5"), "{fix}");
    let url = word(&fix, "http://").replace("USER", "ann").replace("HOST:PORT", &proxy);
    assert_eq!(run(&["send", &hub, "--proxy", &url.replace("PASSWORD", "sesame"), "hi"], &[]).await.0, Some(0));
    let (code, fix) = run(&["send", &hub, "--proxy", &url.replace("PASSWORD", "guessed"), "hi"], &[]).await;
    assert!(code == Some(3) && fix.contains("correct them"), "{fix}");
}

#[tokio::test]
async fn a_proxy_that_wants_no_password_is_not_said_to_want_one() {
    let (hub, proxy) = (hub(Config::default()).await, http_proxy("Negotiate").await);
    let (code, fix) = run(&["send", &hub, "--proxy", &format!("http://{proxy}"), "hi"], &[]).await;
    assert!(code == Some(3) && fix.contains("not a password") && !fix.contains("USER"), "{fix}");
}

#[tokio::test]
async fn a_hub_that_wants_a_token_is_given_one_in_each_way_that_the_fix_names() {
    let (token, entry) = make_token("ann", &["den".into()], Rights::READ_WRITE, None).unwrap();
    let access = Access::from_toml(&entry).unwrap();
    let hub = hub(Config { access, token_delay: Duration::from_millis(1), wrong_tokens: 1, ..Config::default() }).await;
    let (code, fix) = run(&["send", &hub, "hi"], &[]).await;
    assert_eq!(code, Some(3));
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixes-token");
    std::fs::write(&file, &token).unwrap();
    let option = word(&fix, "--token-file");
    assert_eq!(run(&["send", &hub, option, file.to_str().unwrap(), "hi"], &[]).await.0, Some(0));
    let variable = word(&fix, "BOOKEND_");
    assert_eq!(run(&["send", &hub, "hi"], &[(variable, &token)]).await.0, Some(0));

    let (code, fix) = run(&["send", &hub, "hi"], &[(variable, "guessed")]).await;
    assert!(code == Some(3) && fix.contains("token") && !fix.contains("full"), "{fix}");
    let (code, fix) = run(&["send", &hub, "--room", "attic", "hi"], &[(variable, &token)]).await;
    assert_eq!(code, Some(3));
    assert_eq!(run(&["send", &hub, word(&fix, "--room"), "den", "hi"], &[(variable, &token)]).await.0, Some(0));
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_waited_for_and_one_that_has_no_place_is_given_one() {
    let place = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let to = address.to_string();
    let (code, fix) = run(&["send", &to, "hi"], &[]).await;
    assert!(code == Some(3) && fix.contains("bookend-server starts one") && !fix.contains("cargo"), "{fix}");
    let option = word(&fix, "--wait");
    let words = ["send", &to, option, "20s", "hi"];
    let start = async {
        let listener = Listener::bind(address).await.unwrap();
        tokio::spawn(listener.run(Hub::new(Config { connections: 1, ..Config::default() })));
    };
    assert_eq!(tokio::join!(run(&words, &[]), start).0.0, Some(0));

    let guest = TcpStream::connect(address).await.unwrap(); // the only place
    let (code, fix) = loop {
        let refused = run(&["send", &to, "hi"], &[]).await;
        if refused.0 != Some(0) {
            break refused; // the hub has seen the guest
        }
    };
    assert!(code == Some(3) && fix.contains("this address") && fix.contains("close one"), "{fix}");
    drop(guest);
    // The hub may not have noticed yet.
    assert_eq!(run(&["send", &to, option, "20s", "hi"], &[]).await.0, Some(0));
}
