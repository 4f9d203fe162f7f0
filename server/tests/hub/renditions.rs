//! Renditions: each member receives events in its own encoding and form.

use bookend::{Code, Encoding, Encodings, Payload, PresenceEvent, kind};

use crate::peer::{Peer, frame, hello, hub, post, post_to};

const ALL: [Encoding; 5] = Encoding::ALL;

#[tokio::test(start_paused = true)]
async fn each_member_gets_text_in_the_encoding_it_prefers() {
    // [R9.12] [R5.12] [R5.13]
    let hub = hub();
    let mut peers = Vec::new();
    for (number, preferred) in ALL.into_iter().enumerate() {
        peers.push(Peer::join(&hub, hello(&format!("m{number}")).with_preferred(preferred)).await);
    }
    let mut sender = Peer::join(&hub, hello("sender").with_room("lobby").unwrap()).await;
    for (number, peer) in peers.iter_mut().enumerate() {
        for _ in number + 1..6 {
            assert_eq!(peer.frame().await.presence().1, PresenceEvent::Joined);
        }
    }
    let utf16le: Vec<u8> = "g\u{1F600}ü".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sender.send(&post_to(0, Encoding::Utf16Le, &utf16le)).await;
    let expected: [(Encoding, &[u8]); 5] = [
        (Encoding::Utf16Le, &utf16le), // as it was sent
        (Encoding::Ascii, b"g\\u{1f600}\\u{fc}"),
        (Encoding::Utf8, "g\u{1F600}ü".as_bytes()),
        (Encoding::Utf16Be, b"\x00g\xD8\x3D\xDE\x00\x00\xFC"),
        (Encoding::Utf16Le, b"g\x00\x3D\xD8\x00\xDE\xFC\x00"),
    ];
    for (peer, (encoding, bytes)) in peers.iter_mut().zip(expected) {
        let frame = peer.frame().await;
        assert_eq!((frame.encoding, frame.delivery().payload.as_bytes()), (encoding, bytes));
    }
    assert_eq!(hub.escaped_characters(), 2, "counted once, however many members need it");
}

#[tokio::test(start_paused = true)]
async fn as_it_was_sent_is_for_what_the_member_accepts_and_utf_8_for_all_else() {
    // [R9.12]
    let hub = hub();
    let as_sent = hello("any").with_accepted(Encodings::CORE).with_preferred(Encoding::Binary);
    let mut any = Peer::join(&hub, as_sent).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    any.frame().await; // ann joined
    ann.send(&post_to(0, Encoding::Utf16Be, b"\x00\xE4")).await;
    ann.send(&post_to(0, Encoding::Ascii, b"a")).await;
    ann.send(&post_to(0, Encoding::Binary, b"\xFF\x00")).await;
    for (encoding, bytes) in [(Encoding::Utf8, "ä".as_bytes()), (Encoding::Ascii, b"a"), (Encoding::Binary, b"\xFF\0")]
    {
        let frame = any.frame().await;
        assert_eq!((frame.encoding, frame.delivery().payload.as_bytes()), (encoding, bytes));
    }
    for (encoding, bytes) in [(Encoding::Utf8, "ä".as_bytes()), (Encoding::Utf8, b"a"), (Encoding::Binary, b"\xFF\0")]
    {
        let frame = ann.frame().await;
        assert_eq!((frame.encoding, frame.delivery().payload.as_bytes()), (encoding, bytes));
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_looks_like_a_byte_order_mark_is_delivered_safely() {
    // [R5.13] [R9.12] [R9.56]
    let hub = hub();
    let mut peers = Vec::new();
    for (number, preferred) in ALL.into_iter().enumerate() {
        peers.push(Peer::join(&hub, hello(&format!("m{number}")).with_preferred(preferred)).await);
    }
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for (number, peer) in peers.iter_mut().enumerate() {
        for _ in number + 1..6 {
            peer.frame().await;
        }
    }
    // After its byte order mark the text starts with U+FFFE, the mark of the other byte order.
    ann.send(&post_to(0, Encoding::Utf16Be, b"\xFE\xFF\xFF\xFE\x00a")).await;
    ann.send(&post("\u{FFFE}b")).await;
    ann.send(&post("\u{FEFF}\u{FEFF}c")).await;
    ann.send(&post_to(0, Encoding::Utf16Le, b"\xFF\xFE\xFF\xFEd\0")).await;
    for peer in &mut peers {
        for letter in ['a', 'b'] {
            let frame = peer.frame().await;
            let text = frame.seq_and_text().1; // parsing it has shown that it is legal
            assert!(text == format!("\u{FFFE}{letter}") || text == format!("\\u{{fffe}}{letter}"), "{text:?}");
        }
        for letter in ["c", "d"] {
            let frame = peer.frame().await;
            let Payload::Text(text) = frame.delivery().payload else { panic!("{frame:?}") };
            assert!(text.to_str() == letter && !text.had_bom(), "every leading mark is removed: {frame:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_sent_in_the_preferred_encoding_and_are_never_too_long() {
    // [R9.12]
    let hub = hub();
    let _long = Peer::join(&hub, hello(&"ä".repeat(32))).await;
    let _short = Peer::join(&hub, hello("bö")).await;
    let mut ascii = Peer::connect(&hub);
    ascii.greet(&hello("c").with_preferred(Encoding::Ascii)).await;
    assert_eq!(ascii.frame().await.encoding, Encoding::Ascii);
    let long = ascii.frame().await;
    assert_eq!((long.encoding, long.presence().2), (Encoding::Utf8, "ä".repeat(32)), "escaped it has 192 bytes");
    let short = ascii.frame().await;
    assert_eq!((short.encoding, short.presence().2), (Encoding::Ascii, "b\\u{f6}".into()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_the_hub_profile_gets_name_and_text_and_binary_unchanged() {
    // [R9.11]
    let hub = hub();
    let mut plain = Vec::new();
    for (number, preferred) in ALL.into_iter().enumerate() {
        let mut peer = Peer::connect(&hub);
        peer.greet(&hello(&format!("m{number}")).with_hub(false).with_preferred(preferred)).await;
        plain.push(peer);
    }
    plain[1].quiet().await; // neither WELCOME nor PRESENCE
    let mut ann = Peer::join(&hub, hello("änn")).await;
    ann.send(&post("grüß")).await;
    ann.send(&post_to(0, Encoding::Ascii, b"hi")).await;
    ann.send(&post_to(0, Encoding::Binary, b"\x00\xFF")).await;
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let expected: [[(Encoding, Vec<u8>); 2]; 5] = [
        // the encoding of ann's `hi` cannot represent its name
        [(Encoding::Utf8, "änn: grüß".into()), (Encoding::Utf8, "änn: hi".into())],
        [(Encoding::Ascii, b"\\u{e4}nn: gr\\u{fc}\\u{df}".into()), (Encoding::Ascii, b"\\u{e4}nn: hi".into())],
        [(Encoding::Utf8, "änn: grüß".into()), (Encoding::Utf8, "änn: hi".into())],
        [Encoding::Utf16Be; 2].map(|encoding| (encoding, Vec::new())),
        [Encoding::Utf16Le; 2].map(|encoding| (encoding, Vec::new())),
    ];
    for (number, (peer, expected)) in plain.iter_mut().zip(expected).enumerate() {
        for (text, (encoding, bytes)) in ["änn: grüß", "änn: hi"].into_iter().zip(expected) {
            let bytes = match number {
                3 => utf16(text, u16::to_be_bytes),
                4 => utf16(text, u16::to_le_bytes),
                _ => bytes,
            };
            let frame = peer.frame().await;
            assert_eq!((frame.kind, frame.encoding, frame.body), (kind::MESSAGE, encoding, bytes));
        }
        let frame = peer.frame().await;
        assert_eq!((frame.kind, frame.encoding, frame.body), (kind::MESSAGE, Encoding::Binary, vec![0, 0xFF]));
    }
    plain[2].send(&frame(kind::MESSAGE, Encoding::Utf8, b"me too")).await;
    assert_eq!(plain[2].frame().await.body, b"m2: me too");
    let mut forger = Peer::join(&hub, hello("m2: me")).await;
    forger.send(&post("not me")).await;
    assert_eq!(plain[2].frame().await.body, b"m2\\u{3a} me: not me", "[R9.31]");
    plain[2].send(&post("no")).await;
    assert_eq!(plain[2].frame().await.close().0, Code::UNKNOWN_KIND);
}

#[tokio::test(start_paused = true)]
async fn bad_text_is_answered_with_error_and_not_delivered() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    ann.send(&post_to(0, Encoding::Utf8, b"gr\xFC\xDF")).await;
    assert_eq!(ann.frame().await.error(), (0, 1, Code::BAD_TEXT));
    ann.send(&post("grüß")).await;
    assert_eq!(bob.frame().await.seq_and_text(), (1, "grüß".into()));
    assert_eq!(ann.frame().await.seq_and_text(), (1, "grüß".into()));
}
