//! Paths below which requests stay.
//!
//! A path is compared as it is sent, byte for byte and segment by segment: nothing is decoded for the comparison, so that
//! host and server cannot decode differently. What a server could read as another path is not sent at all, however many
//! times it decodes:
//!
//! | path | |
//! | --- | --- |
//! | `/api/v4/users` | below `/api/v4`, as is `/api/v4` itself |
//! | `/api/v4x`, `/API/v4`, `/api//v4`, `/api%2Fv4`, `/api/v%34` | not below it |
//! | `/api/v4/groups/a%2Fb` | below it: an encoded slash is data of a segment |
//! | `/api/v4/..`, `/%2e%2E/`, `/a%2f..%2fb`, `/..;x/`, `/.%252e/` | refused: a step upwards, in one reading or another |
//! | `/a\b`, `/a%5cb`, `/a%00b`, `/a%0d%0ab`, `/a%`, `/a%zz` | refused: no reading is certain |
//!
//! The query is not part of a path.

use std::fmt;

/// Times that a path is decoded in search of another reading. Two are usual where a proxy stands before a server.
const READINGS: usize = 4;

/// Why a path is not sent, wherever it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not in origin form: an absolute URI in the request line would name another server.
    #[error("the path of the request does not start with a slash")]
    NotOriginForm,
    /// `.` or `..` as a segment, in whatever encoding.
    #[error("the path of the request has a segment that leads upwards")]
    DotSegment,
    /// `\`, a control character, something that is no ASCII, or an encoding that is none.
    #[error("the path of the request can be read in several ways")]
    Ambiguous,
    /// Still encoded after so many readings that nobody sends it in earnest.
    #[error("the path of the request is encoded again and again")]
    EncodedTooOften,
}

/// Looks for readings of a path, without its query, under which it leads elsewhere.
///
/// # Errors
/// See [`PathError`].
pub fn check(path: &str) -> Result<(), PathError> {
    if !path.starts_with('/') {
        return Err(PathError::NotOriginForm);
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PathError::Ambiguous);
    }
    let mut reading = path.as_bytes().to_vec();
    for _ in 0..READINGS {
        if reading.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\') {
            return Err(PathError::Ambiguous);
        }
        for segment in reading.split(|byte| *byte == b'/') {
            // Some servers drop what stands behind a semicolon before they look at the segment.
            let name = segment.split(|byte| *byte == b';').next().unwrap_or(segment);
            if matches!(name, b"." | b"..") {
                return Err(PathError::DotSegment);
            }
        }
        match decoded(&reading) {
            // A percent sign that encodes nothing is an error in what is sent; in a later reading it is data.
            Decoded::Broken if reading == path.as_bytes() => return Err(PathError::Ambiguous),
            Decoded::Broken | Decoded::Same => return Ok(()),
            Decoded::Other(next) => reading = next,
        }
    }
    Err(PathError::EncodedTooOften)
}

enum Decoded {
    Same,
    Broken,
    Other(Vec<u8>),
}

fn decoded(text: &[u8]) -> Decoded {
    let mut bytes = text.iter().copied();
    let mut out = Vec::with_capacity(text.len());
    let mut changed = false;
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).map(u8::try_from);
        let (Some(Ok(high)), Some(Ok(low))) = (digit(bytes.next()), digit(bytes.next())) else {
            return Decoded::Broken;
        };
        out.push(high * 16 + low);
        changed = true;
    }
    if changed { Decoded::Other(out) } else { Decoded::Same }
}

/// A path and all below it. The root is every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPrefix {
    /// Without a slash at its end.
    text: String,
}

impl PathPrefix {
    /// Every path.
    #[must_use]
    pub fn root() -> Self {
        Self { text: String::new() }
    }

    /// Parses a path that begins with a slash; slashes at its end do not matter.
    ///
    /// # Errors
    /// [`PathError`] for a path that no request could have.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        check(path)?;
        Ok(Self { text: path.trim_end_matches('/').to_owned() })
    }

    /// Whether this is every path.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether a path, without its query, is this one or below it.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        path.strip_prefix(self.text.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl PathPrefix {
    /// Whether another one is this one or below it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        self.covers(&other.text)
    }

    /// How many segments it has: none for every path.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.text.split('/').skip(1).count()
    }

    /// The longest one that holds both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let same = self.text.split('/').zip(other.text.split('/')).take_while(|(one, two)| one == two);
        Self { text: same.map(|(segment, _)| segment).collect::<Vec<_>>().join("/") }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{PathError, PathPrefix, check};

    #[test]
    fn another_reading_is_not_sent() {
        use PathError::{Ambiguous, DotSegment, EncodedTooOften, NotOriginForm};
        for (path, error) in [
            ("/", None),
            ("/api/v4/users", None),
            ("/api/v4/groups/a%2Fb%20c", None),
            ("/a.b/..c/d../...", None),
            ("//other.example/", None),
            ("/@other.example", None),
            ("/100%2525", None),
            ("", Some(NotOriginForm)),
            ("*", Some(NotOriginForm)),
            ("api", Some(NotOriginForm)),
            ("http://other.example/", Some(NotOriginForm)),
            ("@other.example/", Some(NotOriginForm)),
            ("/.", Some(DotSegment)),
            ("/a/..", Some(DotSegment)),
            ("/a/../b", Some(DotSegment)),
            ("/a/./b", Some(DotSegment)),
            ("/%2e%2E/b", Some(DotSegment)),
            ("/.%2e/b", Some(DotSegment)),
            ("/%2E/b", Some(DotSegment)),
            ("/a%2f..%2Fb", Some(DotSegment)),
            ("/a%2F%2e%2e", Some(DotSegment)),
            ("/a/..;x=y/b", Some(DotSegment)),
            ("/a/..%3bx/b", Some(DotSegment)),
            ("/a/%252e%252e/b", Some(DotSegment)),
            ("/a/%25252e./b", Some(DotSegment)),
            ("/a/%2525252e./b", Some(EncodedTooOften)),
            ("/a%252f..%252fb", Some(DotSegment)),
            ("/a\\..\\b", Some(Ambiguous)),
            ("/a%5c..%5cb", Some(Ambiguous)),
            ("/a%255C", Some(Ambiguous)),
            ("/a%00", Some(Ambiguous)),
            ("/a%0d%0aHost:%20x", Some(Ambiguous)),
            ("/a%7f", Some(Ambiguous)),
            ("/a b", Some(Ambiguous)),
            ("/a\r\nHost: x", Some(Ambiguous)),
            ("/ä", Some(Ambiguous)),
            ("/a%", Some(Ambiguous)),
            ("/a%2", Some(Ambiguous)),
            ("/a%zz", Some(Ambiguous)),
            ("/a%u002e", Some(Ambiguous)),
        ] {
            assert_eq!(check(path).err(), error, "{path:?}");
        }
    }

    #[test]
    fn below_is_by_segment_and_byte_for_byte() {
        let api = PathPrefix::parse("/gitlab/api/v4/").unwrap();
        for (path, covered) in [
            ("/gitlab/api/v4", true),
            ("/gitlab/api/v4/", true),
            ("/gitlab/api/v4/users/1", true),
            ("/gitlab/api/v4/groups/a%2Fb", true),
            ("/gitlab/api/v4//users", true),
            ("/gitlab/api/v4x", false),
            ("/gitlab/api/v4%2Fusers", false),
            ("/gitlab/api/v4;x/users", false),
            ("/gitlab/api/v%34/users", false),
            ("/gitlab/api%2Fv4/users", false),
            ("/gitlab/API/v4/users", false),
            ("/gitlab//api/v4/users", false),
            ("//gitlab/api/v4/users", false),
            ("/gitlab/api", false),
            ("/api/v4/users", false),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(api.covers(path), covered, "{path:?}");
        }
        assert_eq!(api.to_string(), "/gitlab/api/v4");
        let root = PathPrefix::parse("/").unwrap();
        assert!(root.is_root() && root == PathPrefix::root() && root.covers("/anything"));
        assert_eq!(PathPrefix::parse("/a/../b"), Err(PathError::DotSegment));
    }
}
