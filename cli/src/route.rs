//! The options that say how to reach a hub.

use std::fs;
use std::path::{Path, PathBuf};

use bookend_client::{Dialler, Diallers, Proxy, Target, Targets, Tls};
use clap::Args;

use crate::failure::Failure;

// The proxy and the certificates to use. (A doc comment would replace the summary of the command.)
#[derive(Debug, Args)]
pub(crate) struct RouteArguments {
    /// Connect through a proxy: socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT
    ///
    /// Without this option, ALL_PROXY names the proxy; for tls://, HTTPS_PROXY takes precedence. NO_PROXY lists the
    /// hosts to connect to directly. A hub on this machine is always reached directly.
    #[arg(long, value_name = "URL")]
    proxy: Option<Proxy>,
    #[command(flatten)]
    tls: TlsArguments,
}

// The certificates to use. (A doc comment would replace the summary of the command.)
#[derive(Debug, Args)]
pub(crate) struct TlsArguments {
    /// Trust the certificate authorities in FILE (PEM) instead of those of the operating system; for tls://
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Present the client certificate in FILE (PEM); for tls://
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The name in the hub's certificate, if it differs from the host; for tls://
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

impl RouteArguments {
    /// A dialler that connects to `target`.
    pub(crate) fn dialler(&self, target: &Target) -> Result<Dialler, Failure> {
        let proxy = match &self.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => Proxy::from_environment(target).map_err(|error| unusable(&"HTTPS_PROXY or ALL_PROXY", &error))?,
        };
        Ok(Dialler::new(target.clone()).with_proxy(proxy).with_tls(self.tls.tls()?))
    }

    /// Diallers that connect to each of `targets` in turn.
    pub(crate) fn diallers(&self, targets: &Targets) -> Result<Diallers, Failure> {
        let mut each = targets.iter().map(|target| self.dialler(target));
        let first = Diallers::new(each.next().expect("there is at least one")?);
        each.try_fold(first, |diallers, next| Ok(diallers.or(next?)))
    }
}

impl TlsArguments {
    /// What is trusted and presented.
    pub(crate) fn tls(&self) -> Result<Tls, Failure> {
        let mut tls = Tls::new();
        if let Some(path) = &self.ca {
            tls = tls.with_ca(&read(path)?).map_err(|error| unusable(&path.display(), &error))?;
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls.with_identity(&read(cert)?, &read(key)?).map_err(|error| unusable(&cert.display(), &error))?;
        }
        if let Some(name) = &self.server_name {
            tls = tls.with_server_name(name).map_err(|error| unusable(&"--server-name", &error))?;
        }
        Ok(tls)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unusable(&path.display(), &error))
}

fn unusable(what: &dyn std::fmt::Display, error: &dyn std::fmt::Display) -> Failure {
    Failure::Unusable(format!("{what}: {error}"))
}
