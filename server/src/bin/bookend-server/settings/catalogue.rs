//! The catalogue of settings. The file, the environment, the flags, `--print-config` and the table in docs/operating.md
//! follow it.

use std::time::Duration;

use super::Settings;
use super::field::{Field, Value};

/// The prefix of a setting in the environment.
pub(super) const PREFIX: &str = "BOOKEND_";

/// When a reload puts a new value into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    AtOnce,
    NewConnections,
    NewRooms,
    Restart,
}

impl Effect {
    /// The effect in words.
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
    /// What it does.
    pub(super) about: &'static str,
    field: fn(&mut Settings) -> Field<'_>,
}

impl Setting {
    /// The section, which is empty for the first settings, and the key.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Its name in the environment.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", PREFIX, self.name.replace('.', "_").to_uppercase())
    }

    /// Parses and stores a value.
    pub(super) fn write(&self, settings: &mut Settings, value: &Value) -> Result<(), String> {
        (self.field)(settings).write(value)
    }

    /// The value, as it is written.
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

    /// Copies the value from other settings.
    pub(crate) fn copy(&self, settings: &mut Settings, from: &Settings) {
        self.write(settings, &self.value(from)).expect("a stored value is allowed");
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
const TEN_YEARS: u64 = 315_576_000 * SECOND;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

use Effect::{AtOnce, NewConnections, NewRooms, Restart};

/// All settings, section by section.
#[rustfmt::skip]
pub(crate) const SETTINGS: &[Setting] = &[
    Setting { name: "listen", effect: AtOnce,
        about: "The addresses to listen on. A port is a number, 0 for any free port, or the name of a service; `tls://` before the host means TLS; `unix:` means a Unix socket.",
        field: |s| Field::Places(&mut s.listen) },
    Setting { name: "public", effect: AtOnce,
        about: "Allow addresses that other machines can reach, even if anybody may join there or tokens are sent unencrypted.",
        field: |s| Field::Flag(&mut s.public) },
    Setting { name: "ready_file", effect: Restart,
        about: "A file that is written when the hub listens on all addresses, with one address in each line, and removed at the end.",
        field: |s| Field::Path(&mut s.ready_file) },
    Setting { name: "unix.mode", effect: AtOnce,
        about: "The permissions of Unix sockets. Users with write permission may connect.",
        field: |s| Field::Mode(&mut s.unix_mode) },
    Setting { name: "tls.certificate", effect: NewConnections,
        about: "The certificate for `tls://` addresses, followed by its intermediate certificates, in PEM. A reload reads it and the next two files again.",
        field: |s| Field::Path(&mut s.tls_certificate) },
    Setting { name: "tls.key", effect: NewConnections,
        about: "The private key of the certificate, in PEM.",
        field: |s| Field::Path(&mut s.tls_key) },
    Setting { name: "tls.client_ca", effect: NewConnections,
        about: "The roots for client certificates, in PEM. Without it the hub requests no client certificate.",
        field: |s| Field::Path(&mut s.tls_client_ca) },
    Setting { name: "tls.client_optional", effect: NewConnections,
        about: "Accept clients without a certificate. An invalid certificate is always refused.",
        field: |s| Field::Flag(&mut s.tls_client_optional) },
    Setting { name: "tls.handshake_timeout", effect: NewConnections,
        about: "The timeout of the handshake. Until it is complete, the connection counts against `door.waiting`.",
        field: |s| Field::Time(&mut s.tls_handshake_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "access.tokens", effect: AtOnce,
        about: "The token file. A reload reads it again, and closes members whose token no longer allows the same.",
        field: |s| Field::Path(&mut s.access_tokens) },
    Setting { name: "access.anonymous", effect: NewConnections,
        about: "The rights of a peer without a token; write includes read. auto is none with a token file, and write without one.",
        field: |s| Field::Allowance(&mut s.access_anonymous, true) },
    Setting { name: "access.certified", effect: NewConnections,
        about: "The rights of a peer without a token, but with a certificate of `tls.client_ca`.",
        field: |s| Field::Allowance(&mut s.access_certified, false) },
    Setting { name: "access.token_timeout", effect: NewConnections,
        about: "The timeout for a person to send a token where one is needed. Until then the connection counts against `door.waiting`.",
        field: |s| Field::Time(&mut s.hub.token_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "access.delay", effect: NewConnections,
        about: "The delay of the answer to a wrong token. Each further one from the same address within `wrong_window` is delayed twice as long. A right token is accepted at once.",
        field: |s| Field::Time(&mut s.hub.token_delay, ms(0)..=ms(MINUTE)) },
    Setting { name: "access.max_delay", effect: NewConnections,
        about: "No answer to a wrong token is delayed longer, unless `delay` is longer.",
        field: |s| Field::Time(&mut s.hub.token_max_delay, ms(0)..=ms(10 * MINUTE)) },
    Setting { name: "access.wrong_tokens", effect: NewConnections,
        about: "The most wrong tokens from one IPv4 address, one /64 network of IPv6 or one local user that wait for their answers. A further one is answered at once.",
        field: |s| Field::Count(&mut s.hub.wrong_tokens, 1..=1_000_000) },
    Setting { name: "access.wrong_window", effect: NewConnections,
        about: "The window in which wrong tokens of an address are counted for `delay`. It starts with the first one.",
        field: |s| Field::Time(&mut s.hub.token_window, ms(SECOND)..=ms(HOUR)) },
    Setting { name: "access.connections_per_token", effect: NewConnections,
        about: "The most connections that use one token, by its name.",
        field: |s| Field::Count(&mut s.hub.connections_per_token, 1..=1_000_000) },
    Setting { name: "access.bans", effect: Restart,
        about: "A file in which the hub keeps bans. Without it they last as long as the process.",
        field: |s| Field::Path(&mut s.access_bans) },
    Setting { name: "admin.listen", effect: Restart,
        about: "The address of the admin service.",
        field: |s| Field::ListenAddress(&mut s.admin_listen) },
    Setting { name: "admin.mode", effect: Restart,
        about: "The permissions of the admin service if it is a Unix socket. Users with write permission control the hub.",
        field: |s| Field::Mode(&mut s.admin_mode) },
    Setting { name: "admin.public", effect: Restart,
        about: "Allow an address that other machines can reach. Requests, answers and the token are not encrypted.",
        field: |s| Field::Flag(&mut s.admin_public) },
    Setting { name: "admin.token_file", effect: AtOnce,
        about: "A file with the token for the admin service over TCP: a line of 16 to 256 visible ASCII characters.",
        field: |s| Field::Path(&mut s.admin_token_file) },
    Setting { name: "admin.hosts", effect: AtOnce,
        about: "Host names of the admin service over TCP, besides localhost and IP addresses.",
        field: |s| Field::Names(&mut s.admin_hosts) },
    Setting { name: "log.level", effect: AtOnce,
        about: "The lowest level that is logged. `LEVEL,TARGET=LEVEL,…` sets other levels for parts of the program.",
        field: |s| Field::Filter(&mut s.log_level) },
    Setting { name: "log.format", effect: Restart,
        about: "The format of the log: for people, or one JSON object in each line.",
        field: |s| Field::Format(&mut s.log_format) },
    Setting { name: "limits.max_body", effect: NewConnections,
        about: "The longest body that is accepted.",
        field: |s| Field::Bytes(&mut s.hub.max_body, KIB..=256 * MIB) },
    Setting { name: "limits.keepalive", effect: NewConnections,
        about: "The hub writes something at least this often; 0s promises nothing.",
        field: |s| Field::Seconds(&mut s.hub.keepalive, 0..=u16::MAX) },
    Setting { name: "limits.hello_timeout", effect: NewConnections,
        about: "The timeout for HELLO after the first byte of a framed peer.",
        field: |s| Field::Time(&mut s.hub.limits.hello_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.terminal_silence", effect: NewConnections,
        about: "A connection that sends nothing for this time is taken for a line terminal and joins.",
        field: |s| Field::Time(&mut s.hub.terminal_silence, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.header_timeout", effect: NewConnections,
        about: "The timeout for a header after its first byte. A body has this time and what `body_rate` adds.",
        field: |s| Field::Time(&mut s.hub.limits.header_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.body_rate", effect: NewConnections,
        about: "The slowest body, in bytes per second.",
        field: |s| Field::Bytes(&mut s.hub.limits.body_rate, 1..=GIB) },
    Setting { name: "limits.close_timeout", effect: NewConnections,
        about: "How long the hub reads from a closing connection, so that CLOSE arrives.",
        field: |s| Field::Time(&mut s.hub.limits.close_timeout, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.close_drain", effect: NewConnections,
        about: "How many bytes the hub reads and discards during that time.",
        field: |s| Field::Bytes(&mut s.hub.limits.drain, 0..=GIB) },
    Setting { name: "limits.pings", effect: NewConnections,
        about: "The most PINGs in `ping_window` with no other frame between them.",
        field: |s| Field::Count(&mut s.hub.limits.pings, 1..=1_000_000) },
    Setting { name: "limits.ping_window", effect: NewConnections,
        about: "The window for `pings`.",
        field: |s| Field::Time(&mut s.hub.limits.ping_window, ms(SECOND)..=ms(HOUR)) },
    Setting { name: "limits.empty_frames", effect: NewConnections,
        about: "The most frames without a body in one second.",
        field: |s| Field::Count(&mut s.hub.limits.empty_frames, 1..=1_000_000) },
    Setting { name: "limits.requests", effect: NewConnections,
        about: "The most requests of a client that wait for an answer. HELLO says so.",
        field: |s| Field::Count(&mut s.hub.requests, 1..=1_000_000) },
    Setting { name: "limits.stall", effect: NewConnections,
        about: "A peer that accepts no bytes for this time is closed as a slow consumer; up to three times as long if it has accepted some since bytes began to wait.",
        field: |s| Field::Time(&mut s.hub.stall, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.read_rate", effect: NewConnections,
        about: "The least that a peer must read, in bytes per second, while bytes wait for it. A peer that reads less on average for as long as `stall` is closed as a slow consumer.",
        field: |s| Field::Bytes(&mut s.hub.read_rate, 1..=GIB) },
    Setting { name: "limits.messages_per_second", effect: NewConnections,
        about: "The most frames per second of one framed peer, on average. The hub reads no faster; 0 is no limit.",
        field: |s| Field::Count(&mut s.hub.messages_per_second, 0..=1_000_000_000) },
    Setting { name: "limits.lines_per_second", effect: NewConnections,
        about: "The most lines per second of one line terminal, likewise.",
        field: |s| Field::Count(&mut s.hub.lines_per_second, 0..=1_000_000_000) },
    Setting { name: "limits.bytes_per_second", effect: NewConnections,
        about: "The most bytes per second of one peer, likewise.",
        field: |s| Field::Bytes(&mut s.hub.bytes_per_second, 0..=64 * GIB) },
    Setting { name: "limits.burst", effect: NewConnections,
        about: "A peer that has sent less before may send at once what these three rates allow in this time. A new connection may send messages or lines of one second at once.",
        field: |s| Field::Time(&mut s.hub.burst, ms(100)..=ms(HOUR)) },
    Setting { name: "limits.answer", effect: NewConnections,
        about: "How long a member may take to answer a PING. The hub sends one when a peer with the same token asks for its name, and after a private message, which is confirmed when the member has answered. 0s sends none and confirms at once.",
        field: |s| Field::Time(&mut s.hub.answer, ms(0)..=ms(MINUTE)) },
    Setting { name: "limits.private_frames", effect: NewConnections,
        about: "The most private messages that wait for one member.",
        field: |s| Field::Count(&mut s.hub.private_frames, 1..=1_000_000) },
    Setting { name: "limits.changes", effect: NewConnections,
        about: "The most uses of /name and /join by one line terminal in 10 seconds.",
        field: |s| Field::Count(&mut s.hub.changes, 1..=1_000_000) },
    Setting { name: "limits.probe", effect: NewConnections,
        about: "The system probes a silent TCP peer after this time, and disconnects it after the same time without an answer; 0s disables probes.",
        field: |s| Field::Time(&mut s.hub.probe, ms(0)..=ms(HOUR)) },
    Setting { name: "door.connections", effect: NewConnections,
        about: "The most connections in all; 0 means 65536. Never more than the limit of open files allows. No address and no local user has more than half of them, and an address of this machine three quarters.",
        field: |s| Field::Count(&mut s.hub.connections, 0..=1_000_000) },
    Setting { name: "door.connections_per_address", effect: NewConnections,
        about: "The most connections from one IPv4 address or one /64 network of IPv6. Connections from this machine are limited only by `connections`.",
        field: |s| Field::Count(&mut s.hub.connections_per_address, 1..=1_000_000) },
    Setting { name: "door.waiting", effect: NewConnections,
        about: "The most connections that have not identified themselves, for TCP and Unix sockets separately. A newer one takes the place of another: of the address with the most, first the oldest that has sent nothing.",
        field: |s| Field::Count(&mut s.hub.waiting, 1..=1_000_000) },
    Setting { name: "door.waiting_per_address", effect: NewConnections,
        about: "The same for one IPv4 address, one /64 network of IPv6 or one local user.",
        field: |s| Field::Count(&mut s.hub.waiting_per_address, 1..=1_000_000) },
    Setting { name: "door.arrivals_per_address", effect: NewConnections,
        about: "The most connections in 10 seconds from one IPv4 address or one /64 network of IPv6. Connections from this machine are not counted.",
        field: |s| Field::Count(&mut s.hub.arrivals_per_address, 1..=1_000_000) },
    Setting { name: "door.proxies", effect: NewConnections,
        about: "Proxies and load balancers. Connections over TCP from these addresses must begin with a header of the PROXY protocol, version 1 or 2.",
        field: |s| Field::Networks(&mut s.hub.proxies) },
    Setting { name: "room.log", effect: AtOnce,
        about: "How much a room keeps for slow members and for members that resume, in all encodings in use together.",
        field: |s| Field::Bytes(&mut s.hub.log_bytes, 4 * KIB..=64 * GIB) },
    Setting { name: "room.memory", effect: AtOnce,
        about: "How much all rooms keep together. If they keep more, the oldest messages are removed, first those of the address whose rooms keep most.",
        field: |s| Field::Bytes(&mut s.hub.log_memory, MIB..=1024 * GIB) },
    Setting { name: "room.rooms", effect: AtOnce,
        about: "The most rooms besides the lobby. Rooms that everybody has left give way.",
        field: |s| Field::Count(&mut s.hub.rooms, 1..=1_000_000) },
    Setting { name: "room.linger", effect: AtOnce,
        about: "How long a room that has had a message is kept after everybody has left it; 0s keeps none.",
        field: |s| Field::Time(&mut s.hub.linger, ms(0)..=ms(24 * HOUR)) },
    Setting { name: "room.crowd", effect: NewRooms,
        about: "A room with more members is a crowd, in which joins and leaves are not announced, until half as many are left.",
        field: |s| Field::Count(&mut s.hub.crowd, 0..=1_000_000_000) },
    Setting { name: "room.recent", effect: NewConnections,
        about: "How many of the latest messages a line terminal is shown when it joins; auto is 10 with `history.path`, and 0 without.",
        field: |s| Field::CountOrAuto(&mut s.history.recent, 0..=1000) },
    Setting { name: "history.path", effect: Restart,
        about: "The file in which the hub keeps what is said to everyone. Without it messages are kept in memory only.",
        field: |s| Field::Path(&mut s.history.path) },
    Setting { name: "history.sync", effect: AtOnce,
        about: "How long messages wait to be flushed to stable storage together; until then they are delivered, and not confirmed. 0s flushes each transaction at once, off never: a power failure may then lose confirmed messages.",
        field: |s| Field::TimeOrOff(&mut s.history.sync, ms(0)..=ms(MINUTE)) },
    Setting { name: "history.bytes", effect: AtOnce,
        about: "How much of a room is kept; 0 is no limit. The oldest messages are removed.",
        field: |s| Field::Bytes(&mut s.history.bytes, 0..=64 * 1024 * GIB) },
    Setting { name: "history.age", effect: AtOnce,
        about: "How long a message is kept; 0s is no limit.",
        field: |s| Field::Time(&mut s.history.age, ms(0)..=ms(TEN_YEARS)) },
    Setting { name: "history.messages", effect: AtOnce,
        about: "How many messages of a room are kept; 0 is no limit.",
        field: |s| Field::Count(&mut s.history.messages, 0..=1_000_000_000_000) },
    Setting { name: "history.total", effect: AtOnce,
        about: "How much of all rooms is kept together; 0 is no limit. The oldest messages of all are removed.",
        field: |s| Field::Bytes(&mut s.history.total, 0..=64 * 1024 * GIB) },
    Setting { name: "history.rooms", effect: NewRooms,
        about: "The rooms that are kept: names, or the beginnings of names before `*`. Those after `!` are not kept: `[\"*\", \"!doctor-*\"]`.",
        field: |s| Field::Rooms(&mut s.history.rooms) },
    Setting { name: "history.full", effect: AtOnce,
        about: "While the disk is full or fails: refuse messages to rooms that are kept, or deliver them live, without keeping them.",
        field: |s| Field::WhenFull(&mut s.history.full) },
    Setting { name: "history.page", effect: NewConnections,
        about: "The most messages in the answer to one request for what is kept.",
        field: |s| Field::Count(&mut s.hub.history_page, 1..=10_000) },
    Setting { name: "history.readers", effect: Restart,
        about: "The threads that read the file for members.",
        field: |s| Field::Count(&mut s.history.readers, 1..=64) },
    Setting { name: "shut_down.delay", effect: AtOnce,
        about: "At shut-down, `/readyz` answers 503 for this time before the listeners are closed, so that load balancers send nobody any more.",
        field: |s| Field::Time(&mut s.shut_down_delay, ms(0)..=ms(HOUR)) },
    Setting { name: "shut_down.spread", effect: AtOnce,
        about: "At shut-down, connections are closed over this time, or one every 10 ms if that is faster, so that not all reconnect at once.",
        field: |s| Field::Time(&mut s.hub.shut_down_spread, ms(0)..=ms(HOUR)) },
    Setting { name: "shut_down.deadline", effect: AtOnce,
        about: "Connections that are still open this long after the shut-down started are given up.",
        field: |s| Field::Time(&mut s.hub.shut_down_deadline, ms(100)..=ms(HOUR)) },
];
