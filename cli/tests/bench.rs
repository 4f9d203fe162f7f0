//! Runs `bookend bench` against a correct hub, and against one whose deliveries are tampered with.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::Stdio;

use bookend::{Decoder, Frame, MAX_LENGTH, START, kind};
use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use bookend_testing::HANG_TIMEOUT;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

/// The exit code of the program, its standard output and its standard error.
async fn bench(address: SocketAddr, options: &[&str]) -> (Option<i32>, String, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["bench", &address.to_string()])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program was built");
    let output = timeout(HANG_TIMEOUT, child.wait_with_output()).await.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn measure(address: SocketAddr, options: &[&str]) -> (Option<i32>, Value) {
    let (code, stdout, stderr) = bench(address, &[options, &["--json"]].concat()).await;
    (code, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}")))
}

async fn hub() -> SocketAddr {
    hub_with(unlimited()).await
}

/// A hub that reads as fast as it can.
fn unlimited() -> Config {
    Config { messages_per_second: 0, bytes_per_second: 0, ..Config::default() }
}

async fn hub_with(config: Config) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    tokio::spawn(listener.run(Hub::new(config)));
    address
}

/// What is done to a delivery to the first member.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    Drop(usize),
    Double(usize),
    /// With the next delivery.
    Swap(usize),
    /// The byte at this distance from the end of the payload.
    Damage(usize, usize),
    /// Replaced by a GAP.
    ReplaceByGap(usize),
}

/// A hub whose relay tampers with a delivery to the first member.
async fn tampering_hub(tampering: Tampering) -> SocketAddr {
    let hub = hub().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut tampering = Some(tampering);
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, hub, tampering.take()));
        }
    });
    address
}

async fn relay(client: TcpStream, hub: SocketAddr, tampering: Option<Tampering>) {
    let (mut from_hub, mut to_hub) = TcpStream::connect(hub).await.unwrap().into_split();
    let (mut from_client, mut to_client) = client.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_hub).await });
    let (mut read, mut number, mut kept) = (Vec::new(), 0, Vec::new());
    let mut decoder = Decoder::new(MAX_LENGTH);
    while from_hub.read_buf(&mut read).await.unwrap_or(0) > 0 {
        let Some(start) = read.iter().position(|&byte| byte == START[0]) else { continue };
        let mut rest = &read[start..];
        let mut out = Vec::new();
        while let Some(frame) = decoder.decode(&mut rest).unwrap() {
            let delivery = frame.kind() == kind::DELIVERY;
            match tampering {
                Some(tampering) if delivery => tamper(tampering, number, frame, &mut kept, &mut out),
                _ => frame.encode(&mut out),
            }
            number += usize::from(delivery);
        }
        read = rest.to_vec();
        if to_client.write_all(&out).await.is_err() {
            break;
        }
    }
}

/// Tampers with delivery `number`, if it is the chosen one.
fn tamper(tampering: Tampering, number: usize, frame: Frame<'_>, kept: &mut Vec<u8>, out: &mut Vec<u8>) {
    match tampering {
        Tampering::Drop(at) if at == number => {}
        Tampering::Swap(at) if at == number => frame.encode(kept),
        Tampering::ReplaceByGap(at) if at == number => {
            out.extend(b"\xF5\xF8\x14\0\0\0\0\x08\0\0\0\0\0\0\0\x01\xF8\xF5")
        }
        Tampering::Damage(at, from_end) if at == number => {
            let mut body = frame.body().to_vec();
            let place = body.len() - from_end;
            body[place] ^= 0x10;
            Frame::new(frame.kind(), frame.encoding(), &body).unwrap().encode(out);
        }
        Tampering::Double(at) if at == number => {
            frame.encode(out);
            frame.encode(out);
        }
        _ => {
            frame.encode(out);
            out.append(kept);
        }
    }
}

#[tokio::test]
async fn all_deliveries_are_counted() {
    let address = hub().await;
    for options in [
        &["--members", "5", "--messages", "3000"][..],
        &["--members", "5", "--publishers", "3", "--messages", "3001", "--size", "24"],
        &["--members", "5", "--messages", "20", "--size", "200000"],
        &["--members", "5", "--publishers", "2", "--messages", "60", "--rate", "500"],
        &["--members", "5", "--messages", "50", "--in-flight", "1"],
        &["--members", "5", "--duration", "0.2"],
    ] {
        let (code, report) = measure(address, options).await;
        assert_eq!((code, &report["problem"]), (Some(0), &Value::Null), "{options:?}: {report}");
        let published = report["published"].as_u64().unwrap();
        assert!(published > 0, "{report}");
        assert_eq!(report["deliveries"], published * 5, "{report}");
        if let Some(at) = options.iter().position(|option| *option == "--messages") {
            assert_eq!(published.to_string(), options[at + 1]);
        }
        for wrong in ["lost", "doubled", "reordered", "damaged", "missed"] {
            assert_eq!(report[wrong], 0, "{report}");
        }
    }
}

#[tokio::test]
async fn warm_up_is_verified_and_not_measured() {
    let options = ["--members", "4", "--publishers", "2", "--messages", "300", "--warm-up", "101"];
    for more in [&[][..], &["--rate", "3000"]] {
        let (code, report) = measure(hub().await, &[&options[..], more].concat()).await;
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(
            (&report["warm-up"], &report["published"], &report["deliveries"]),
            (&101.into(), &300.into(), &1200.into())
        );
    }
    for (number, deliveries) in [(40, 1200), (140, 1199), (300, 1199)] {
        let (code, report) = measure(tampering_hub(Tampering::Drop(number)).await, &options).await;
        assert_eq!(
            (code, &report["lost"], &report["deliveries"]),
            (Some(1), &1.into(), &deliveries.into()),
            "{report}"
        );
    }
}

#[tokio::test]
async fn histogram_has_every_delivery() {
    let (_, report) = measure(hub().await, &["--members", "4", "--messages", "300"]).await;
    let buckets = report["histogram"].as_array().unwrap();
    let of = |bucket: &Value| (bucket["below-microseconds"].as_f64().unwrap(), bucket["deliveries"].as_u64().unwrap());
    assert_eq!(buckets.iter().map(|bucket| of(bucket).1).sum::<u64>(), 1200, "{report}");
    assert!(buckets.iter().all(|bucket| of(bucket).0.log2().fract() == 0.0), "{report}");
    let max = report["latency-microseconds"]["max"].as_f64().unwrap();
    assert!(of(buckets.last().unwrap()).0 >= max && of(buckets.last().unwrap()).0 <= 2.0 * max, "{report}");
    let (_, stdout, _) = bench(hub().await, &["--members", "4", "--messages", "300", "--histogram"]).await;
    let (_, table) = stdout.split_once("\nlatency         deliveries\n").unwrap_or_else(|| panic!("{stdout}"));
    let longest = table.lines().map(|line| line.matches('#').count()).max();
    assert_eq!(longest, Some(50), "{stdout}");
}

#[tokio::test]
async fn hub_that_requires_a_token_is_measured_with_one() {
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ_WRITE, None).unwrap();
    let address = hub_with(Config { access: Access::from_toml(&entry).unwrap(), ..Config::default() }).await;
    let path = std::env::temp_dir().join(format!("bookend-bench-token-{}", std::process::id()));
    std::fs::write(&path, token).unwrap();
    let options = ["--members", "3", "--messages", "100"];
    let (code, report) = measure(address, &[&options[..], &["--token-file", path.to_str().unwrap()]].concat()).await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!((code, &report["deliveries"]), (Some(0), &300.into()), "{report}");
    let (code, _, stderr) = bench(address, &options).await;
    assert_eq!(code, Some(3));
    assert!(stderr.contains("a token is needed"), "{stderr}");
}

#[tokio::test]
async fn each_run_has_its_own_room_by_default() {
    let address = hub().await;
    let one = ["--members", "3", "--messages", "500"];
    let (first, second) = tokio::join!(measure(address, &one), measure(address, &one));
    assert_eq!((first.0, second.0), (Some(0), Some(0)), "{} {}", first.1, second.1);
}

#[tokio::test]
async fn each_wrong_delivery_is_reported_with_exit_code_1() {
    for (tampering, wrong) in [
        (Tampering::Drop(40), [1, 0, 0, 0, 0]),
        (Tampering::Double(40), [0, 1, 0, 0, 0]),
        (Tampering::Double(99), [0, 1, 0, 0, 0]), // after the last one
        (Tampering::Swap(40), [0, 0, 1, 0, 0]),
        (Tampering::Damage(40, 1), [1, 0, 0, 1, 0]),
        (Tampering::Damage(40, 64), [1, 0, 0, 1, 0]), // in the sequence number
        (Tampering::ReplaceByGap(40), [1, 0, 0, 0, 1]),
    ] {
        let address = tampering_hub(tampering).await;
        let (code, report) = measure(address, &["--members", "3", "--messages", "100"]).await;
        let found = ["lost", "doubled", "reordered", "damaged", "missed"].map(|name| report[name].as_u64().unwrap());
        assert_eq!((code, found), (Some(1), wrong), "{tampering:?}: {report}");
        assert_eq!(report["deliveries"], 300 - wrong[0], "{tampering:?}: {report}");
        assert_eq!(report["problem"], Value::Null, "{tampering:?}");
    }
}

#[tokio::test]
async fn delivery_lost_at_the_end_is_given_up_at_the_timeout() {
    let address = tampering_hub(Tampering::Drop(99)).await;
    let options = ["--members", "3", "--messages", "100", "--timeout", "5"];
    let (code, report) = measure(address, &options).await;
    assert_eq!((code, &report["lost"], &report["deliveries"]), (Some(1), &1.into(), &299.into()), "{report}");
    assert_eq!(report["problem"], "nothing arrived for 5s");
}

#[tokio::test]
async fn stalled_members_do_not_affect_the_others() {
    let address = hub().await;
    let options = ["--members", "6", "--stalled", "3", "--messages", "20000", "--size", "1000"];
    let (code, report) = measure(address, &options).await;
    assert_eq!((code, &report["deliveries"]), (Some(0), &60_000.into()), "{report}");
}

#[tokio::test]
async fn size_that_the_hub_refuses_is_reported() {
    let (code, report) = measure(hub().await, &["--size", "2000000", "--messages", "3"]).await;
    let problem = report["problem"].as_str().unwrap_or_default();
    assert_eq!(code, Some(1));
    assert!(problem.contains("too-long") || problem.contains("1048576"), "{problem}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn cost_of_a_process_is_reported_and_the_keys_are_always_present() {
    let address = hub().await;
    let own = std::process::id().to_string();
    let options = ["--members", "4", "--messages", "2000"];
    let (_, with) = measure(address, &[&options[..], &["--pid", &own]].concat()).await;
    let (_, without) = measure(address, &options).await;
    let keys = |report: &Value| report["server"].as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    assert_eq!(keys(&with), keys(&without));
    assert!(with["server"]["cpu-seconds"].as_f64().unwrap() > 0.0, "{with}");
    assert!(with["server"]["memory-kib-peak"].as_u64().unwrap() > 0, "{with}");
    assert_eq!(without["server"]["cpu-seconds"], Value::Null);
    assert!(without["latency-microseconds"]["p99.9"].as_f64().unwrap() > 0.0, "{without}");
}

#[tokio::test]
async fn report_has_lines_and_unreachable_hub_is_exit_code_3() {
    let (code, stdout, stderr) = bench(hub().await, &["--members", "2", "--messages", "10"]).await;
    assert_eq!((code, &*stderr), (Some(0), ""));
    let (_, _, stages) = bench(hub().await, &["--members", "2", "--messages", "10", "-v", "--timeout", "5s"]).await;
    assert!(stages.starts_with("bookend: resolving 127.0.0.1: "), "{stages}");
    assert!(stdout.contains("\nverified    0 lost, 0 doubled, 0 reordered, 0 damaged\n"), "{stdout}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (code, stdout, stderr) = bench(address, &[]).await;
    assert_eq!((code, &*stdout), (Some(3), ""));
    assert!(stderr.starts_with("bookend: cannot connect: 127.0.0.1:"), "{stderr}");
}

#[tokio::test]
async fn server_of_another_protocol_is_recognised() {
    for hangs_up in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut web = listener.accept().await.unwrap().0;
            web.read_buf(&mut Vec::new()).await.unwrap();
            web.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            if !hangs_up {
                let _ = web.read_to_end(&mut Vec::new()).await; // until the program ends
            }
        });
        let (code, _, stderr) = bench(address, &["--members", "1", "--timeout", "5"]).await;
        assert_eq!(code, Some(3));
        assert!(stderr.starts_with("bookend: only 0 connections joined: "), "{stderr}");
        assert!(stderr.contains("foreign-http"), "{stderr}");
    }
}

#[tokio::test]
async fn contradictory_options_are_exit_code_2() {
    let address = "127.0.0.1:1".parse().unwrap();
    for options in [
        &["--members", "2", "--stalled", "3"][..],
        &["--members", "3", "--stalled", "2", "--publishers", "2"],
        &["--size", "23"],
        &["--rate", "-1"],
        &["--messages", "1", "--duration", "1"],
    ] {
        let (code, _, stderr) = bench(address, options).await;
        assert_eq!(code, Some(2), "{options:?}: {stderr}");
    }
}
