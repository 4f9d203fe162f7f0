//! Connections of proxies: the peer is whom the PROXY protocol names.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::hub::Hub;
use crate::peer::Peer;
use crate::proxy::{HeaderError, read_header};

/// The answer to a connection without a header, which may be of a person.
const ADVICE: &[u8] = b"! policy: this hub expects a PROXY protocol header from this address (door.proxies)\r\n";
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads the header. Without a valid one the failure is logged and counted, and the connection must be closed.
pub(super) async fn peer<S>(hub: &Hub, stream: &mut S, proxy: SocketAddr) -> Option<Peer>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let own = Peer::from(proxy);
    let _counted = hub.admit_proxy(&own).ok()?;
    let (peer, within) = (own.label(), hub.config().limits.hello_timeout);
    let detail = match timeout(within, read_header(stream)).await {
        Ok(Ok(Some(address))) if address != proxy => return Some(Peer::proxied(address, proxy)),
        Ok(Ok(_)) => return Some(own),
        Ok(Err(HeaderError::Empty)) => {
            hub.log_silent(&own);
            return None;
        }
        Ok(Err(error)) => {
            if let HeaderError::Missing = error {
                let _ = timeout(ANSWER_TIMEOUT, stream.write_all(ADVICE)).await; // best effort
            }
            error.to_string()
        }
        Err(_) => format!("no PROXY protocol header arrived in {} s", within.as_secs_f64()),
    };
    tracing::info!(peer, detail, "proxy-failed");
    hub.counters().refused.count("proxy-header");
    None
}
