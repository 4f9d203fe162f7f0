//! A stream over TLS.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection};

/// How the members speak TLS.
#[derive(Clone)]
pub struct Tls {
    /// What they trust and show.
    pub config: Arc<ClientConfig>,
    /// The name that the certificate of the server must be for.
    pub name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(crate) struct Secured {
    session: ClientConnection,
    socket: TcpStream,
}

impl Secured {
    pub(crate) fn new(tls: &Tls, socket: TcpStream) -> io::Result<Secured> {
        let session = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone()).map_err(io::Error::other)?;
        Ok(Secured { session, socket })
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn has_output(&self) -> bool {
        self.session.wants_write()
    }
}

impl Read for Secured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Bookend detects truncation itself.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            let ended = self.session.read_tls(&mut self.socket)? == 0;
            let processed = self.session.process_new_packets();
            self.flush()?; // an answer of the handshake, or an alert
            processed.map_err(io::Error::other)?;
            if ended && self.session.is_handshaking() {
                return Ok(0);
            }
        }
    }
}

impl Write for Secured {
    /// What TLS holds until the socket takes it is limited; it takes nothing more then.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.session.writer().write(bytes)?;
        self.flush()?;
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    /// Writes as much as the socket takes.
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
