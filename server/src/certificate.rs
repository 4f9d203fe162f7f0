//! A certificate, as it is shown to people.

use std::sync::Arc;
use std::time::SystemTime;

use bookend::escaped;
use ring::digest::{SHA256, digest};
use x509_cert::der::Decode;

use crate::hex::hex;

/// The longest subject in a label, in characters.
const SHOWN: usize = 64;

/// The subject, expiry and fingerprint of a certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    subject: Arc<str>,
    issuer: Arc<str>,
    fingerprint: Arc<str>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Certificate {
    /// Reads a certificate from DER, without verifying it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn from_der(der: &[u8]) -> Result<Certificate, String> {
        let certificate =
            x509_cert::Certificate::from_der(der).map_err(|error| format!("it is not a certificate: {error}"))?;
        let certificate = certificate.tbs_certificate();
        Ok(Certificate {
            subject: escaped(&certificate.subject().to_string()).to_string().into(),
            issuer: escaped(&certificate.issuer().to_string()).to_string().into(),
            fingerprint: hex(digest(&SHA256, der).as_ref()).into(),
            not_before: certificate.validity().not_before.to_system_time(),
            not_after: certificate.validity().not_after.to_system_time(),
        })
    }

    /// The subject in the notation of RFC 4514, such as `CN=ann,O=Example`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The SHA-256 of its DER in hexadecimal, as `openssl x509 -fingerprint -sha256` prints it, without colons.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// When it expires.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.not_after
    }

    /// Checks that it is valid at that time.
    pub(crate) fn check(&self, now: SystemTime) -> Result<(), String> {
        let show = humantime::format_rfc3339_seconds;
        if now < self.not_before {
            return Err(format!("the certificate is not valid before {}", show(self.not_before)));
        }
        if now > self.not_after {
            return Err(format!("the certificate expired at {}", show(self.not_after)));
        }
        Ok(())
    }

    /// What clients will miss in a chain that a hub presents, of which this is the first certificate.
    pub(crate) fn chain_fault(chain: &[Certificate], now: SystemTime) -> Option<String> {
        if let [only] = chain
            && only.issuer != only.subject
        {
            let issuer = &only.issuer;
            return Some(format!(
                "the certificate of its issuer, {issuer}, is missing: unless that is a root that clients trust, append it \
                 as the intermediate certificate (with certbot, use fullchain.pem)"
            ));
        }
        for pair in chain.windows(2) {
            let [Certificate { subject, issuer, .. }, next] = pair else { continue };
            if *issuer != next.subject {
                return Some(format!(
                    "{subject} is followed by {}, and not by the certificate of its issuer, {issuer}",
                    next.subject
                ));
            }
        }
        let late = chain.iter().skip(1).find_map(|certificate| Some((certificate, certificate.check(now).err()?)));
        late.map(|(certificate, why)| format!("intermediate {}: {why}", certificate.subject))
    }

    /// The start of the subject, or of the fingerprint if the subject is empty.
    pub(crate) fn label(&self) -> String {
        let shown = if self.subject.is_empty() { &self.fingerprint } else { &self.subject };
        shown.chars().take(SHOWN).collect()
    }
}
