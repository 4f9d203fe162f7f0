//! `bookend relay` between real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use bookend::{Code, Connection, ConnectionError, Hello, Message, blocking};
use bookend_testing::HANG_TIMEOUT;

/// A relay that serves one connection.
struct Relay {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Relay {
    /// Starts it. The test plays the client and the target.
    fn start(words: &[&str]) -> (Relay, TcpStream, TcpStream) {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = target.local_addr().unwrap().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args(["relay", &address, "--connections", "1"])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        // `relaying ADDRESS to …`, or an object with `"listen":"ADDRESS"`.
        let relay = line.split([' ', '"']).find(|word| word.starts_with("127.0.0.1:")).unwrap();
        let client = TcpStream::connect(relay).unwrap();
        let (server, _) = target.accept().unwrap();
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
            stream.set_nodelay(true).unwrap();
        }
        (Relay { child, out }, client, server)
    }

    /// Waits until the relay ends, and returns its output.
    fn end(mut self) -> String {
        let mut output = String::new();
        self.out.read_to_string(&mut output).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{output}");
        output
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

fn asynchronous(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

#[tokio::test]
async fn packets_and_messages_are_reported_and_not_changed() {
    let (relay, client, server) = Relay::start(&["--pieces", "1"]);
    let (client, server) = (asynchronous(client), asynchronous(server));
    let serve = async {
        let mut connection = Connection::accept(server, Hello::new()).await?;
        let mut received = Vec::new();
        while let Some(message) = connection.next().await? {
            if let Message::Message(payload) = message {
                received.push(payload.text().unwrap().into_owned());
            }
        }
        Ok::<_, ConnectionError>(received)
    };
    let speak = async {
        let mut connection = Connection::connect(client, Hello::new()).await?;
        for text in ["grüß", "hi", ""] {
            connection.send(text).await?;
        }
        connection.close(Code::NORMAL, "").await
    };
    let (received, ()) = tokio::try_join!(serve, speak).unwrap();
    assert_eq!(received, ["grüß", "hi", ""]);
    let shown = relay.end();
    assert!(shown.contains("1 client packet 1, "), "{shown}");
    assert!(shown.contains("MESSAGE   utf-8          6  \"grüß\""), "{shown}");
    assert!(shown.contains("CLOSE"), "{shown}");
}

#[test]
fn each_byte_arrives_separately() {
    // The delay is long enough for this thread to read each byte before the next one, even on a busy machine.
    let (relay, mut client, mut server) = Relay::start(&["--pieces", "1", "--delay", "500ms", "--side", "client"]);
    client.write_all(b"abc").unwrap();
    let mut buffer = [0; 9];
    for byte in b"abc" {
        assert_eq!(server.read(&mut buffer).unwrap(), 1);
        assert_eq!(buffer[0], *byte);
    }
    drop((client, server));
    relay.end();
}

#[test]
fn bytes_that_arrive_within_the_time_are_joined() {
    let (relay, mut client, mut server) = Relay::start(&["--join", "1s"]);
    for byte in b"abc" {
        client.write_all(&[*byte]).unwrap();
    }
    client.shutdown(Shutdown::Write).unwrap();
    let mut buffer = [0; 9];
    assert_eq!(server.read(&mut buffer).unwrap(), 3);
    assert_eq!(server.read(&mut buffer).unwrap(), 0);
    drop((client, server));
    relay.end();
}

#[test]
fn half_close_leaves_the_other_direction_open() {
    let (relay, mut client, mut server) = Relay::start(&["--at", "2=half-close", "--side", "client"]);
    client.write_all(b"abc").unwrap();
    let mut had = Vec::new();
    server.read_to_end(&mut had).unwrap();
    assert_eq!(had, b"ab");
    server.write_all(b"answer").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    client.write_all(b"nobody hears").unwrap();
    let mut had = Vec::new();
    client.read_to_end(&mut had).unwrap();
    assert_eq!(had, b"answer");
    drop((client, server));
    relay.end();
}

#[test]
fn reset_resets_both_sides() {
    let (relay, mut client, mut server) = Relay::start(&["--at", "1=reset", "--side", "server"]);
    server.write_all(b"ab").unwrap();
    let reset = |stream: &mut TcpStream| {
        let mut had = Vec::new();
        (stream.read_to_end(&mut had).unwrap_err().kind(), had)
    };
    assert_eq!(reset(&mut client).0, std::io::ErrorKind::ConnectionReset);
    assert_eq!(reset(&mut server).0, std::io::ErrorKind::ConnectionReset);
    drop((client, server));
    relay.end();
}

#[test]
fn damage_by_a_channel_is_diagnosed_by_its_receiver() {
    let (relay, mut client, server) = Relay::start(&["--channel", "lf-to-crlf", "--side", "client", "--json"]);
    let mut hello = Vec::new();
    Hello::new().encode(&mut hello);
    client.write_all(&hello).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let refused = blocking::Connection::accept(server, Hello::new()).unwrap_err().to_string();
    assert!(refused.contains("channel-lf-to-crlf"), "{refused}");
    drop(client);
    let output = relay.end();
    assert!(
        output.contains("{\"event\":\"packet\",\"stream\":1,\"sender\":\"client\",\"packet\":1,\"length\":34,"),
        "{output}"
    );
    assert!(output.contains("\"event\":\"frame\""), "the report shows the bytes as received: {output}");
}

#[cfg(unix)]
#[test]
fn the_relay_goes_on_and_ends_while_nobody_reads_its_output() {
    let (mut relay, mut client, mut server) = Relay::start(&[]);
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        while server.read(&mut byte).unwrap() > 0 {
            server.write_all(&byte).unwrap();
        }
    });
    // Each of these is a line for the output, which is read no more: far more than a pipe holds.
    for byte in (0..=u8::MAX).cycle().take(5000) {
        let (byte, mut answer) = ([byte], [0]);
        client.write_all(&byte).unwrap();
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, byte);
    }
    let status = Command::new("kill").args(["-TERM", &relay.child.id().to_string()]).status().unwrap();
    assert!(status.success());
    relay.child.wait().unwrap();
    client.read(&mut [0]).unwrap_or_default();
    drop(client);
    echo.join().unwrap_or_default(); // its stream may have been reset
}
