//! A client without an asynchronous runtime: sends each argument as a request and prints the answer.
//!
//! `cargo run -p bookend --example blocking_client -- 127.0.0.1:3991 grüß 漢字`, against the `echo` example.

use std::time::Duration;

use bookend::{Code, ConnectionError, Hello, Reply, blocking};

fn main() -> Result<(), ConnectionError> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:3991".into());
    let mut connection = blocking::connect_tcp(&*address, Hello::new())?;
    for text in arguments {
        match connection.request(&*text, Duration::from_secs(5))? {
            Reply::Text(text) => println!("{}", bookend::escaped(&text)),
            Reply::Binary(bytes) => println!("{bytes:02x?}"),
        }
    }
    connection.close(Code::NORMAL, "")
}
