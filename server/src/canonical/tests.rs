//! Names that are the same, names that are not, and what is shown of them.

use super::*;

/// Do two names count as one?
fn are_alike(one: &str, other: &str) -> bool {
    let others = keys(other);
    keys(one).iter().any(|key| others.iter().any(|other| other == key))
}

#[test]
fn names_that_look_like_ann_are_ann() {
    // [R9.36]
    for name in [
        "ann\u{200b}",
        "a\u{200d}nn",
        "ann\u{2060}",
        "ann\u{ad}",
        "ann\u{a0}",
        "ann ",
        " ann",
        "аnn",
        "ａｎｎ",
        "Ann",
        "ANN",
        "ann\u{fe0f}",
        "ann\u{e0061}",
        "ann\u{3164}",
        "ann\u{34f}",
        "ann\u{feff}",
        "ann\u{2800}",
        "ann\u{2062}",
        "\u{115f}ann",
        "an\u{1160}n",
        "ann\u{ffa0}",
        "ann\u{180e}",
        "ann\u{180b}",
        "\u{3000}ann",
        "ann\u{2003}\u{2009}",
        "ann\u{fff9}",
        "ann\u{ffff}",
        "ann\u{13430}",
        "ann\u{1d173}",
        "ann\u{17b4}",
        "ann\u{e0100}",
        "ann\u{1d159}",
        "αnn",
        "Αnn",
        "AΝΝ",
        "ɑnn",
        "⍺nn",
        "aոո",
        "𝐚𝐧𝐧",
        "𝒜𝓃𝓃",
        "𝔞𝔫𝔫",
        "𝕒𝕟𝕟",
        "𝚊𝚗𝚗",
        "ⓐⓝⓝ",
        "ᴀɴɴ",
        "ᎪNN",
        "ꓮꓠꓠ",
        "🄰🄽🄽",
        "🅐🅝🅝",
        "🅰🅽🅽",
        "🇦🇳🇳",
        "ᵃⁿⁿ",
        "a\u{301}nn",
        "án\u{332}n",
        "ạnn",
        "a\u{307}\u{323}nn",
        "a\u{323}\u{307}nn",
        "a\u{336}nn",
    ] {
        assert!(
            are_alike("ann", name) && are_alike(name, "ann"),
            "{name} {name:?}: {:?} {:?}",
            keys("ann"),
            keys(name)
        );
    }
}

#[test]
fn names_that_look_alike_in_pairs_are_the_same() {
    // [R9.36]
    for (one, other) in [
        ("Ian", "lan"),
        ("Ian", "1an"),
        ("Ian", "ian"),
        ("IAN", "lAN"),
        ("bill", "bi1l"),
        ("b0b", "bob"),
        ("BOB", "B0B"),
        ("Oscar", "0scar"),
        ("mary", "rnary"),
        ("Mary", "rnary"),
        ("MARY", "mary"),
        ("BOB", "ВОВ"),
        ("вов", "ВОВ"),
        ("NINA", "ΝΙΝΑ"),
        ("νινα", "ΝΙΝΑ"),
        ("straße", "STRASSE"),
        ("straße", "strasse"),
        ("STRAẞE", "straße"),
        ("οδός", "ΟΔΌΣ"),
        ("café", "cafe\u{301}"),
        ("café", "CAFE\u{301}"),
        ("ﬁnn", "finn"),
        ("Ω", "Ω"),
        ("ꭰ", "Ꭰ"),
        ("ა", "Ა"),
        ("İsa", "isa"),
        ("\u{e000}", "\u{e001}"),
        ("łukasz", "lukasz"),
        ("søren", "soren"),
        ("ann lee", "ann\u{2003}\u{2003}lee"),
        ("|van", "lvan"),
        ("paypal", "раураl"),
        ("scope", "ѕсоре"),
        ("he", "һе"),
        ("vodka", "νοdκа"),
    ] {
        assert!(are_alike(one, other) && are_alike(other, one), "{one} {other}: {:?} {:?}", keys(one), keys(other));
    }
}

#[test]
fn names_of_different_people_are_different() {
    for (one, other) in [
        ("ann", "anna"),
        ("ann", "ann-2"),
        ("van", "nan"),
        ("ian", "lan"),
        ("bob", "rob"),
        ("ann lee", "annlee"),
        ("mail", "mall"),
        ("иван", "нван"),
        ("王伟", "王韦"),
        ("김", "킴"),
        ("はは", "ほほ"),
        ("नीता", "नीति"),
        ("👩‍🚀", "👨‍🚀"),
        ("👍", "👎"),
        ("member-10", "member-11"),
        ("guest-1", "guest-7"),
    ] {
        assert!(!are_alike(one, other), "{one} {other}: {:?} {:?}", keys(one), keys(other));
    }
    let numbers: std::collections::HashSet<_> = (0..5000).map(|number| key(&format!("member-{number}"))).collect();
    assert_eq!(numbers.len(), 5000);
}

#[test]
fn the_shown_form_is_composed_visible_and_has_single_blanks() {
    // [R9.34]
    let a_to_d = "a\u{300}\u{301}\u{302}\u{303}";
    for (name, expected) in [
        ("ann", Some("ann")),
        ("Ann Lee", Some("Ann Lee")),
        ("  ann \u{a0}\u{3000} lee  ", Some("ann lee")),
        ("ann\u{2800}lee", Some("ann lee")),
        ("cafe\u{301}", Some("café")),
        ("cafe\u{200b}\u{301}", Some("café")),
        ("\u{feff}ann", Some("ann")),
        ("\u{feff}", None),
        ("", None),
        (" \u{200d}\u{3164} ", None),
        ("\u{301}\u{301}", None),
        ("\u{301}ann", Some("ann")),
        ("ann \u{301}lee", Some("ann lee")),
        ("👩‍🚀", Some("👩‍🚀")),
        ("👩\u{200d}", Some("👩")),
        ("👩\u{200d}\u{200d}🚀", Some("👩‍🚀")),
        ("❤️", Some("❤️")),
        ("می‌خواهم", Some("می‌خواهم")),
        ("a\u{200d}ж", Some("aж")),
        ("ж\u{200d}a", Some("жa")),
        ("a\u{fe0f}", Some("a")),
        ("ǆ", Some("ǆ")),
        ("Å", Some("Å")),
        (&format!("{}\u{304}\u{305}\u{306}", "x\u{302}\u{303}"), Some("x\u{302}\u{303}\u{304}\u{305}")),
        (a_to_d, Some("à\u{301}\u{302}\u{303}")),
    ] {
        assert_eq!(shown(name).as_deref(), expected, "{name:?}");
    }
    let long = "\u{1D160}".repeat(16);
    let kept = shown(&long).unwrap();
    assert!(
        kept.len() <= MAX_LINE && kept.len() > MAX_LINE - 12,
        "{}: composition makes it three times as long",
        kept.len()
    );
}

#[test]
fn spellings_of_a_room_are_one_room_and_look_alikes_are_not() {
    // [R9.35]
    for (one, other) in [
        ("café", "cafe\u{301}"),
        ("Café", "CAFE\u{301}"),
        ("ops", "ＯＰＳ"),
        ("ops", " o\u{200b}ps "),
        ("straße", "STRASSE"),
    ] {
        assert_eq!(folded(one), folded(other));
    }
    for (one, other) in [("ops", "оps"), ("com", "corn"), ("lab", "1ab"), ("cafe", "café"), ("Iab", "lab")] {
        assert_ne!(folded(one), folded(other));
    }
}

#[test]
fn the_keys_of_a_name_with_a_suffix_are_those_of_its_parts() {
    for name in ["ann", "Ian", "m", "аnn", "e\u{301}", "नि", "שָׁ", "ﷺ", "👩‍🚀", "ß", "ann\u{e000}"] {
        assert_eq!(keys(name).suffixed("-10"), keys(&format!("{name}-10")), "{name}");
    }
}

#[test]
fn a_name_that_is_a_sentence_in_form_kc_has_short_keys() {
    let sentences = "ﷺ".repeat(21);
    assert!(keys(&sentences).iter().all(|key| key.len() < 2000) && folded(&sentences).len() < 2000);
}

#[test]
fn case_never_matters() {
    let cased = |character: &char| character.to_uppercase().next() != Some(*character);
    for character in (char::MIN..=char::MAX).filter(cased) {
        let name = format!("a{character}b");
        let upper = name.to_uppercase();
        assert_eq!(folded(&name), folded(&upper), "{character:?} {:x}", u32::from(character));
        assert_eq!(key(&name), key(&upper), "{character:?} {:x}", u32::from(character));
    }
}

#[test]
fn the_shown_form_of_every_character_is_stable() {
    for character in (char::MIN..='\u{3000}').chain(('\u{3000}'..=char::MAX).step_by(37)) {
        let name = format!("a{character}b");
        let form = shown(&name).unwrap();
        assert_eq!(shown(&form), Some(form.clone()), "{character:?} {:x}", u32::from(character));
    }
}

#[test]
fn the_shown_form_of_any_text_is_a_plain_line_and_stable() {
    let pieces = [
        "a",
        "é",
        "e\u{301}",
        "\u{301}",
        "\u{323}",
        "\u{345}",
        " ",
        "\u{a0}",
        "\u{200d}",
        "\u{200c}",
        "\u{fe0f}",
        "👩",
        "ж",
        "\u{212A}",
        "\u{37E}",
        "가",
        "\u{1100}",
        "\u{1161}",
        "\u{11a8}",
        "\u{FB2C}",
        "\u{1D160}",
        "\u{34f}",
        "क",
        "\u{94d}",
        "\u{2800}",
    ];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut name = String::new();
        for _ in 0..state % 9 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            name.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        let Some(form) = shown(&name) else { continue };
        assert!(bookend::Line::new(&form).is_some(), "{name:?}");
        assert_eq!(shown(&form), Some(form.clone()), "{name:?}");
        assert!(!form.contains("  ") && form.trim() == form, "{name:?}");
        assert_eq!(keys(&form), keys(&name), "{name:?}");
    }
}
