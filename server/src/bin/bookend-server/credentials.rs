//! Certificates, keys and tokens, which are in files of their own.

use std::fs;

use bookend_server::{Access, Config, Tls, TlsFile, TlsFiles};

use crate::address::ListenAddress;
use crate::descriptors;
use crate::exposed;
use crate::settings::{Fault, LoadedSettings};

/// The content of these files.
pub(crate) struct Credentials {
    /// `None` without a certificate.
    pub(crate) tls: Option<Tls>,
    pub(crate) access: Access,
    /// Files that others may read.
    exposed: Vec<String>,
}

impl Credentials {
    /// Reads and checks the files.
    pub(crate) fn load(loaded: &LoadedSettings) -> Result<Credentials, Vec<Fault>> {
        match (load_tls(loaded), load_access(loaded), exposed::check(loaded)) {
            (Ok(tls), Ok(access), Ok(exposed)) => Ok(Credentials { tls, access, exposed }),
            (tls, access, exposed) => {
                let others = access.err().into_iter().chain(exposed.err()).flatten();
                Err(tls.err().into_iter().chain(others).collect())
            }
        }
    }

    /// What is allowed, but probably not wanted.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let of_chain = self.tls.as_ref().and_then(Tls::chain_fault).map(|fault| format!("tls.certificate: {fault}"));
        self.exposed.iter().cloned().chain(of_chain).collect()
    }

    /// The configuration of the hub.
    pub(crate) fn config(&self, loaded: &LoadedSettings) -> Config {
        let connections = descriptors::connections(&loaded.settings);
        let recent = loaded.settings.history.recent();
        Config { access: self.access.clone(), connections, recent, ..loaded.settings.hub.clone() }
    }

    /// Logs what is in force from now on.
    pub(crate) fn log(&self) {
        for detail in &self.exposed {
            tracing::warn!(detail, "file-exposed");
        }
        if let Some(tls) = &self.tls {
            let certificate = tls.certificate();
            let ends = humantime::format_rfc3339_seconds(certificate.expires());
            let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
            tracing::info!(subject, fingerprint, %ends, "certificate");
            if let Some(detail) = tls.chain_fault() {
                tracing::warn!(detail, "certificate-chain");
            }
        }
        if self.access.tokens() > 0 {
            tracing::info!(count = self.access.tokens(), "tokens");
        }
    }
}

fn load_access(loaded: &LoadedSettings) -> Result<Access, Vec<Fault>> {
    let settings = &loaded.settings;
    let access = match &settings.access_tokens {
        None => Access::open(),
        Some(path) => {
            let shown = path.display();
            let fault = |text: String| loaded.fault("access.tokens", text);
            let text = fs::read_to_string(path).map_err(|error| vec![fault(format!("{shown}: {error}"))])?;
            Access::from_toml(&text)
                .map_err(|faults| faults.iter().map(|found| fault(format!("{shown}:{found}"))).collect::<Vec<_>>())?
        }
    };
    let has_tokens = settings.access_tokens.is_some();
    let (anonymous, certified) =
        (settings.access_anonymous.rights(has_tokens), settings.access_certified.rights(has_tokens));
    Ok(access.with_anonymous(anonymous).with_certified(certified))
}

fn load_tls(loaded: &LoadedSettings) -> Result<Option<Tls>, Fault> {
    let settings = &loaded.settings;
    let (certificate, key) = match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (Some(_), None) => return Err(loaded.fault("tls.certificate", "it needs tls.key")),
        (None, Some(_)) => return Err(loaded.fault("tls.key", "it needs tls.certificate")),
        (None, None) => {
            let address = settings.listen.iter().find(|address| matches!(address, ListenAddress::Tls(_)));
            return match address {
                Some(address) => Err(loaded.fault("listen", format!("{address} needs tls.certificate and tls.key"))),
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
    Tls::from_files(&files).map(Some).map_err(|error| {
        let name = match error.file() {
            TlsFile::Certificate => "tls.certificate",
            TlsFile::Key => "tls.key",
            _ => "tls.client_ca",
        };
        loaded.fault(name, error)
    })
}
