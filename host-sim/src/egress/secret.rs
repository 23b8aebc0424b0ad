//! A credential that can be carried anywhere and read only where requests leave.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

use super::spelling::{self, Spellings};

/// A credential. Prints nothing, is overwritten in memory when the last copy is dropped, and can be read only by
/// the code that writes the header.
#[derive(Clone)]
pub struct Secret(Arc<Texts>);

struct Texts {
    /// The credential.
    own: Zeroizing<String>,
    /// See [`Secret::spellings`].
    spellings: Spellings,
}

/// Shorter texts would be found in ordinary words: masking them would spoil answers, and tell them. In bytes.
const SHORTEST: usize = 8;

/// Why a text cannot be a credential. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing, or only blanks.
    #[error("the token is empty")]
    Empty,
    /// Blanks inside: most often two tokens, or a token with words around it.
    #[error("the token contains blanks or line breaks")]
    Blank,
    /// Would not be a header value.
    #[error("the token contains characters that no HTTP header may carry")]
    NotAHeader,
    /// Too few characters to be told from other words.
    #[error("the token has fewer than {SHORTEST} characters")]
    Short,
}

impl Secret {
    /// Takes a credential as it was read: blanks and line breaks around it are dropped.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn new(text: String) -> Result<Self, SecretError> {
        let text = Zeroizing::new(text);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            Err(SecretError::Empty)
        } else if trimmed.contains(char::is_whitespace) {
            Err(SecretError::Blank)
        } else if !trimmed.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(SecretError::NotAHeader)
        } else if trimmed.len() < SHORTEST {
            Err(SecretError::Short)
        } else {
            let own = Zeroizing::new(trimmed.to_owned());
            let spellings = spelling::of(&own);
            Ok(Self(Arc::new(Texts { own, spellings })))
        }
    }

    /// The value of the header, marked so that HTTP libraries do not log or index it.
    pub(in crate::egress) fn header_value(&self, prefix: &str) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("{prefix}{}", self.0.own.as_str()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The credential itself, to seal it.
    pub(in crate::egress) fn as_bytes(&self) -> &[u8] {
        self.0.own.as_bytes()
    }

    /// What to look for in words from outside.
    pub(in crate::egress) fn spellings(&self) -> &Spellings {
        &self.0.spellings
    }

    /// `text` with every occurrence of the secret replaced, in any spelling: for words that came from outside, since a server
    /// may echo what it was sent.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut found = self.spellings().occurrences(text.as_bytes());
        found.sort_by_key(|range| range.start);
        let (mut clean, mut from) = (String::with_capacity(text.len()), 0);
        for range in found {
            // Half a letter before or after it is a letter of other words.
            let start = (range.start..range.end).find(|place| text.is_char_boundary(*place)).unwrap_or(range.end);
            let end = (range.start..=range.end).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(range.end);
            if start >= from {
                clean.push_str(text.get(from..start).unwrap_or_default());
                clean.push_str("[secret]");
            }
            from = from.max(end);
        }
        clean.push_str(text.get(from..).unwrap_or_default());
        clean
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Secret, SecretError};

    #[test]
    fn reads_what_editors_and_shells_leave_around_a_token() {
        let secret = Secret::new(" glpat-x.y\r\n".to_owned()).unwrap();
        let value = secret.header_value("Bearer ").unwrap();
        assert_eq!(value.as_bytes(), b"Bearer glpat-x.y");
        assert!(value.is_sensitive());
    }

    #[test]
    fn refuses_what_is_no_token() {
        for (text, error) in [
            ("", SecretError::Empty),
            (" \n", SecretError::Empty),
            ("a b", SecretError::Blank),
            ("a\nb", SecretError::Blank),
            ("a\u{7f}b", SecretError::NotAHeader),
            ("gläpat", SecretError::NotAHeader),
            ("x", SecretError::Short),
            (" glpat-x\n", SecretError::Short),
        ] {
            assert_eq!(Secret::new(text.to_owned()).unwrap_err(), error, "{text:?}");
        }
    }

    #[test]
    fn prints_nothing_and_redacts() {
        let secret = Secret::new("canary-1".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.redact("a canary-1, two canary-1canary-1"), "a [secret], two [secret][secret]");
    }

    #[test]
    fn redacted_in_any_spelling_and_once_where_two_meet() {
        let secret = Secret::new("glpat-ab/c".to_owned()).unwrap();
        for (text, expected) in [
            ("a glpat-ab\\/c, glpat-ab%2Fc.", "a [secret], [secret]."),
            ("676c7061742d61622f63 or 676C7061742D61622F63", "[secret] or [secret]"),
            // After no byte, one and two of something else, with what it shares a digit with.
            ("(Z2xwYXQtYWIvYw==)", "([secret]==)"),
            ("(OmdscGF0LWFiL2M=)", "(O[secret]=)"),
            ("(YTpnbHBhdC1hYi9j)", "(YT[secret])"),
            // No digits around it: a letter of other words is left whole.
            ("äpnbHBhdC1hYi9jä", "ä[secret]ä"),
        ] {
            assert_eq!(secret.redact(text), expected, "{text}");
        }
        let overlapping = Secret::new("abababab".to_owned()).unwrap();
        assert_eq!(overlapping.redact("-ababababab-"), "-[secret]-");
    }
}
