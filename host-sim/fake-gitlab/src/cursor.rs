//! The cursor of keyset pagination: base64url of a small JSON object, opaque to clients.
//!
//! `{"id":"4711","_kd":"n"}` is the page after account 4711 in the order of the request, `"p"` the page before it.
//! Anything else is refused, and the endpoint answers 500 then, as GitLab does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::{Deserialize, Serialize};

/// Which side of the account the page is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    #[serde(rename = "n")]
    Next,
    #[serde(rename = "p")]
    Previous,
}

/// A place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) id: u64,
    pub(crate) direction: Direction,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    id: String,
    #[serde(rename = "_kd")]
    direction: Direction,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE.decode(text).ok()?;
        let wire: Wire = serde_json::from_slice(&bytes).ok()?;
        Some(Self { id: wire.id.parse().ok()?, direction: wire.direction })
    }

    pub(crate) fn text(self) -> String {
        let wire = Wire { id: self.id.to_string(), direction: self.direction };
        URL_SAFE.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        for direction in [Direction::Next, Direction::Previous] {
            let cursor = Cursor { id: 4711, direction };
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        assert_eq!(Cursor { id: 100, direction: Direction::Next }.text(), "eyJpZCI6IjEwMCIsIl9rZCI6Im4ifQ==");
        for corrupt in ["", "!", "eyJpZCI6MX0=", "bm90IGpzb24="] {
            assert_eq!(Cursor::parse(corrupt), None, "{corrupt}");
        }
    }
}
