//! Settings that are allowed, and that are probably a mistake.

use bookend_server::{Access, Hub};

use crate::address::ListenAddress;
use crate::settings::{Fault, LoadedSettings};

/// All of them.
pub(crate) fn of(loaded: &LoadedSettings, access: &Access) -> Vec<Fault> {
    let blank = loaded.blank_file.as_ref();
    let mut warnings: Vec<Fault> = blank
        .map(|path| Fault::new(path.display(), "the file is empty: the defaults are in force"))
        .into_iter()
        .chain(unused_certificate(loaded))
        .collect();
    for (name, end) in access.expired() {
        let end = humantime::format_rfc3339_seconds(end);
        warnings.push(loaded.fault("access.tokens", format!("the token {name} has expired ({end})")));
    }
    warnings.extend(nobody(loaded, access));
    warnings
}

/// Logs all of them.
pub(crate) fn log(loaded: &LoadedSettings, access: &Access) {
    for warning in of(loaded, access) {
        tracing::warn!(detail = warning.to_string(), "settings-doubtful");
    }
}

/// Logs how many members stay although peers without a token are no longer admitted.
pub(crate) fn log_members_without_token(hub: &Hub) {
    let count = hub.members_without_token();
    if count > 0 {
        let detail = "they joined when no token was needed, and stay until they leave or are kicked";
        tracing::warn!(count, detail, "members-without-token");
    }
}

/// The fault of a settings file that had text when it was read last, and has none now: it may just be being written, and
/// the defaults may admit everybody.
pub(crate) fn emptied(before: &LoadedSettings, after: &LoadedSettings) -> Result<(), Fault> {
    match &after.blank_file {
        Some(path) if before.blank_file.is_none() => Err(Fault::new(path.display(), EMPTIED)),
        _ => Ok(()),
    }
}

const EMPTIED: &str = "the file is empty, and was not before; write a comment into it if the defaults are meant";

fn unused_certificate(loaded: &LoadedSettings) -> Option<Fault> {
    let settings = &loaded.settings;
    let unused = settings.tls_certificate.is_some() && !settings.listen.iter().any(is_tls);
    unused.then(|| loaded.fault("tls.certificate", "no address in listen begins with tls://, so it is not used"))
}

/// Nobody can join: a peer without a token has no rights, and there is no valid token and no certificate that gives any.
fn nobody(loaded: &LoadedSettings, access: &Access) -> Option<Fault> {
    let settings = &loaded.settings;
    let certificates = settings.tls_client_ca.is_some() && settings.listen.iter().any(is_tls);
    let admitted = access.without_token(false).enter()
        || certificates && access.without_token(true).enter()
        || access.tokens() > access.expired().count();
    let name = if loaded.origin("access.anonymous").is_some() { "access.anonymous" } else { "access.tokens" };
    (!admitted).then(|| loaded.fault(name, "nobody can join: peers need a token, and there is no valid one"))
}

fn is_tls(address: &ListenAddress) -> bool {
    matches!(address, ListenAddress::Tls(_))
}
