//! The client's side of SOCKS5 (RFC 1928), with user and password (RFC 1929).

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Credentials, ProxyError};
use crate::address::Address;

const VERSION: u8 = 5;
/// The version of the exchange of user and password.
const PASSWORD_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks the proxy to connect to `hub`. Afterwards `stream` carries the hub's bytes, and no byte of them has been read.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    who: Option<&Credentials>,
    stream: &mut S,
    hub: &Address,
) -> Result<(), ProxyError> {
    let request = request(hub)?;
    let methods: &[u8] = if who.is_some() { &[NO_AUTHENTICATION, PASSWORD] } else { &[NO_AUTHENTICATION] };
    stream.write_all(&with_length(&[VERSION], methods)?).await?;
    let method = match (answer(stream, VERSION).await?, who) {
        (NO_AUTHENTICATION, _) => None,
        (PASSWORD, Some(who)) => Some(who),
        (_, None) => return Err(ProxyError::Credentials("the proxy requires a user and a password".into())),
        (_, Some(_)) => return Err(ProxyError::Credentials("the proxy accepts no user and password".into())),
    };
    if let Some(Credentials { user, password }) = method {
        let user = with_length(&[PASSWORD_VERSION], user.as_bytes())?;
        stream.write_all(&with_length(&user, password.as_bytes())?).await?;
        if answer(stream, PASSWORD_VERSION).await? != 0 {
            return Err(ProxyError::Credentials("the proxy refuses this user and password".into()));
        }
    }
    stream.write_all(&request).await?;
    match answer(stream, VERSION).await? {
        0 => skip_address(stream).await,
        code => Err(ProxyError::Refused(meaning(code))),
    }
}

/// An address is sent as such; any other host by name, which the proxy resolves.
fn request(hub: &Address) -> Result<Vec<u8>, ProxyError> {
    let head = |kind| vec![VERSION, CONNECT, 0, kind];
    let mut request = match hub.host().parse() {
        Ok(IpAddr::V4(address)) => [head(IPV4), address.octets().into()].concat(),
        Ok(IpAddr::V6(address)) => [head(IPV6), address.octets().into()].concat(),
        Err(_) => with_length(&head(NAME), hub.host().as_bytes())?,
    };
    request.extend(hub.port().to_be_bytes());
    Ok(request)
}

/// `before`, the length of `bytes` in one byte, and `bytes`.
fn with_length(before: &[u8], bytes: &[u8]) -> Result<Vec<u8>, ProxyError> {
    let length = u8::try_from(bytes.len());
    let length = length
        .map_err(|_| ProxyError::Refused("SOCKS5 allows no host, user or password of more than 255 bytes".into()))?;
    Ok([before, &[length], bytes].concat())
}

/// The byte that follows the version.
async fn answer(stream: &mut (impl AsyncRead + Unpin), version: u8) -> Result<u8, ProxyError> {
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    if answer[0] != version {
        return Err(not_socks5(answer[0]));
    }
    Ok(answer[1])
}

/// Skips the address from which the proxy connects.
async fn skip_address(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), ProxyError> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    let length = match head {
        [0, IPV4] => 4,
        [0, IPV6] => 16,
        [0, NAME] => stream.read_u8().await?,
        [0, unexpected] | [unexpected, _] => return Err(not_socks5(unexpected)),
    };
    let mut address = vec![0; usize::from(length) + size_of::<u16>()];
    stream.read_exact(&mut address).await?;
    Ok(())
}

fn not_socks5(byte: u8) -> ProxyError {
    ProxyError::NotAProxy(format!("the peer is not a SOCKS5 proxy: it answers with the byte {byte:02x}"))
}

fn meaning(code: u8) -> String {
    let meaning = match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reason",
    };
    format!("SOCKS5 reply {code}: {meaning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a proxy hears that answers this, and how the exchange ends, with the bytes after it.
    async fn exchange(hub: &str, who: Option<(&str, &str)>, answers: &[u8]) -> (Vec<u8>, Result<Vec<u8>, ProxyError>) {
        let who = who.map(|(user, password)| Credentials { user: user.into(), password: password.into() });
        let (mut near, mut far) = tokio::io::duplex(4096);
        far.write_all(answers).await.unwrap();
        far.shutdown().await.unwrap();
        let asked = ask(who.as_ref(), &mut near, &hub.parse().unwrap()).await;
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
        drop(near);
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        (heard, asked.map(|()| rest))
    }

    #[tokio::test]
    async fn hub_may_be_a_name_or_an_address_and_its_first_bytes_are_kept() {
        let hello = b"\x05\x01\x00";
        let bound: [&[u8]; 3] = [b"\x01abcd", b"\x04abcdefghijklmnop", b"\x03\x02ab"];
        let mut v6 = b"\x05\x01\x00\x04".to_vec();
        v6.extend([0; 15]);
        v6.extend(b"\x01\x00\x07");
        let asked: [(&str, &[u8]); 3] = [
            ("hub.example:7", b"\x05\x01\x00\x03\x0bhub.example\x00\x07"),
            ("192.0.2.1:7", b"\x05\x01\x00\x01\xC0\x00\x02\x01\x00\x07"),
            ("[::1]:7", &v6),
        ];
        for ((hub, asked), bound) in asked.into_iter().zip(bound) {
            let answers = [b"\x05\x00\x05\x00\x00", bound, b"\x00\x09\xF5\xF8"].concat();
            let (heard, rest) = exchange(hub, None, &answers).await;
            assert_eq!(heard, [hello, asked].concat(), "{hub}");
            assert_eq!(rest.unwrap(), b"\xF5\xF8", "{hub}");
        }
    }

    #[tokio::test]
    async fn every_refusal_has_its_name() {
        let who = Some(("ann", "x"));
        let cases: [(_, &[u8], &str, &str); 12] = [
            (None, b"\x05\xFF", "proxy-credentials", "requires a user"),
            (None, b"\x05\x02", "proxy-credentials", "requires a user"),
            (who, b"\x05\xFF", "proxy-credentials", "accepts no user"),
            (who, b"\x05\x02\x01\x01", "proxy-credentials", "refuses this user"),
            (who, b"\x05\x02\x05\x00", "not-a-proxy", "byte 05"),
            (None, b"\x04\x00", "not-a-proxy", "byte 04"),
            (None, b"\x05\x00\x05\x02", "proxy-refused", "SOCKS5 reply 2: not allowed"),
            (None, b"\x05\x00\x05\x63", "proxy-refused", "SOCKS5 reply 99: unknown"),
            (None, b"\x05\x00\x05\x00\x07\x01", "not-a-proxy", "byte 07"),
            (None, b"\x05\x00\x05\x00\x00\x02", "not-a-proxy", "byte 02"),
            (None, b"\x05\x00\x05\x00\x00\x03\xFFabc", "io", ""),
            (None, b"", "io", ""),
        ];
        for (who, answers, name, detail) in cases {
            let error = exchange("hub.example:7", who, answers).await.1.unwrap_err();
            assert_eq!(error.name(), name, "{answers:02x?}: {error}");
            assert!(error.to_string().contains(detail), "{answers:02x?}: {error}");
        }
        let long = "u".repeat(256);
        let (heard, refused) = exchange("hub.example:7", Some((&long, "x")), b"\x05\x02").await;
        assert_eq!((heard, refused.unwrap_err().name()), (b"\x05\x02\x00\x02".to_vec(), "proxy-refused"));
    }
}
