//! Sockets that systemd or another parent hands over (`LISTEN_FDS`): connections wait in them while the hub starts.

use std::net::SocketAddr;

use crate::address::ListenAddress;
use crate::settings::Settings;

/// The sockets. They stay open, and listen, until the program ends.
#[derive(Default)]
pub(crate) struct Inherited(Vec<Socket>);

struct Socket {
    place: ListenAddress,
    listener: AnyListener,
}

enum AnyListener {
    #[cfg_attr(not(unix), allow(dead_code, reason = "no socket is handed over"))]
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// Takes the sockets, if there are any. Must be called before there are threads, because it changes the environment.
    #[cfg(unix)]
    pub(crate) fn take() -> Result<Inherited, String> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<_> = names.split(':').collect();
        let mut passed = listenfd::ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let is_tls = names.get(index).is_some_and(|name| name.starts_with("tls"));
            sockets.push(unix::socket(&mut passed, index, is_tls).ok_or_else(|| {
                format!(
                    "LISTEN_FDS: descriptor {} is not a listening TCP socket or a Unix socket with a path",
                    3 + index
                )
            })?);
        }
        Ok(Inherited(sockets))
    }

    #[cfg(not(unix))]
    pub(crate) fn take() -> Result<Inherited, String> {
        Ok(Inherited::default())
    }

    /// Adds the addresses of the sockets to those to listen on, and replaces the default by them.
    pub(crate) fn add_to(&self, settings: &mut Settings) {
        if !self.0.is_empty() && settings.listen == Settings::default().listen {
            settings.listen.clear();
        }
        for Socket { place, .. } in &self.0 {
            // With or without TLS: the settings decide, if they have the address.
            let has_it = settings.listen.iter().any(|known| known.without_tls() == place.without_tls());
            if !has_it {
                settings.listen.push(place.clone());
            }
        }
    }

    /// The socket with that address.
    pub(crate) fn tcp(&self, address: SocketAddr) -> Option<&std::net::TcpListener> {
        self.0.iter().find_map(|socket| match &socket.listener {
            AnyListener::Tcp(listener) if listener.local_addr().ok() == Some(address) => Some(listener),
            _ => None,
        })
    }

    /// Is the Unix socket with that path one of them? Its permissions are those that its owner wants.
    pub(crate) fn has_path(&self, path: &std::path::Path) -> bool {
        self.0.iter().any(|socket| socket.place == ListenAddress::Unix(path.into()))
    }

    /// The socket with that path.
    #[cfg(unix)]
    pub(crate) fn unix(&self, path: &std::path::Path) -> Option<&std::os::unix::net::UnixListener> {
        self.0.iter().find_map(|socket| match &socket.listener {
            AnyListener::Unix(listener) if socket.place == ListenAddress::Unix(path.into()) => Some(listener),
            _ => None,
        })
    }
}

#[cfg(unix)]
mod unix {
    use listenfd::ListenFd;
    use socket2::SockRef;

    use super::{AnyListener, ListenAddress, Socket};

    /// The socket with that index, if the hub can use it.
    pub(super) fn socket(passed: &mut ListenFd, index: usize, is_tls: bool) -> Option<Socket> {
        if let Ok(Some(listener)) = passed.take_tcp_listener(index) {
            let address = listener.local_addr().ok()?.to_string().parse().ok()?;
            let place = if is_tls { ListenAddress::Tls(address) } else { ListenAddress::Tcp(address) };
            SockRef::from(&listener).is_listener().ok()?.then_some(())?;
            return Some(Socket { place, listener: AnyListener::Tcp(listener) });
        }
        let listener = passed.take_unix_listener(index).ok()??;
        let place = ListenAddress::Unix(listener.local_addr().ok()?.as_pathname()?.into());
        SockRef::from(&listener).is_listener().ok()?.then_some(())?;
        Some(Socket { place, listener: AnyListener::Unix(listener) })
    }
}
