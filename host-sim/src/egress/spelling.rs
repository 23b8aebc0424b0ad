//! How a credential may be written in what comes from outside, and where it is found.
//!
//! | as | in the ways of |
//! | --- | --- |
//! | it is, without its signs, in other letters | those that write names, keys or file names |
//! | JSON | encoders that escape `/`, signs of HTML, all but letters and digits, or everything |
//! | a URL | encoders that leave this or that as it is, and those that leave nothing |
//! | HTML | names of signs, and numbers for signs or for everything, decimal and hexadecimal |
//! | hexadecimal digits | |
//! | base64 | both alphabets, wherever it begins in what is encoded: in `user:token` it begins with the sixth byte |
//!
//! All but base64 are found in small letters, large ones and both.
//!
//! Not found: two of these at once, lines broken inside of it, and what a server makes up to hide it from its own client.
//! A service that wants to give a token away has the token.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::shifts::Shifts;

/// One way to write a credential.
#[derive(PartialEq, Eq)]
struct Spelling {
    text: Zeroizing<String>,
    /// How many characters before and after the text hold a part of the credential, beside what else they hold: in base64,
    /// whose digits are no whole bytes.
    around: [usize; 2],
    /// Whether small and large letters are the same.
    any_case: bool,
}

impl Spelling {
    fn alone(text: Zeroizing<String>) -> Self {
        Self { text, around: [0, 0], any_case: true }
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        let text = self.text.as_bytes();
        bytes
            .get(..text.len())
            .is_some_and(|found| if self.any_case { found.eq_ignore_ascii_case(text) } else { found == text })
    }

    /// Bytes that an occurrence has.
    fn length(&self) -> usize {
        let [before, after] = self.around;
        before + self.text.len() + after
    }
}

/// All ways to write a credential.
pub(super) struct Spellings {
    all: Vec<Spelling>,
    shifts: Option<Shifts>,
}

impl Spellings {
    /// Where the credential is, in any spelling, with those that overlap. A range may go on beyond the end.
    pub(super) fn occurrences(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for start in self.shifts.iter().flat_map(|shifts| shifts.candidates(bytes)) {
            let rest = bytes.get(start..).unwrap_or_default();
            for spelling in self.all.iter().filter(|spelling| spelling.begins(rest)) {
                let [before, after] = spelling.around;
                found.push(start.saturating_sub(before)..start + spelling.text.len() + after);
            }
        }
        found
    }

    /// Length of the longest occurrence, bytes.
    pub(super) fn longest(&self) -> usize {
        self.all.iter().map(Spelling::length).max().unwrap_or_default()
    }
}

/// What encoders of JSON write as `\u` and four digits: none, and then Go, Rails, PHP, Gson and .NET, and those that do it with
/// all but letters and digits.
const JSON_ESCAPED: [&str; 7] =
    ["", "<>&", "<>&'", "<>&'=", "<>&'\"", "<>&'\"+`", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"];

/// What encoders of URLs leave as it is, beside letters and digits: nothing; in a part of a URL; in a form; in a path; in a URL.
const URL_KEPT: [&str; 6] = ["", "-._~", "-_.!~*'()", "*-._", "-._~!$&'()*+,;=:@", ";,/?:@&=+$#-_.!~*'()"];

/// What encoders of HTML write for an apostrophe.
const HTML_APOSTROPHE: [&str; 4] = ["&#39;", "&#039;", "&#x27;", "&apos;"];

/// Letters and digits that a credential has at least, to be looked for without its signs: fewer are found in ordinary words.
const SHORTEST: usize = 12;

/// The ways to write a credential of two bytes and more, each once.
pub(super) fn of(own: &str) -> Spellings {
    let mut found = vec![Spelling::alone(Zeroizing::new(own.to_owned()))];
    let mut add = |escape: &dyn Fn(char) -> Option<String>| {
        // Six bytes at most for each: it does not move while it grows, which would leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(own.len() * 6));
        for character in own.chars() {
            match escape(character) {
                Some(escaped) => text.push_str(&escaped),
                None => text.push(character),
            }
        }
        let spelling = Spelling::alone(text);
        if !found.iter().any(|known| known.text.eq_ignore_ascii_case(&spelling.text)) {
            found.push(spelling);
        }
    };
    let hex = |character: char| format!("{:02x}", u32::from(character));
    if own.chars().filter(char::is_ascii_alphanumeric).count() >= SHORTEST {
        add(&|character| (!character.is_ascii_alphanumeric()).then(String::new));
    }
    for escaped in JSON_ESCAPED {
        for slash in [false, true] {
            add(&|character| match character {
                _ if escaped.contains(character) => Some(format!("\\u00{}", hex(character))),
                '"' | '\\' => Some(format!("\\{character}")),
                '/' if slash => Some("\\/".to_owned()),
                _ => None,
            });
        }
    }
    for kept in URL_KEPT {
        add(&|character| {
            let keeps = character.is_ascii_alphanumeric() || kept.contains(character);
            (!keeps).then(|| format!("%{}", hex(character)))
        });
    }
    for apostrophe in HTML_APOSTROPHE {
        add(&|character| {
            let name = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => apostrophe,
                _ => return None,
            };
            Some(name.to_owned())
        });
    }
    for everything in [false, true] {
        let escapes = |character: char| everything || !character.is_ascii_alphanumeric();
        add(&|character| escapes(character).then(|| format!("&#{};", u32::from(character))));
        add(&|character| escapes(character).then(|| format!("&#x{};", hex(character))));
    }
    add(&|character| Some(format!("\\u00{}", hex(character))));
    add(&|character| Some(format!("%{}", hex(character))));
    add(&|character| Some(hex(character)));
    for before in 0..3 {
        for spelling in in_base64(own, before) {
            if !found.contains(&spelling) {
                found.push(spelling);
            }
        }
    }
    let shifts = Shifts::new(found.iter().map(|spelling| spelling.text.as_bytes()));
    Spellings { all: found, shifts }
}

/// In base64 after so many bytes of something else, and before anything: the digits that are the credential's alone, and whether
/// it has a part of those around them.
fn in_base64(own: &str, before: usize) -> Vec<Spelling> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(before + own.len()));
    bytes.resize(before, 0);
    bytes.extend_from_slice(own.as_bytes());
    // Six bits each.
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let around = [before * 8 % 6, bytes.len() * 8 % 6].map(|rest| usize::from(rest != 0));
    let mut found = Vec::new();
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        let all = Zeroizing::new(engine.encode(bytes.as_slice()));
        let digits = all.get(first..end).unwrap_or_default();
        found.push(Spelling { text: Zeroizing::new(digits.to_owned()), around, any_case: false });
        // As some encoders of JSON write it.
        if digits.contains('/') {
            found.push(Spelling { text: Zeroizing::new(digits.replace('/', "\\/")), around, any_case: false });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use std::cell::Cell;
    use std::collections::BTreeSet;

    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::{Spellings, of};

    /// The text with the places of a credential marked.
    fn marked(text: &str, spellings: &Spellings) -> String {
        let found = spellings.occurrences(text.as_bytes());
        let inside = |place: &usize| found.iter().any(|range| range.contains(place));
        text.char_indices().map(|(place, character)| if inside(&place) { '*' } else { character }).collect()
    }

    #[test]
    fn found_as_it_is_written_elsewhere() {
        let spellings = of("glpat-a/b+c=\"<d");
        for spelling in [
            r#"glpat-a/b+c="<d"#,
            r#"glpat-a/b+c=\"<d"#,
            r#"glpat-a\/b+c=\"<d"#,
            r#"glpat-a/b+c=\"\u003cd"#,
            r#"glpat-a\/b+c=\"\u003Cd"#,
            r#"glpat-a/b+c\u003d\"\u003cd"#,
            r#"glpat-a/b\u002Bc=\u0022\u003Cd"#,
            r#"glpat\u002da\u002fb\u002bc\u003d\u0022\u003cd"#,
            r#"\u0067\u006c\u0070\u0061\u0074\u002d\u0061\u002f\u0062\u002b\u0063\u003d\u0022\u003c\u0064"#,
            "glpat-a%2Fb%2Bc%3D%22%3Cd",
            "glpat-a%2fb%2bc%3d%22%3cd",
            "glpat%2Da%2Fb%2Bc%3D%22%3Cd",
            "glpat-a/b+c=%22%3Cd",
            "%67%6C%70%61%74%2D%61%2F%62%2B%63%3D%22%3C%64",
            "glpat-a/b+c=&quot;&lt;d",
            "glpat&#45;a&#47;b&#43;c&#61;&#34;&#60;d",
            "glpat&#x2d;a&#x2f;b&#x2b;c&#x3d;&#x22;&#x3c;d",
            "&#103;&#108;&#112;&#97;&#116;&#45;&#97;&#47;&#98;&#43;&#99;&#61;&#34;&#60;&#100;",
            "&#x67;&#x6C;&#x70;&#x61;&#x74;&#x2D;&#x61;&#x2F;&#x62;&#x2B;&#x63;&#x3D;&#x22;&#x3C;&#x64;",
            "676c7061742d612f622b633d223c64",
            "676C7061742D612F622B633D223C64",
            "GLPAT-A/B+C=\"<D",
            "Glpat%2da%2Fb%2bC%3D%22%3cd",
        ] {
            let expected = format!("a {}.", "*".repeat(spelling.len()));
            assert_eq!(marked(&format!("a {spelling}."), &spellings), expected, "{spelling}");
        }
        for other in
            ["glpat-a/b+c=\"<", "lpat-a/b+c=\"<d", "GLPAT_A/B+C=\"<D", "glpatabcd", "676c7061742d612f622b633d223c"]
        {
            assert_eq!(marked(other, &spellings), other);
        }
    }

    /// As a server writes a name that it makes of a field: `HTTP_X_…`, a file's, a key's.
    #[test]
    fn found_without_its_signs_where_it_is_long_enough() {
        let spellings = of("glpat-Abc_12.345");
        for text in ["glpatAbc12345", "GLPATABC12345", "glpatabc12345"] {
            assert_eq!(marked(&format!("x{text}x"), &spellings), format!("x{}x", "*".repeat(text.len())), "{text}");
        }
        assert_eq!(marked("glpatabc1234 glpatAbc_12345", &spellings), "glpatabc1234 glpatAbc_12345");
        assert_eq!(marked("abcdefghijk", &of("a-bcdefghijk")), "abcdefghijk", "eleven may be a word");
    }

    /// Wherever it begins and ends, in both alphabets: no digit is left that holds a bit of it.
    #[test]
    fn found_in_base64_with_every_digit_that_holds_a_part_of_it() {
        for own in ["glpat-ab", "glpat-abc", "glpat-abcd", "~~~???>>>~~~", "glpat-20.characters_"] {
            let spellings = of(own);
            for before in ["", "a", "ab", "abc", "root:", "a longer text before it "] {
                for after in ["", "z", "zy", "zyx", "@host and more"] {
                    let (first, end) = (before.len() * 8 / 6, ((before.len() + own.len()) * 8).div_ceil(6));
                    let text = [before, own, after].concat();
                    for digits in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)] {
                        let (head, rest) = digits.split_at(first);
                        let (digits, tail) = rest.split_at(end - first);
                        let expected = format!("\"{head}{}{tail}\"", "*".repeat(digits.len()));
                        assert_eq!(marked(&format!("\"{head}{digits}{tail}\""), &spellings), expected, "{text}");
                    }
                }
            }
        }
        let slash = BASE64_STANDARD.encode("~~~???>>>~~~").replace('/', "\\/");
        assert!(slash.contains('/') && marked(&slash, &of("~~~???>>>~~~")).bytes().all(|byte| byte == b'*'), "{slash}");
    }

    /// As a search that looks at every place would, in what is made of pieces of the ways to write it.
    #[test]
    fn found_wherever_one_begins() {
        let spellings = of("glpat-a/b+c=\"<dglpat");
        let texts: Vec<&str> = spellings.all.iter().map(|spelling| spelling.text.as_str()).collect();
        let piece = (0..texts.len(), 0_usize..100, 0_usize..100, any::<bool>());
        let strategy = proptest::collection::vec(piece, 1..12);
        let found_some = Cell::new(0);
        let checked = TestRunner::deterministic().run(&strategy, |pieces| {
            let text: String = pieces
                .iter()
                .map(|(number, from, length, large)| {
                    let text = texts[*number];
                    // Whole, or a part of it: every way to write it is ASCII.
                    let from = if from * 2 < text.len() { *from } else { 0 };
                    let end = if from + length < text.len() { from + length } else { text.len() };
                    if *large { text[from..end].to_uppercase() } else { text[from..end].to_owned() }
                })
                .collect();
            let mut expected = BTreeSet::new();
            for start in 0..text.len() {
                for spelling in spellings.all.iter().filter(|spelling| spelling.begins(&text.as_bytes()[start..])) {
                    let [before, after] = spelling.around;
                    expected.insert((start.saturating_sub(before), start + spelling.text.len() + after));
                }
            }
            let found = spellings.occurrences(text.as_bytes());
            found_some.set(found_some.get() + found.len());
            let found: BTreeSet<(usize, usize)> = found.iter().map(|range| (range.start, range.end)).collect();
            prop_assert_eq!(found, expected, "{}", text);
            Ok(())
        });
        checked.unwrap();
        assert!(found_some.get() > 100, "{found_some:?}");
    }

    #[test]
    fn each_way_once() {
        // Nothing to escape but everything: itself, two ways of HTML's numbers, one each of JSON, URL and hexadecimal, and three
        // of base64.
        let spellings = of("canary12");
        let mut texts: Vec<&str> = spellings.all.iter().map(|spelling| spelling.text.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!((texts.len(), spellings.all.len()), (spellings.all.len(), 1 + 2 + 1 + 1 + 1 + 3));
    }
}
