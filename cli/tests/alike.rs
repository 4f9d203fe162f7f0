//! The same bytes have the same name in every program, however TCP cuts them.

#[path = "alike/cases.rs"]
mod cases;

use std::time::Duration;

use bookend::Hello;
use bookend_client::{Dialler, JoinError, Joined};
use bookend_doctor::{Progress, examine};
use bookend_inspect::{Event, Format, Input, inspect_events};
use bookend_server::{Config, Hub};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::join;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use cases::{Case, clients, cuts, framed, servers};

/// Between two pieces; shorter than the wait for evidence.
const PAUSE: Duration = Duration::from_millis(2);

/// The name that the hub logs for what a client sends, or what it does instead.
async fn at_hub(pieces: &[Vec<u8>]) -> String {
    let hub = Hub::new(Config::default());
    let (mut client, served) = duplex(1 << 16);
    let serving = tokio::spawn(hub.serve(served, "test"));
    for piece in pieces {
        let _ = client.write_all(piece).await; // the hub may have closed
        sleep(PAUSE).await;
    }
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(60), client.read_to_end(&mut answer)).await;
    drop(client);
    serving.await.expect("the connection ends");
    let metrics = hub.metrics();
    let name = metrics.lines().find_map(|line| {
        let (name, count) = line.strip_prefix("bookend_diagnoses_total{name=\"")?.split_once("\"} ")?;
        (count != "0").then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("none: {}", answer.escape_ascii()))
}

/// The name that `ping`, `chat`, `send` and `listen` print for what a server sends before it closes.
async fn at_client(pieces: &[Vec<u8>]) -> String {
    let (near, mut far) = duplex(1 << 16);
    let pieces = pieces.to_vec();
    let serving = tokio::spawn(async move {
        for piece in pieces {
            let _ = far.write_all(&piece).await; // the client may have closed
            sleep(PAUSE).await;
        }
    });
    let session = async {
        let mut joined = Joined::join(near, Hello::new()).await?;
        while joined.connection().next().await.map_err(|error| JoinError::Session(error.into()))?.is_some() {}
        Ok(())
    };
    let error: JoinError = session.await.expect_err("this is not a sound server");
    serving.await.expect("the server ends");
    let first = error.diagnosis().and_then(|diagnosis| diagnosis.first());
    first.map_or_else(|| format!("none: {error}"), |first| first.name().to_owned())
}

/// The first name that `inspect` prints for a file of these bytes.
fn at_inspect(pieces: &[Vec<u8>]) -> String {
    struct Pieces(Vec<Vec<u8>>);
    impl std::io::Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0);
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }
    let options = bookend_inspect::Options { format: Format::Raw, ..Default::default() };
    let mut names = Vec::new();
    let reader = Pieces(pieces.to_vec());
    inspect_events(Input::new(reader), &options, |_, event| {
        if let Event::Fault(fault) = event {
            names.push(fault.diagnosis.first().map_or("none", |first| first.name()).to_owned());
        }
        Ok(())
    })
    .expect("reads from memory");
    names.into_iter().next().unwrap_or_else(|| "no fault".into())
}

/// The first name that `doctor` prints for a server that sends this on each connection, and closes.
async fn at_doctor(pieces: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = listener.local_addr().expect("it is bound").to_string().parse().expect("an address");
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let pieces = pieces.clone();
            tokio::spawn(async move {
                stream.set_nodelay(true).expect("a TCP stream");
                for piece in pieces {
                    let _ = stream.write_all(&piece).await; // the doctor may have closed
                }
                let _ = stream.shutdown().await; // likewise
                let _ = stream.read_to_end(&mut Vec::new()).await; // unread bytes would cause a reset
            });
        }
    });
    let (progress, mut reported) = mpsc::channel(16);
    let options = bookend_doctor::Options { probes: false, ..Default::default() };
    let dialler = Dialler::new(target);
    // Dropping the receiver ends the examination.
    let named = async move {
        while let Some(progress) = reported.recv().await {
            if let Progress::Row(row) = progress
                && row.diagnosis.is_some()
            {
                return row.diagnosis;
            }
        }
        None
    };
    let (name, _) = join!(named, examine(dialler, &options, progress));
    serving.abort();
    name.map_or_else(|| "none".into(), |name| name.into_owned())
}

fn assert_names(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Notes a name that is not the right one.
fn judge(wrong: &mut Vec<String>, place: &str, (wanted, bytes): &Case, pieces: &[Vec<u8>], found: &str) {
    if found != *wanted {
        let cut = pieces[0].len();
        let head = bytes[..bytes.len().min(16)].escape_ascii();
        wrong.push(format!("{place}: {found} in place of {wanted}, cut after {cut} of {}: {head}", bytes.len()));
    }
}

#[tokio::test(start_paused = true)]
async fn clients_bytes_have_one_name_at_the_hub_and_in_inspect() {
    let mut wrong = Vec::new();
    for case in framed(true).into_iter().chain(clients()) {
        for pieces in cuts(&case.1) {
            judge(&mut wrong, "hub", &case, &pieces, &at_hub(&pieces).await);
            judge(&mut wrong, "inspect", &case, &pieces, &at_inspect(&pieces));
        }
    }
    assert_names(wrong);
}

#[tokio::test(start_paused = true)]
async fn servers_bytes_have_one_name_at_the_client_and_in_inspect() {
    let mut wrong = Vec::new();
    for case in framed(false).into_iter().chain(servers()) {
        for pieces in cuts(&case.1) {
            judge(&mut wrong, "client", &case, &pieces, &at_client(&pieces).await);
            judge(&mut wrong, "inspect", &case, &pieces, &at_inspect(&pieces));
        }
    }
    assert_names(wrong);
}

#[tokio::test]
async fn servers_bytes_have_the_same_name_in_doctor() {
    let mut running = Vec::new();
    for case in framed(false).into_iter().chain(servers()) {
        // One name at each cut is the same code for all of them: some cuts are enough, over real sockets.
        let all = cuts(&case.1);
        let some = [0, 4, all.len() - 2, all.len() - 1].map(|at| all[at.min(all.len() - 1)].clone());
        for pieces in some {
            let case = case.clone();
            running.push(async move { (case, at_doctor(pieces.clone()).await, pieces) });
        }
    }
    let mut wrong = Vec::new();
    for (case, name, pieces) in join_all(running).await {
        judge(&mut wrong, "doctor", &case, &pieces, &name);
    }
    assert_names(wrong);
}
