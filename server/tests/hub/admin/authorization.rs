//! Which requests are answered, and which are refused.

use bookend_server::{Access, Config, Hub, Reach, Right, Rights, make_token};

use super::{TOKEN, admin, guarded, raw};
use crate::peer::{config, hub};

const END: &str = "Connection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn over_tcp_only_public_paths_are_answered_without_a_token() {
    let hub = hub();
    let (open, guarded) = (admin(&hub).0, guarded(&hub));
    for (path, loopback, anywhere) in [
        ("/healthz", 200, 200),
        ("/readyz", 503, 503),
        ("/metrics", 200, 401),
        ("/status", 401, 401),
        ("/connections", 401, 401),
        ("/rooms", 401, 401),
    ] {
        for (reach, status) in [(Reach::Loopback, loopback), (Reach::Anywhere, anywhere), (Reach::Unix, 200)] {
            let status = if path == "/readyz" { 503 } else { status };
            let request = |more: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}{END}");
            for admin in [&open, &guarded] {
                let answer = raw(admin, reach, &request("")).await;
                assert_eq!(answer.status, status, "{path} {reach:?}");
                assert_eq!(answer.head.contains("www-authenticate: bearer"), status == 401);
            }
            let with = raw(&guarded, reach, &request(&format!("Authorization: Bearer {TOKEN}\r\n"))).await;
            assert_eq!(with.status, if path == "/readyz" { 503 } else { 200 }, "{path} {reach:?}");
        }
    }
    for authorization in ["Bearer 0123456789abcdeF", "Bearer", "Basic 0123456789abcdef", "0123456789abcdef", "Bearer "]
    {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: [::1]:7\r\nAuthorization: {authorization}\r\n{END}");
        for admin in [&open, &guarded] {
            assert_eq!(raw(admin, Reach::Loopback, &request).await.status, 401, "{authorization}");
        }
        assert_eq!(raw(&open, Reach::Unix, &request).await.status, 200, "the permissions of the file suffice");
    }
    let kick = format!("POST /kick HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\n{END}");
    assert_eq!(raw(&open, Reach::Loopback, &kick).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_hub_token_with_the_admin_right_suffices_until_it_is_revoked() {
    let token = |name, rights| make_token(name, &["*".into()], rights, None).unwrap();
    let ((ann, anns), (bob, bobs)) = (token("ann", Rights::READ_WRITE), token("bob", Rights::NONE.with(Right::Admin)));
    let hub = |entries: &str| Config { access: Access::from_toml(entries).unwrap(), ..config() };
    let both = Hub::new(hub(&format!("{anns}\n{bobs}")));
    let (admin, _orders) = admin(&both);
    let status = async |token: &str| {
        let request = format!("GET /status HTTP/1.1\r\nHost: [::1]\r\nAuthorization: Bearer {token}\r\n{END}");
        raw(&admin, Reach::Loopback, &request).await.status
    };
    assert_eq!((status(&ann).await, status(&bob).await, status("").await), (401, 200, 401));
    both.reconfigure(hub(&anns));
    assert_eq!((status(&ann).await, status(&bob).await), (401, 401));
}

#[tokio::test(start_paused = true)]
async fn pages_in_a_browser_are_refused() {
    let admin = guarded(&hub());
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for (headers, status) in [
        ("Host: 127.0.0.1:1\r\n", 200),
        ("Host: hub.example\r\n", 200),
        ("Host: 127.0.0.1:1\r\nOrigin: http://127.0.0.1:1\r\nSec-Fetch-Site: same-origin\r\n", 200),
        ("Host: evil.example\r\n", 421),
        ("Host: evil.example:1\r\nOrigin: http://evil.example:1\r\n", 421),
        ("Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", 400),
        ("Host: h\u{fc}b\r\n", 400),
        ("", 421),
        ("Host: 127.0.0.1:1\r\nOrigin: http://127.0.0.1:2\r\n", 403),
        ("Host: 127.0.0.1:1\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: 127.0.0.1:1\r\nOrigin: null\r\n", 403),
        ("Host: 127.0.0.1:1\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("Host: 127.0.0.1:1\r\nSec-Fetch-Site: same-site\r\n", 403),
    ] {
        let answer = raw(&admin, Reach::Loopback, &format!("GET /status HTTP/1.1\r\n{headers}{token}{END}")).await;
        assert_eq!(answer.status, status, "{headers}");
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    let absolute = format!("GET http://127.0.0.1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}{END}");
    assert_eq!(raw(&admin, Reach::Loopback, &absolute).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn posts_that_a_form_can_send_are_refused() {
    let (admin, _orders) = admin(&hub());
    let body = r#"{"text":"hi"}"#;
    for (content, status) in [
        ("Content-Type: application/json\r\n", 200),
        ("Content-Type: Application/JSON; charset=utf-8\r\n", 200),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: multipart/form-data; boundary=application/json\r\n", 415),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: text/plain, application/json\r\n", 415),
        ("", 415),
    ] {
        let head = format!("POST /say HTTP/1.1\r\nHost: x\r\n{content}Content-Length: {}\r\n", body.len());
        assert_eq!(raw(&admin, Reach::Unix, &format!("{head}{END}{body}")).await.status, status, "{content}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_path_has_its_methods() {
    let (admin, mut orders) = admin(&hub());
    for (path, allowed) in
        [("/metrics", "GET, HEAD"), ("/connections", "GET, HEAD"), ("/drain", "POST"), ("/kick", "POST")]
    {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{END}");
            let answer = raw(&admin, Reach::Unix, &request).await;
            if allowed.contains(method) {
                assert_eq!(answer.status, if allowed == "POST" { 415 } else { 200 }, "{method} {path}");
                assert_eq!(answer.body.is_empty(), method == "HEAD", "{}", answer.body);
                assert!(!answer.head.contains("content-length: 0"), "{}", answer.head);
            } else {
                assert_eq!(answer.status, 405, "{method} {path}");
                assert!(answer.head.contains(&format!("allow: {}", allowed.to_lowercase())), "{}", answer.head);
            }
            assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
            assert!(answer.head.contains("x-content-type-options: nosniff"), "{}", answer.head);
        }
    }
    for path in ["/", "/metrics/", "//metrics", "/Metrics", "/%6detrics", "/../metrics", "/favicon.ico", "*"] {
        let answer = raw(&admin, Reach::Unix, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{END}")).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert!(orders.try_recv().is_err(), "nothing was ordered");
}
