//! What stands in files beside that of the settings: certificates and their key.

use bookend_server::{Tls, TlsFile, TlsFiles};

use crate::place::Place;
use crate::settings::{Fault, Settled};

/// What was read from those files.
pub(crate) struct Keys {
    /// `None` where there is no certificate.
    pub(crate) tls: Option<Tls>,
}

impl Keys {
    /// Reads and judges the files that are named.
    pub(crate) fn load(settled: &Settled) -> Result<Keys, Vec<Fault>> {
        load_tls(settled).map(|tls| Keys { tls }).map_err(|fault| vec![fault])
    }
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
