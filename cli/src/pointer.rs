//! What to run next, where a fault has no name: the command that finds out more.

use bookend_client::{ConnectError, JoinError, Stage, Target};

/// In a fix, the command that identifies a peer.
const DOCTOR: &str = "bookend doctor HOST:PORT";

/// What may fix it, with the command that was meant.
pub(crate) fn fix(error: &ConnectError) -> String {
    match target(error) {
        Some(target) => error.fix().replace(DOCTOR, &format!("bookend doctor {target}")),
        None => error.fix().into(),
    }
}

fn target(error: &ConnectError) -> Option<&Target> {
    match error {
        ConnectError::TimedOut { target, .. } | ConnectError::Join { target, .. } => Some(target),
        _ => None,
    }
}

/// Lines with a command, for a failure whose cause is not known. None for one that says what to do.
/// `fix_is_shown`: the line of [`fix`] precedes them.
pub(crate) fn pointers(error: &ConnectError, fix_is_shown: bool) -> Vec<String> {
    let is_identified = fix_is_shown && error.fix().contains(DOCTOR);
    let identify = |target: &Target| (!is_identified).then(|| format!("what answers there? bookend doctor {target}"));
    match error {
        ConnectError::All { errors } => errors.iter().flat_map(|error| pointers(error, false)).collect(),
        ConnectError::TimedOut { target, .. } if error.stage() >= Stage::Hello => {
            identify(target).into_iter().collect()
        }
        ConnectError::Join { target, error: cause, .. } if is_unnamed(cause) => {
            let capture = target.address().filter(|_| !target.is_tls()).map(|address| capture(address.port()));
            identify(target).into_iter().chain(capture).collect()
        }
        _ => Vec::new(),
    }
}

/// Is it a fault of the bytes or of the stream, without a mistake that explains it?
fn is_unnamed(error: &JoinError) -> bool {
    let names_no_mistake = error.diagnosis().is_none();
    let is_of_bytes = matches!(
        error.name(),
        "bad-start"
            | "bad-end"
            | "bad-hello"
            | "hello-expected"
            | "hello-timeout"
            | "too-long"
            | "truncated"
            | "no-close"
            | "no-welcome"
            | "frame-timeout"
            | "unknown-encoding"
            | "unknown-kind"
            | "malformed"
            | "connection-reset"
    );
    names_no_mistake && is_of_bytes
}

fn capture(port: u16) -> String {
    format!(
        "which bytes arrive? tcpdump -i any -w FILE tcp port {port}, then this command again, then bookend inspect FILE"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bookend_client::ConnectStep;

    use super::*;

    fn joined(target: &str, error: bookend::ConnectionError) -> ConnectError {
        let target = target.parse().expect("a target");
        ConnectError::Join { target, peer: None, error: JoinError::Hello(Arc::new(error)) }
    }

    fn fault(diagnosis: Option<bookend::diagnosis::Diagnosis>) -> bookend::ConnectionError {
        let fault = bookend::Fault::BadStart { offset: 0, found: b'?' };
        bookend::ConnectionError::Fault { fault, diagnosis: diagnosis.map(Box::new) }
    }

    #[test]
    fn unnamed_fault_points_to_doctor_and_inspect_with_the_command() {
        let lines = pointers(&joined("hub.example:4000", fault(None)), false);
        assert_eq!(lines[0], "what answers there? bookend doctor hub.example:4000");
        assert!(lines[1].contains("tcp port 4000") && lines[1].ends_with("bookend inspect FILE"), "{lines:?}");
        assert_eq!(
            pointers(&joined("tls://hub.example", fault(None)), false),
            ["what answers there? bookend doctor tls://hub.example:3990"]
        );
        let target = "hub.example:4000".parse().expect("a target");
        let late =
            ConnectError::TimedOut { target, step: ConnectStep::Hello.into(), timeout: std::time::Duration::ZERO };
        assert_eq!(pointers(&late, false), ["what answers there? bookend doctor hub.example:4000"]);
        assert_eq!(pointers(&late, true), Vec::<String>::new());
        assert!(fix(&late).contains("bookend doctor hub.example:4000 may identify it"), "{}", fix(&late));
    }

    #[test]
    fn named_mistake_and_refusal_need_no_pointer() {
        let bytes = b"SSH-2.0-OpenSSH_9.2\r\n";
        let evidence = bookend::diagnosis::Evidence::greeting(bookend::Fault::NoClose, bytes);
        let named = fault(Some(bookend::diagnosis::diagnose(&evidence)));
        assert_eq!(pointers(&joined("hub.example:4000", named), false), Vec::<String>::new());
        let refused = bookend::ConnectionError::Closed { code: bookend::Code::POLICY, reason: String::new() };
        assert_eq!(pointers(&joined("hub.example:4000", refused), false), Vec::<String>::new());
    }
}
