//! What clients and servers send first that is not Bookend, or not as it should be: the bytes, and the mistake's name.

use bookend::{Encoding, Frame, Hello, kind};

pub(crate) type Case = (&'static str, Vec<u8>);

fn hello(client: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut hello = Hello::new().with_hub(true).with_name("ann").expect("is a name");
    if !client {
        hello = hello.with_software("bookend-demo").expect("is a line");
    }
    hello.encode(&mut wire);
    wire
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, Encoding::Utf8, body).expect("short").encode(&mut wire);
    wire
}

/// HELLO and two messages.
fn frames(client: bool) -> [Vec<u8>; 3] {
    let (kind, fixed) = if client { (kind::POST, 4) } else { (kind::MESSAGE, 0) };
    let text = |text: &str| frame(kind, &[&vec![0; fixed], text.as_bytes()].concat());
    [hello(client), text("hello all"), text("a second one")]
}

fn size(frame: &[u8]) -> u32 {
    u32::try_from(frame.len()).expect("short")
}

fn short(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).expect("short")
}

/// Two hexadecimal digits a byte.
fn digits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// Each byte as UTF-16, least significant first.
fn widened(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|&byte| [byte, 0]).collect()
}

fn swapped_halves(bytes: &[u8]) -> Vec<u8> {
    let mut wire = bytes.to_vec();
    let end = wire.len() - 2;
    wire.swap(0, 1);
    wire.swap(end, end + 1);
    wire
}

fn checksum(frame: &[u8]) -> [u8; 4] {
    frame.iter().fold(0x811C_9DC5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)).to_be_bytes()
}

fn web_socket(frame: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut wire = vec![0x82, mask | short(frame)];
    wire.extend(key.unwrap_or_default().iter().take(if key.is_some() { 4 } else { 0 }));
    wire.extend(frame.iter().zip(key.unwrap_or_default().iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

fn slip(frame: &[u8]) -> Vec<u8> {
    let escaped = |&byte: &u8| match byte {
        0xC0 => vec![0xDB, 0xDC],
        0xDB => vec![0xDB, 0xDD],
        byte => vec![byte],
    };
    frame.iter().flat_map(escaped).collect()
}

/// Consistent overhead byte stuffing: no 00 but at the end.
fn cobs(frame: &[u8]) -> Vec<u8> {
    let block = |block: &[u8]| [&[short(block) + 1], block].concat();
    let blocks = frame.split(|&byte| byte == 0).flat_map(block);
    blocks.chain([0]).collect()
}

/// Whole frames with something around them, or changed, from a client or a server.
pub(crate) fn framed(client: bool) -> Vec<Case> {
    let frames = frames(client);
    let each = |wrap: &dyn Fn(&[u8]) -> Vec<u8>| frames.iter().flat_map(|frame| wrap(frame)).collect::<Vec<u8>>();
    let sound = frames.concat();
    let mut cases = vec![
        ("wrapped-length-prefix", each(&|frame| [&size(frame).to_be_bytes(), frame].concat())),
        ("wrapped-length-prefix", each(&|frame| [&size(frame).to_le_bytes(), frame].concat())),
        ("wrapped-length-prefix", each(&|frame| [&size(frame).to_be_bytes()[2..], frame].concat())),
        ("wrapped-docker", each(&|frame| [&[1, 0, 0, 0], &size(frame).to_be_bytes()[..], frame].concat())),
        ("wrapped-netstring", each(&|frame| [format!("{}:", frame.len()).as_bytes(), frame, b","].concat())),
        ("wrapped-chunked", each(&|frame| [format!("{:x}\r\n", frame.len()).as_bytes(), frame, b"\r\n"].concat())),
        ("wrapped-websocket", each(&|frame| web_socket(frame, None))),
        ("wrapped-stx-etx", each(&|frame| [b"\x02", frame, b"\x03"].concat())),
        ("wrapped-mllp", each(&|frame| [b"\x0B", frame, b"\x1C\r"].concat())),
        ("wrapped-slip", each(&|frame| [slip(frame), vec![0xC0]].concat())),
        ("wrapped-cobs", each(&cobs)),
        (
            "wrapped-java-objects",
            [b"\xAC\xED\0\x05".to_vec(), each(&|frame| [&[0x77, short(frame)], frame].concat())].concat(),
        ),
        ("wrapped-trailer", each(&|frame| [frame, &checksum(frame)].concat())),
        ("wrapped-nul", each(&|frame| [frame, b"\0"].concat())),
        ("wrapped-padding", each(&|frame| [frame, &vec![0; 256 - frame.len()]].concat())),
        ("frame-host-order", each(&swapped_halves)),
        ("channel-hex", digits(&sound)),
        ("channel-widened-to-utf-16", widened(&sound)),
        ("channel-seven-bit", sound.iter().map(|byte| byte & 0x7F).collect()),
        ("channel-compressed", b"\x1F\x8B\x08\0\x2D\x39\x0B\x6B\x02\xFF\xFB\xFA\x83\x91\x01\x08\x64\x9D".to_vec()),
        ("channel-compressed", b"\x78\x9C\xFB\xFA\x83\x91\x01\x08\x64\x9D\xBC\xFD\x5C\x78".to_vec()),
        ("channel-compressed", b"\x28\xB5\x2F\xFD\x20\x56\xB1\x02\0\xF5\xF8\x01\0".to_vec()),
    ];
    let length_at = frames[0].len();
    let mut little = sound.clone();
    for at in [length_at, length_at + frames[1].len()] {
        little[at + 4..at + 8].reverse();
    }
    cases.push(("length-little-endian", little));
    if client {
        let after = |prefix: &[u8]| [prefix, &sound].concat();
        cases.extend([
            ("wrapped-websocket", each(&|frame| web_socket(frame, Some([0x37, 0xFA, 0x21, 0x3D])))),
            ("wrapped-byte-order-mark", after(b"\xEF\xBB\xBF")),
            ("foreign-proxy-protocol", after(b"PROXY TCP4 192.0.2.10 192.0.2.20 51111 3990\r\n")),
            (
                "foreign-proxy-protocol",
                after(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x0A\xC0\0\x02\x14\xC7\xA7\x0F\x96"),
            ),
            ("foreign-socks", after(b"\x05\x01\0")),
            ("foreign-socks", after(b"\x05\x02\0\x02")),
            ("foreign-socks", after(b"\x04\x01\x0F\x96\0\0\0\x01\0hub.example\0")),
            ("foreign-http", after(b"CONNECT hub.example:3990 HTTP/1.1\r\nHost: hub.example:3990\r\n\r\n")),
        ]);
    }
    cases
}

/// The first bytes of servers of other protocols.
pub(crate) fn servers() -> Vec<Case> {
    let mysql = b"\x4A\0\0\0\x0A8.0.36-0ubuntu0.22.04.1\0\x08\0\0\0aBcDeFgH\0\xFF\xF7\x08\x02\0\xFF\xDF\x15";
    let refused = b"\x45\0\0\0\xFF\x6A\x04Host '172.17.0.1' is not allowed to connect to this MySQL server";
    let amqp = [
        &b"\x01\0\0\0\0\x01\xF2\0\x0A\0\x0A\0\x09\0\0\x01\xCD\x07productS\0\0\0\x08RabbitMQ"[..],
        b"\x07versionS\0\0\0\x053.9.1",
    ];
    vec![
        ("foreign-mysql", mysql.to_vec()),
        ("foreign-mysql", refused.to_vec()),
        ("foreign-ssh", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()),
        ("foreign-smtp-ftp", b"220 mail.example.com ESMTP Postfix\r\n500 unknown\r\n".to_vec()),
        ("foreign-smtp-ftp", b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n".to_vec()),
        ("foreign-smtp-ftp", b"+OK POP3 ready\r\n".to_vec()),
        ("foreign-redis", b"-ERR unknown command\r\n".to_vec()),
        ("foreign-http", b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nConnection: close\r\n\r\n<html>".to_vec()),
        ("foreign-http-2", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xFF\xFF\xFF".to_vec()),
        ("foreign-tls", b"\x15\x03\x01\0\x02\x02\x46".to_vec()),
        ("foreign-postgresql", b"E\0\0\0\x8ASFATAL\0VFATAL\0C08P01\0Minvalid length of startup packet\0\0".to_vec()),
        ("foreign-amqp", amqp.concat()),
        ("foreign-amqp", b"AMQP\0\0\x09\x01".to_vec()),
        ("foreign-nats", b"INFO {\"server_id\":\"NA\",\"version\":\"2.9.10\"}\r\n".to_vec()),
        ("foreign-vnc", b"RFB 003.008\n".to_vec()),
        ("foreign-rdp", b"\x03\0\0\x13\x0E\xD0\0\0\x12\x34\0\x02\0\x08\0\0\0\0\0".to_vec()),
        ("foreign-text", b"login: ".to_vec()),
    ]
}

/// The first bytes of clients of other protocols.
pub(crate) fn clients() -> Vec<Case> {
    let hello = b"\x16\x03\x01\0\x2F\x01\0\0\x2B\x03\x03";
    let tls = [&hello[..], &[7; 32], b"\0\0\x02\x13\x01\x01\0"].concat();
    let mongo = [&60_u32.to_le_bytes()[..], b"\x01\0\0\0\0\0\0\0\xDD\x07\0\0\0\0\0\0", &[5; 40]].concat();
    vec![
        ("foreign-tls", tls),
        ("foreign-http", b"GET / HTTP/1.1\r\nHost: hub.example\r\nAccept: */*\r\n\r\n".to_vec()),
        (
            "foreign-websocket",
            b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_vec(),
        ),
        ("foreign-http-2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("foreign-ssh", b"SSH-2.0-Go\r\n".to_vec()),
        ("foreign-redis", b"*1\r\n$4\r\nPING\r\n".to_vec()),
        ("foreign-mqtt", b"\x10\x0C\0\x04MQTT\x04\x02\0\x3C\0\0".to_vec()),
        ("foreign-amqp", b"AMQP\x03\x01\0\0".to_vec()),
        ("foreign-postgresql", b"\0\0\0\x08\x04\xD2\x16\x2F".to_vec()),
        ("foreign-nats", b"CONNECT {\"verbose\":false}\r\nPING\r\n".to_vec()),
        ("foreign-mllp", b"\x0BMSH|^~\\&|A|B\r\x1C\r".to_vec()),
        ("foreign-mongodb", mongo),
        ("foreign-rdp", b"\x03\0\0\x13\x0E\xE0\0\0\0\0\0\x01\0\x08\0\x0B\0\0\0".to_vec()),
        ("foreign-socks", b"\x05\x01\0".to_vec()),
        ("foreign-utf-16-text", b"\xFF\xFEh\0e\0l\0l\0o\0\r\0\n\0".to_vec()),
    ]
}

/// How TCP may cut them: not at all, in two at each of the first bytes, and everywhere.
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let in_two = (1..bytes.len().min(64)).map(|at| vec![bytes[..at].to_vec(), bytes[at..].to_vec()]);
    in_two.chain([vec![bytes.to_vec()], bytes.chunks(1).map(<[u8]>::to_vec).collect()]).collect()
}
