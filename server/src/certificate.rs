//! A certificate, as far as people want to know it.

use std::sync::Arc;
use std::time::SystemTime;

use bookend::escaped;
use ring::digest::{SHA256, digest};
use x509_cert::der::Decode;

use crate::hex::hex;

/// Characters of a subject that a label has.
const SHOWN: usize = 64;

/// Who a certificate is for, until when, and its fingerprint.
#[derive(Clone, Debug)]
pub struct Certificate {
    subject: Arc<str>,
    fingerprint: Arc<str>,
    begins: SystemTime,
    ends: SystemTime,
}

impl Certificate {
    /// Reads the DER of a certificate; it is not verified.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn from_der(der: &[u8]) -> Result<Certificate, String> {
        let certificate = x509_cert::Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
        let certificate = certificate.tbs_certificate();
        Ok(Certificate {
            subject: escaped(&certificate.subject().to_string()).to_string().into(),
            fingerprint: hex(digest(&SHA256, der).as_ref()).into(),
            begins: certificate.validity().not_before.to_system_time(),
            ends: certificate.validity().not_after.to_system_time(),
        })
    }

    /// Whom it is for, as RFC 4514 writes it, such as `CN=ann,O=Example`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The SHA-256 of its DER in hexadecimal, as `openssl x509 -fingerprint -sha256` has it but for colons.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Until when it is valid.
    #[must_use]
    pub fn ends(&self) -> SystemTime {
        self.ends
    }

    /// Is it valid at that time?
    pub(crate) fn judge(&self, now: SystemTime) -> Result<(), String> {
        let show = humantime::format_rfc3339_seconds;
        if now < self.begins {
            return Err(format!("the certificate is not valid before {}", show(self.begins)));
        }
        if now > self.ends {
            return Err(format!("the certificate has expired at {}", show(self.ends)));
        }
        Ok(())
    }

    /// How the subject begins; or the fingerprint, as a subject may be empty.
    pub(crate) fn label(&self) -> String {
        let shown = if self.subject.is_empty() { &self.fingerprint } else { &self.subject };
        shown.chars().take(SHOWN).collect()
    }
}
