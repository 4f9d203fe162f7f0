//! The account of a capture as lines of text.

use super::account::{Account, LeftOut};

/// The lines, each with whether it says that something of value was left out. None if everything was used.
pub(super) fn lines(account: &Account) -> Vec<(String, bool)> {
    if account.left_out.is_empty() {
        return Vec::new();
    }
    let Account { packets, tcp, payload, used, .. } = account;
    let total =
        format!("{} read, {tcp} with TCP; {used} of {} used", counted(*packets, "packet"), payload_of(*payload));
    let mut lines = vec![(total, false)];
    let without: Vec<&LeftOut> = account.left_out.iter().filter(|left_out| left_out.why == "not-tcp").collect();
    if !without.is_empty() {
        let packets = without.iter().map(|left_out| left_out.packets).sum();
        let parts: Vec<String> =
            without.iter().map(|left_out| format!("{} {}", left_out.packets, what(left_out))).collect();
        lines.push((format!("{} without TCP: {}", counted(packets, "packet"), parts.join(", ")), false));
    }
    let others = account.left_out.iter().filter(|left_out| left_out.why != "not-tcp");
    lines.extend(others.map(|left_out| (described(left_out), left_out.of_value)));
    lines
}

fn payload_of(bytes: u64) -> String {
    format!("{} of TCP payload", counted(bytes, "byte"))
}

fn what(left_out: &LeftOut) -> &str {
    left_out.what.as_deref().unwrap_or_default()
}

fn described(left_out: &LeftOut) -> String {
    let (packets, bytes, what) = (counted(left_out.packets, "packet"), counted(left_out.bytes, "byte"), what(left_out));
    match left_out.why {
        "fragment" => format!("{} of {what} not reassembled: {bytes}", counted(left_out.packets, "IP fragment")),
        "tunnel" => format!("{packets} in a tunnel that is not read: {what}"),
        "too-deep" => format!("{packets} not read: too many headers"),
        "cut-off" => format!("{packets} not read: the headers are cut off"),
        "malformed" => format!("{packets} not read: the headers contradict themselves"),
        "link-type" => format!("{packets} not read: link type {what}"),
        "retransmission" => format!("{bytes} sent again"),
        "conflicting-retransmission" => format!("{bytes} sent again with other content, and not used"),
        "out-of-order" => format!("{bytes} out of order and not used"),
        "outside-window" => format!("{bytes} outside the window and not used"),
        "after-fin" => format!("{bytes} after a FIN and not used"),
        "after-reset" => format!("{bytes} after a RST and not used"),
        "other-stream" => format!("{bytes} of other TCP streams"),
        _ => format!("{bytes} of TCP streams that were not followed"),
    }
}

/// A number with its noun.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
