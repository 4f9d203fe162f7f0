//! A device without a runtime: it reports readings, and answers when the host asks.

use std::io;
use std::net::{TcpListener, TcpStream};

/// Readings between two questions of the host.
pub(crate) const READINGS: u32 = 1_000;
/// Questions of the host.
pub(crate) const QUESTIONS: u32 = 2_000;

/// One reading.
pub(crate) fn reading(number: u32) -> [u8; 32] {
    let mut reading = [0x20; 32];
    reading[..4].copy_from_slice(&number.to_be_bytes());
    reading
}

pub(crate) fn run(device: fn(TcpStream) -> io::Result<()>, host: fn(TcpStream) -> io::Result<u32>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    // Otherwise both variants wait for delayed acknowledgements, and nothing else is measured.
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let thread = std::thread::spawn(move || device(near));
    let readings = host(far)?;
    thread.join().map_err(|_| io::Error::other("the device panicked"))??;
    let sent = READINGS * QUESTIONS;
    if readings == sent { Ok(()) } else { Err(io::Error::other(format!("{readings} of {sent} readings"))) }
}
