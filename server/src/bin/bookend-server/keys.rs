//! What stands in files beside that of the settings: certificates and their key, and tokens.

use std::fs;

use bookend_server::{Access, Config, Tls, TlsFile, TlsFiles};

use crate::place::Place;
use crate::settings::{Fault, Settled};

/// What was read from those files.
pub(crate) struct Keys {
    /// `None` where there is no certificate.
    pub(crate) tls: Option<Tls>,
    pub(crate) access: Access,
}

impl Keys {
    /// Reads and judges the files that are named.
    pub(crate) fn load(settled: &Settled) -> Result<Keys, Vec<Fault>> {
        match (load_tls(settled), load_access(settled)) {
            (Ok(tls), Ok(access)) => Ok(Keys { tls, access }),
            (tls, access) => Err(tls.err().into_iter().chain(access.err().unwrap_or_default()).collect()),
        }
    }

    /// The hub's part of the settings, with who may do what.
    pub(crate) fn config(&self, settled: &Settled) -> Config {
        Config { access: self.access.clone(), ..settled.settings.hub.clone() }
    }

    /// Is there anything that could be read again?
    pub(crate) fn has_files(&self) -> bool {
        self.tls.is_some() || self.access.tokens() > 0
    }

    /// Says what holds from now on.
    pub(crate) fn log(&self) {
        if let Some(tls) = &self.tls {
            let certificate = tls.certificate();
            let ends = humantime::format_rfc3339_seconds(certificate.ends());
            let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
            tracing::info!(subject, fingerprint, %ends, "certificate");
        }
        if self.access.tokens() > 0 {
            tracing::info!(count = self.access.tokens(), "tokens");
        }
    }
}

fn load_access(settled: &Settled) -> Result<Access, Vec<Fault>> {
    let settings = &settled.settings;
    let access = match &settings.access_tokens {
        None => Access::open(),
        Some(path) => {
            let shown = path.display();
            let fault = |text: String| settled.fault("access.tokens", text);
            let text = fs::read_to_string(path).map_err(|error| vec![fault(format!("{shown}: {error}"))])?;
            Access::read(&text)
                .map_err(|faults| faults.iter().map(|why| fault(format!("{shown}:{why}"))).collect::<Vec<_>>())?
        }
    };
    let has_tokens = settings.access_tokens.is_some();
    let (anonymous, certified) =
        (settings.access_anonymous.rights(has_tokens), settings.access_certified.rights(has_tokens));
    Ok(access.with_anonymous(anonymous).with_certified(certified))
}

fn load_tls(settled: &Settled) -> Result<Option<Tls>, Fault> {
    let settings = &settled.settings;
    let (certificate, key) = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (Some(_), None) => return Err(settled.fault("tls.certificate", "it needs tls.key")),
        (None, Some(_)) => return Err(settled.fault("tls.key", "it needs tls.certificate")),
        (None, None) => {
            let place = settings.listen.iter().find(|place| matches!(place, Place::Tls(_)));
            return match place {
                Some(place) => Err(settled.fault("listen", format!("{place} needs tls.certificate and tls.key"))),
                None => Ok(None),
            };
        }
    };
    let files = TlsFiles {
        certificate,
        key,
        client_ca: settings.tls_client_ca.clone(),
        client_optional: settings.tls_client_optional,
        handshake_timeout: settings.tls_handshake_timeout,
    };
    Tls::load(&files).map(Some).map_err(|error| {
        let name = match error.file() {
            TlsFile::Certificate => "tls.certificate",
            TlsFile::Key => "tls.key",
            _ => "tls.client_ca",
        };
        settled.fault(name, error)
    })
}
