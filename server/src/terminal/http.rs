//! Telling a browser from a person (R9.20).

const METHODS: [&[u8]; 10] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI"];

/// Is the line an HTTP request? `GET well soon!` is none.
pub(crate) fn is_request(line: &[u8]) -> bool {
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let (Some(method), Some(rest)) = (words.next(), words.next()) else { return false };
    METHODS.contains(&method) && (rest.starts_with(b"/") || rest.windows(6).any(|window| window == b" HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_what_people_say() {
        // [R9.20]
        for request in
            ["GET / HTTP/1.1", "GET /", "CONNECT a.example:443 HTTP/1.1", "PRI * HTTP/2.0", "POST http://a/ HTTP/1.0"]
        {
            assert!(is_request(request.as_bytes()), "{request}");
        }
        for line in ["GET well soon!", "get / HTTP/1.1", "GET", "", "hello", "/help", "POST it, please"] {
            assert!(!is_request(line.as_bytes()), "{line}");
        }
    }
}
