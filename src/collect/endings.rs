//! How a list, and how a run, can end before its end, and what is said of it.
//!
//! Guarantees: each ending names the list, the page, the last id read and the number of rows, so that somebody can look
//! into it; a right that ends in the middle keeps what was read.

use super::Page;
use crate::cursor::{Place, Stage};
use crate::failure::{Explanation, Failure};
use crate::paging::{BadPage, Break, Taken, Then};
use crate::record::Entry;

/// What a list is called: for people, and as an endpoint.
#[derive(Clone, Copy)]
pub(super) struct ListName<'a> {
    /// `users`, `members`.
    pub(super) rows: &'static str,
    /// `GET /api/v4/users`.
    pub(super) endpoint: &'a str,
}

impl ListName<'_> {
    /// Where in the list the walk is.
    pub(super) fn place(&self, place: &Place) -> String {
        let after = place.walk.last_id.as_ref().map_or("the beginning", |id| id.as_str());
        format!("{}, page {}, after id {after}", self.endpoint, place.walk.pages)
    }
}

/// Say what is wrong with a page that was taken, and whether the list goes on.
pub(super) fn judge<T>(taken: &Taken<T>, list: ListName<'_>, came: usize, place: &mut Place, page: &mut Page) -> bool {
    let scope = || Some(list.place(place));
    let rows = list.rows;
    if taken.dropped > 0 {
        page.warn(
            "rows-out-of-order",
            format!(
                "{} rows of GitLab's list of {rows} came twice or out of order and were left out; others may be missing.",
                taken.dropped
            ),
            scope(),
        );
    }
    if taken.is_short {
        page.warn(
            "page-not-full",
            format!(
                "A page of GitLab's list of {rows} has fewer rows than GitLab puts on a page with others after it; something before GitLab may leave some out. Who they are is unknown."
            ),
            scope(),
        );
    }
    let read = place.walk.rows;
    page.done = Some(read);
    let broken = match taken.then {
        Then::GoesOn | Then::Done => None,
        // Whoever asked had to make sure.
        Then::Unsure => Some(Break::NotTheEnd),
        Then::Broken(cause) => Some(cause),
    };
    if let Some(cause) = broken {
        let (code, message) = match cause {
            Break::DoesNotAdvance => {
                let what =
                    if came == 0 { "sent an empty page and named another" } else { "came back to rows already read" };
                (
                    "list-does-not-advance",
                    format!("GitLab's list of {rows} {what} after {read} {rows}; who comes after them is unknown."),
                )
            }
            Break::NotTheEnd => (
                "list-ended-early",
                format!("GitLab's list of {rows} ended after {read}, and others follow; who they are is unknown."),
            ),
            Break::EndedEarly { announced } => (
                "list-ended-early",
                format!(
                    "GitLab announced {announced} {rows} and its list ended after {read}; the list changed while it was read, or was cut off."
                ),
            ),
            Break::Shifting => (
                "list-shifts",
                format!(
                    "GitLab's list of {rows} changed while it was read, so that some of its rows may have been passed over; {read} were read."
                ),
            ),
            Break::TooDeep => (
                "list-too-deep",
                format!("GitLab does not list more than {read} {rows} in this way; who comes after them is unknown."),
            ),
        };
        page.warn(code, message, scope());
    }
    let is_well = broken.is_none() && taken.dropped == 0 && !taken.is_short;
    page.doubtful |= !is_well;
    place.list_whole &= is_well;
    place.whole &= place.list_whole;
    taken.then == Then::GoesOn
}

/// A page that cannot be taken, at method and path `name`.
pub(super) fn bad_page(error: BadPage, name: impl Into<String>) -> Failure {
    let message = match error {
        BadPage::Next(_) => "GitLab's list names a next page that cannot be asked for.",
        BadPage::TooManyRows { .. } => "GitLab's list has more rows on a page than were asked for.",
    };
    Failure::Malformed {
        why: error.to_string(),
        explanation: Explanation::new(message)
            .hint(
                "Check whether a proxy changes requests or answers; otherwise report this with the version of GitLab.",
            )
            .at(name),
    }
}

/// Keep what was read before a right ended: a token that expires, an administrator who is none any more.
pub(super) fn kept(failure: Failure, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    let (Failure::Unauthorized { explanation, .. } | Failure::Forbidden { explanation, .. }) = &failure else {
        return Err(failure);
    };
    let read = page.entries.iter().filter(|entry| matches!(entry, Entry::User(_))).count();
    let users = place.counts.users.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    if users == 0 {
        return Err(failure);
    }
    let mut message = format!("The run ended here, after {users} users: {}", explanation.message);
    if let Some(hint) = &explanation.hint {
        message.push(' ');
        message.push_str(hint);
    }
    let after = place.walk.last_id.as_ref().map_or("the beginning", |id| id.as_str());
    let scope = explanation
        .endpoint
        .as_ref()
        .map(|endpoint| format!("{endpoint}, page {}, after id {after}", place.walk.pages.saturating_add(1)));
    page.warn("right-ended", message, scope);
    page.stage = "ended";
    place.whole = false;
    place.stage = Stage::End;
    Ok(())
}

/// Both numbers are GitLab's, made at different times. Neither is made to fit the other. Where the count was made for this
/// run, a list that is much shorter was not whole, however it ended.
pub(super) fn allocated_differs(place: &mut Place, page: &mut Page, counted: &'static str, list: &str) {
    let Some(allocated) = place.allocated.filter(|allocated| *allocated != place.seats) else { return };
    let (difference, larger) = (allocated.abs_diff(place.seats), allocated.max(place.seats));
    // What a working day brings: one seat in twenty, or one or two in a small company.
    let is_usual = difference <= 2.max(larger / 20);
    place.whole &= is_usual || !place.counted_now || allocated < place.seats;
    let verdict = if is_usual {
        "so that a small difference is usual"
    } else {
        "but a difference of this size is not usual: either the list was not whole, or that count is stale"
    };
    page.warn(
        "allocated-differs",
        format!(
            "{counted} counts {allocated} seats in use and the list of {list} shows {}. GitLab makes the two at different times, {verdict}.",
            place.seats
        ),
        place.pool_id.clone(),
    );
}
