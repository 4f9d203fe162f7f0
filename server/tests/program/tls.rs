//! TLS listeners of the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::running::{Directory, Running, output, program};
use bookend_testing::{Authority, HANG_TIMEOUT};

type Secure = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// The program with a TLS listener, and a settings file that it can reload.
fn start(authority: &Authority, directory: &Directory, more: &str) -> Running {
    let file = directory.file("hub.toml", &settings(authority, more));
    Running::start(&mut program(&["--config", &file]), 1)
}

fn settings(authority: &Authority, more: &str) -> String {
    let (certificate, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    format!("listen = 'tls://127.0.0.1:0'\n[tls]\ncertificate = '{certificate}'\nkey = '{key}'\n{more}")
}

/// The port of the first address, `listening on tls://127.0.0.1:PORT - join: …`.
fn port(running: &Running) -> u16 {
    let place = running.printed[0].strip_prefix("listening on tls://127.0.0.1:").unwrap();
    place.split(' ').next().unwrap().parse().unwrap()
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    stream
}

/// A person who connects over TLS and sends something.
fn secure(port: u16, client: Arc<ClientConfig>, words: &str) -> std::io::Result<Secure> {
    let session = ClientConnection::new(client, "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, connect(port));
    stream.write_all(words.as_bytes())?;
    stream.flush()?;
    let mut person = BufReader::new(stream);
    let mut greeting = String::new();
    person.read_line(&mut greeting)?;
    assert!(greeting.starts_with("Bookend hub, "), "{greeting}");
    Ok(person)
}

fn line(person: &mut Secure) -> String {
    let mut line = String::new();
    person.read_line(&mut line).unwrap();
    line
}

#[test]
fn people_join_with_s_client_and_receive_everything() {
    let Ok(openssl) = Command::new("openssl").arg("version").stdout(Stdio::piped()).spawn() else {
        eprintln!("NOT TESTED: there is no openssl here");
        return;
    };
    drop(openssl.wait_with_output());
    let (authority, directory) = (Authority::new(), Directory::new());
    let running = start(&authority, &directory, "");
    let place = format!("127.0.0.1:{}", port(&running));
    assert!(running.printed[0].ends_with(&format!(" - join: openssl s_client -quiet -connect {place}")));
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-verify_return_error", "-CAfile", &authority.path("ca.pem"), "-connect"]);
    let mut client =
        command.arg(&place).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    client.stdin.as_mut().unwrap().write_all(b"/help\n/quit\n").unwrap();
    let mut output = String::new();
    client.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(client.wait().unwrap().success());
    assert!(output.starts_with("Bookend hub, ") && output.contains("\r\n* you are guest-1 "), "{output}");
    assert!(output.ends_with("* bye\r\n"), "{output}");
}

#[cfg(unix)]
#[test]
fn a_reload_uses_a_new_certificate_or_keeps_the_old_one() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let mut running = start(&authority, &directory, "");
    running.wait_for("INFO certificate subject=\"CN=hub\" fingerprint=");
    let port = port(&running);
    let trusting = authority.trusted(None);
    let mut ann = secure(port, trusting.clone(), "/name ann\n").unwrap();
    line(&mut ann);
    let another = authority.server();
    let expired = authority.expired();
    for (certificate, key, why) in [
        ("nonsense", &*another.key, "hub.toml:3:15: tls.certificate: "),
        (&*another.certificate, &*authority.server().key, "the key does not belong to the certificate"),
        (&*expired.certificate, &*expired.key, "the certificate expired at 2020-12-31T00:00:00Z"),
    ] {
        authority.write("cert.pem", certificate);
        authority.write("key.pem", key);
        let check = output(&mut program(&["--config", &directory.path("hub.toml"), "--check-config"]));
        assert!(check.0 == Some(2) && check.2.contains(why), "{check:?}");
        running.signal("HUP");
        let line = running.wait_for("reload-refused");
        assert!(line.contains("ERROR") && line.contains(why), "{why}: {line}");
        secure(port, trusting.clone(), "/quit\n").expect("the old certificate holds");
    }
    authority.write_pair(&another);
    running.signal("HUP");
    running.wait_for("INFO certificate subject=");
    running.wait_for("INFO reload changed=0");
    secure(port, trusting, "/quit\n").unwrap();
    ann.get_mut().write_all(b"still here\n").unwrap();
    while line(&mut ann) != "ann: still here\r\n" {}

    let other = Authority::new();
    authority.write_pair(&other.server());
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    assert!(secure(port, authority.trusted(None), "\n").is_err(), "it shows the new one");
    running.wait_for("INFO tls-failed peer=\"127.0.0.1:");
    assert!(running.seen.contains("cause=\"refused-by-peer\""), "{}", running.seen);
    secure(port, other.trusted(None), "/quit\n").unwrap();
}

#[cfg(unix)]
#[test]
fn certificates_are_reloaded_without_a_settings_file() {
    let authority = Authority::new();
    let certificate = format!("tls.certificate={}", authority.path("cert.pem"));
    let key = format!("tls.key={}", authority.path("key.pem"));
    let flags = ["--listen", "tls://127.0.0.1:0", "--set", &certificate, "--set", &key];
    let mut running = Running::start(&mut program(&flags), 1);
    let other = Authority::new();
    authority.write_pair(&other.server());
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    secure(port(&running), other.trusted(None), "/quit\n").unwrap();
}

#[test]
fn failed_handshakes_are_logged_with_the_cause() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let more = format!("client_ca = '{}'\nhandshake_timeout = '3s'\n", authority.path("ca.pem"));
    let mut running = start(&authority, &directory, &more);
    let port = port(&running);
    for (bytes, cause) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "cause=\"not-tls\" detail=\"foreign-http: "),
        (b"\xF5\xF8\x01", "cause=\"not-tls\" detail=\"bookend: Bookend without TLS\" input=\\xf5\\xf8\\x01"),
        (b"\x16\x03\x01\x00\x05nonsense", "cause=\"bad-message\""),
        (b"", "cause=\"timeout\" detail=\"no bytes arrived\""),
        (b"\x16\x03\x01\x02\x00\x01", "cause=\"timeout\" detail=\"the ClientHello is incomplete\""),
    ] {
        let mut stream = connect(port);
        stream.write_all(bytes).unwrap();
        let line = running.wait_for("tls-failed");
        let peer = stream.local_addr().unwrap();
        assert!(line.contains(&format!("peer=\"{peer}\"")) && line.contains(cause), "{cause}: {line}");
    }
    connect(port).write_all(b"/token sesame\r\n").unwrap();
    let line = running.wait_for("tls-failed");
    assert!(line.contains("detail=\"a line with a token\" input=***") && !line.contains("sesame"), "{line}");
    let mallory = Authority::new().client("ann");
    for (shown, cause) in [(None, "no-certificate"), (Some(&mallory), "certificate-unknown-issuer")] {
        assert!(secure(port, authority.trusted(shown), "\n").is_err());
        let line = running.wait_for("tls-failed");
        assert!(line.contains(&format!("cause=\"{cause}\"")), "{line}");
    }
    let ann = authority.client("ann");
    let mut browser = (*authority.trusted(Some(&ann))).clone();
    browser.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
    assert!(secure(port, browser.into(), "\n").is_err());
    running.wait_for("cause=\"no-application-protocol\"");
    // The stream ends without close_notify: the session detects truncation.
    let mut rude = secure(port, authority.trusted(Some(&ann)), "").unwrap();
    let mut hello = Vec::new();
    bookend::Hello::new().with_hub(true).encode(&mut hello);
    rude.get_mut().write_all(&hello).unwrap();
    rude.get_mut().flush().unwrap();
    running.wait_for("INFO join");
    rude.get_ref().get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    running.wait_for("fault=\"no-close\"");
    let _ann = secure(port, authority.trusted(Some(&ann)), "\n").unwrap();
    let shown = running.wait_for("client-certificate");
    assert!(shown.contains("subject=\"CN=ann\" fingerprint=\""), "{shown}");
    assert!(running.wait_for("INFO connect").contains("(CN=ann)\""));
}

#[test]
fn a_tls_address_needs_a_certificate_and_its_key() {
    let file = "/nowhere/cert.pem";
    for (arguments, why) in [
        (
            &["--listen", "tls://127.0.0.1:0"][..],
            "--listen: listen: tls://127.0.0.1:0 needs tls.certificate and tls.key".to_owned(),
        ),
        (&["--set", "tls.certificate=c.pem"], "--set: tls.certificate: it needs tls.key".into()),
        (&["--set", "tls.key=k.pem"], "--set: tls.key: it needs tls.certificate".into()),
    ] {
        let (code, _, complaint) = output(&mut program(arguments));
        assert_eq!((code, complaint), (Some(2), format!("bookend-server: {why}\n")));
    }
    let certificate = format!("tls.certificate={file}");
    let (code, _, complaint) = output(&mut program(&["--set", &certificate, "--set", "tls.key=k.pem"]));
    assert_eq!(code, Some(2));
    assert!(complaint.starts_with(&format!("bookend-server: --set: tls.certificate: {file}: ")), "{complaint}");
}

#[cfg(unix)]
#[test]
fn the_end_of_a_certificate_is_announced() {
    let (authority, directory) = (Authority::new(), Directory::new());
    authority.write_pair(&authority.about_to_expire());
    let admin = directory.path("admin");
    let mut running = start(&authority, &directory, &format!("[admin]\nlisten = 'unix:{admin}'\n"));
    let warning = running.wait_for("WARN certificate-expires ends=");
    assert!(warning.ends_with(" days=0"), "{warning}");
    let days = || {
        let (_, metrics) = crate::admin::unix(&admin, "GET /metrics", "");
        let value = metrics.split("\nbookend_certificate_days_left ").nth(1).unwrap();
        value.lines().next().unwrap().parse::<f64>().unwrap()
    };
    assert!((0.4..0.51).contains(&days()), "{}", days());
    authority.write_pair(&authority.server());
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    assert!(days() > 365.0, "{}", days());
    assert!(!running.seen.contains("certificate-expired"), "{}", running.seen);
}

#[test]
fn a_chain_that_clients_will_refuse_is_reported() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let file = directory.file("hub.toml", &settings(&authority, ""));
    let check = || output(&mut program(&["--config", &file, "--check-config"]));
    let leaf = authority.server();
    let root = std::fs::read_to_string(authority.path("ca.pem")).unwrap();
    let stranger = std::fs::read_to_string(Authority::new().path("ca.pem")).unwrap();
    for (certificate, words) in [
        (
            leaf.certificate.clone(),
            "is missing: unless that is a root that clients trust, append it as the intermediate",
        ),
        (format!("{}{root}", leaf.certificate), ""),
        (format!("{}{stranger}", leaf.certificate), "and not by the certificate of its issuer, CN=authority "),
    ] {
        authority.write("cert.pem", &certificate);
        authority.write("key.pem", &leaf.key);
        let (code, _, warnings) = check();
        let warning = warnings.lines().find(|line| line.contains(": tls.certificate: "));
        assert!(code == Some(0) && warning.is_some() != words.is_empty(), "{warnings}");
        assert!(warning.unwrap_or_default().contains(words), "{warnings}");
    }
}
