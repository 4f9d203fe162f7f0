//! What peers of other protocols send first.

use crate::corpus::{self, Chance};
use crate::{Damage, Mistake, mistake};

pub(crate) const MISTAKES: &[Mistake] = &[
    mistake("HTTP/1 request", &["foreign-http"], |c| {
        let method = c.pick(&["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]);
        let target = match method {
            "CONNECT" => "example.com:443".to_owned(),
            "OPTIONS" if c.once_in(2) => "*".to_owned(),
            _ => path(c),
        };
        let version = c.below(2);
        sent(format!(
            "{method} {target} HTTP/1.{version}\r\nHost: 127.0.0.1:4711\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
        ))
    }),
    mistake("HTTP/1 answer", &["foreign-http"], |c| {
        let status = c.pick(&["200 OK", "400 Bad Request", "404 Not Found", "301 Moved Permanently"]);
        sent(format!("HTTP/1.1 {status}\r\nServer: nginx/1.24.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    }),
    mistake("HTTP/2 preface", &["foreign-http-2"], |c| {
        let settings = c.below(4);
        let mut wire = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        wire.extend([0, 0, u8::try_from(6 * settings).expect("short"), 4, 0, 0, 0, 0, 0]);
        wire.extend(c.bytes(6 * settings));
        sent(wire)
    }),
    mistake("WebSocket upgrade", &["foreign-websocket"], |c| {
        let path = path(c);
        let upgrade = c.pick(&["Upgrade: websocket", "upgrade: WebSocket"]);
        sent(format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:4711\r\nConnection: Upgrade\r\n{upgrade}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
    }),
    mistake("TLS ClientHello", &["foreign-tls"], client_hello),
    mistake("TLS alert", &["foreign-tls"], |c| {
        sent(vec![0x15, 3, [1, 3][c.below(2)], 0, 2, 2, [10, 22, 40, 50, 70][c.below(5)]])
    }),
    mistake("SSH", &["foreign-ssh"], |c| {
        let software = c.pick(&[
            "OpenSSH_9.6p1 Ubuntu-3",
            "OpenSSH_for_Windows_8.1",
            "PuTTY_Release_0.80",
            "libssh2_1.11.0",
            "dropbear_2022.83",
        ]);
        sent(format!("SSH-2.0-{software}\r\n"))
    }),
    mistake("SMTP banner", &["foreign-smtp-ftp"], |c| {
        let software = c.pick(&["ESMTP Postfix (Debian)", "ESMTP Exim 4.97", "Microsoft ESMTP MAIL Service ready"]);
        sent(format!("220 mail{}.example.com {software}\r\n", c.below(100)))
    }),
    mistake("FTP banner", &["foreign-smtp-ftp"], |c| {
        sent(format!(
            "220{}{}\r\n",
            c.pick(&[" ", "-"]),
            c.pick(&["(vsFTPd 3.0.5)", "ProFTPD Server ready.", "FileZilla Server 1.8.1", "Welcome to Pure-FTPd"])
        ))
    }),
    mistake("SMTP client", &["foreign-smtp-ftp"], |c| sent(format!("EHLO host{}.example.com\r\n", c.below(100)))),
    mistake("Redis command", &["foreign-redis"], |c| {
        let words: Vec<String> = (0..1 + c.below(4)).map(|_| corpus::text_of(c, 30)).collect();
        let mut wire =
            format!("*{}\r\n$4\r\n{}\r\n", words.len() + 1, c.pick(&["PING", "AUTH", "ECHO", "MGET"])).into_bytes();
        for word in words {
            wire.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
        }
        sent(wire)
    }),
    mistake("Redis error", &["foreign-redis"], |c| {
        sent(*c.pick(&[
            &"-ERR unknown command\r\n",
            &"-NOAUTH Authentication required.\r\n",
            &"-DENIED Redis is running in protected mode\r\n",
        ]))
    }),
    mistake("MQTT CONNECT", &["foreign-mqtt"], |c| {
        let (name, level): (&[u8], u8) = match c.below(3) {
            0 => (b"\0\x06MQIsdp", 3),
            1 => (b"\0\x04MQTT", 4),
            _ => (b"\0\x04MQTT", 5),
        };
        let length = c.below(200);
        let id = c.bytes(length);
        let mut rest = [name, &[level, 2, 0, 60]].concat();
        rest.extend(u16::try_from(id.len()).expect("short").to_be_bytes());
        rest.extend(id);
        let mut wire = vec![0x10];
        if rest.len() >= 128 {
            wire.push(rest.len().to_le_bytes()[0] | 0x80);
            wire.push((rest.len() >> 7).to_le_bytes()[0]);
        } else {
            wire.push(rest.len().to_le_bytes()[0]);
        }
        sent([wire, rest].concat())
    }),
    mistake("AMQP", &["foreign-amqp"], |c| {
        sent(*c.pick(&[&b"AMQP\0\0\x09\x01", &b"AMQP\0\x01\0\0", &b"AMQP\x03\x01\0\0"]))
    }),
    mistake("PostgreSQL", &["foreign-postgresql"], |c| match c.below(3) {
        0 => sent(b"\0\0\0\x08\x04\xD2\x16\x2F"),
        1 => sent(b"\0\0\0\x08\x04\xD2\x16\x30"),
        _ => {
            let parameters = format!("user\0user{}\0database\0app\0application_name\0psql\0\0", c.below(1000));
            let length = u32::try_from(8 + parameters.len()).expect("short");
            sent([&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters.as_bytes()].concat())
        }
    }),
    mistake("NATS", &["foreign-nats"], |c| match c.below(2) {
        0 => sent(format!(
            "INFO {{\"server_id\":\"N{}\",\"version\":\"2.10.7\",\"proto\":1,\"max_payload\":1048576}} \r\n",
            c.below(99999)
        )),
        _ => sent("CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"go\",\"version\":\"1.31.0\"}\r\nPING\r\n"),
    }),
    mistake("HL7 over MLLP", &["foreign-mllp"], |c| {
        sent(format!(
            "\x0BMSH|^~\\&|ADT{}|HOSP|LAB|HOSP|202611222332||ADT^A01|{}|P|2.5\rPID|1||42\r\x1C\r",
            c.below(9),
            c.below(99999)
        ))
    }),
    mistake("PROXY protocol", &["foreign-proxy-protocol"], |c| match c.below(2) {
        0 => sent(format!("PROXY TCP4 192.0.2.{} 192.0.2.1 {} 4711\r\n", c.below(255), 1024 + c.below(60000))),
        _ => sent(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x01\xC0\0\x02\x02\x10\x00\x12\x67"),
    }),
    mistake("bare 4-byte length prefix", &["foreign-length-prefix"], |c| {
        let little = c.once_in(2);
        let mut wire = Vec::new();
        for _ in 0..1 + c.below(5) {
            let payload = if c.once_in(4) {
                let size = c.size();
                c.bytes(size)
            } else {
                corpus::text(c).into_bytes()
            };
            let length = u32::try_from(payload.len()).expect("short");
            wire.extend(if little { length.to_le_bytes() } else { length.to_be_bytes() });
            wire.extend(payload);
        }
        sent(wire)
    }),
    mistake("netstring", &["foreign-netstring"], |c| {
        let text = corpus::text(c);
        (text.len() < 60_000).then_some(())?;
        sent(format!("{}:{text},", text.len()))
    }),
    // One character alone, or Latin text that begins like a protocol's line, is no more than that.
    mistake("plain text", &["foreign-text"], |c| {
        let text = corpus::text(c);
        (text.len() >= 2).then_some(())?;
        sent(format!("{text}\r\n"))
    }),
    mistake("telnet client", &["foreign-text"], |c| {
        let mut wire = b"\xFF\xFD\x03\xFF\xFB\x18\xFF\xFB\x1F".to_vec();
        wire.extend(c.pick(&["hello\r\n", "", "quit\r\n"]).bytes());
        sent(wire)
    }),
    mistake("UTF-16 text with a BOM", &["foreign-utf-16-text"], |c| {
        let text = corpus::text(c);
        let little = c.once_in(2);
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        sent(units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect::<Vec<u8>>())
    }),
];

fn sent(wire: impl AsRef<[u8]>) -> Option<Damage> {
    let wire = wire.as_ref().to_vec();
    Some(Damage::Stream { ends: vec![wire.len()], wire })
}

fn path(chance: &mut Chance) -> String {
    format!("/{}/{}", chance.pick(&["", "chat", "api/v1", "index.html"]), chance.below(1000))
}

/// SSL 3.0 to TLS 1.3, with GREASE now and then.
fn client_hello(chance: &mut Chance) -> Option<Damage> {
    let newest = chance.below(5);
    let legacy = u8::try_from(newest.min(3)).expect("small");
    let mut body = vec![3, legacy];
    body.extend(chance.bytes(32));
    body.push(32);
    body.extend(chance.bytes(32));
    body.extend([0, 6, 0x13, 1, 0x13, 2, 0xC0, 0x2F, 1, 0]);
    let mut extensions = vec![0, 0x17, 0, 0];
    if newest == 4 {
        let versions: &[u8] = if chance.once_in(2) { &[6, 0x4A, 0x4A, 3, 4, 3, 3] } else { &[4, 3, 4, 3, 3] };
        extensions.extend([0, 0x2B, 0, u8::try_from(versions.len()).expect("short")]);
        extensions.extend(versions);
    }
    if newest > 0 {
        body.extend(u16::try_from(extensions.len()).expect("short").to_be_bytes());
        body.extend(extensions);
    }
    let handshake = [&[1, 0][..], &u16::try_from(body.len()).expect("short").to_be_bytes(), &body].concat();
    sent(
        [&[0x16, 3, legacy.min(1)][..], &u16::try_from(handshake.len()).expect("short").to_be_bytes(), &handshake]
            .concat(),
    )
}
