//! The same listeners for the admin service.

use super::{Listener, back_off};
use crate::admin::{Admin, Reach};
use crate::source::Source;

impl Listener {
    /// Serves every connection as the admin service, forever.
    pub async fn run_admin(self, admin: Admin) {
        let reach = if self.address.ip().to_canonical().is_loopback() { Reach::Loopback } else { Reach::Anywhere };
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let (admin, source) = (admin.clone(), Source::of(address.ip()));
                    tokio::spawn(async move { admin.serve_from(stream, address.to_string(), reach, source).await });
                }
                Err(error) => back_off(self.address, error).await,
            }
        }
    }
}

#[cfg(unix)]
impl super::UnixListener {
    /// Serves every connection as the admin service, forever.
    pub async fn run_admin(self, admin: Admin) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let user = stream.peer_cred().ok().map(|peer| peer.uid());
                    let peer = user.map_or_else(|| "unix".to_owned(), |user| format!("unix(uid={user})"));
                    let (admin, source) = (admin.clone(), user.map_or(Source::Unknown, Source::User));
                    tokio::spawn(async move { admin.serve_from(stream, peer, Reach::Unix, source).await });
                }
                Err(error) => back_off(self.path.display(), error).await,
            }
        }
    }
}
