//! The stream of a connection, plain or over TLS, that never blocks.

#[cfg(feature = "tls")]
mod secured;

use std::io::{self, Read, Write};

use mio::net::TcpStream;

#[cfg(feature = "tls")]
pub use secured::Tls;

/// A stream in non-blocking mode.
pub(super) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<secured::Secured>),
}

impl Stream {
    /// Begins a handshake over a socket.
    #[cfg(feature = "tls")]
    pub(super) fn secured(tls: &Tls, socket: TcpStream) -> io::Result<Stream> {
        Ok(Stream::Tls(Box::new(secured::Secured::new(tls, socket)?)))
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Stream::Tls(secured) => secured.socket(),
        }
    }

    /// True if a short read means that nothing more has arrived. A record of TLS ends a read, too.
    pub(super) fn is_drained_by_a_short_read(&self) -> bool {
        matches!(self, Stream::Plain(_))
    }

    /// True if the stream itself has bytes to write, such as those of the handshake.
    pub(super) fn has_output(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            #[cfg(feature = "tls")]
            Stream::Tls(secured) => secured.has_output(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(buffer),
            #[cfg(feature = "tls")]
            Stream::Tls(secured) => secured.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Stream::Tls(secured) => secured.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(_) => Ok(()),
            #[cfg(feature = "tls")]
            Stream::Tls(secured) => secured.flush(),
        }
    }
}
