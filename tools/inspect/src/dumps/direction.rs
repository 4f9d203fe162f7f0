//! Marks of direction: the words and signs that say which side sent the bytes after them.

use crate::side::Side;

/// Words of one who sends, for whom the peer is the server.
const SENT: &[&str] = &[
    "send", "sent", "sending", "sends", "tx", "write", "wrote", "written", "writing", "out", "outgoing", "outbound",
    "c2s", "client", "peer0", "req", "request", "up", "upstream", "sendto", "sendmsg", "writev", "c", ">", ">>", "->",
    "-->", "=>", "==>", "→", "⇒", "▶", ">>>",
];
const RECEIVED: &[&str] = &[
    "recv",
    "received",
    "receive",
    "receiving",
    "receives",
    "rx",
    "read",
    "reading",
    "in",
    "incoming",
    "inbound",
    "s2c",
    "server",
    "peer1",
    "resp",
    "response",
    "reply",
    "got",
    "down",
    "downstream",
    "recvfrom",
    "recvmsg",
    "readv",
    "s",
    "hub",
    "<",
    "<<",
    "<-",
    "<--",
    "<=",
    "<==",
    "←",
    "⇐",
    "◀",
    "<<<",
];

/// The side that sent the bytes after `label`. `None` if the label has no mark of direction.
pub(super) fn of(label: &str) -> Option<Side> {
    let words = label.split(|c: char| c.is_whitespace() || ":=,;()[]{}|\"'`_#*/.".contains(c));
    let mut towards = false;
    for word in words.filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        let side = if SENT.contains(&word.as_str()) || word.starts_with("c->") || word.starts_with("client->") {
            Some(Side::Client)
        } else if RECEIVED.contains(&word.as_str()) || word.starts_with("s->") || word.starts_with("server->") {
            Some(Side::Server)
        } else {
            None
        };
        if let Some(side) = side {
            return Some(if towards { side.other() } else { side });
        }
        towards = word == "to";
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found() {
        for label in
            ["TX:", "[12:00:01] sent 34 bytes", ">", "client -> server:", "to server:", "char peer0_12[] = {", "C:"]
        {
            assert_eq!(of(label), Some(Side::Client), "{label}");
        }
        for label in ["RX:", "recv(3, ", "<", "server:", "from server:", "to client", "char peer1_0[] = {", "← "] {
            assert_eq!(of(label), Some(Side::Server), "{label}");
        }
        assert_eq!(of("unsigned char frame[] ="), None);
    }
}
