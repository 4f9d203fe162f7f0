//! The device and its host with Bookend.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use bookend::blocking::Connection;
use bookend::{Code, Hello, Message, Reply};

use crate::device::{QUESTIONS, READINGS, reading};

/// Sends readings, and answers each question.
pub(crate) fn device(stream: TcpStream) -> io::Result<()> {
    let mut connection = Connection::connect(stream, Hello::new()).map_err(io::Error::other)?;
    let mut number: u32 = 0;
    while number < READINGS * QUESTIONS {
        for _ in 0..READINGS {
            number += 1;
            connection.queue(&reading(number)).map_err(io::Error::other)?;
        }
        loop {
            match connection.next().map_err(io::Error::other)? {
                Some(Message::Request { id, .. }) => {
                    connection.reply(id, &number.to_be_bytes()).map_err(io::Error::other)?;
                    break;
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }
    connection.close(Code::NORMAL, "").map_err(io::Error::other)
}

/// Asks after each batch of readings, and returns how many there were.
pub(crate) fn host(stream: TcpStream) -> io::Result<u32> {
    let mut connection = Connection::accept(stream, Hello::new()).map_err(io::Error::other)?;
    let mut readings: u32 = 0;
    for _ in 0..QUESTIONS {
        let reply = connection.request("how many?", Duration::from_secs(60)).map_err(io::Error::other)?;
        let Reply::Binary(sent) = reply else { return Err(io::Error::other("a reply in text")) };
        let sent = sent[..].try_into().map(u32::from_be_bytes).map_err(io::Error::other)?;
        while readings < sent {
            let message = connection.next().map_err(io::Error::other)?;
            readings += u32::from(matches!(message, Some(Message::Message(_))));
        }
    }
    while connection.next().map_err(io::Error::other)?.is_some() {}
    Ok(readings)
}
