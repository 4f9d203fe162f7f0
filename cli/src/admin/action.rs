//! The subcommands of `bookend admin`.

use clap::Subcommand;
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
            Action::Kick { connection, member, reason } => {
                ("/kick", Some(json!({ "connection": connection, "member": member, "reason": reason })))
            }
            Action::Say { text, room } => ("/say", Some(json!({ "text": text.join(" "), "room": room }))),
        };
        AdminRequest { path, body: body.map(|body| body.to_string()) }
    }
}
