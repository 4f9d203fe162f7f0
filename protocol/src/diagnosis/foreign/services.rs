//! Services in text, and remote screens: SSH, mail, FTP, NATS, VNC, RDP.

use alloc::format;

use super::super::quoted;
use super::{Sighting, certain, find, first_line, likely};

pub(super) fn ssh(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    if line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.") { certain(quoted(line)) } else { None }
}

/// Mail (SMTP, IMAP, POP3) and FTP.
pub(super) fn mail_ftp(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    let upper = line.to_ascii_uppercase();
    let begins = |words: &[&[u8]]| words.iter().any(|word| upper.starts_with(word));
    let seen = || format!("the line {}", quoted(line));
    if begins(&[b"* OK ", b"* PREAUTH ", b"* BYE "]) || upper.starts_with(b"+OK ") {
        return certain(seen());
    }
    let greets = begins(&[b"220 ", b"220-", b"421 ", b"554 "]);
    let named = [&b"SMTP"[..], b"FTP", b"MAIL"].iter().any(|word| find(&upper, word).is_some());
    let client = begins(&[b"EHLO ", b"HELO ", b"LHLO ", b"MAIL FROM:", b"USER ", b"AUTH TLS"]);
    match (greets, named || client) {
        (true, true) | (false, true) if greets || client => certain(seen()),
        (true, false) => likely(seen()),
        _ => None,
    }
}

pub(super) fn nats(bytes: &[u8]) -> Sighting {
    let line = first_line(&bytes[..bytes.len().min(1024)])?;
    let upper = line.to_ascii_uppercase();
    let opens = [&b"INFO {"[..], b"CONNECT {"].iter().any(|verb| upper.starts_with(verb));
    if opens || upper.starts_with(b"-ERR '") { certain(format!("the line {}", quoted(line))) } else { None }
}

/// The version of the RFB protocol, twelve bytes: `RFB 003.008` and a line feed.
pub(super) fn vnc(bytes: &[u8]) -> Sighting {
    let version = bytes.strip_prefix(b"RFB ")?.get(..8)?;
    let [major @ .., b'\n'] = version else { return None };
    let digits = major.iter().enumerate().all(|(at, byte)| if at == 3 { *byte == b'.' } else { byte.is_ascii_digit() });
    if digits { certain(format!("the version {}", quoted(&bytes[..11]))) } else { None }
}

/// TPKT around an X.224 connection request or confirm.
pub(super) fn rdp(bytes: &[u8]) -> Sighting {
    match *bytes {
        [3, 0, 0, length, rest_length, code @ (0xE0 | 0xD0), ..] if length >= 11 && length - 5 == rest_length => {
            let pdu = if code == 0xE0 { "request" } else { "confirm" };
            certain(format!("an X.224 connection {pdu} in TPKT"))
        }
        _ => None,
    }
}
