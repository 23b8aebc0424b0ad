//! A credential that can be carried anywhere and read only where requests leave.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

/// A credential. Prints nothing, is overwritten in memory when the last copy is dropped, and can be read only by
/// the code that writes the header.
#[derive(Clone)]
pub struct Secret(Arc<Texts>);

struct Texts {
    /// The credential.
    own: Zeroizing<String>,
    /// See [`Secret::spellings`].
    spellings: Vec<Zeroizing<String>>,
}

/// Shorter texts are no credentials, and would be found in ordinary words. In bytes.
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
        } else {
            let own = Zeroizing::new(trimmed.to_owned());
            let spellings = if own.len() < SHORTEST { vec![] } else { spellings(&own) };
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

    /// What to look for in words from outside, the longest first: the credential as it is, and as it stands in JSON and
    /// in a URL, each in the ways that encoders have. Nothing for one of less than eight characters.
    pub(in crate::egress) fn spellings(&self) -> &[Zeroizing<String>] {
        &self.0.spellings
    }

    /// `text` with every occurrence of the secret replaced: for words that came from outside, since a server may
    /// echo what it was sent. A secret of less than eight characters is left alone: it is none, and would be found in
    /// ordinary words.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.spellings().iter().fold(text.to_owned(), |text, spelling| text.replace(spelling.as_str(), "[secret]"))
    }
}

/// What encoders of JSON write as `\u` and four digits: none, and then Go, Rails, PHP, Gson and .NET, and those that do it with
/// all but letters and digits.
const JSON_ESCAPED: [&str; 7] =
    ["", "<>&", "<>&'", "<>&'=", "<>&'\"", "<>&'\"+`", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"];

/// What encoders of URLs leave as it is, beside letters and digits: nothing; in a part of a URL; in a form; in a path; in a URL.
const URL_KEPT: [&str; 6] = ["", "-._~", "-_.!~*'()", "*-._", "-._~!$&'()*+,;=:@", ";,/?:@&=+$#-_.!~*'()"];

/// The ways to write a credential, each once, the longest first.
fn spellings(own: &str) -> Vec<Zeroizing<String>> {
    let mut found = vec![Zeroizing::new(own.to_owned())];
    let mut add = |escape: &dyn Fn(char) -> Option<String>| {
        // Six bytes at most for each: it does not move while it grows, which would leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(own.len() * 6));
        for character in own.chars() {
            match escape(character) {
                Some(escaped) => text.push_str(&escaped),
                None => text.push(character),
            }
        }
        if !found.contains(&text) {
            found.push(text);
        }
    };
    let hex = |character: char, upper: bool| {
        let number = u32::from(character);
        if upper { format!("{number:02X}") } else { format!("{number:02x}") }
    };
    for upper in [false, true] {
        for escaped in JSON_ESCAPED {
            for slash in [false, true] {
                add(&|character| match character {
                    _ if escaped.contains(character) => Some(format!("\\u00{}", hex(character, upper))),
                    '"' | '\\' => Some(format!("\\{character}")),
                    '/' if slash => Some("\\/".to_owned()),
                    _ => None,
                });
            }
        }
        for kept in URL_KEPT {
            add(&|character| {
                let keeps = character.is_ascii_alphanumeric() || kept.contains(character);
                (!keeps).then(|| format!("%{}", hex(character, upper)))
            });
        }
    }
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found
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
        ] {
            assert_eq!(Secret::new(text.to_owned()).unwrap_err(), error, "{text:?}");
        }
    }

    #[test]
    fn prints_nothing_and_redacts() {
        let secret = Secret::new("canary-1".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.redact("a canary-1, two canary-1canary-1"), "a [secret], two [secret][secret]");
        assert_eq!(Secret::new("x".to_owned()).unwrap().redact("example"), "example");
    }

    #[test]
    fn found_as_json_and_urls_write_it() {
        let secret = Secret::new("glpat-a/b+c=\"<d".to_owned()).unwrap();
        for spelling in [
            r#"glpat-a/b+c="<d"#,
            r#"glpat-a/b+c=\"<d"#,
            r#"glpat-a\/b+c=\"<d"#,
            r#"glpat-a/b+c=\"\u003cd"#,
            r#"glpat-a\/b+c=\"\u003Cd"#,
            r#"glpat-a/b+c\u003d\"\u003cd"#,
            r#"glpat-a/b\u002Bc=\u0022\u003Cd"#,
            r#"glpat\u002da\u002fb\u002bc\u003d\u0022\u003cd"#,
            "glpat-a%2Fb%2Bc%3D%22%3Cd",
            "glpat-a%2fb%2bc%3d%22%3cd",
            "glpat%2Da%2Fb%2Bc%3D%22%3Cd",
            "glpat-a/b+c=%22%3Cd",
        ] {
            assert_eq!(secret.redact(&format!("a {spelling}.")), "a [secret].", "{spelling}");
        }
        // Where there is nothing to escape, there is one way to write it.
        assert_eq!(Secret::new("canary12".to_owned()).unwrap().spellings().len(), 1);
        assert_eq!(Secret::new("glpat-ab_c.d".to_owned()).unwrap().spellings().len(), 5);
    }
}
