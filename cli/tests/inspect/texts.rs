//! What `bookend inspect` says of texts: of those that are not legal, and remarks on sound ones.

use crate::support::{close, hello, inspect, message, objects};

#[test]
fn bad_text_is_diagnosed_and_is_exit_code_1() {
    let latin_1 = b"\xF5\xF8\x02\x02\0\0\0\x04gr\xFC\xDF\xF8\xF5";
    let (objects, code) = objects(&[], &[&hello(), &latin_1[..], &close()].concat());
    assert_eq!(code, Some(1));
    assert_eq!(objects[1]["hex"], "6772fcdf");
    assert_eq!((&objects[2]["event"], &objects[2]["fault"]), (&"refused".into(), &"bad-text".into()));
    assert_eq!(objects[2]["diagnoses"][0]["name"], "text-windows-1252");
    assert_eq!(objects[3]["name"], "CLOSE");
}

/// A frame of this kind with a body in UTF-8.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [b"\xF5\xF8", &[kind, 2][..], &length.to_be_bytes(), body, b"\xF8\xF5"].concat()
}

#[test]
fn mistake_of_sound_texts_is_reported_once_with_a_count_and_has_no_effect_on_the_exit_code() {
    let texts = ["one", "gr\u{FFFD}\u{FFFD}e", "two", "user \u{FFFD}"].map(message).concat();
    let session = [&hello()[..], &texts, &close()].concat();
    let (output, _, code) = inspect(&[], &session);
    let remarks: Vec<&str> = output.lines().filter(|line| line.starts_with("remark")).collect();
    assert_eq!((remarks, code), (vec!["remark    text-replacement in 2 of 4 texts, first in frame 2"], Some(0)));
    assert!(output.contains("                if so: decode whole messages") && !output.contains("fix:"), "{output}");

    let (objects, _) = objects(&[], &session);
    let remarks: Vec<_> = objects.iter().filter(|object| object["event"] == "remark").collect();
    assert_eq!(remarks.len(), 1);
    let keys = ["frame", "count", "of", "what"].map(|key| remarks[0][key].to_string());
    assert_eq!(keys, ["2", "2", "4", "\"text\""]);
    assert_eq!(remarks[0]["diagnoses"][0]["name"], "text-replacement");
    assert_eq!(remarks[0]["diagnoses"][0]["confidence"], "possible");

    for quiet in ["--no-remarks", "--quiet"] {
        let (output, _, code) = inspect(&[quiet], &session);
        assert!(!output.contains("remark") && code == Some(0), "{output}");
    }
}

#[test]
fn each_mistake_of_sound_frames_is_named() {
    let strings = |prefix: fn(u8) -> Vec<u8>| {
        let texts = ["hello", "a text of more than thirty-two characters", "two words, one length"];
        let prefixed = |text: &str| [&prefix(u8::try_from(text.len()).unwrap())[..], text.as_bytes()].concat();
        texts.map(|text| frame(2, &prefixed(text))).concat()
    };
    for (frames, remark) in [
        (frame(2, b"abc\0\0\0\0"), "text-nul-padded in 1 of 1 text,"),
        (strings(|length| vec![0, length]), "text-own-length in 3 of 3 texts,"),
        (strings(|length| vec![0, 0, 0, length]), "text-own-length in 3 of 3 texts,"),
        (strings(|length| vec![length]), "text-own-length in 3 of 3 texts,"),
        (frame(2, b"h\0\0\0i\0\0\0"), "text-utf-32 in 1 of 1 text,"),
        (message("[object Object]"), "text-printed-object in 1 of 1 text,"),
        (message("hi\0ÌÌÌÌÌÌÌÌ"), "text-uninitialised in 1 of 1 text,"),
        (frame(3, b"\x05\0\0\0hi"), "number-little-endian in 1 of 1 number,"),
        (frame(8, b"\xE8\x03"), "number-little-endian in 1 of 1 number,"),
    ] {
        let (output, _, code) = inspect(&[], &[hello(), frames].concat());
        let remarks: Vec<&str> = output.lines().filter(|line| line.starts_with("remark")).collect();
        assert!(matches!(remarks[..], [one] if one.contains(remark)) && code == Some(0), "{remark}: {output}");
    }
}

#[test]
fn text_that_mentions_a_mistake_or_resembles_it_by_chance_has_no_remark() {
    // The first byte of a text is its length by chance, in texts that are all the same.
    let chance = message(&format!("2{}", "x".repeat(50))).repeat(5);
    let texts = ["b'abc' is Python", "why [object Object]?", "cd cd cd cd", "U+FFFD is \u{FFFD}"].map(message).concat();
    let numbers = [frame(3, b"\0\0\0\x05hi"), frame(3, b"\x01\0\0\0hi"), frame(3, b"\0\0\0\x06hi")].concat();
    for frames in [chance, texts, numbers] {
        let (output, _, _) = inspect(&[], &[hello(), frames].concat());
        assert!(!output.contains("remark") && !output.contains("possible"), "{output}");
    }
}
