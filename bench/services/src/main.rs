//! Four services, each written twice over the same streams and with the same work: with Bookend, and by hand over
//! tokio-util's `LengthDelimitedCodec`. Prints time, CPU, peak memory and lines of code beside each other.
//!
//! ```console
//! $ cargo run --release -p bookend-services             # everything, five rounds, variants in turn
//! $ cargo run --release -p bookend-services -- key_value bookend
//! ```

mod bridge;
mod by_hand;
mod device;
mod key_value;
mod measure;
mod table;
mod tls;
mod transfer;
mod with_bookend;

use std::io;

/// A service, and the two ways in which it is written.
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) bookend: fn() -> io::Result<()>,
    pub(crate) by_hand: fn() -> io::Result<()>,
    /// The source files of the two variants.
    pub(crate) sources: [&'static [&'static str]; 2],
}

/// What all services by hand share: the enum, and requests with ids.
const WIRE: &str = include_str!("by_hand/wire.rs");
const CALLS: &str = include_str!("by_hand/calls.rs");

const SERVICES: [Service; 5] = [
    Service {
        name: "key_value",
        bookend: || key_value::run(with_bookend::key_value::serve, with_bookend::key_value::connect),
        by_hand: || key_value::run(by_hand::key_value::serve, by_hand::key_value::connect),
        sources: [&[include_str!("with_bookend/key_value.rs")], &[include_str!("by_hand/key_value.rs"), WIRE, CALLS]],
    },
    Service {
        name: "transfer of 1 MiB bodies",
        bookend: || transfer::run(1 << 20, with_bookend::transfer::send, with_bookend::transfer::receive),
        by_hand: || transfer::run(1 << 20, by_hand::transfer::send, by_hand::transfer::receive),
        sources: [&[include_str!("with_bookend/transfer.rs")], &[include_str!("by_hand/transfer.rs")]],
    },
    Service {
        name: "transfer of 64 MiB bodies",
        bookend: || transfer::run(64 << 20, with_bookend::transfer::send, with_bookend::transfer::receive),
        by_hand: || transfer::run(64 << 20, by_hand::transfer::send, by_hand::transfer::receive),
        sources: [&[include_str!("with_bookend/transfer.rs")], &[include_str!("by_hand/transfer.rs")]],
    },
    Service {
        name: "bridge",
        bookend: || bridge::run(with_bookend::bridge::serve, with_bookend::bridge::connect),
        by_hand: || bridge::run(by_hand::bridge::serve, by_hand::bridge::connect),
        sources: [&[include_str!("with_bookend/bridge.rs")], &[include_str!("by_hand/bridge.rs"), WIRE, CALLS]],
    },
    Service {
        name: "device",
        bookend: || device::run(with_bookend::device::device, with_bookend::device::host),
        by_hand: || device::run(by_hand::device::device, by_hand::device::host),
        sources: [&[include_str!("with_bookend/device.rs")], &[include_str!("by_hand/device.rs")]],
    },
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => table::print(&SERVICES),
        [name, variant] => {
            let service = SERVICES.iter().find(|service| service.name == name);
            let service = service.ok_or_else(|| io::Error::other(format!("no service is called {name}")))?;
            let run = if variant == "bookend" { service.bookend } else { service.by_hand };
            measure::report(run)
        }
        _ => Err(io::Error::other("usage: bookend-services [SERVICE bookend|by_hand]")),
    }
}
