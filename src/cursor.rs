//! The cursor of a run: everything that the next call has to know, since no instance lives between calls.
//!
//! Guarantees: a cursor is JSON of one version, bound to one source, at most [`LONGEST_CURSOR`] bytes, and free of
//! secrets and of names of people.
//!
//! Refuses a cursor of another version or source, one with unknown or missing parts, and one that is too long: the
//! run then starts again, which is always safe.

use serde::{Deserialize, Serialize};

use crate::gitlab::endpoint::Page;
use crate::gitlab::scalars::Id;
use crate::record::Counts;

/// Longest cursor of the contract, in bytes.
pub const LONGEST_CURSOR: usize = 4096;

/// Version of the written form.
const FORM: u8 = 1;

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The list of accounts.
    Users,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    v: u8,
    /// `configuration.source-key`.
    pub source: String,
    /// What is read next.
    pub stage: Stage,
    /// Keyset cursor of the page to ask for.
    after: Option<String>,
    /// Number of the page to ask for.
    page: Option<u64>,
    /// Largest id delivered.
    pub last_id: Option<Id>,
    /// Pages of the list read so far.
    pub pages: u64,
    /// Rows dropped so far as repeated or out of order; any makes the run partial.
    pub dropped: u64,
    /// Accounts delivered that hold a seat.
    pub seats: u64,
    /// What was delivered.
    pub counts: Counts,
    /// Requests sent.
    pub requests: u64,
    /// The pool that the assignments belong to.
    pub pool_id: String,
    /// Plan of the license.
    pub plan: Option<String>,
    /// Release of the instance.
    pub release: Option<(u16, u16)>,
    /// `active_users` of the license, to compare with [`Self::seats`] at the end.
    pub allocated: Option<u64>,
}

/// The text is no cursor for this configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCursor {
    /// Not made by this version.
    #[error("The cursor was not made by this version of the plugin.")]
    NotOurs,
    /// Made for another source.
    #[error("The cursor belongs to another source.")]
    OtherSource,
    /// What GitLab wants remembered does not fit.
    #[error("The place in the list takes more room than a cursor has.")]
    TooLong,
}

impl Place {
    /// The start of the list of accounts.
    #[must_use]
    pub fn at_first_user(source: String, pool_id: String) -> Self {
        Self {
            v: FORM,
            source,
            stage: Stage::Users,
            after: None,
            page: None,
            last_id: None,
            pages: 0,
            dropped: 0,
            seats: 0,
            counts: Counts::default(),
            requests: 0,
            pool_id,
            plan: None,
            release: None,
            allocated: None,
        }
    }

    /// The page to ask for.
    #[must_use]
    pub fn page(&self) -> Page {
        match (&self.after, self.page) {
            (Some(cursor), _) => Page::Cursor(cursor.clone()),
            (None, Some(number)) => Page::Number(number),
            (None, None) => Page::First,
        }
    }

    /// Go on with this page.
    pub fn turn_to(&mut self, page: Page) {
        (self.after, self.page) = match page {
            Page::First => (None, None),
            Page::Cursor(cursor) => (Some(cursor), None),
            Page::Number(number) => (None, Some(number)),
        };
    }

    /// The cursor as text.
    ///
    /// # Errors
    /// [`BadCursor::TooLong`].
    pub fn to_text(&self) -> Result<String, BadCursor> {
        let text = serde_json::to_string(self).map_err(|_| BadCursor::NotOurs)?;
        if text.len() > LONGEST_CURSOR { Err(BadCursor::TooLong) } else { Ok(text) }
    }

    /// Read a cursor that was made for `source`.
    ///
    /// # Errors
    /// [`BadCursor::NotOurs`] and [`BadCursor::OtherSource`].
    pub fn from_text(text: &str, source: &str) -> Result<Self, BadCursor> {
        if text.len() > LONGEST_CURSOR {
            return Err(BadCursor::NotOurs);
        }
        let place: Self = serde_json::from_slice(text.as_bytes()).map_err(|_| BadCursor::NotOurs)?;
        if place.v != FORM || (place.after.is_some() && place.page.is_some()) {
            return Err(BadCursor::NotOurs);
        }
        if place.source != source {
            return Err(BadCursor::OtherSource);
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;

    fn place() -> Place {
        let mut place = Place::at_first_user("https://h#instance".to_owned(), "instance:premium".to_owned());
        place.last_id = Id::parse("18446744073709551616");
        place.release = Some((18, 9));
        place.plan = Some("premium".to_owned());
        place.allocated = Some(214);
        place.turn_to(Page::Cursor("eyJ=".to_owned()));
        place
    }

    #[test]
    fn a_place_survives_writing_and_reading() {
        for page in [Page::First, Page::Cursor("a\"b".to_owned()), Page::Number(7)] {
            let mut place = place();
            place.turn_to(page.clone());
            let read = Place::from_text(&place.to_text().unwrap(), "https://h#instance").unwrap();
            assert_eq!(read, place);
            assert_eq!(read.page(), page);
        }
    }

    #[test]
    fn other_cursors_are_refused() {
        let text = place().to_text().unwrap();
        let read = |text: &str| Place::from_text(text, "https://h#instance");
        assert!(read(&text).is_ok());
        assert_eq!(Place::from_text(&text, "https://other#instance"), Err(BadCursor::OtherSource));
        for changed in [
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("\"page\":null", "\"page\":3"),
            text.replace("\"seats\":0", "\"seats\":-1"),
            text.replace("\"stage\":\"users\"", "\"stage\":\"groups\""),
            text.replace("\"seats\":0,", ""),
            text.replace("{\"v\"", "{\"x\":1,\"v\""),
            String::new(),
            "null".to_owned(),
            format!("{text}{}", " ".repeat(LONGEST_CURSOR)),
        ] {
            assert_ne!(changed, text);
            assert_eq!(read(&changed), Err(BadCursor::NotOurs), "{changed}");
        }
    }

    #[test]
    fn a_cursor_keeps_to_the_length_of_the_contract() {
        let mut place = place();
        let room = LONGEST_CURSOR - place.to_text().unwrap().len() + "eyJ=".len();
        place.turn_to(Page::Cursor("x".repeat(room)));
        assert_eq!(place.to_text().map(|text| text.len()), Ok(LONGEST_CURSOR));
        place.turn_to(Page::Cursor("x".repeat(room + 1)));
        assert_eq!(place.to_text(), Err(BadCursor::TooLong));
    }
}
