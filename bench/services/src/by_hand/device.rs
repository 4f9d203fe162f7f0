//! The device and its host by hand: a length, a tag, an id, and the rest.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use byteorder::{BigEndian, ReadBytesExt, WriteBytesExt};

use crate::device::{QUESTIONS, READINGS, reading};

const READING: u8 = 1;
const QUESTION: u8 = 2;
const ANSWER: u8 = 3;
const CLOSE: u8 = 4;
const MAX: u32 = 1 << 20;

struct Wire {
    input: BufReader<TcpStream>,
    output: BufWriter<TcpStream>,
}

impl Wire {
    fn new(stream: TcpStream) -> io::Result<Wire> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        Ok(Wire { input: BufReader::new(stream.try_clone()?), output: BufWriter::new(stream) })
    }

    fn write(&mut self, tag: u8, id: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.output.write_u32::<BigEndian>(length + 5)?;
        self.output.write_u8(tag)?;
        self.output.write_u32::<BigEndian>(id)?;
        self.output.write_all(body)
    }

    fn read(&mut self) -> io::Result<(u8, u32, Vec<u8>)> {
        let length = self.input.read_u32::<BigEndian>()?;
        if !(5..=MAX).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame of an impossible length"));
        }
        let tag = self.input.read_u8()?;
        let id = self.input.read_u32::<BigEndian>()?;
        let mut body = vec![0; length as usize - 5];
        self.input.read_exact(&mut body)?;
        Ok((tag, id, body))
    }
}

/// Sends readings, and answers each question.
pub(crate) fn device(stream: TcpStream) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    let mut number = 0;
    loop {
        for _ in 0..READINGS {
            number += 1;
            wire.write(READING, 0, &reading(number))?;
        }
        wire.output.flush()?;
        loop {
            match wire.read()? {
                (QUESTION, id, _) => {
                    wire.write(ANSWER, id, &number.to_be_bytes())?;
                    break;
                }
                (CLOSE, ..) => return Ok(()),
                _ => {}
            }
        }
        wire.output.flush()?;
        if number == READINGS * QUESTIONS {
            wire.write(CLOSE, 0, &[])?;
            return wire.output.flush();
        }
    }
}

/// Asks after each batch of readings, and returns how many there were.
pub(crate) fn host(stream: TcpStream) -> io::Result<u32> {
    let mut wire = Wire::new(stream)?;
    let mut readings: u32 = 0;
    for id in 1..=QUESTIONS {
        wire.write(QUESTION, id, b"how many?")?;
        wire.output.flush()?;
        loop {
            let (tag, answered, body) = wire.read()?;
            match tag {
                READING => readings += 1,
                ANSWER if answered == id => {
                    if body != readings.to_be_bytes() {
                        return Err(io::Error::other("readings were lost"));
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    while wire.read()?.0 != CLOSE {}
    Ok(readings)
}
