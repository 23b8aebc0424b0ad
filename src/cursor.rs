//! The cursor of a run: everything that the next call has to know, since no instance lives between calls.
//!
//! Guarantees: a cursor is JSON of one version, bound to one source, at most [`LONGEST_CURSOR`] bytes, and free of
//! secrets and of names of people.
//!
//! Refuses a cursor of another version or source, one with unknown or missing parts, and one that is too long: the
//! run then starts again, which is always safe.

use serde::{Deserialize, Serialize};

use crate::gitlab::json::{by_serde, object};
use crate::gitlab::pace::Pace;
use crate::gitlab::scalars::Id;
use crate::gitlab::versions::Release;
use crate::paging::Walk;
use crate::record::Counts;

/// Longest cursor of the contract, in bytes.
pub const LONGEST_CURSOR: usize = 4096;

/// Version of the written form.
const FORM: u8 = 5;

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Accounts of an instance, in full.
    Users,
    /// Accounts of an instance as everybody sees them, through GraphQL.
    SeenUsers,
    /// More groups.
    Groups,
    /// The plan of the group that is next.
    Group,
    /// Who holds a seat in the group.
    Billable,
    /// Members of the group who hold none.
    Others,
    /// Members of the group with what GitLab says of their seat, to somebody who is no owner.
    Members,
    /// Members of the group and of those below, through GraphQL.
    SeenMembers,
    /// Who holds a seat of the add-on that is next.
    Holders,
    /// Nothing.
    End,
}

by_serde!(Stage);

object! {
    /// An add-on whose holders are to be read.
    #[derive(Serialize)]
    pub struct AddOn {
        needed {
            /// Number of the purchase.
            pub id: Id,
            /// GitLab's name of it, one that this plugin knows.
            pub name: String,
        }
        optional {
            /// Seats that GitLab says are given to people.
            pub assigned: Option<u64>,
        }
    }
}

object! {
    /// The group that is read.
    #[derive(Serialize)]
    pub struct Group {
        needed {
            /// Its number.
            pub id: Id,
            /// Its path.
            pub path: String,
        }
        optional {}
    }
}

object! {
    /// Where a run is.
    #[derive(Serialize)]
    pub struct Place {
        needed {
            /// Version of this form.
            pub v: u8,
            /// `configuration.source-key`.
            pub source: String,
            /// What is read next.
            pub stage: Stage,
            /// The list that is read.
            pub walk: Walk,
        }
        optional {
            /// The group that is read; none on a self-managed instance for an administrator.
            pub group: Option<Group>,
            /// Groups to be read.
            pub queue: Vec<Id>,
            /// The list of groups, if there are more.
            pub groups: Option<Walk>,
            /// The least role in the groups that are listed: 50 is Owner.
            pub role: u16,
            /// Whether an Owner's other groups, as a Maintainer, have still to be looked for.
            pub others_unseen: bool,
            /// Add-ons whose holders are to be read.
            pub add_ons: Vec<AddOn>,
            /// GraphQL fields that this GitLab does not know; see [`crate::gitlab::queries`].
            pub unknown_fields: u32,
            /// The same in its list of holders of add-ons, whose type is another one.
            pub unknown_of_holders: u32,
            /// Whether the memberships of each holder are asked for.
            pub drill: bool,
            /// Requests spent on that.
            pub drilled: u64,
            /// Whether this GitLab does not tell memberships through invited groups.
            pub direct_only: bool,
            /// Whether every page of every list was read so far.
            pub whole: bool,
            /// The same of the list that is read.
            pub list_whole: bool,
            /// Holders of a seat delivered in the list that is read.
            pub seats: u64,
            /// GitLab's own number, to compare with [`Self::seats`] at the end of that list.
            pub allocated: Option<u64>,
            /// Whether [`Self::allocated`] was counted for this run, and not up to a day before.
            pub counted_now: bool,
            /// Whether it was said that roles of this group may be missing.
            pub roles_missed: bool,
            /// The pool that the assignments belong to; none where GitLab knows no seats.
            pub pool_id: Option<String>,
            /// Plan of the license or of the group.
            pub plan: Option<String>,
            /// Whether guests take no seat in the group.
            pub guests_free: Option<bool>,
            /// Release of the instance.
            pub release: Option<Release>,
            /// How fast the server is asked.
            pub pace: Pace,
            /// What was delivered.
            pub counts: Counts,
            /// Requests sent.
            pub requests: u64,
        }
    }
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
    /// The start of a run that begins with `stage`.
    #[must_use]
    pub fn new(source: String, stage: Stage) -> Self {
        Self {
            v: FORM,
            source,
            stage,
            walk: Walk::default(),
            group: None,
            queue: Vec::new(),
            groups: None,
            role: 0,
            others_unseen: false,
            add_ons: Vec::new(),
            unknown_fields: 0,
            unknown_of_holders: 0,
            drill: false,
            drilled: 0,
            direct_only: false,
            whole: true,
            list_whole: true,
            seats: 0,
            allocated: None,
            counted_now: false,
            roles_missed: false,
            pool_id: None,
            plan: None,
            guests_free: None,
            release: None,
            pace: Pace::default(),
            counts: Counts::default(),
            requests: 0,
        }
    }

    /// Go on with another list.
    pub fn turn_to(&mut self, stage: Stage, walk: Walk) {
        self.stage = stage;
        self.walk = walk;
        self.list_whole = true;
        self.seats = 0;
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
        let sound = place.v == FORM
            && place.stage != Stage::End
            && place.walk.is_sound()
            && place.groups.as_ref().is_none_or(Walk::is_sound)
            // Nothing more than what is written, and in the same words.
            && place.to_text().is_ok_and(|written| written == text);
        if !sound {
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
    use crate::gitlab::endpoint::Page;
    use crate::scripted::{and_header, json};

    fn place() -> Place {
        let mut place = Place::new("https://h#groups".to_owned(), Stage::Users);
        place.pool_id = Some("group:9:premium".to_owned());
        place.release = Some((18, 9));
        place.plan = Some("premium".to_owned());
        place.allocated = Some(214);
        place.queue = vec![Id::parse("18446744073709551616").unwrap()];
        place.group = Some(Group { id: Id::parse("9").unwrap(), path: "acme".to_owned() });
        place.add_ons =
            vec![AddOn { id: Id::parse("5").unwrap(), name: "DUO_ENTERPRISE".to_owned(), assigned: Some(3) }];
        place.groups = Some(Walk::by_number(50));
        after(&mut place, "eyJ=");
        place
    }

    /// As if a page had named this cursor.
    fn after(place: &mut Place, cursor: &str) {
        place.walk = Walk::default();
        let page = and_header(json(200, "[]"), "x-next-cursor", cursor);
        let row = Id::parse("7").unwrap();
        assert!(place.walk.take(&page, vec![row], |id| id).is_ok());
        assert_eq!(place.walk.page(), Page::Cursor(cursor.to_owned()));
    }

    #[test]
    fn a_place_survives_writing_and_reading() {
        for walk in [Walk::default(), place().walk, Walk::by_number(20)] {
            let mut place = place();
            place.walk = walk;
            let read = Place::from_text(&place.to_text().unwrap(), "https://h#groups").unwrap();
            assert_eq!(read, place);
            assert_eq!(read.walk.page(), place.walk.page());
        }
    }

    #[test]
    fn other_cursors_are_refused() {
        let text = place().to_text().unwrap();
        let read = |text: &str| Place::from_text(text, "https://h#groups");
        assert!(read(&text).is_ok());
        assert_eq!(Place::from_text(&text, "https://other#instance"), Err(BadCursor::OtherSource));
        for changed in [
            text.replace("\"v\":5", "\"v\":4"),
            text.replace("\"window\":null", "\"window\":[3,100]"),
            text.replace("\"window\":[1,50]", "\"window\":[0,50]"),
            text.replace("\"window\":[1,50]", "\"window\":[1,101]"),
            text.replace("\"seats\":0", "\"seats\":-1"),
            text.replace("\"stage\":\"users\"", "\"stage\":\"end\""),
            text.replace("\"stage\":\"users\"", "\"stage\":\"people\""),
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
        place.source = "x".repeat(1_500);
        after(&mut place, "x");
        let room = LONGEST_CURSOR - place.to_text().unwrap().len() + "x".len();
        assert!(room < 2048, "within what a server may send");
        after(&mut place, &"x".repeat(room));
        assert_eq!(place.to_text().map(|text| text.len()), Ok(LONGEST_CURSOR));
        after(&mut place, &"x".repeat(room + 1));
        assert_eq!(place.to_text(), Err(BadCursor::TooLong));
    }

    /// Fifty groups with the longest numbers that GitLab can have, and everything else as long as GitLab makes it.
    #[test]
    fn a_full_queue_of_groups_fits() {
        let mut place = place();
        place.queue = (0..50_u64).map(|n| Id::parse(&(9_223_372_036_854_775_807 - n).to_string()).unwrap()).collect();
        place.group = Some(Group { id: Id::parse("9223372036854775807").unwrap(), path: "x".repeat(255) });
        after(&mut place, &"x".repeat(200));
        assert!(place.to_text().is_ok());
    }
}
