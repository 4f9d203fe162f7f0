//! The addresses on which it listens, and those that it refuses.

use crate::running::{Directory, Running, output, program};
use bookend_testing::Authority;

#[test]
fn a_reachable_address_must_be_allowed() {
    let (code, printed, complaint) = output(&mut program(&["--listen", "0.0.0.0:0"]));
    assert_eq!((code, &*printed), (Some(2), ""));
    let why = "there is neither encryption nor authentication";
    let reason = format!("other machines can reach 0.0.0.0:0, and {why}: to allow that, use --public or public = true");
    assert_eq!(complaint, format!("bookend-server: --listen: listen: {reason}\n"));

    let allowed = &mut program(&["--listen", "127.0.0.1:0", "--public"]);
    allowed.env("BOOKEND_LISTEN", "0.0.0.0:0");
    assert!(
        Running::start(allowed, 1).printed[0].starts_with("listening on 127.0.0.1:"),
        "the flag overrides the environment"
    );
}

#[test]
fn the_protection_of_a_listener_decides_whether_it_must_be_allowed() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let set = |name: &str, value: &str| ["--set".to_owned(), format!("{name}={value}")];
    let (_, entry, _) = output(&mut program(&["token", "ann"]));
    let tokens = set("access.tokens", &directory.file("tokens.toml", &entry));
    let certificate = set("tls.certificate", &authority.path("cert.pem"));
    let key = set("tls.key", &authority.path("key.pem"));
    let client_ca = set("tls.client_ca", &authority.path("ca.pem"));
    let (optional, reading) = (set("tls.client_optional", "true"), set("access.anonymous", "read"));
    let (plain, tls) = ("0.0.0.0:0", "tls://0.0.0.0:0");
    for (place, settings, refused) in [
        (plain, &[][..], Some("there is neither encryption nor authentication")),
        (plain, &[&tokens], Some("tokens travel in the clear")),
        (plain, &[&tokens, &reading], Some("there is neither encryption nor authentication")),
        (plain, &[&certificate, &key, &client_ca], Some("there is neither encryption nor authentication")),
        (tls, &[&certificate, &key], Some("anybody may join, although it is encrypted")),
        (tls, &[&certificate, &key, &tokens, &reading], Some("anybody may join, although it is encrypted")),
        (tls, &[&certificate, &key, &client_ca, &optional], Some("anybody may join, although it is encrypted")),
        (tls, &[&certificate, &key, &tokens], None),
        (tls, &[&certificate, &key, &client_ca], None),
        (tls, &[&certificate, &key, &client_ca, &optional, &tokens], None),
    ] {
        let settings: Vec<&str> = settings.iter().copied().flatten().map(String::as_str).collect();
        let command = || {
            let mut command = program(&["--listen", place]);
            command.args(&settings);
            command
        };
        let (code, _, complaint) = output(command().arg("--check-config"));
        assert_eq!(code, Some(if refused.is_some() { 2 } else { 0 }), "{place} {settings:?}: {complaint}");
        if let Some(why) = refused {
            assert!(complaint.contains(&format!(", and {why}: to allow that, use --public")), "{complaint}");
            assert_eq!(output(command().args(["--public", "--check-config"])).0, Some(0));
        }
    }
}

#[test]
fn an_invalid_address_is_refused() {
    for place in ["127.0.0.1", "127.0.0.1:no-such-service", ":3990", "127.0.0.1:65536", "tls://127.0.0.1:0", "unix:"] {
        let (code, printed, _) = output(&mut program(&["--listen", place]));
        assert_eq!((code, &*printed), (Some(2), ""), "{place}");
    }
}

#[test]
fn a_port_in_use_is_an_error() {
    let first = Running::start(&mut program(&["--listen", "127.0.0.1:0"]), 1);
    let place = format!("127.0.0.1:{}", first.port());
    let (code, printed, complaint) = output(&mut program(&["--listen", &place]));
    assert_eq!((code, &*printed), (Some(1), ""));
    assert!(complaint.starts_with(&format!("bookend-server: {place}: ")), "{complaint}");
}
