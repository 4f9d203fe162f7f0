//! The laws of the session, for each side, with the widest and with the narrowest HELLO.
#![no_main]

use bookend::{Encodings, Hello, Role, Session};
use bookend_laws::{cuts_of, memory::Counting, session};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    let most = Hello::new().with_hub(true);
    let least = Hello::new().with_accepted(Encodings::CORE).with_max_body(1024).with_keepalive(0).with_requests(1);
    for (role, local) in [(Role::Client, &most), (Role::Server, &most), (Role::Server, &least)] {
        session::every::<Session>(role, local, &most, stream, &cuts_of(stream)).unwrap();
    }
});
