//! The way to a hub, as the command line has it.

use std::fs;
use std::path::{Path, PathBuf};

use bookend_client::{Dialler, Proxy, Target, Tls};
use clap::Args;

use crate::failure::Failure;

/// By which proxy, and with which certificates.
#[derive(Debug, Args)]
pub(crate) struct Reaching {
    /// Reach the hub by this proxy: socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT
    ///
    /// Without it ALL_PROXY, and for tls:// before that HTTPS_PROXY, may name one; NO_PROXY lists hosts that need none,
    /// and a hub on this machine never does.
    #[arg(long, value_name = "URL")]
    proxy: Option<Proxy>,
    /// Trust the certificate authorities in this file (PEM) and not the operating system's; for tls://
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Show the certificate in this file (PEM) to the hub; for tls://
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The name that the hub's certificate is for, if it is not the host's; for tls://
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

impl Reaching {
    /// A way to `place`.
    pub(crate) fn dialler(&self, place: &Target) -> Result<Dialler, Failure> {
        let proxy = match &self.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => Proxy::from_environment(place).map_err(|error| wrong(&"HTTPS_PROXY or ALL_PROXY", &error))?,
        };
        Ok(Dialler::new(place.clone()).with_proxy(proxy).with_tls(self.tls()?))
    }

    fn tls(&self) -> Result<Tls, Failure> {
        let mut tls = Tls::new();
        if let Some(path) = &self.ca {
            tls = tls.with_ca(&read(path)?).map_err(|error| wrong(&path.display(), &error))?;
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls.with_identity(&read(cert)?, &read(key)?).map_err(|error| wrong(&cert.display(), &error))?;
        }
        if let Some(name) = &self.server_name {
            tls = tls.with_server_name(name).map_err(|error| wrong(&"--server-name", &error))?;
        }
        Ok(tls)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| wrong(&path.display(), &error))
}

fn wrong(what: &dyn std::fmt::Display, error: &dyn std::fmt::Display) -> Failure {
    Failure::Unusable(format!("{what}: {error}"))
}
