//! Answers in JSON and text, and error answers.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// Its stable name.
    error: &'static str,
    detail: String,
    /// The faults of the settings.
    faults: Vec<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: &'static str, detail: impl Into<String>) -> Refusal {
        Refusal { status, error, detail: detail.into(), faults: Vec::new() }
    }

    /// With the faults of the settings.
    pub(super) fn with_faults(self, faults: Vec<String>) -> Refusal {
        Refusal { faults, ..self }
    }

    pub(super) fn unauthorized(detail: &str) -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// More wrong tokens than are answered.
    pub(super) fn too_many_wrong_tokens() -> Refusal {
        let detail = "the token is wrong, and too many wrong ones came from this address";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate", detail)
    }

    pub(super) fn bad(detail: String) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(super) fn busy() -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "try-later", "the program does not answer; try again")
    }

    /// The answer; `allowed` lists the methods of the path.
    pub(super) fn response(self, peer: &str, allowed: Option<&'static str>) -> Response<Full<Bytes>> {
        let Refusal { status, error, detail, faults } = self;
        let of_rules = [
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::MISDIRECTED_REQUEST,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        if of_rules.contains(&status) {
            tracing::warn!(peer, fault = error, detail, "admin-refuse");
        }
        let mut value = json!({ "error": error, "detail": detail });
        if !faults.is_empty() {
            value["faults"] = json!(faults);
        }
        let mut response = json_response(status, &value);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let (StatusCode::METHOD_NOT_ALLOWED, Some(allowed)) = (status, allowed) {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

pub(super) fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_string(value).expect("its keys are strings, and writing to a String cannot fail");
    text_response(status, "application/json", text + "\n")
}

pub(super) fn text_response(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
