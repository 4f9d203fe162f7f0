//! docs/failures.md quotes what the program prints when a command fails, and its exit codes.

#![cfg(target_os = "linux")] // the page quotes its error messages
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bookend::Code;
use bookend_server::{Access, Config, Listener};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub::Hub;
use rcgen::{Certificate, CertificateParams, DnType, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

fn page() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/failures.md")).unwrap()
}

/// The command under a heading of the page, and what the page says it prints: standard error, and the exit code.
fn entry(heading: &str) -> (Vec<String>, String) {
    let page = page();
    let (_, section) = page.split_once(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no entry {heading}"));
    let (_, block) = section.split_once("```console\n$ bookend ").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let (command, quoted) = block.split_once('\n').unwrap();
    (command.split(' ').map(String::from).collect(), quoted.into())
}

/// Runs the command under a heading with another address, and compares. `…` stands for text that depends on the machine.
async fn tour(heading: &str, address: &str, environment: &[(&str, &str)]) {
    let (words, quoted) = entry(heading);
    let words: Vec<String> = words.iter().map(|word| word.replace(EXAMPLE, address)).collect();
    let output = timeout(HANG_TIMEOUT, start(&words, environment).wait_with_output()).await.unwrap().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap().replace(address, EXAMPLE);
    let printed = format!("{errors}exit code {}\n", output.status.code().unwrap());
    assert!(matches(&quoted, &printed), "{heading}: the page has\n{quoted}\nbut the program prints\n{printed}");
}

/// A folder with a `ca.pem` of an authority that issued no certificate.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failures");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ca.pem"), certify("another authority").0.pem()).unwrap();
    folder
});

/// A self-signed certificate for this machine.
fn certify(owner: &str) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, owner);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

/// The hub's address in the page.
const EXAMPLE: &str = "127.0.0.1:3990";

fn start(words: &[String], environment: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(words)
        .current_dir(&*FOLDER)
        .env_remove("BOOKEND_TOKEN")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// True if the lines are equal, except where a quoted line has `…`.
fn matches(quoted: &str, printed: &str) -> bool {
    let line_matches = |(quoted, printed): (&str, &str)| match quoted.split_once('…') {
        None => quoted == printed,
        Some((before, after)) => {
            printed.len() >= before.len() + after.len() && printed.starts_with(before) && printed.ends_with(after)
        }
    };
    quoted.lines().count() == printed.lines().count() && quoted.lines().zip(printed.lines()).all(line_matches)
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A server that sends these bytes to its first client, and reads until the end.
async fn server_of(bytes: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        while stream.read_buf(&mut Vec::new()).await.unwrap_or(0) > 0 {}
    });
    address
}

async fn real_hub(config: Config) -> String {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    tokio::spawn(listener.run(bookend_server::Hub::new(config)));
    address
}

#[tokio::test]
async fn unknown_host() {
    // A name with an empty label is invalid, so no resolver is asked: the machine may have no network.
    tour("Unknown host", EXAMPLE, &[]).await;
}

#[tokio::test]
async fn refused_port() {
    let (listener, address) = listen().await;
    drop(listener);
    tour("Refused port", &address, &[]).await;
}

#[tokio::test]
async fn filtered_port() {
    // The queue of the listener is full, so further connections are dropped, as by a firewall.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _first = TcpStream::connect(address).await.unwrap();
    tour("Filtered port", &address.to_string(), &[]).await;
}

#[tokio::test]
async fn not_bookend() {
    let http = server_of(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    tour("Not Bookend: HTTP", &http, &[]).await;
    tour("Not Bookend: SSH", &server_of(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n").await, &[]).await;
    tour("Not Bookend: TLS", &server_of(b"\x15\x03\x03\x00\x02\x02\x46").await, &[]).await;
    tour("Not TLS", &server_of(b"Bookend hub\r\n").await, &[]).await;
}

#[tokio::test]
async fn silent_server() {
    let (listener, address) = listen().await;
    tour("Silent server", &address, &[]).await;
    drop(listener);
}

#[tokio::test]
async fn bad_certificate() {
    let (certificate, key) = certify("the hub");
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = TlsAcceptor::from(Arc::new(config)).accept(stream).await; // the client rejects the certificate
    });
    tour("Bad certificate", &address, &[]).await;
}

#[tokio::test]
async fn bad_token() {
    let sha256 = "0".repeat(64); // the hash of no known token
    let tokens = format!("[[token]]\nname = 'ann'\nsha256 = '{sha256}'\nrooms = '*'\nrights = 'read'\n");
    let access = Access::from_toml(&tokens).unwrap();
    let config = || Config { access: access.clone(), token_delay: Duration::ZERO, ..Config::default() };
    tour("No token", &real_hub(config()).await, &[]).await;
    tour("Bad token", &real_hub(config()).await, &[("BOOKEND_TOKEN", "guessed")]).await;
}

#[tokio::test]
async fn version_mismatch() {
    let hello = b"\xF5\xF8\x01\0\0\0\0\x18BKND\r\n\x1A\n\xFF\x11\r\0\x02\0\x1F\0\0\x10\0\0\0\x1E\0\x01\xF8\xF5";
    tour("Version mismatch", &server_of(hello).await, &[]).await;
}

#[tokio::test]
async fn hub_full() {
    tour("Hub full", &real_hub(Config { connections: 0, ..Config::default() }).await, &[]).await;
}

#[tokio::test]
async fn kicked() {
    let (listener, address) = listen().await;
    let hub = async {
        let mut hub = Hub::welcome(listener.accept().await.unwrap().0, &[]).await;
        hub.close(Code::POLICY, "that was the third time").await;
    };
    tokio::join!(tour("Kicked", &address, &[]), hub);
}

#[tokio::test]
async fn hub_gone() {
    let (listener, address) = listen().await;
    let (words, _) = entry("Hub gone");
    assert_eq!(words.first().unwrap(), "send");
    let hub = async move {
        let mut hub = Hub::welcome(listener.accept().await.unwrap().0, &[]).await;
        drop(listener);
        hub.next().await;
        hub.vanish().await; // before it answers the PING
    };
    tokio::join!(tour("Hub gone", &address, &[]), hub);
}

#[tokio::test]
async fn exit_codes_equal_those_in_the_help() {
    let page = page();
    let (_, table) = page.split_once("\n## Exit codes\n").unwrap();
    let mut rows = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| -> Vec<String> { row.trim_matches('|').split('|').map(|cell| cell.trim().into()).collect() };
    let heads = cells(rows.next().unwrap());
    let rows: Vec<Vec<String>> = rows.skip(1).map(cells).collect();
    for (column, commands) in heads.iter().enumerate().skip(1) {
        for command in commands.split(", ").map(|command| command.trim_matches('`')) {
            let output = Command::new(env!("CARGO_BIN_EXE_bookend")).args([command, "--help"]).output().await.unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            let (_, codes) =
                help.split_once("Exit codes:\n").unwrap_or_else(|| panic!("the help of {command} has no exit codes"));
            let described: Vec<(String, String)> = codes
                .lines()
                .take_while(|line| line.starts_with("  "))
                .map(|line| line.trim().split_once(' ').unwrap())
                .map(|(code, means)| (code.into(), means.trim().into()))
                .collect();
            let written: Vec<(String, String)> = rows
                .iter()
                .filter(|row| !row[column].is_empty())
                .map(|row| (row[0].clone(), row[column].clone()))
                .collect();
            assert_eq!(written, described, "{command}");
        }
    }
}
