//! Pages of connections: cursors, and what faults make of them.
//!
//! Under a cursor lies either how many rows were passed (base64 of the number) or the id of the last row (base64 of a
//! small JSON object). Of an edge, that is the rows up to its own, which is counted, or the id of its own. Leading zeros
//! are accepted and change nothing, so that a fault can hand out a cursor that is new and still leads to the same place;
//! so is a cursor without its padding, which GitLab leaves out.
//!
//! Faults of paging are about `pageInfo` and about which rows there are. An edge's own cursor is always the true one.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE};
use serde_json::{Value, json};

use crate::fault::FaultKind;

/// What lies under a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Offset,
    Keyset,
}

/// A request for a page.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    style: Style,
    /// Digits of the cursor that was used.
    used: Option<String>,
    first: usize,
    fault: Option<FaultKind>,
}

/// What `pageInfo` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) next: bool,
    pub(super) previous: bool,
}

const UNPADDED_TOO: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decode(style: Style, text: &str) -> Option<String> {
    let bytes = UNPADDED_TOO.decode(text).ok()?;
    let digits = match style {
        Style::Offset => String::from_utf8(bytes).ok()?,
        Style::Keyset => serde_json::from_slice::<Value>(&bytes).ok()?.get("id")?.as_str()?.to_owned(),
    };
    digits.parse::<u64>().is_ok().then_some(digits)
}

fn encode(style: Style, digits: &str) -> String {
    match style {
        Style::Offset => URL_SAFE.encode(digits),
        Style::Keyset => URL_SAFE.encode(json!({ "id": digits }).to_string()),
    }
}

impl Turn {
    /// `None` for a text that is no cursor of this style.
    pub(super) fn new(style: Style, after: Option<&str>, first: u64, fault: Option<FaultKind>) -> Option<Self> {
        let used = match after {
            None => None,
            Some(text) => Some(decode(style, text)?),
        };
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        Some(Self { style, used, first, fault })
    }

    /// Where the page begins: rows passed, or the id of the row before it.
    pub(super) fn position(&self) -> Option<u64> {
        self.used.as_ref()?.parse().ok()
    }

    /// The cursor of the row at a position.
    pub(super) fn cursor(&self, position: u64) -> String {
        encode(self.style, &position.to_string())
    }

    /// How many rows the page may have.
    pub(super) fn take(&self) -> usize {
        match self.fault {
            Some(FaultKind::ShortPage) => (self.first / 2).max(1),
            Some(FaultKind::NoNodes) => 0,
            _ => self.first,
        }
    }

    /// The bounds of a page whose rows begin and end at these positions; `start` is the position before all rows,
    /// `more` tells whether rows follow.
    pub(super) fn bounds(&self, rows: Option<(u64, u64)>, start: u64, more: bool) -> Bounds {
        let used = || self.used.clone().unwrap_or_else(|| start.to_string());
        let same = || Some(encode(self.style, &used()));
        let end = rows.map(|(_, last)| self.cursor(last));
        let (end, next) = match self.fault {
            // A page of one row that was the last leads to an empty one.
            Some(FaultKind::ShortPage) => (end.or_else(same), true),
            Some(FaultKind::NoNodes) => (Some(encode(self.style, &format!("0{}", used()))), true),
            Some(FaultKind::RepeatEndCursor) => (same(), true),
            Some(FaultKind::NullEndCursor) => (None, true),
            _ => (end, more),
        };
        Bounds { start: rows.map(|(first, _)| self.cursor(first)), end, next, previous: self.used.is_some() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn cursors_lead_back_to_their_positions_whatever_zeros_are_before_them() {
        for style in [Style::Offset, Style::Keyset] {
            for digits in ["0", "100", "00100", "18446744073709551615"] {
                let turn = Turn::new(style, Some(&encode(style, digits)), 10, None).unwrap();
                assert_eq!(turn.position(), digits.parse().ok());
            }
            assert!(Turn::new(style, Some("x!"), 10, None).is_none());
            let bare = encode(style, "7");
            let bare = bare.trim_end_matches('=');
            assert_eq!(Turn::new(style, Some(bare), 10, None).unwrap().position(), Some(7), "{bare}");
        }
        assert_eq!(encode(Style::Offset, "100"), "MTAw");
    }

    #[test]
    fn a_page_without_nodes_gives_a_new_cursor_each_time() {
        let mut after = None;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let turn = Turn::new(Style::Keyset, after.as_deref(), 10, Some(FaultKind::NoNodes)).unwrap();
            let bounds = turn.bounds(None, 0, true);
            assert!(bounds.next && turn.position().unwrap_or(0) == 0 && turn.take() == 0);
            assert!(!seen.contains(&bounds.end));
            seen.push(bounds.end.clone());
            after = bounds.end;
        }
    }
}
