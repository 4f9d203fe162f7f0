//! A key-value store over TLS with 1,000 clients, each of which writes and reads 100 keys.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{client, server};

const CLIENTS: u32 = 1_000;
const KEYS: u32 = 100;

/// The store. A request `=KEY=VALUE` writes, `?KEY` reads.
#[derive(Clone, Default)]
pub(crate) struct Store {
    values: Arc<Mutex<HashMap<Bytes, Bytes>>>,
}

impl Store {
    /// The answer to a request, or why there is none.
    pub(crate) fn answer(&self, request: &Bytes) -> Result<Bytes, &'static str> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match request.first() {
            Some(b'?') => values.get(&request.slice(1..)).cloned().ok_or("no such key"),
            Some(b'=') => {
                let end = request.iter().skip(1).position(|&byte| byte == b'=').ok_or("no value")? + 1;
                values.insert(Bytes::copy_from_slice(&request[1..end]), Bytes::copy_from_slice(&request[end + 1..]));
                Ok(Bytes::new())
            }
            _ => Err("no such command"),
        }
    }
}

pub(crate) trait Client: Send + Sync + 'static {
    /// Sends a request and waits for the answer, for 5 s at most.
    fn call(&self, request: Bytes) -> impl Future<Output = io::Result<Bytes>> + Send;
    /// Ends the connection.
    fn close(self) -> impl Future<Output = io::Result<()>> + Send;
}

pub(crate) fn run<Serving, Connecting, C>(
    serve: impl Fn(server::TlsStream<TcpStream>, Store) -> Serving + Copy + Send + Sync + 'static,
    connect: impl Fn(client::TlsStream<TcpStream>) -> Connecting + Copy + Send + Sync + 'static,
) -> io::Result<()>
where
    Serving: Future<Output = io::Result<()>> + Send + 'static,
    Connecting: Future<Output = io::Result<C>> + Send,
    C: Client,
{
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let (acceptor, connector) = crate::tls::pair()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let store = Store::default();
        let served = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for _ in 0..CLIENTS {
                let (stream, _) = listener.accept().await?;
                let (acceptor, store) = (acceptor.clone(), store.clone());
                connections.spawn(async move { serve(acceptor.accept(stream).await?, store).await });
            }
            all(connections).await
        });
        // All are connected at once before the first one asks.
        let barrier = Arc::new(tokio::sync::Barrier::new(CLIENTS as usize));
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            let (connector, barrier) = (connector.clone(), Arc::clone(&barrier));
            clients.spawn(async move {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let stream = connector.connect(name, TcpStream::connect(address).await?).await?;
                let client = connect(stream).await?;
                barrier.wait().await;
                for key in 0..KEYS {
                    let (write, read, value) = requests(number, key);
                    client.call(write).await?;
                    if client.call(read).await? != value {
                        return Err(io::Error::other("another value"));
                    }
                }
                client.close().await
            });
        }
        all(clients).await?;
        served.await?
    })
}

fn requests(client: u32, key: u32) -> (Bytes, Bytes, Bytes) {
    let value = format!("the value of key {key:6} of client {client:6} and some more of it");
    (format!("={client}/{key}={value}").into(), format!("?{client}/{key}").into(), value.into())
}

async fn all(mut tasks: tokio::task::JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}
