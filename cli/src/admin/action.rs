//! The subcommands of `bookend admin`.

use clap::{Args, Subcommand};
use serde_json::json;

/// A subcommand of `bookend admin`.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show the state of the hub
    Status,
    /// List the connections: number, name, room, address, round trip in ms, backlog in messages, and idle time
    Connections {
        /// List the connections that were closed last, and why, instead
        #[arg(long)]
        closed: bool,
    },
    /// List the rooms: members, messages so far, and the size of the log
    Rooms,
    /// Disconnect a member
    Kick {
        /// The number of the connection
        #[arg(value_name = "CONNECTION", required_unless_present = "member", conflicts_with = "member")]
        connection: Option<u64>,
        /// The number of the member, instead of the connection
        #[arg(long, value_name = "N")]
        member: Option<u32>,
        /// The reason to send to the member
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Ban the address of the connection, too, and its token if it has one, for TIME (such as 10m, 1h or 7d)
        #[arg(long, value_name = "TIME")]
        ban: Option<String>,
    },
    /// Keep peers out for a while, and disconnect those that are connected
    Ban {
        #[command(flatten)]
        target: BanTarget,
        /// For how long, from 1s to 10y; 1h if it is not given
        #[arg(long = "for", value_name = "TIME")]
        duration: Option<String>,
        /// The reason to send to them
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Ban a network of very many addresses
        #[arg(long)]
        force: bool,
    },
    /// List the bans
    Bans,
    /// Lift a ban
    Unban {
        /// The number of the ban
        #[arg(value_name = "BAN")]
        ban: u64,
    },
    /// Send a message to everyone, in the name of the hub
    Say {
        #[arg(required = true)]
        text: Vec<String>,
        /// Send it to one room only
        #[arg(long, value_name = "ROOM")]
        room: Option<String>,
    },
    /// Shut the hub down gracefully
    Drain,
    /// Reload the settings
    Reload,
    /// Print the metrics in the Prometheus text format
    Metrics,
}

// Whom to ban. (A doc comment would replace the summary of the command.)
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct BanTarget {
    /// An IP address; of IPv6 its /64 network
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// A network, such as 198.51.100.0/24 or 2001:db8::/32
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    /// The name of a member
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The name of a token
    #[arg(long, value_name = "NAME")]
    token: Option<String>,
}

/// A request to the admin listener. One with a body changes something.
pub(super) struct AdminRequest {
    pub(super) path: &'static str,
    pub(super) body: Option<String>,
}

impl Action {
    /// The request for this action.
    pub(super) fn request(&self) -> AdminRequest {
        let (path, body) = match self {
            Action::Status => ("/status", None),
            Action::Connections { .. } => ("/connections", None),
            Action::Rooms => ("/rooms", None),
            Action::Metrics => ("/metrics", None),
            Action::Drain => ("/drain", Some(json!({}))),
            Action::Reload => ("/reload", Some(json!({}))),
            Action::Kick { connection, member, reason, ban } => {
                ("/kick", Some(json!({ "connection": connection, "member": member, "reason": reason, "ban": ban })))
            }
            Action::Ban { target: BanTarget { address, network, name, token }, duration, reason, force } => {
                let body = json!({ "address": address, "network": network, "name": name, "token": token,
                    "for": duration, "reason": reason, "force": force });
                ("/ban", Some(body))
            }
            Action::Bans => ("/bans", None),
            Action::Unban { ban } => ("/unban", Some(json!({ "ban": ban }))),
            Action::Say { text, room } => ("/say", Some(json!({ "text": text.join(" "), "room": room }))),
        };
        AdminRequest { path, body: body.map(|body| body.to_string()) }
    }
}
