//! A server that lets this side not in.

use bookend::Code;

/// Is it what a server says to whom it does not let in?
pub(super) fn is_one(code: Code) -> bool {
    matches!(code, Code::POLICY | Code::TRY_LATER | Code::GOING_AWAY)
}

/// What may help; `token`: this side has shown one.
pub(super) fn fix(code: Code, token: bool) -> &'static str {
    match code {
        Code::POLICY if token => {
            "the server refuses this client: does the token hold, for every room? does the port speak TLS (tls://HOST:PORT)?"
        }
        Code::POLICY => {
            "the server refuses this client: does it want a token (--token-file FILE), or TLS (tls://HOST:PORT)?"
        }
        Code::TRY_LATER => "the server is full: try again later",
        Code::GOING_AWAY => "the server is shutting down: try again later",
        _ => "the server refuses a HELLO that is sound: look at how it reads one (SPEC 4)",
    }
}
