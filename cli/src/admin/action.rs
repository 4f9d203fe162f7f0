//! What an operator asks a hub for.

use clap::Subcommand;
use serde_json::json;

/// A subcommand of `bookend admin`.
#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// How the hub is, in a few lines
    Status,
    /// Who is connected: number, name, room, address, round trip in ms, messages behind, and since when it is silent
    Connections {
        /// The last that ended, and why, instead
        #[arg(long)]
        closed: bool,
    },
    /// The rooms: members, messages so far, and what is kept of them
    Rooms,
    /// Send somebody away
    Kick {
        /// The number of the connection
        #[arg(value_name = "CONNECTION", required_unless_present = "member", conflicts_with = "member")]
        connection: Option<u64>,
        /// The number of the member instead
        #[arg(long, value_name = "N")]
        member: Option<u32>,
        /// What it is told
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say something to everyone, as the hub
    Say {
        #[arg(required = true)]
        text: Vec<String>,
        /// In one room only
        #[arg(long, value_name = "ROOM")]
        room: Option<String>,
    },
    /// End the hub in good order
    Drain,
    /// Read the settings again
    Reload,
    /// The metrics, as Prometheus gets them
    Metrics,
}

/// What is asked: with a body something is to change.
pub(super) struct Question {
    pub(super) path: &'static str,
    pub(super) body: Option<String>,
}

impl Action {
    /// What is asked for.
    pub(super) fn question(&self) -> Question {
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
        Question { path, body: body.map(|body| body.to_string()) }
    }
}
