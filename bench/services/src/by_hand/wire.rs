//! The frames: a tag, an id, and the rest.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(crate) enum Frame {
    Request { id: u32, body: Bytes },
    Reply { id: u32, body: Bytes },
    Failure { id: u32, reason: String },
    Cancel { id: u32 },
    Ping,
    Pong,
    Close,
}

impl Frame {
    pub(crate) fn encode(&self) -> Bytes {
        let (tag, id, body) = match self {
            Frame::Request { id, body } => (1, *id, &body[..]),
            Frame::Reply { id, body } => (2, *id, &body[..]),
            Frame::Failure { id, reason } => (3, *id, reason.as_bytes()),
            Frame::Cancel { id } => (4, *id, &[][..]),
            Frame::Ping => (5, 0, &[][..]),
            Frame::Pong => (6, 0, &[][..]),
            Frame::Close => (7, 0, &[][..]),
        };
        let mut bytes = BytesMut::with_capacity(5 + body.len());
        bytes.put_u8(tag);
        bytes.put_u32(id);
        bytes.put_slice(body);
        bytes.freeze()
    }

    pub(crate) fn decode(mut bytes: BytesMut) -> io::Result<Frame> {
        if bytes.len() < 5 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too short"));
        }
        let (tag, id) = (bytes.get_u8(), bytes.get_u32());
        Ok(match tag {
            1 => Frame::Request { id, body: bytes.freeze() },
            2 => Frame::Reply { id, body: bytes.freeze() },
            3 => Frame::Failure { id, reason: String::from_utf8_lossy(&bytes).into_owned() },
            4 => Frame::Cancel { id },
            5 => Frame::Ping,
            6 => Frame::Pong,
            7 => Frame::Close,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "an unknown frame")),
        })
    }
}
