//! How the faults of peers are logged.

use bookend::Fault;
use bookend::diagnosis::Diagnosis;

use crate::client::Client;

/// How many bytes of a peer a log event quotes.
pub(crate) const QUOTED: usize = 32;

/// The first bytes of a peer's data, escaped for the log.
pub(crate) fn quoted(bytes: &[u8]) -> std::slice::EscapeAscii<'_> {
    bytes[..bytes.len().min(QUOTED)].escape_ascii()
}

/// Logs a fault: its name, its diagnosis, and the first bytes in which it was found.
pub(crate) fn log_fault(client: &Client, fault: Fault, diagnosis: Option<&Diagnosis>, bytes: &[u8]) {
    let input = quoted(bytes);
    let (peer, name) = (client.peer().label(), fault.name());
    match diagnosis.and_then(|diagnosis| Some((diagnosis, diagnosis.first()?))) {
        Some((diagnosis, first)) => {
            client.hub().counters().diagnoses.count(first.name());
            tracing::info!(peer, fault = name, diagnosis = first.name(), detail = %diagnosis, %input, "fault");
        }
        None => tracing::info!(peer, fault = name, detail = %fault, %input, "fault"),
    }
}
