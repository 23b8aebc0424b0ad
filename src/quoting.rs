//! Words of a server inside our own messages.
//!
//! Guarantees: what [`quoted`] returns has no control characters, no invisible direction marks, and at most
//! [`LONGEST_QUOTE`] characters, so that a hostile or broken server can neither fill a log nor rewrite a terminal.
//!
//! Refuses nothing; an empty result means that there was nothing to quote.

/// Longest quotation, in characters. Every sentence that GitLab itself sends is shorter.
pub const LONGEST_QUOTE: usize = 200;

/// `text` on one line, cleaned and cut; a cut is marked with `…`.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut result = String::new();
    let mut length = 0_usize;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        for (position, letter) in word.chars().filter(|c| !turns_text(*c)).enumerate() {
            let space = position == 0 && !result.is_empty();
            if length + usize::from(space) + 1 >= LONGEST_QUOTE {
                result.push('…');
                return result;
            }
            if space {
                result.push(' ');
                length += 1;
            }
            result.push(letter);
            length += 1;
        }
    }
    result
}

/// Zero-width and bidirectional format characters: they show nothing and reorder what is around them.
const fn turns_text(letter: char) -> bool {
    matches!(
        letter,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_single_spaces() {
        assert_eq!(quoted("  a\r\n\u{1b}[31mb\tc \u{0} "), "a [31mb c");
    }

    #[test]
    fn direction_marks_vanish() {
        assert_eq!(quoted("a\u{202e}b\u{feff}"), "ab");
    }

    #[test]
    fn a_long_text_is_cut_at_the_limit() {
        let exact = "x".repeat(LONGEST_QUOTE - 1);
        assert_eq!(quoted(&exact), exact);
        let cut = quoted(&"é".repeat(LONGEST_QUOTE + 50));
        assert_eq!(cut.chars().count(), LONGEST_QUOTE);
        assert!(cut.ends_with('…'));
    }
}
