//! An HTTP server that passes each POST on as a request over one connection, and the answer back.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const BROWSERS: u32 = 32;
const POSTS: u32 = 1_000;

/// Why a call had no answer.
pub(crate) enum Failure {
    /// The service refused it.
    Refused(String),
    /// There was no answer in time.
    Late,
    /// The connection is gone.
    Gone,
}

pub(crate) trait Calls: Send + Sync + 'static {
    /// Passes a request on, and waits 5 s at most.
    fn call(&self, request: Bytes) -> impl Future<Output = Result<Bytes, Failure>> + Send;
}

/// What the service does.
pub(crate) fn answer(request: &[u8]) -> Bytes {
    request.to_ascii_uppercase().into()
}

pub(crate) fn run<Serving, Connecting, C>(
    serve: impl Fn(TcpStream) -> Serving + Send + 'static,
    connect: impl Fn(TcpStream) -> Connecting,
) -> io::Result<()>
where
    Serving: Future<Output = io::Result<()>> + Send + 'static,
    Connecting: Future<Output = io::Result<C>>,
    C: Calls,
{
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = TcpStream::connect(listener.local_addr()?).await?;
        tokio::spawn(serve(listener.accept().await?.0));
        let calls = Arc::new(connect(near).await?);
        let http = TcpListener::bind("127.0.0.1:0").await?;
        let address = http.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = http.accept().await {
                let calls = Arc::clone(&calls);
                let service = hyper::service::service_fn(move |request| respond(Arc::clone(&calls), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        let mut browsers = JoinSet::new();
        for _ in 0..BROWSERS {
            browsers.spawn(browse(address));
        }
        while let Some(browser) = browsers.join_next().await {
            browser??;
        }
        Ok(())
    })
}

async fn respond(calls: Arc<impl Calls>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match Limited::new(request.into_body(), 1 << 20).collect().await {
        Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, Bytes::new()),
        Ok(body) => match calls.call(body.to_bytes()).await {
            Ok(answer) => (StatusCode::OK, answer),
            Err(Failure::Refused(reason)) => (StatusCode::UNPROCESSABLE_ENTITY, reason.into()),
            Err(Failure::Late) => (StatusCode::GATEWAY_TIMEOUT, Bytes::new()),
            Err(Failure::Gone) => (StatusCode::BAD_GATEWAY, Bytes::new()),
        },
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    Ok(response)
}

async fn browse(address: std::net::SocketAddr) -> io::Result<()> {
    let stream = TokioIo::new(TcpStream::connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    for number in 0..POSTS {
        let body = Full::new(Bytes::from(format!("post {number}")));
        let request = Request::post("/").header("host", "localhost").body(body).map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        if body != format!("POST {number}") {
            return Err(io::Error::other("another answer"));
        }
    }
    Ok(())
}
