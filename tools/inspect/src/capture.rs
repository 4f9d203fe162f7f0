//! Reads the packets of a capture file, pcap or pcapng, as a stream.

use std::fmt;
use std::io::{self, Read};

use bookend::ReadBuffer;
use pcap_parser::nom::Err as Parsed;
use pcap_parser::{
    Block, LegacyPcapBlock, Linktype, PcapError, PcapHeader, parse_block_be, parse_block_le, parse_pcap_frame,
    parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::link;

/// The longest block, in bytes. A longer one counts as damage.
const LONGEST_BLOCK: usize = 16 << 20;
/// The most interfaces of a section.
const MAX_INTERFACES: usize = 1 << 16;

/// True if `bytes` begin like a capture file.
pub(super) fn is_capture(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xD4, 0xC3, 0xB2, 0xA1, ..]
            | [0xA1, 0xB2, 0xC3, 0xD4, ..]
            | [0x4D, 0x3C, 0xB2, 0xA1, ..]
            | [0xA1, 0xB2, 0x3C, 0x4D, ..]
            | [0x34, 0xCD, 0xB2, 0xA1, ..]
            | [0x0A, 0x0D, 0x0D, 0x0A, ..]
    )
}

/// Why a capture cannot be read any further.
#[derive(Debug)]
pub(super) enum CaptureError {
    Io(io::Error),
    Damaged {
        /// The offset in the file.
        at: u64,
        why: &'static str,
    },
    /// The packets have a link type that is not read.
    LinkType(Linktype),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaptureError::Io(error) => write!(f, "{error}"),
            CaptureError::Damaged { at, why } => write!(f, "cannot read the capture beyond byte {at}: {why}"),
            CaptureError::LinkType(link) => write!(
                f,
                "cannot read link type {}: capture with Ethernet, Linux cooked (any), loopback or raw IP",
                link::described(*link)
            ),
        }
    }
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> CaptureError {
        CaptureError::Io(error)
    }
}

/// What reading a capture yields.
pub(super) enum Item<'a> {
    Packet(Record<'a>),
    /// The next packet may be a long time coming.
    Pause,
}

/// A packet as recorded in the file.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) link: Linktype,
    pub(super) bytes: &'a [u8],
}

/// Reads a capture file.
pub(super) struct Capture<R> {
    input: R,
    buffer: ReadBuffer,
    ended: bool,
    /// The offset of `buffer` in the file.
    position: u64,
    format: Format,
}

enum Format {
    Unknown,
    Pcap(PcapHeader),
    PcapNg { big_endian: bool, interfaces: Vec<Linktype> },
}

impl<R: Read> Capture<R> {
    pub(super) fn new(input: R) -> Capture<R> {
        Capture { input, buffer: ReadBuffer::new(), ended: false, position: 0, format: Format::Unknown }
    }

    /// Calls `take` with each packet until the file ends, and before each read of the input.
    ///
    /// # Errors
    /// [`CaptureError`], after all packets before the damage; any error of `take`.
    pub(super) fn read<E: From<CaptureError>>(
        &mut self,
        mut take: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let filled = self.buffer.filled();
            let used = match self.format.parse(filled) {
                Ok((used, Some(record))) => {
                    take(Item::Packet(record))?;
                    used
                }
                Ok((used, None)) => used,
                Err(BlockError::Short) if filled.is_empty() && self.ended => return Ok(()),
                Err(BlockError::Short) if self.ended => {
                    return Err(self.damaged("the file ends inside a packet").into());
                }
                Err(BlockError::Short) if filled.len() > LONGEST_BLOCK => {
                    return Err(self.damaged("a packet claims to be longer than 16 MiB").into());
                }
                Err(BlockError::Short) => {
                    take(Item::Pause)?;
                    let count = self.input.read(self.buffer.space()).map_err(CaptureError::Io)?;
                    self.ended = count == 0;
                    self.buffer.add(count);
                    continue;
                }
                Err(BlockError::Wrong(why)) => return Err(self.damaged(why).into()),
                Err(BlockError::LinkType(link)) => return Err(CaptureError::LinkType(link).into()),
            };
            self.buffer.consume(used);
            self.position += used as u64;
        }
    }

    fn damaged(&self, why: &'static str) -> CaptureError {
        CaptureError::Damaged { at: self.position, why }
    }
}

enum BlockError {
    /// More bytes are needed.
    Short,
    Wrong(&'static str),
    LinkType(Linktype),
}

type Step<'a> = Result<(usize, Option<Record<'a>>), BlockError>;

impl Format {
    /// Reads one block. Returns its length, and the packet in it.
    fn parse<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        match self {
            Format::Unknown if bytes.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]) => {
                *self = Format::PcapNg { big_endian: false, interfaces: Vec::new() };
                self.parse(bytes)
            }
            Format::Unknown => {
                let (rest, mut header) =
                    parse_pcap_header(bytes).map_err(block_error("the header is not that of a pcap file"))?;
                header.network.0 &= 0xFFFF; // the upper bits describe the link's checksums
                if !link::is_read(header.network) {
                    return Err(BlockError::LinkType(header.network));
                }
                *self = Format::Pcap(header);
                Ok((bytes.len() - rest.len(), None))
            }
            Format::Pcap(header) => {
                let parse = match (header.is_modified_format(), header.is_bigendian()) {
                    (true, _) => parse_pcap_frame_modified,
                    (false, true) => parse_pcap_frame_be,
                    (false, false) => parse_pcap_frame,
                };
                let (rest, LegacyPcapBlock { data, .. }) = parse(bytes).map_err(block_error("a packet is damaged"))?;
                Ok((bytes.len() - rest.len(), Some(Record { link: header.network, bytes: data })))
            }
            Format::PcapNg { big_endian, interfaces } => parse_block(bytes, big_endian, interfaces),
        }
    }
}

/// An old packet block of pcapng: interface (u16), drops (u16), time (u64), captured length, original length, packet.
const OLD_PACKET: u32 = 2;
/// Its fields before the packet, in bytes.
const OLD_PACKET_HEADER: usize = 20;

fn parse_block<'a>(bytes: &'a [u8], big_endian: &mut bool, interfaces: &mut Vec<Linktype>) -> Step<'a> {
    // The parser rejects a long block only once all of it has arrived, so the length is checked here.
    let length = number(bytes, 4, *big_endian).ok_or(BlockError::Short)?;
    let begins_section = bytes.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]);
    if !begins_section && (length < 12 || length as usize > LONGEST_BLOCK) {
        return Err(BlockError::Wrong("a block has an impossible length"));
    }
    let parse = if *big_endian { parse_block_be } else { parse_block_le };
    let (rest, block) = parse(bytes).map_err(block_error("a block is damaged"))?;
    let link = |interface: u32| interfaces.get(interface as usize).copied().unwrap_or(link::UNDESCRIBED);
    let record = match &block {
        Block::SectionHeader(section) => {
            *big_endian = section.big_endian();
            interfaces.clear();
            None
        }
        Block::InterfaceDescription(interface) => {
            if interfaces.len() >= MAX_INTERFACES {
                return Err(BlockError::Wrong("too many interfaces"));
            }
            interfaces.push(interface.linktype);
            None
        }
        Block::EnhancedPacket(packet) => {
            let data = packet.data.get(..packet.caplen as usize).unwrap_or(packet.data);
            Some(Record { link: link(packet.if_id), bytes: data })
        }
        Block::SimplePacket(packet) => {
            let data = packet.data.get(..packet.origlen as usize).unwrap_or(packet.data);
            Some(Record { link: link(0), bytes: data })
        }
        Block::Unknown(unknown) if number(bytes, 0, *big_endian) == Some(OLD_PACKET) => {
            Some(old_packet(unknown.data, *big_endian, link).ok_or(BlockError::Wrong("a packet block is too short"))?)
        }
        _ => None,
    };
    match bytes.len() - rest.len() {
        0 => Err(BlockError::Wrong("a block is empty")),
        used => Ok((used, record)),
    }
}

/// The content of an old packet block.
fn old_packet(data: &[u8], big_endian: bool, link: impl Fn(u32) -> Linktype) -> Option<Record<'_>> {
    let interface = data.first_chunk().copied()?;
    let interface = if big_endian { u16::from_be_bytes(interface) } else { u16::from_le_bytes(interface) };
    let captured = number(data, 12, big_endian)?;
    let packet = data.get(OLD_PACKET_HEADER..)?;
    let packet = packet.get(..captured as usize).unwrap_or(packet);
    Some(Record { link: link(interface.into()), bytes: packet })
}

/// The number of 32 bits at `at`.
fn number(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let number = bytes.get(at..)?.first_chunk().copied()?;
    Some(if big_endian { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) })
}

fn block_error<'a>(why: &'static str) -> impl FnOnce(Parsed<PcapError<&'a [u8]>>) -> BlockError {
    move |error| match error {
        Parsed::Incomplete(_) => BlockError::Short,
        Parsed::Error(_) | Parsed::Failure(_) => BlockError::Wrong(why),
    }
}
