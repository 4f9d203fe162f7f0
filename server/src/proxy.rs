//! The PROXY protocol, versions 1 and 2: a proxy sends the address of its client before the bytes of the client.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use proxy_header::{ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The first bytes of version 1.
const WORD: &[u8] = b"PROXY ";
/// The longest header of version 1, in bytes with CR LF.
const MAX_V1: usize = 107;
/// The bytes of version 2 up to the length of the rest.
const FIXED_V2: usize = 16;
/// The longest header of version 2 that is accepted, in bytes. Beyond the addresses it contains fields that are skipped.
const MAX_V2: usize = 4096;
/// The command LOCAL of version 2: the connection is of the proxy itself, whatever addresses follow.
const LOCAL: u8 = 0x20;

/// Why the header of a proxy cannot be used.
#[derive(Debug)]
pub(crate) enum HeaderError {
    /// The stream ended before its first byte, as with a check of a load balancer.
    Empty,
    /// The first bytes belong to no header.
    Missing,
    Malformed,
    /// The length that a header of version 2 claims, in bytes.
    TooLong(usize),
    Io(io::Error),
}

/// Reads a header, and no byte after it. Returns the address of the client, or `None` if the connection is of the proxy
/// itself or the proxy does not know the address.
pub(crate) async fn read_header<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<SocketAddr>, HeaderError> {
    let mut header = vec![0; SIGNATURE.len()];
    let mut length = 0;
    while length < header.len() {
        match stream.read(&mut header[length..]).await? {
            0 if length == 0 => return Err(HeaderError::Empty),
            0 => return Err(HeaderError::Malformed),
            count => length += count,
        }
        let start = &header[..length];
        if !SIGNATURE.starts_with(start) && !WORD.starts_with(&start[..length.min(WORD.len())]) {
            return Err(HeaderError::Missing);
        }
    }
    if header == SIGNATURE { read_v2(stream, header).await } else { read_v1(stream, header).await }
}

/// Reads byte by byte: only the end of the line says how long the header is.
async fn read_v1<S: AsyncRead + Unpin>(stream: &mut S, mut line: Vec<u8>) -> Result<Option<SocketAddr>, HeaderError> {
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_V1 {
            return Err(HeaderError::Malformed);
        }
        line.push(stream.read_u8().await?);
    }
    parse(&line)
}

async fn read_v2<S: AsyncRead + Unpin>(stream: &mut S, mut header: Vec<u8>) -> Result<Option<SocketAddr>, HeaderError> {
    header.resize(FIXED_V2, 0);
    stream.read_exact(&mut header[SIGNATURE.len()..]).await?;
    let length = FIXED_V2 + usize::from(u16::from_be_bytes([header[14], header[15]]));
    if length > MAX_V2 {
        return Err(HeaderError::TooLong(length));
    }
    header.resize(length, 0);
    stream.read_exact(&mut header[FIXED_V2..]).await?;
    if header[SIGNATURE.len()] == LOCAL { Ok(None) } else { parse(&header) }
}

/// Parses a whole header.
fn parse(bytes: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
    let (header, used) = ProxyHeader::parse(bytes, ParseConfig::default()).map_err(|_| HeaderError::Malformed)?;
    match used == bytes.len() {
        true => Ok(header.proxied_address().map(|addresses| addresses.source)),
        false => Err(HeaderError::Malformed),
    }
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> HeaderError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => HeaderError::Malformed,
            _ => HeaderError::Io(error),
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Empty => f.write_str("the connection ended before its first byte"),
            HeaderError::Missing => f.write_str("no PROXY protocol header from an address that is in door.proxies"),
            HeaderError::Malformed => f.write_str("the PROXY protocol header is incomplete or malformed"),
            HeaderError::TooLong(length) => {
                write!(f, "a PROXY protocol header of {length} bytes: at most {MAX_V2} are accepted")
            }
            HeaderError::Io(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;

    use super::*;

    /// What is read from these bytes, and how many of them are left; `None` if it waits for more.
    fn read(bytes: &[u8]) -> (Result<Option<SocketAddr>, HeaderError>, usize) {
        let mut rest = bytes;
        let result = match pin!(read_header(&mut rest)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => unreachable!("a slice never waits"),
        };
        (result, rest.len())
    }

    /// A header of version 2.
    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    const V4: &[u8] = b"\xC0\x00\x02\x07\x0A\x00\x00\x01\xC8\x22\x0F\x96";

    #[test]
    fn both_versions_name_the_client_and_leave_its_bytes() {
        let v6 = [&b"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07"[..], &[0; 16], b"\xC8\x22\x0F\x96"].concat();
        for (header, address) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 3990\r\n".to_vec(), Some("192.0.2.7:51234")),
            (b"PROXY TCP6 2001:db8::7 ::1 51234 3990\r\n".to_vec(), Some("[2001:db8::7]:51234")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ff:: ff:: 1 2\r\n".to_vec(), None),
            (v2(0x21, 0x11, V4), Some("192.0.2.7:51234")),
            (v2(0x21, 0x21, &v6), Some("[2001:db8::7]:51234")),
            (v2(0x21, 0x11, &[V4, b"\x04\x00\x03pad", b"\xE0\xFF\xFF"].concat()), Some("192.0.2.7:51234")),
            (v2(0x20, 0x00, b""), None),
            (v2(0x20, 0x11, b""), None),
            (v2(0x21, 0x00, b"\x04\x00\x00"), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            let (result, left) = read(&[&header[..], b"hello"].concat());
            let shown = header.escape_ascii();
            assert_eq!(result.unwrap_or_else(|error| panic!("{shown}: {error}")), address.map(|a| a.parse().unwrap()));
            assert_eq!(left, 5, "{shown}");
            for cut in 1..header.len() {
                assert!(matches!(read(&header[..cut]).0, Err(HeaderError::Malformed)), "{shown} cut at {cut}");
            }
        }
    }

    #[test]
    fn other_bytes_are_refused_at_the_first_one_that_differs() {
        for (bytes, left) in [(&b"hello"[..], 0), (b"PROXZ TCP4 1.1.1.1", 6), (b"\r\n\r\n\r", 0), (b"\xF5\xF8\x01", 0)]
        {
            let (result, rest) = read(bytes);
            assert!(matches!(result, Err(HeaderError::Missing)) && rest == left, "{}", bytes.escape_ascii());
        }
        assert!(matches!(read(b"").0, Err(HeaderError::Empty)));
        for header in [
            &b"PROXY TCP4 192.0.2.7 10.0.0.1 51234\r\n"[..],
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 99999 1\r\n",
            b"PROXY TCP9 192.0.2.7 10.0.0.1 1 1\r\n",
            &[b'P'; 0],
            &[&b"PROXY TCP6 "[..], &[b' '; 200]].concat(),
            &v2(0x21, 0x11, b"\x01"),
            &v2(0x31, 0x11, V4),
            &v2(0x21, 0x77, V4),
        ] {
            let result = read(header).0;
            assert!(matches!(result, Err(HeaderError::Malformed | HeaderError::Empty)), "{}", header.escape_ascii());
        }
        let long = v2(0x21, 0x11, &vec![0; MAX_V2]);
        assert!(matches!(read(&long), (Err(HeaderError::TooLong(4112)), 4096)), "before the rest is read");
    }

    proptest! {
        #[test]
        fn no_header_causes_a_panic_or_is_read_beyond_its_limit(
            version in 0..3_usize, command: u8, family: u8, length: u16, rest in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            let start = match version {
                0 => b"PROXY TCP4 ".to_vec(),
                1 => b"PROXY TCP6 ".to_vec(),
                _ => [&SIGNATURE[..], &[command & 0x31, family & 0x33], &(length % 320).to_be_bytes()].concat(),
            };
            let bytes = [start, rest].concat();
            let (_, left) = read(&bytes);
            let most = if version < 2 { MAX_V1 } else { MAX_V2 };
            prop_assert!(bytes.len() - left <= most);
        }
    }
}
