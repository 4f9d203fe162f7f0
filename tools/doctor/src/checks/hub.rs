//! The hub profile (SPEC 9). Each scene is in a room of its own, which nobody else is in.

mod account;
mod basics;
mod cast;
mod crowd;
mod history;
mod lag;
mod line_peer;
mod member;
mod names;
mod presence;
mod private;
mod resume;
mod rights;
mod scenes;
mod script;
mod search;
mod talk;
mod terminal;

use super::{Check, Test, When, custom};
use crate::side::Side;

const fn check(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    Check::new(name, spec, fix, test).when(When::Hub).needing(&["hub-welcome"]).only_for(Side::Server)
}

/// A check that posts.
const fn writing(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    check(name, spec, fix, test).needing(&["hub-welcome", "hub-presence", "hub-own-message"])
}

/// What shows the name that a member was given.
const NAMED: &[&str] = &["hub-welcome", "hub-presence"];

/// The checks that the others depend on.
pub(super) static FIRST: &[Check] = &[
    check(
        "hub-welcome",
        "R9.1 R9.5",
        "send WELCOME immediately after HELLO if both HELLOs set bit 0 of `features`",
        custom!(basics::hub_welcome),
    )
    .needing(&[]),
    check(
        "hub-presence",
        "R9.5",
        "after WELCOME, send a PRESENCE here for each member, the new one last",
        custom!(basics::hub_presence),
    ),
    check("hub-own-message", "R9.7", "deliver a POST to everyone to its sender, too", custom!(basics::hub_own_message)),
];

pub(super) static CHECKS: &[Check] = &[
    writing(
        "hub-everyone",
        "R9.7 R9.8 R9.11 R9.53",
        "deliver each POST to everyone once to each member, in one order, with consecutive numbers",
        custom!(scenes::hub_run),
    ),
    writing(
        "hub-message",
        "R9.6 R9.11",
        "treat a MESSAGE, also of a peer without the hub profile, as a POST to everyone",
        custom!(scenes::hub_messages),
    ),
    writing(
        "hub-encoding",
        "R9.12 R9.56 R5.5 R5.6 R5.10 R5.12 R5.13 R5.15",
        "deliver text in the encoding that the member prefers, with \\u{hex} for what it cannot encode",
        custom!(scenes::hub_encodings),
    ),
    writing(
        "hub-gaps",
        "R9.14 R9.10 R9.24 R4.17",
        "send a GAP in place of a DELIVERY that is longer than the member's `max body`",
        custom!(scenes::hub_gaps),
    ),
    writing(
        "hub-refused-text",
        "R5.8 R3.17 R3.18",
        "answer a POST with bad text by ERROR 1007 about its frame, and deliver it to nobody",
        custom!(scenes::hub_refused),
    ),
    writing(
        "hub-private",
        "R9.54 R9.8 R9.12 R9.13",
        "deliver a POST to one member to it alone, with its number in `to`, and seq 0",
        custom!(private::hub_private),
    ),
    writing(
        "hub-no-such-member",
        "R9.9 R9.33 R3.17",
        "answer a POST to an absent member by ERROR 4010 no-such-member",
        custom!(private::hub_absent),
    ),
    writing(
        "hub-private-too-long",
        "R9.22 R3.17",
        "answer a POST by ERROR 1009 if its DELIVERY is longer than the addressee's `max body`",
        custom!(private::hub_private_long),
    ),
    check(
        "hub-direction",
        "R9.2 R9.3",
        "refuse WELCOME, PRESENCE, DELIVERY and GAP from a client",
        custom!(talk::hub_direction),
    ),
    check(
        "hub-request",
        "R9.48 R9.55 R3.12 R3.17 R3.18",
        "answer a REQUEST that is no query by ERROR 1008 policy with its id and its frame",
        custom!(talk::hub_request),
    ),
    writing(
        "hub-quiet",
        "R9.55 R3.6 R3.11 R3.14 R3.19 R3.20 R3.21 R3.24 R3.26 R3.27",
        "ignore REPLY, ERROR, PONG, CANCEL and unknown kinds from a member, and show them to nobody",
        custom!(talk::hub_quiet),
    ),
    writing(
        "hub-sticky-fault",
        "R2.11 R2.14 R7.4 R7.5 R7.15",
        "deliver what precedes a fault, and act on nothing after it",
        custom!(talk::hub_sticky),
    ),
    writing(
        "hub-bytes",
        "R2.12 R2.13 R2.15",
        "deliver the bytes of a binary POST unchanged, whatever they are",
        custom!(talk::hub_bytes),
    ),
    writing(
        "hub-same-name",
        "R9.15 R9.36 R9.37 R9.52 R9.4",
        "add a suffix to a name that is taken, and use the new name everywhere",
        custom!(names::hub_same_name),
    ),
    check(
        "hub-look-alike",
        "R9.15 R9.36",
        "count a name as taken if it differs from a member's only in case, or looks like it",
        custom!(names::hub_look_alike),
    )
    .needing(NAMED),
    check(
        "hub-shown-names",
        "R9.34",
        "store names without invisible characters, with single blanks, in NFC, cut to 64 bytes",
        custom!(names::hub_shown_names),
    )
    .needing(NAMED),
    check(
        "hub-reserved-names",
        "R9.37",
        "count `hub`, `the hub`, `*` and `!` as taken in every room",
        custom!(names::hub_reserved),
    )
    .needing(NAMED),
    writing(
        "hub-rooms",
        "R9.35 R9.7",
        "compare the names of rooms in Form KC without case, and keep other rooms apart",
        custom!(names::hub_rooms),
    ),
    writing(
        "hub-history-search",
        "R9.44 R9.45 R9.12",
        "find what is kept by number and by text, and send it as it was delivered, in the member's encoding",
        custom!(search::hub_history_search),
    ),
    check(
        "hub-joined-left",
        "R9.5 R9.33 R9.52",
        "send PRESENCE joined and left, with number and name, to every other member",
        custom!(presence::hub_joined_left),
    )
    .needing(NAMED),
    writing(
        "hub-renamed",
        "R9.39 R9.33",
        "give a name that becomes free to the member that asked for it: left, then joined",
        custom!(presence::hub_renamed),
    ),
    writing(
        "hub-resume",
        "R9.13 R9.14 R9.24",
        "answer a resume by the messages to everyone after its number, once, in order, then what is new",
        custom!(resume::hub_resume),
    ),
    writing(
        "hub-resume-refused",
        "R9.13",
        "answer a resume that the room cannot have by ERROR 4009 after WELCOME, and let the member join",
        custom!(resume::hub_resume_refused),
    ),
    writing(
        "hub-resume-live",
        "R9.13 R9.7",
        "join and read the room's log at one point, so that nothing is lost or repeated between them",
        custom!(resume::hub_resume_live),
    ),
    writing(
        "hub-room-again",
        "R9.32 R9.13 R9.35",
        "begin a room above all numbers that it had before, and refuse those of another room",
        custom!(resume::hub_room_again),
    ),
    writing(
        "hub-lagging",
        "R9.10 R9.13 R9.23 R9.24",
        "count in a GAP what a slow member missed, before the next DELIVERY, then say who is here",
        custom!(lag::hub_lagging),
    )
    .waiting(),
    writing(
        "hub-history",
        "R9.13 R9.44 R9.45 R9.46 R9.47",
        "answer a query by pages that account for every number, and a resume by what they have after it",
        custom!(history::hub_history),
    ),
    writing(
        "hub-too-long",
        "R9.21",
        "answer a POST by ERROR 1009 too-long if its DELIVERY is longer than the hub's own `max body`",
        custom!(basics::hub_too_long),
    ),
    writing(
        "hub-terminal-line",
        "R9.16 R4.20",
        "send one line with name, date and time when a connection is accepted",
        custom!(terminal::hub_terminal_line),
    )
    .visiting(),
    writing(
        "hub-terminal-lines",
        "R9.17 R9.18",
        "end a line at CR LF, LF, CR NUL or CR, and refuse and remove telnet options",
        custom!(terminal::hub_terminal_lines),
    )
    .visiting(),
    writing(
        "hub-terminal-edits",
        "R9.42",
        "let U+0008, U+007F and EC remove the last character, and EL the whole line",
        custom!(terminal::hub_terminal_corrections),
    )
    .visiting(),
    writing(
        "hub-terminal-shows",
        "R9.19 R9.52 R9.54",
        "write \\u{hex} for control characters, bidirectional controls and line breaks in a payload",
        custom!(terminal::hub_terminal_shows),
    )
    .visiting(),
    writing(
        "hub-terminal-names",
        "R9.31",
        "write \\u{hex} for what makes a name look like another speaker's line or the hub's",
        custom!(terminal::hub_terminal_names),
    )
    .visiting(),
    writing(
        "hub-terminal-refuses",
        "R9.20 R9.43",
        "refuse HTTP, and a HELLO after other bytes, before anything of it reaches a room",
        custom!(terminal::hub_terminal_refuses),
    )
    .visiting(),
    writing(
        "hub-crowd",
        "R9.25 R9.26 R9.27",
        "announce a crowd with its number and the room's name, and list its members when it ends",
        custom!(crowd::hub_crowd),
    )
    .alone(),
    writing(
        "hub-refused",
        "R9.28",
        "answer the HELLO of a peer that may not enter by CLOSE 1008 policy",
        custom!(rights::hub_refused),
    )
    .waiting(),
    writing(
        "hub-reader",
        "R9.29",
        "answer what a member may not write by ERROR 1008 policy, and deliver it to nobody",
        custom!(rights::hub_reader),
    ),
    writing(
        "hub-writer",
        "R9.30 R9.48",
        "tell a member that may not read nothing, and refuse its resume and a POST to it",
        custom!(rights::hub_writer),
    ),
    writing(
        "hub-name-again",
        "R9.40",
        "send a PING to the member that has the name, and close it as idle only if it is silent",
        custom!(rights::hub_name_again),
    )
    .waiting(),
    writing(
        "hub-unanswered",
        "R9.41",
        "send a PING after a DELIVERY to one member, and answer the sender's PING when it has answered",
        custom!(rights::hub_unanswered),
    )
    .waiting(),
];
