//! The same listeners, for those who look after the hub.

use super::{Listener, back_off};
use crate::admin::{Admin, Reach};

impl Listener {
    /// Serves every connection that comes as the admin listener, for ever.
    pub async fn run_admin(self, admin: Admin) {
        let reach = if self.address.ip().to_canonical().is_loopback() { Reach::Loopback } else { Reach::Anywhere };
        loop {
            let place = admin.place().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        admin.serve(stream, reach).await;
                        drop(place);
                    });
                }
                Err(error) => back_off(self.address, error).await,
            }
        }
    }
}

#[cfg(unix)]
impl super::UnixListener {
    /// Serves every connection that comes as the admin listener, for ever.
    pub async fn run_admin(self, admin: Admin) {
        loop {
            let place = admin.place().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        admin.serve(stream, Reach::Unix).await;
                        drop(place);
                    });
                }
                Err(error) => back_off(self.path.display(), error).await,
            }
        }
    }
}
