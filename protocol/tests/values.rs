//! Rust values as payloads, and plain values of this crate in other formats.
#![cfg(any(feature = "postcard", feature = "serde"))]

#[cfg(feature = "postcard")]
mod postcard {
    use bookend::{Encoding, OwnedContent, Payload, Text, ValueError};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Order<'a> {
        item: &'a str,
        count: u32,
        notes: Vec<String>,
    }

    #[test]
    fn value_survives_the_payload_and_nothing_else_is_accepted() {
        let order = Order { item: "tea", count: 300, notes: vec!["grün".into()] };
        let OwnedContent::Binary(bytes) = OwnedContent::postcard(&order).unwrap() else { panic!("binary") };
        assert_eq!(Payload::Binary(&bytes).from_postcard::<Order<'_>>().as_ref(), Ok(&order));
        let longer = [&bytes[..], &[0, 0]].concat();
        assert_eq!(Payload::Binary(&longer).from_postcard::<Order<'_>>(), Err(ValueError::Trailing(2)));
        let shorter = Payload::Binary(&bytes[..bytes.len() - 1]);
        assert!(matches!(shorter.from_postcard::<Order<'_>>(), Err(ValueError::Invalid(_))));
        let text = Payload::Text(Text::decode(Encoding::Utf8, &bytes[..4]).unwrap());
        assert_eq!(text.from_postcard::<&str>(), Err(ValueError::Text));
    }

    #[test]
    fn claimed_length_buys_no_memory() {
        // A sequence of 2^32-1 numbers of which none follows.
        let claim = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        assert!(matches!(Payload::Binary(&claim).from_postcard::<Vec<u64>>(), Err(ValueError::Invalid(_))));
    }

    #[test]
    fn error_says_what_is_wrong() {
        let trailing = Payload::Binary(&[1, 2, 3]).from_postcard::<u8>().unwrap_err();
        assert_eq!(trailing.to_string(), "2 bytes follow the value: another type was sent");
    }

    #[cfg(feature = "tokio")]
    #[tokio::test(start_paused = true)]
    async fn request_and_reply_carry_values() {
        use bookend::{Code, Connection, Hello, OwnedPayload, Refused};
        let (near, far) = tokio::io::duplex(1 << 16);
        let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
        tokio::spawn(far.unwrap().serve(async |question: OwnedPayload| {
            let numbers: Vec<u32> =
                question.from_postcard().map_err(|why| Refused::new(Code::POLICY, why.to_string()))?;
            OwnedContent::postcard(&numbers.iter().sum::<u32>()).map_err(|_| Refused::new(Code::INTERNAL, ""))
        }));
        let mut near = near.unwrap();
        let question = OwnedContent::postcard(&[3_u32, 4, 5][..]).unwrap();
        let reply = near.request(&question, std::time::Duration::from_secs(1)).await.unwrap();
        assert_eq!(reply.from_postcard::<u32>(), Ok(12));
    }
}

#[cfg(feature = "serde")]
mod serde_impls {
    use bookend::{Code, Encoding, Line};
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    fn shows<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, json: &str) {
        assert_eq!(serde_json::to_string(&value).expect("serialises"), json);
        assert_eq!(serde_json::from_str::<T>(json).expect("is legal"), value);
    }

    #[test]
    fn plain_values_are_names_and_numbers() {
        shows(Encoding::Utf16Le, "\"utf-16le\"");
        shows(Code::POLICY, "1008");
        shows(Line::new("ann").unwrap(), "\"ann\"");
        assert_eq!(serde_json::from_str::<Encoding>("\"ascii\"").unwrap(), Encoding::Ascii);
    }

    #[test]
    fn illegal_values_are_refused() {
        for line in ["", "a\\nb", &"x".repeat(65)] {
            assert!(serde_json::from_str::<Line>(&format!("\"{line}\"")).is_err(), "{line}");
        }
        let error = serde_json::from_str::<Encoding>("\"latin-1\"").unwrap_err().to_string();
        assert!(error.contains("expected binary, us-ascii, utf-8, utf-16be or utf-16le"), "{error}");
    }

    #[cfg(feature = "std")]
    #[test]
    fn counters_written_by_an_older_version_are_read() {
        let counters: bookend::Counters = serde_json::from_str(r#"{"frames_sent":3}"#).unwrap();
        assert_eq!((counters.frames_sent, counters.bytes_sent), (3, 0));
        assert!(serde_json::to_string(&counters).unwrap().contains("\"answers_received\":0"));
    }
}
