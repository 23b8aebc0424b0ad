//! A host, out of what an administrator types: a name, also with letters beyond ASCII, or an IP address.
//!
//! | typed | host |
//! | --- | --- |
//! | `GitLab.Example.com.` | `gitlab.example.com` |
//! | `bücher.example`, `BÜCHER.example` | `xn--bcher-kva.example` |
//! | `例え。テスト`, `ｇｉｔｌａｂ` | `xn--r8jz45g.xn--zckzah`, `gitlab` (full-width letters and stops) |
//! | `xn--bcher-kva.example` | the same, unchecked: whether it exists is for DNS to say |
//! | `192.0.2.7`, `[2001:DB8::1]` | `192.0.2.7`, `[2001:db8::1]` |
//!
//! Guarantees: a name that is accepted becomes what a browser makes of it (UTS #46, non-transitional), which a test
//! proves for every character of Unicode.
//!
//! Refused: letters of a script that is not listed in `SCRIPTS`, so that their mapping, their composition and their direction would
//! need tables (their `xn--` form does), combining marks, and numbers that only old resolvers take for
//! addresses (`127.1`, `0x7f000001`, `2130706433`), which hide where a request goes.
//!
//! Why not the `url` crate, whose `Host` does all of this: the tables behind it are 160 KB, a fifth of the component, for
//! one field of a form. With its table-free adapter `bücher.example` would be refused.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest host name of DNS, in bytes.
const LONGEST_HOST: usize = 253;

/// Longest label of DNS, in bytes.
pub(super) const LONGEST_LABEL: usize = 63;

/// Letters which lower-casing alone brings into the form that is encoded.
const SCRIPTS: &[(char, char)] = &[
    // Latin with diacritics; left out are ligatures and letters that stand for two.
    ('ß', 'ö'),
    ('ø', 'ı'),
    ('ĵ', 'ľ'),
    ('ł', 'ň'),
    ('ŋ', 'ž'),
    ('ș', 'ț'),
    ('ơ', 'ơ'),
    ('ư', 'ư'),
    ('ạ', 'ỹ'),
    // Greek.
    ('ά', 'ώ'),
    // Cyrillic of the living Slavic languages.
    ('а', 'џ'),
    ('ґ', 'ґ'),
    // Japanese, Chinese, Korean.
    ('々', '々'),
    ('ぁ', 'ゖ'),
    ('ァ', 'ヺ'),
    ('ー', 'ー'),
    ('㐀', '䶿'),
    ('一', '鿿'),
    ('가', '힣'),
];

/// The canonical form; nothing for what is neither a name nor an address.
pub(super) fn canonical(typed: &str) -> Option<String> {
    if let Some(rest) = typed.strip_prefix('[') {
        let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let mapped: String = typed.chars().map(lower).collect::<Option<_>>()?;
    let name = mapped.strip_suffix('.').unwrap_or(&mapped);
    let last = name.rsplit('.').next()?;
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return name.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    let labels: Vec<String> = name.split('.').map(label).collect::<Option<_>>()?;
    Some(labels.join(".")).filter(|host| host.len() <= LONGEST_HOST)
}

/// The lower-case letter; nothing for characters that do not belong in a name.
fn lower(letter: char) -> Option<char> {
    let letter = match letter {
        '\u{3002}' | '\u{ff61}' => '.',
        // Full-width forms lie at a fixed distance from ASCII.
        '！'..='～' => char::from_u32(u32::from(letter).checked_sub(0xfee0)?)?,
        other => other,
    };
    let mut lower = letter.to_lowercase();
    let (Some(letter), None) = (lower.next(), lower.next()) else { return None };
    let known = letter.is_ascii_alphanumeric()
        || matches!(letter, '.' | '-' | '_')
        || SCRIPTS.iter().any(|(first, last)| (*first..=*last).contains(&letter));
    known.then_some(letter)
}

fn label(text: &str) -> Option<String> {
    let encoded = if text.is_ascii() {
        text.to_owned()
    } else if text.starts_with("xn--") {
        return None;
    } else {
        format!("xn--{}", punycode(text)?)
    };
    (!encoded.is_empty() && encoded.len() <= LONGEST_LABEL).then_some(encoded)
}

/// RFC 3492, section 6.3. Nothing when a number overflows, which no label of DNS length does.
fn punycode(text: &str) -> Option<String> {
    let mut output: String = text.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(output.len()).ok()?;
    if basic > 0 {
        output.push('-');
    }
    let total = u32::try_from(text.chars().count()).ok()?;
    let (mut code, mut delta, mut bias, mut handled) = (0x80_u32, 0_u32, 72_u32, basic);
    while handled < total {
        let next = text.chars().map(u32::from).filter(|point| *point >= code).min()?;
        delta = next.checked_sub(code)?.checked_mul(handled.checked_add(1)?)?.checked_add(delta)?;
        code = next;
        for point in text.chars().map(u32::from) {
            if point < code {
                delta = delta.checked_add(1)?;
            } else if point == code {
                push_variable_length(&mut output, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code = code.checked_add(1)?;
    }
    Some(output)
}

const BASE: u32 = 36;

fn push_variable_length(output: &mut String, delta: u32, bias: u32) -> Option<()> {
    let mut rest = delta;
    let mut position = BASE;
    loop {
        let threshold = position.saturating_sub(bias).clamp(1, 26);
        if rest < threshold {
            output.push(char::from_digit(rest, BASE).map(digit)?);
            return Some(());
        }
        let range = BASE - threshold;
        output.push(char::from_digit(threshold + (rest - threshold) % range, BASE).map(digit)?);
        rest = (rest - threshold) / range;
        position = position.checked_add(BASE)?;
    }
}

/// Punycode counts `a` to `z`, then `0` to `9`; the standard library the other way round.
fn digit(standard: char) -> char {
    let value = standard.to_digit(BASE).unwrap_or_default();
    let shifted = if value < 26 { value + 10 } else { value - 26 };
    char::from_digit(shifted, BASE).unwrap_or(standard)
}

const fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut steps = 0;
    while delta > 455 {
        delta /= 35;
        steps += BASE;
    }
    steps + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(typed: &str) -> Option<String> {
        url::Host::parse(typed).ok().map(|host| host.to_string())
    }

    /// Every character, between two letters and alone: what is accepted is what a browser makes of it.
    #[test]
    fn every_accepted_character_is_mapped_as_by_a_browser() {
        let mut accepted = 0_u32;
        for letter in ('\u{0}'..=char::MAX).filter(|letter| *letter != '.') {
            for typed in [format!("a{letter}b.example"), format!("{letter}.example")] {
                if let Some(host) = canonical(&typed) {
                    accepted += 1;
                    assert_eq!(Some(&host), browser(&typed).as_ref(), "{typed} {:x}", u32::from(letter));
                }
            }
        }
        assert!(accepted > 2 * 38_000, "{accepted}");
    }

    #[test]
    fn whole_names_are_encoded_as_by_a_browser() {
        for name in [
            "bücher.example",
            "BÜCHER.Example",
            "faß.de",
            "münchen-ost.straße.example",
            "ελλάδα.gr",
            "ΣΊΣΥΦΟΣ.example",
            "пример.испытание",
            "例え.テスト",
            "サーバー.example",
            "中国.中国",
            "한국.kr",
            "việt-nam.example",
            "łódź.example",
            "ａｂｃ。example",
            "aβc日d한e.example",
            "ÿÿÿÿÿÿÿÿÿÿÿÿ.example",
            "鿿㐀一.example",
        ] {
            let host = canonical(name);
            assert!(host.is_some(), "{name}");
            assert_eq!(host, browser(name), "{name}");
        }
    }

    #[test]
    fn addresses_have_one_spelling() {
        assert_eq!(canonical("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(canonical("192.0.2.7.").as_deref(), Some("192.0.2.7"));
        assert_eq!(canonical("[2001:DB8:0::1]").as_deref(), Some("[2001:db8::1]"));
        for hidden in
            ["127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "127.0.0.0x1", "0177.0.0.1", "1.2.3.4.5", "256.1.1.1"]
        {
            assert_eq!(canonical(hidden), None, "{hidden}");
        }
        assert_eq!(canonical("10.0.0.1.example").as_deref(), Some("10.0.0.1.example"));
    }

    #[test]
    fn what_needs_tables_is_refused() {
        for name in [
            "bu\u{308}cher.example",
            "ﬁ.example",
            "שלום.example",
            "مثال.example",
            "xn--ü.example",
            "a\u{200d}b",
            "☃.net",
            "İ.example",
        ] {
            assert_eq!(canonical(name), None, "{name}");
        }
    }

    #[test]
    fn labels_and_names_keep_to_the_lengths_of_dns() {
        assert!(canonical(&format!("{}.example", "ü".repeat(56))).is_some());
        assert_eq!(canonical(&format!("{}.example", "ü".repeat(80))), None);
        let label = "a".repeat(LONGEST_LABEL);
        assert!(canonical(&label).is_some());
        assert_eq!(canonical(&format!("{label}a")), None);
        let longest = [label.as_str(), &label, &label, &"a".repeat(61)].join(".");
        assert_eq!(longest.len(), LONGEST_HOST);
        assert!(canonical(&longest).is_some());
        assert_eq!(canonical(&format!("{longest}a")), None);
        for empty in ["", ".", "a..b", ".a", "a.."] {
            assert_eq!(canonical(empty), None, "{empty:?}");
        }
    }
}
