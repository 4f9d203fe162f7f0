//! A server that refuses this side: the CLOSE that it sends, and how to fix that.

use bookend::Code;

/// True for a code with which a server refuses a client.
pub(super) fn is_refusal(code: Code) -> bool {
    matches!(code, Code::POLICY | Code::TRY_LATER | Code::GOING_AWAY)
}

/// What may help. `has_token` is true if this side has sent a token.
pub(super) fn fix(code: Code, has_token: bool) -> &'static str {
    match code {
        Code::POLICY if has_token => {
            "the server refuses this client: is the token valid, for every room? does the port require TLS (tls://HOST:PORT)?"
        }
        Code::POLICY => {
            "the server refuses this client: does it require a token (--token-file FILE), or TLS (tls://HOST:PORT)?"
        }
        Code::TRY_LATER => {
            "the server is full, or has too many connections from this address or with this token; the reason says which: try again later"
        }
        Code::GOING_AWAY => "the server is shutting down: try again later",
        _ => "the server refuses a valid HELLO: check how it parses one (SPEC 4)",
    }
}
