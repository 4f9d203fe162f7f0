//! The same listeners for the admin service.

use super::{Listener, back_off};
use crate::admin::{Admin, Reach};

impl Listener {
    /// Serves every connection as the admin service, forever.
    pub async fn run_admin(self, admin: Admin) {
        let reach = if self.address.ip().to_canonical().is_loopback() { Reach::Loopback } else { Reach::Anywhere };
        loop {
            let permit = admin.permit().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        admin.serve(stream, reach).await;
                        drop(permit);
                    });
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
            let permit = admin.permit().await;
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        admin.serve(stream, Reach::Unix).await;
                        drop(permit);
                    });
                }
                Err(error) => back_off(self.path.display(), error).await,
            }
        }
    }
}
