//! What the body of a request says outermost, read as it passes.
//!
//! Services take `{"private_token": "…"}` for a sign-in as they take a query. So the keys of the outermost object, or of the
//! objects in an outermost list, are looked at before the piece that holds them passes. What follows a refusal never leaves, so
//! a server has half a text, which is no JSON.
//!
//! Guarantees: a few hundred bytes of memory whatever the body; nothing is kept of it.
//! Refuses: keys that sign in ([`super::sign_in::is_key`]), and what a lenient parser would read otherwise:
//! comments, keys without quotes or in single ones, signs before the text or behind it, more than [`DEEPEST`] levels.

use super::sign_in;

/// Levels of lists and objects.
pub const DEEPEST: usize = 128;

/// Longest key that is looked at, bytes as written. A longer one is refused.
const LONGEST_KEY: usize = 512;

/// Why a body does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// An outermost key is one of a sign-in.
    #[error("the body of the request signs in, which is the host's to do")]
    SignsIn,
    /// Not JSON, or JSON that two parsers read differently.
    #[error("the body of the request is not the JSON that it is declared as")]
    NotJson,
}

/// A text of JSON as far as it has come.
#[derive(Debug, Default)]
pub struct Body {
    /// `{` or `[` of each level.
    levels: Vec<u8>,
    /// A key may come next, and nothing else.
    before_key: bool,
    in_string: bool,
    escaped: bool,
    /// The key that is being read, where it counts.
    key: Option<Vec<u8>>,
    begun: bool,
}

impl Body {
    /// Reads on.
    ///
    /// # Errors
    /// [`BodyError`]: neither this piece nor a later one may pass.
    pub fn read(&mut self, piece: &[u8]) -> Result<(), BodyError> {
        piece.iter().try_for_each(|byte| if self.in_string { self.inside(*byte) } else { self.outside(*byte) })
    }

    fn inside(&mut self, byte: u8) -> Result<(), BodyError> {
        if byte < b' ' {
            return Err(BodyError::NotJson);
        }
        if byte == b'"' && !self.escaped {
            self.in_string = false;
            return self.key.take().map_or(Ok(()), |key| judge(&key));
        }
        self.escaped = byte == b'\\' && !self.escaped;
        match &mut self.key {
            Some(key) if key.len() == LONGEST_KEY => return Err(BodyError::NotJson),
            Some(key) => key.push(byte),
            None => {}
        }
        Ok(())
    }

    fn outside(&mut self, byte: u8) -> Result<(), BodyError> {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            return Ok(());
        }
        // Behind the outermost value stands nothing, and behind an outermost scalar nothing that opens another.
        if self.begun && self.levels.is_empty() && !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return Err(BodyError::NotJson);
        }
        self.begun = true;
        if self.before_key && !matches!(byte, b'"' | b'}') {
            return Err(BodyError::NotJson);
        }
        match byte {
            b'"' => {
                self.in_string = true;
                let counts = matches!(self.levels.as_slice(), [b'{'] | [b'[', b'{']);
                self.key = (self.before_key && counts).then(Vec::new);
                self.before_key = false;
            }
            b'{' | b'[' if self.levels.len() < DEEPEST => {
                self.levels.push(byte);
                self.before_key = byte == b'{';
            }
            b'}' | b']' => {
                let opened = if byte == b'}' { b'{' } else { b'[' };
                if self.levels.pop() != Some(opened) {
                    return Err(BodyError::NotJson);
                }
                self.before_key = false;
            }
            b',' => self.before_key = self.levels.last() == Some(&b'{'),
            b':' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'a'..=b'z' | b'E' => {}
            _ => return Err(BodyError::NotJson),
        }
        Ok(())
    }
}

/// A key as it is written between its quotes.
fn judge(key: &[u8]) -> Result<(), BodyError> {
    let quoted = [b"\"", key, b"\""].concat();
    let key: String = serde_json::from_slice(&quoted).map_err(|_| BodyError::NotJson)?;
    if sign_in::is_key(&key) { Err(BodyError::SignsIn) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{Body, BodyError, DEEPEST, LONGEST_KEY};

    /// What a text comes to, whatever the pieces.
    fn verdict(text: &str) -> Result<(), BodyError> {
        let verdicts = [1, 3, usize::MAX].map(|size| {
            let mut body = Body::default();
            text.as_bytes().chunks(size.min(text.len().max(1))).try_for_each(|piece| body.read(piece))
        });
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{text}: {verdicts:?}");
        verdicts[0]
    }

    #[test]
    fn outermost_keys_that_sign_in_do_not_pass() {
        for text in [
            r#"{"query": "{ a }", "variables": {"token": "x", "after": null}, "operationName": "A"}"#,
            r#"[{"query": "private_token"}, {"a": [{"sudo": 1}]}]"#,
            r#"{"a": "{\"private_token\": 1}"}"#,
            r#""private_token""#,
            "{}",
            " [1, -2.5e+3, true, null] \n",
            "",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
        for text in [
            r#"{"private_token": "x", "query": "{ a }"}"#,
            r#"{"query": "\\", "private_token": "x"}"#,
            r#"{"query": "\"", "a": {}, "b": [], "sudo": "root"}"#,
            r#"{"priv\u0061te_token": "x"}"#,
            r#"{"Private-Token": "x"}"#,
            r#"{"private_token[]": ["x"]}"#,
            r#"[{}, {"a": 1, "access_token": "x"}]"#,
        ] {
            assert_eq!(verdict(text), Err(BodyError::SignsIn), "{text}");
        }
    }

    #[test]
    fn what_is_read_in_several_ways_does_not_pass() {
        for text in [
            "private_token=x",
            "{private_token: 1}",
            "{'private_token': 1}",
            "{/**/\"a\": 1}",
            "{\"a\": 1} {\"private_token\": 1}",
            "\"a\" {\"private_token\": 1}",
            "1 {\"private_token\": 1}",
            "\u{feff}{}",
            "{\0}",
            "{]",
            "{}}",
            "{\"a\nb\": 1}",
            "{\"a\\x\": 1}",
            "--x\r\nContent-Disposition: form-data; name=\"private_token\"",
        ] {
            assert_eq!(verdict(text), Err(BodyError::NotJson), "{text}");
        }
        for (deep, expected) in [(DEEPEST, Ok(())), (DEEPEST + 1, Err(BodyError::NotJson))] {
            assert_eq!(verdict(&"[".repeat(deep)), expected);
        }
        for (long, expected) in [(LONGEST_KEY, Ok(())), (LONGEST_KEY + 1, Err(BodyError::NotJson))] {
            assert_eq!(verdict(&format!("{{\"{}\": 1}}", "x".repeat(long))), expected);
        }
    }
}
