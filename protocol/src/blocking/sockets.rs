//! Connections over the sockets of the operating system.

use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(unix)]
use std::path::Path;

use super::Connection;
use crate::error::ConnectionError;
use crate::hello::Hello;

/// Connects by TCP and opens a session.
///
/// ```no_run
/// use bookend::{Code, ConnectionError, Hello, Message, blocking};
/// # fn main() -> Result<(), ConnectionError> {
/// let mut connection = blocking::connect_tcp("127.0.0.1:4000", Hello::new().with_name("ann")?)?;
/// connection.send("hello")?;
/// while let Some(message) = connection.next()? {
///     if let Message::Message(payload) = message {
///         println!("{}", payload.text().unwrap_or_default());
///         break;
///     }
/// }
/// connection.close(Code::NORMAL, "")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// The stream's or the handshake's.
pub fn connect_tcp(address: impl ToSocketAddrs, hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Connection::connect(stream, hello)
}

/// Opens a session on a TCP stream that was accepted.
///
/// ```no_run
/// use bookend::{ConnectionError, Hello, Message, blocking};
/// # fn main() -> Result<(), ConnectionError> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:4000")?;
/// let (stream, _) = listener.accept()?;
/// let mut connection = blocking::accept_tcp(stream, Hello::new())?;
/// while let Some(message) = connection.next()? {
///     if let Message::Request { id, .. } = message {
///         connection.reply(id, "42")?;
///     }
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// The stream's or the handshake's.
pub fn accept_tcp(stream: TcpStream, hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
    stream.set_nodelay(true)?;
    Connection::accept(stream, hello)
}

/// Connects to a Unix socket and opens a session.
///
/// ```no_run
/// use bookend::{Code, ConnectionError, Hello, blocking};
/// # fn main() -> Result<(), ConnectionError> {
/// let mut connection = blocking::connect_unix("/run/service.sock", Hello::new())?;
/// connection.send("hello")?;
/// connection.close(Code::NORMAL, "")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// The stream's or the handshake's.
#[cfg(unix)]
pub fn connect_unix(path: impl AsRef<Path>, hello: Hello) -> Result<Connection<UnixStream>, ConnectionError> {
    Connection::connect(UnixStream::connect(path)?, hello)
}

/// Opens a session on a stream that a Unix socket accepted.
///
/// # Errors
/// The stream's or the handshake's.
#[cfg(unix)]
pub fn accept_unix(stream: UnixStream, hello: Hello) -> Result<Connection<UnixStream>, ConnectionError> {
    Connection::accept(stream, hello)
}
