//! The catalogue: every setting there is. The file, the environment, the flags, what is printed and the table in
//! docs/operating.md follow it.

use std::time::Duration;

use super::Settings;
use super::field::{Field, Value};

/// When a new value is obeyed that a reload brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    AtOnce,
    NewConnections,
    NewRooms,
    Restart,
}

impl Effect {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Effect::AtOnce => "at once",
            Effect::NewConnections => "new connections",
            Effect::NewRooms => "new rooms",
            Effect::Restart => "restart",
        }
    }
}

/// One setting.
pub(crate) struct Setting {
    /// `key`, or `section.key`.
    pub(crate) name: &'static str,
    pub(crate) effect: Effect,
    /// What it does, in one sentence.
    pub(super) about: &'static str,
    field: fn(&mut Settings) -> Field<'_>,
}

impl Setting {
    /// The section, which is empty for the first ones, and the key.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Its name in the environment.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", super::sources::PREFIX, self.name.replace('.', "_").to_uppercase())
    }

    /// Takes what was written, or says why not.
    pub(super) fn write(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        (self.field)(settings).write(value)
    }

    /// The value, as it can be written.
    pub(crate) fn value(&self, settings: &Settings) -> Value {
        (self.field)(&mut settings.clone()).value()
    }

    /// The value in TOML.
    pub(crate) fn toml(&self, settings: &Settings) -> String {
        (self.field)(&mut settings.clone()).toml()
    }

    /// Which values are allowed.
    pub(super) fn allowed(&self) -> String {
        (self.field)(&mut Settings::default()).allowed()
    }

    /// Takes the value from other settings.
    pub(crate) fn copy(&self, settings: &mut Settings, from: &Settings) {
        self.write(settings, &self.value(from)).expect("what was allowed is allowed");
    }
}

/// The setting of that name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

use Effect::{AtOnce, NewConnections, NewRooms, Restart};

/// All of them, section by section.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    Setting { name: "listen", effect: AtOnce,
        about: "Where to listen: hosts with a port, which is a number, 0 for any that is free, or the name of a service, with `tls://` before them for TLS; or Unix sockets.",
        field: |s| Field::Places(&mut s.listen) },
    Setting { name: "public", effect: AtOnce,
        about: "Listen on addresses that other machines can reach, although anybody may enter there, or tokens travel in the clear.",
        field: |s| Field::Flag(&mut s.public) },
    Setting { name: "ready_file", effect: Restart,
        about: "A file that is written once all places are listened on, with one of them in each line, and removed at the end.",
        field: |s| Field::Path(&mut s.ready_file) },
    Setting { name: "unix.mode", effect: AtOnce,
        about: "The permissions of Unix sockets: whoever may write may connect.",
        field: |s| Field::Mode(&mut s.unix_mode) },
    Setting { name: "tls.certificate", effect: NewConnections,
        about: "The certificate for `tls://` places, in PEM, and behind it those between it and a root. A reload reads it and the two below again.",
        field: |s| Field::Path(&mut s.tls_certificate) },
    Setting { name: "tls.key", effect: NewConnections,
        about: "The private key of the certificate, in PEM.",
        field: |s| Field::Path(&mut s.tls_key) },
    Setting { name: "tls.client_ca", effect: NewConnections,
        about: "The roots of the certificates that clients are to show, in PEM. Without it none is asked for.",
        field: |s| Field::Path(&mut s.tls_client_ca) },
    Setting { name: "tls.client_optional", effect: NewConnections,
        about: "Whoever shows no certificate passes, too; who shows a wrong one never does.",
        field: |s| Field::Flag(&mut s.tls_client_optional) },
    Setting { name: "tls.handshake_timeout", effect: NewConnections,
        about: "How long a handshake may take; it counts at the door like a connection that has not said HELLO.",
        field: |s| Field::Time(&mut s.tls_handshake_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "access.tokens", effect: AtOnce,
        about: "The file of tokens, which a reload reads again: whoever came with one that does not allow the same any more is closed.",
        field: |s| Field::Path(&mut s.access_tokens) },
    Setting { name: "access.anonymous", effect: NewConnections,
        about: "What somebody without a token may do; write has read in it. auto is none with a file of tokens, and write without one.",
        field: |s| Field::Allowance(&mut s.access_anonymous, true) },
    Setting { name: "access.certified", effect: NewConnections,
        about: "What somebody may do who has no token, but a certificate of `tls.client_ca`.",
        field: |s| Field::Allowance(&mut s.access_certified, false) },
    Setting { name: "access.token_timeout", effect: NewConnections,
        about: "How long a person may take to give a token where one is needed; it is a place at the door for so long.",
        field: |s| Field::Time(&mut s.hub.token_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "access.delay", effect: NewConnections,
        about: "How long the answer to a wrong token is kept back.",
        field: |s| Field::Time(&mut s.hub.token_delay, ms(0)..=ms(MINUTE)) },
    Setting { name: "access.wrong_tokens", effect: NewConnections,
        about: "Wrong tokens from one IPv4 address or one IPv6 network of 64 bits in `wrong_window`, after which nobody is let in from there until it is over.",
        field: |s| Field::Count(&mut s.hub.wrong_tokens, 1..=1_000_000) },
    Setting { name: "access.wrong_window", effect: NewConnections,
        about: "The time in which `wrong_tokens` are counted, from the first one on.",
        field: |s| Field::Time(&mut s.hub.token_window, ms(SECOND)..=ms(HOUR)) },
    Setting { name: "admin.listen", effect: Restart,
        about: "Where those who look after the hub are answered.",
        field: |s| Field::Place(&mut s.admin_listen) },
    Setting { name: "admin.mode", effect: Restart,
        about: "The permissions of that place if it is a Unix socket: whoever may write controls the hub.",
        field: |s| Field::Mode(&mut s.admin_mode) },
    Setting { name: "admin.public", effect: Restart,
        about: "It may be where other machines can reach it: what is asked and answered there is not encrypted, nor is the token.",
        field: |s| Field::Flag(&mut s.admin_public) },
    Setting { name: "admin.token_file", effect: AtOnce,
        about: "A file with the token for whoever comes to that place by TCP: a line of 16 to 256 visible ASCII characters.",
        field: |s| Field::Path(&mut s.admin_token_file) },
    Setting { name: "admin.hosts", effect: AtOnce,
        about: "The host names by which that place is asked by TCP, besides localhost and IP addresses.",
        field: |s| Field::Names(&mut s.admin_hosts) },
    Setting { name: "log.level", effect: AtOnce,
        about: "The least level that is logged; `LEVEL,TARGET=LEVEL,…` has other levels for parts of the program.",
        field: |s| Field::Filter(&mut s.log_level) },
    Setting { name: "log.format", effect: Restart,
        about: "How the log is written: for people, or one JSON object in each line.",
        field: |s| Field::Format(&mut s.log_format) },
    Setting { name: "limits.max_body", effect: NewConnections,
        about: "The longest body that is accepted.",
        field: |s| Field::Bytes(&mut s.hub.max_body, KIB..=256 * MIB) },
    Setting { name: "limits.keepalive", effect: NewConnections,
        about: "The hub writes something at least so often; 0s promises nothing.",
        field: |s| Field::Seconds(&mut s.hub.keepalive, 0..=u16::MAX) },
    Setting { name: "limits.hello_timeout", effect: NewConnections,
        about: "HELLO is to come within this; a line terminal that says nothing joins then.",
        field: |s| Field::Time(&mut s.hub.limits.hello_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.header_timeout", effect: NewConnections,
        about: "A header is to come within this of its first byte; a body has as long, and what `body_rate` gives it.",
        field: |s| Field::Time(&mut s.hub.limits.header_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.body_rate", effect: NewConnections,
        about: "The slowest body, in bytes a second.",
        field: |s| Field::Bytes(&mut s.hub.limits.body_rate, 1..=GIB) },
    Setting { name: "limits.close_timeout", effect: NewConnections,
        about: "How long a connection that is closing is read from, so that the CLOSE arrives.",
        field: |s| Field::Time(&mut s.hub.limits.close_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.close_drain", effect: NewConnections,
        about: "How much is read and discarded then.",
        field: |s| Field::Bytes(&mut s.hub.limits.drain, 0..=GIB) },
    Setting { name: "limits.pings", effect: NewConnections,
        about: "PINGs in `ping_window` with nothing else among them.",
        field: |s| Field::Count(&mut s.hub.limits.pings, 1..=1_000_000) },
    Setting { name: "limits.ping_window", effect: NewConnections,
        about: "The time in which `pings` are counted.",
        field: |s| Field::Time(&mut s.hub.limits.ping_window, ms(SECOND)..=ms(HOUR)) },
    Setting { name: "limits.empty_frames", effect: NewConnections,
        about: "Frames without a body in one second.",
        field: |s| Field::Count(&mut s.hub.limits.empty_frames, 1..=1_000_000) },
    Setting { name: "limits.requests", effect: NewConnections,
        about: "Requests that wait for an answer.",
        field: |s| Field::Count(&mut s.hub.limits.requests, 1..=1_000_000) },
    Setting { name: "limits.stall", effect: NewConnections,
        about: "Who takes nothing of what it is sent for so long is closed as a slow consumer.",
        field: |s| Field::Time(&mut s.hub.stall, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.private_frames", effect: NewConnections,
        about: "Messages for one member alone that may wait for it.",
        field: |s| Field::Count(&mut s.hub.private_frames, 1..=1_000_000) },
    Setting { name: "limits.changes", effect: NewConnections,
        about: "Times that a line terminal may /name or /join in 10 seconds.",
        field: |s| Field::Count(&mut s.hub.changes, 1..=1_000_000) },
    Setting { name: "limits.probe", effect: NewConnections,
        about: "A TCP peer that is silent for so long is probed by the system, and gone after as long again without an answer; 0s never probes.",
        field: |s| Field::Time(&mut s.hub.probe, ms(0)..=ms(HOUR)) },
    Setting { name: "door.waiting", effect: NewConnections,
        about: "Connections that have not said yet who they are, in all.",
        field: |s| Field::Count(&mut s.hub.waiting, 1..=1_000_000) },
    Setting { name: "door.waiting_per_address", effect: NewConnections,
        about: "The same from one IPv4 address or one IPv6 network of 64 bits; Unix sockets count in all only.",
        field: |s| Field::Count(&mut s.hub.waiting_per_address, 1..=1_000_000) },
    Setting { name: "door.arrivals_per_address", effect: NewConnections,
        about: "Connections in 10 seconds from one IPv4 address or one IPv6 network of 64 bits, but for this machine's own.",
        field: |s| Field::Count(&mut s.hub.arrivals_per_address, 1..=1_000_000) },
    Setting { name: "room.log", effect: AtOnce,
        about: "How much of what was said a room keeps for the slow and for those who resume, in every encoding in use.",
        field: |s| Field::Bytes(&mut s.hub.log_bytes, 4 * KIB..=64 * GIB) },
    Setting { name: "room.crowd", effect: NewRooms,
        about: "A room with more members is a crowd, which is not told who comes and goes, until half as many are left.",
        field: |s| Field::Count(&mut s.hub.crowd, 0..=1_000_000_000) },
    Setting { name: "shut_down.spread", effect: AtOnce,
        about: "At the end the connections are closed over this time, or one every 10 ms if that is sooner, so that not all come back at once.",
        field: |s| Field::Time(&mut s.hub.shut_down_spread, ms(0)..=ms(HOUR)) },
    Setting { name: "shut_down.deadline", effect: AtOnce,
        about: "Who is still there so long after the end began is given up.",
        field: |s| Field::Time(&mut s.hub.shut_down_deadline, ms(100)..=ms(HOUR)) },
];
