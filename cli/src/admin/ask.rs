//! One request to an admin listener, over HTTP/1.1.

use std::fmt;
use std::path::PathBuf;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::answer::Answer;
use crate::stages::Stopwatch;

/// The longest answer, in bytes: that of some hundred thousand connections.
const MAX_ANSWER: usize = 64 << 20;

/// The address of an admin listener.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AdminAddress {
    Unix(PathBuf),
    /// `HOST:PORT`
    Tcp(String),
}

/// Why there is no answer.
pub(super) struct NoAnswer(pub(super) String);

impl<E: std::error::Error> From<E> for NoAnswer {
    fn from(error: E) -> NoAnswer {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        NoAnswer(text)
    }
}

/// Sends a request and returns the answer.
pub(super) async fn ask(
    address: &AdminAddress,
    token: Option<&str>,
    path: &str,
    body: Option<String>,
    watch: &mut Stopwatch<'_>,
) -> Result<Answer, NoAnswer> {
    let host = match address {
        AdminAddress::Unix(_) => "localhost",
        AdminAddress::Tcp(host) => host,
    };
    let mut request = Request::builder().uri(path).header(header::HOST, host);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.method(Method::POST).header(header::CONTENT_TYPE, "application/json");
    }
    let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())))?;
    match address {
        AdminAddress::Tcp(host) => {
            let stream = TcpStream::connect(host).await?;
            watch.lap(format_args!("connecting to {address}"));
            exchange(stream, request, watch).await
        }
        #[cfg(unix)]
        AdminAddress::Unix(path) => {
            let stream = tokio::net::UnixStream::connect(path).await?;
            watch.lap(format_args!("connecting to {address}"));
            exchange(stream, request, watch).await
        }
        #[cfg(not(unix))]
        AdminAddress::Unix(_) => Err(NoAnswer("this system has no Unix sockets; use --url".into())),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    watch: &mut Stopwatch<'_>,
) -> Result<Answer, NoAnswer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // An error of the connection also fails the request.
    let connection = tokio::spawn(connection);
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| NoAnswer(error.to_string()))?;
        Ok(Answer { status: head.status, body: String::from_utf8(body.to_bytes().into())? })
    };
    let answer = answer.await;
    watch.lap("the answer");
    connection.abort();
    answer
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdminAddress::Unix(path) => path.display().fmt(f),
            AdminAddress::Tcp(host) => f.write_str(host),
        }
    }
}
