//! The reader beside serde_json's: what the one takes for JSON, the other does, too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use serde::de::IgnoredAny;

use super::super::{Names, from_slice, is_cut_off};
use super::{DEEPEST, Kind, Reader, plain};

const DOCUMENTS: [&str; 6] = [
    r#"[{"id":1,"name":"Zo\u00eb \"x\" \ud83d\ude00","bot":false,"identities":[{"provider":"saml","extern_uid":"a/b"}],"n":null}]"#,
    r#" { "a" : [ 0 , -1 , 1.5 , 1e3 , 1E-3 , 2.5e+10 , true , { } , [ ] ] , "é" : "\b\f\n\r\t\/\\" } "#,
    "[[[[]]],{\"a\":{\"b\":{\"c\":[1,2,{\"d\":\"0123456789abcdefghijklmnopqrstuvwxyz\"}]}}}]",
    "\"a text that is longer than eight bytes and than sixteen\"",
    "-0.0e-0",
    "null",
];

/// What serde_json makes of it: nothing wrong, the end too early, or something else.
fn expected(text: &[u8]) -> Option<Kind> {
    let error = serde_json::from_slice::<IgnoredAny>(text).err()?;
    Some(if error.is_eof() { Kind::CutOff } else { Kind::Syntax })
}

fn found(text: &[u8]) -> Option<Kind> {
    let mut reader = Reader::new(text);
    reader.skip().and_then(|_| reader.end()).err().map(|error| error.kind())
}

/// What each key is compared with is what stands there, so that a server that writes blanks is read no slower.
#[test]
fn keys_of_a_row_are_remembered_as_they_are_written() {
    const NAMES: &Names = &Names::new(&["id", "username"]);
    let row = |blank: &str| format!("{{{blank}\"id\":{blank}1,{blank}\"username\"{blank}:\"a\",{blank}\"other\":2}}");
    for blank in ["", " ", "\n\t"] {
        let text = format!("[{},{blank}{}]", row(blank), row(blank));
        let mut reader = Reader::new(text.as_bytes());
        let mut rows = Vec::new();
        reader
            .elements(&mut |reader| {
                let (mut id, mut username) = (0_u64, String::new());
                reader.object(NAMES, &mut [&mut id, &mut username])?;
                rows.push((id, username));
                Ok(())
            })
            .unwrap();
        assert_eq!(rows, [(1, "a".to_owned()), (1, "a".to_owned())]);
        let keys: Vec<&[u8]> = reader.row.keys.iter().map(|(key, _)| *key).collect();
        // Those behind the brace are passed over when it is looked for the other one.
        let written = ["\"id\":".to_owned(), format!("{blank}\"username\"{blank}:"), format!("{blank}\"other\":")];
        assert_eq!(keys, written.each_ref().map(String::as_bytes));
    }
}

#[test]
fn every_beginning_and_every_changed_byte_is_judged_as_by_serde_json() {
    for document in DOCUMENTS {
        let text = document.as_bytes();
        assert_eq!(found(text), None, "{document}");
        for end in 0..text.len() {
            // serde_json calls a number that has only begun a wrong one.
            let cut_off = expected(&text[..end]).map(|_| Kind::CutOff);
            assert_eq!(found(&text[..end]), cut_off, "{}", String::from_utf8_lossy(&text[..end]));
        }
        for place in 0..text.len() {
            for byte in (0..=u8::MAX).filter(|byte| byte.is_ascii() || *byte == 0xff) {
                let mut changed = text.to_vec();
                changed[place] = byte;
                let shown = String::from_utf8_lossy(&changed).into_owned();
                assert_eq!(found(&changed).is_some(), expected(&changed).is_some(), "{shown}");
            }
        }
    }
}

#[test]
fn what_ends_too_early_is_told_from_what_is_wrong() {
    for (text, cut_off) in [
        ("", true),
        ("  ", true),
        ("[", true),
        (r#"[{"a":[1]"#, true),
        (r#"[{"a":[{}]}"#, true),
        (r#"{"a":[{}]"#, true),
        (r#" [{"a":[{}]},{"b":1} ] "#, false),
        // By its ends.
        (r#"[{"a":[{}]"#, false),
        (r#"{"a":"\u00"#, true),
        (r#"{"a":"\"#, true),
        ("tru", true),
        ("[]", false),
        ("[1 2]", false),
        ("[1,]", false),
        ("[] x", false),
        ("{1:2}", false),
        ("nul]", false),
        ("01", false),
    ] {
        assert_eq!(is_cut_off(text.as_bytes()), cut_off, "{text}");
    }
}

#[test]
fn texts_are_those_of_serde_json() {
    for text in DOCUMENTS.into_iter().chain([
        r#""\ud83d""#,
        r#""\ude00\ud83d""#,
        r#""\ud83d\u0041""#,
        r#""\u0000""#,
        "\"\u{7f}\u{80}\"",
        "\"\t\"",
        "\"a\\qb\"",
    ]) {
        let expected = serde_json::from_str::<String>(text).ok();
        assert_eq!(from_slice::<String>(text.as_bytes()).ok(), expected, "{text}");
    }
    assert!(from_slice::<String>(b"\"\xff\"").is_err(), "a text that is kept is UTF-8");
}

#[test]
fn numbers_are_whole_and_in_range() {
    let read = |text: &str| from_slice::<u64>(text.as_bytes()).ok();
    assert_eq!(read("18446744073709551615"), Some(u64::MAX));
    for other in ["18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "01", "-", "1.", "true", ""] {
        assert_eq!(read(other), None, "{other}");
    }
    assert_eq!((from_slice::<u8>(b"255").ok(), from_slice::<u8>(b"256").ok()), (Some(255), None));
    assert_eq!(from_slice::<(u64, u8)>(b"[7,8]").ok(), Some((7, 8)));
    assert!(from_slice::<(u64, u8)>(b"[7]").is_err() && from_slice::<(u64, u8)>(b"[7,8,9]").is_err());
}

#[test]
fn levels_are_bounded() {
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat();
    assert_eq!(found(nested(usize::from(DEEPEST)).as_bytes()), None);
    assert_eq!(found(nested(usize::from(DEEPEST) + 1).as_bytes()), Some(Kind::Syntax));
    assert_eq!(found(nested(1_000_000).as_bytes()), Some(Kind::Syntax), "and end before the stack does");
    // Side by side there may be any number.
    let wide = format!("[{}[]]", "[{\"a\":{}}],".repeat(1000));
    assert_eq!(found(wide.as_bytes()), None);
}

#[test]
fn the_end_of_what_is_plain_is_found_wherever_it_is() {
    for length in 0..40 {
        let text = vec![b'x'; length];
        assert_eq!(plain(&text), length);
        for place in 0..length {
            for stop in [b'"', b'\\', 0x1f, 0] {
                let mut stopped = text.clone();
                stopped[place] = stop;
                assert_eq!(plain(&stopped), place);
                stopped[length - 1] = b'"';
                assert_eq!(plain(&stopped), place);
            }
            for other in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                let mut same = text.clone();
                same[place] = other;
                assert_eq!(plain(&same), length, "{other}");
            }
        }
    }
}

#[test]
fn an_error_names_its_place_and_nothing_of_the_text() {
    let error = from_slice::<Vec<u64>>(b"[1,\n 2, \"dana@example.com\"]").unwrap_err();
    assert_eq!((error.kind(), error.place().0, error.place().1), (Kind::Shape, 2, 5));
    assert_eq!(error.to_string(), "invalid type: expected a number at line 2 column 5");
}
