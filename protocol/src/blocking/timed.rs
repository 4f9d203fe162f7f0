//! Streams whose reads and writes have a timeout.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A stream whose reads and writes end after a timeout. A blocking [`Connection`](super::Connection) sets it, so that
/// no program forgets.
///
/// `TcpStream` and `UnixStream` have it. A type from another crate is wrapped in one of your own, as this serial port
/// is, or in [`TimeoutsSet`]:
///
/// ```
/// # mod serialport {
/// #     pub(crate) trait SerialPort: std::io::Read + std::io::Write + Send {
/// #         fn set_timeout(&mut self, timeout: std::time::Duration) -> std::io::Result<()>;
/// #     }
/// # }
/// use bookend::blocking::{Connection, Timed};
/// use bookend::{ConnectionError, Hello};
/// use serialport::SerialPort;
/// use std::io::{self, Read, Write};
/// use std::time::Duration;
///
/// struct Port(Box<dyn SerialPort>);
///
/// impl Timed for Port {
///     fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
///         self.0.set_timeout(timeout).map_err(Into::into)
///     }
/// }
///
/// impl Read for Port {
///     fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
///         match self.0.read(space) {
///             // Some ports return 0 if nothing has arrived; to a connection that is the end of the stream.
///             Ok(0) if !space.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
///             read => read,
///         }
///     }
/// }
///
/// impl Write for Port {
///     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
///         self.0.write(bytes)
///     }
///
///     fn flush(&mut self) -> io::Result<()> {
///         Ok(()) // that of a serial port waits until the line has carried every byte, and has no timeout
///     }
/// }
///
/// fn open(port: Box<dyn SerialPort>) -> Result<Connection<Port>, ConnectionError> {
///     Connection::connect(Port(port), Hello::new().with_keepalive(60))
/// }
/// ```
pub trait Timed {
    /// From now on, a read or a write that transfers nothing within `timeout` fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut). Earlier is allowed, at once
    /// too; later makes each call that much longer. `timeout` is from 1 to 250 ms.
    ///
    /// # Errors
    /// The stream cannot do that.
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()>;

    /// Ends the sending direction after the CLOSE, so that the peer reads the end of the stream. By default it does
    /// nothing: the peer then waits until this side drops the stream, or at most for its own timeout.
    ///
    /// # Errors
    /// The stream's.
    fn end_writing(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose timeouts the program has set: for a type that cannot be [`Timed`] itself, such as a TLS stream over a
/// `TcpStream`. Without timeouts, a call lasts until the stream returns, whatever the bound in its documentation. A program
/// that only sends waits for a read from time to time, so that it learns of a CLOSE: set short timeouts.
///
/// ```no_run
/// # use std::net::TcpStream;
/// # fn tls(tcp: TcpStream) -> TcpStream { tcp }
/// use bookend::Hello;
/// use bookend::blocking::{Connection, TimeoutsSet};
/// use std::time::Duration;
///
/// let tcp = TcpStream::connect("127.0.0.1:4000")?;
/// tcp.set_read_timeout(Some(Duration::from_millis(250)))?;
/// tcp.set_write_timeout(Some(Duration::from_millis(250)))?;
/// let connection = Connection::connect(TimeoutsSet(tls(tcp)), Hello::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeoutsSet<S>(pub S);

impl<S> Timed for TimeoutsSet<S> {
    fn set_timeouts(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Read> Read for TimeoutsSet<S> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl<S: Write> Write for TimeoutsSet<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Timed for TcpStream {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn end_writing(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Timed for UnixStream {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(timeout))?;
        self.set_write_timeout(Some(timeout))
    }

    fn end_writing(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<T: Timed + ?Sized> Timed for &mut T {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_timeouts(timeout)
    }

    fn end_writing(&mut self) -> io::Result<()> {
        (**self).end_writing()
    }
}

impl<T: Timed + ?Sized> Timed for Box<T> {
    fn set_timeouts(&mut self, timeout: Duration) -> io::Result<()> {
        (**self).set_timeouts(timeout)
    }

    fn end_writing(&mut self) -> io::Result<()> {
        (**self).end_writing()
    }
}
