//! Walking a list that may lie: what was read, what comes next, and whether the end is one.
//!
//! | list | order | walked by |
//! | --- | --- | --- |
//! | `/users` 16.4+ | id | keyset, safe against rows that come and go: [`Walk::take`] |
//! | `/users` before, `billable_members`, `/groups` | id | windows that overlap by at least one row: [`Walk::take`] |
//! | `members/all` | of joining, not visible | the same, with the last row in place of its id: [`Walk::take_unordered`] |
//! | GraphQL, add-on holders | id, not visible in some versions | cursors that count rows: [`Walk::take_connection`], overlapping |
//! | GraphQL, others | not visible | cursors that stand for a row: [`Walk::take_connection`] |
//!
//! Guarantees: a row that was there during the whole walk is delivered, at least once; once where ids are in order. A page
//! by number or by a cursor that counts shows other rows after somebody before it has left; since each begins with a
//! row that was read before, the gap is seen, and the walk goes back for what slipped through. Where that does not end,
//! and wherever a list does not lead on, ends before the number that it announces, or is too deep, [`Break`] says so and
//! the run is partial.
//!
//! Refuses pages that do not lead on: ids must grow. That catches a cursor which repeats, a circle of any length, and a
//! server that passes over the parameters and sends its first page for ever. Refuses pages with more rows than were
//! asked for: what else the server has passed over cannot be known.

use serde::Serialize;

use crate::gitlab::endpoint::{Page, ROWS_PER_PAGE, Window};
use crate::gitlab::json::object;
use crate::gitlab::scalars::Id;
use crate::transport::Response;

pub mod ahead;
mod cursors;
mod keyset;
pub mod next;
mod windows;

pub use cursors::Cursors;
use next::BadNext;

/// How often a walk goes back for rows that slipped through, before it gives up.
const MOST_SHIFTS: u16 = 50;

object! {
    /// Where the walk of one list is.
    #[derive(Serialize)]
    pub struct Walk {
        needed {}
        optional {
            /// Cursor of the page to ask for.
            pub after: Option<String>,
            /// Number and size of the page to ask for.
            pub window: Option<(u64, u8)>,
            /// Largest id delivered, in lists ordered by id; that of the last row in others.
            pub last_id: Option<Id>,
            /// Pages read.
            pub pages: u64,
            /// Rows delivered; in lists without a visible order, how far the walk has come.
            pub rows: u64,
            /// Rows dropped as repeated or out of order.
            pub dropped: u64,
            /// Times that the walk went back.
            pub shifts: u16,
            /// Pages in a row that were empty; GraphQL.
            pub empty: u16,
            /// Whether the page to ask for begins with the last row delivered; GraphQL.
            pub overlaps: bool,
            /// Whether the page to ask for is the one row that there must not be.
            pub probes: bool,
            /// Stands for the ids of an earlier page; GraphQL.
            pub print: Option<u64>,
            /// Whether the last page had as many rows as were asked for, and another follows.
            pub full: bool,
            /// How many rows there are, by the list itself.
            pub total: Option<u64>,
            /// The largest id in the list; lists by keyset.
            pub newest: Option<u64>,
            /// How far apart, by id, the first and the last row of a full page are; lists by keyset.
            pub span: Option<u64>,
            /// How much of that is read twice where pages are guessed by id, in percent.
            pub slack: u8,
            /// Whether pages of a list by keyset are guessed by id only, since numbers do not lead there.
            pub by_id: bool,
        }
    }
}

/// Why a list was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It came back to rows already read, or sent an empty page and named another.
    DoesNotAdvance,
    /// It ended, and others follow.
    NotTheEnd,
    /// It ended before the number of rows that it announces.
    EndedEarly {
        /// That number.
        announced: u64,
    },
    /// Rows move faster than they can be read.
    Shifting,
    /// GitLab lists no further without a keyset (50,000 rows; `GET /users`, 17.0+).
    TooDeep,
}

/// What became of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// The rows that are new.
    pub rows: Vec<T>,
    /// How many came twice or out of order, where that must not be.
    pub dropped: u64,
    /// Whether the page has fewer rows than asked for and is not the last, where GitLab fills every page.
    pub is_short: bool,
    /// Rows of the whole list, as this page announces.
    pub total: Option<u64>,
    /// How the walk goes on.
    pub then: Then,
}

/// How a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// With [`Walk::page`].
    GoesOn,
    /// The list is read.
    Done,
    /// It looks read, and headers lost on the way would look the same. Who asked has to make sure: by another list, or
    /// by [`Walk::press_on`].
    Unsure,
    /// The list is not whole.
    Broken(Break),
}

impl<T> Taken<T> {
    pub(crate) fn nothing(total: Option<u64>, then: Then) -> Self {
        Self { rows: Vec::new(), dropped: 0, is_short: false, total, then }
    }
}

impl Walk {
    /// The start of a list without a keyset.
    #[must_use]
    pub fn by_number(size: u8) -> Self {
        Self { window: Some((1, size)), ..Self::default() }
    }

    /// The page to ask for.
    #[must_use]
    pub fn page(&self) -> Page {
        match (&self.after, self.window) {
            (Some(cursor), _) => Page::Cursor(cursor.clone()),
            (None, Some((number, size))) => Page::Window(Window { number, size }),
            (None, None) => Page::First,
        }
    }

    /// The rows to ask for, in lists that have numbers only.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window.map_or(Window::FIRST, |(number, size)| Window { number, size })
    }

    /// The cursor to ask with, in lists that have cursors only.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether the text in it is well-formed: one of cursor and window at most.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !(self.after.is_some() && self.window.is_some())
            && self.window.is_none_or(|(number, size)| number > 0 && (1..=ROWS_PER_PAGE).contains(&size))
    }

    /// Go on by number from the start: for a server that refuses the keyset.
    pub fn without_keyset(&mut self) {
        self.turn_to(Window::FIRST);
    }

    /// Take a page of a list that is ordered by ascending id.
    ///
    /// # Errors
    /// When the server names a next page that cannot be asked for, or sends more than was asked for.
    pub fn take<T>(&mut self, response: &Response, rows: Vec<T>, id: impl Fn(&T) -> &Id) -> Result<Taken<T>, BadPage> {
        let came = rows.len();
        self.take_page(self.page(), came, response, rows, id)
    }

    fn take_page<T>(
        &mut self,
        asked: Page,
        came: usize,
        response: &Response,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadPage> {
        let next = next::next(response)?;
        let total = next::total(response);
        self.pages = self.pages.saturating_add(1);
        match asked {
            Page::Window(window) => {
                not_more(came, window.size)?;
                if self.probes {
                    return Ok(self.take_probe(&rows, total));
                }
                let taken = self.take_window(window, &next, (total, next::per_page(response)), rows, id);
                self.remember(came, usize::from(window.size), &next, &taken);
                Ok(taken)
            }
            asked @ (Page::First | Page::Cursor(_)) => {
                not_more(came, ROWS_PER_PAGE)?;
                self.measure(&rows, &id);
                let taken = self.take_keyset(&asked, came, next.clone(), total, rows, id);
                self.remember(came, usize::from(ROWS_PER_PAGE), &next, &taken);
                Ok(taken)
            }
        }
    }

    /// Where nothing else tells whether a list is read: go on until a page brings nothing new, then ask for the one row
    /// behind the last. A page of one row is the only one that nobody can have cut short.
    pub fn press_on<T>(&mut self, taken: &mut Taken<T>) {
        if taken.then == Then::Unsure {
            taken.then = Then::GoesOn;
            self.probes = taken.rows.is_empty();
        }
    }

    /// Take the row behind the last: nothing if that was the last.
    fn take_probe<T>(&mut self, rows: &[T], total: Option<u64>) -> Taken<T> {
        let then = if rows.is_empty() { self.done(total) } else { Then::Broken(Break::NotTheEnd) };
        Taken::nothing(total, then)
    }

    fn turn_to(&mut self, window: Window) {
        self.after = None;
        self.window = Some((window.number, window.size));
    }

    fn done(&self, total: Option<u64>) -> Then {
        match total {
            Some(announced) if announced > self.rows => Then::Broken(Break::EndedEarly { announced }),
            _ => Then::Done,
        }
    }

    /// Keep the rows whose id is beyond the last one and beyond those before them.
    fn sift<T>(&mut self, rows: Vec<T>, id: &impl Fn(&T) -> &Id) -> Taken<T> {
        let mut kept: Vec<T> = Vec::with_capacity(rows.len());
        let mut dropped = 0_u64;
        for row in rows {
            if kept.last().map(id).or(self.last_id.as_ref()).is_some_and(|last| id(&row) <= last) {
                dropped += 1;
            } else {
                kept.push(row);
            }
        }
        if let Some(last) = kept.last() {
            self.last_id = Some(id(last).clone());
        }
        self.rows = self.rows.saturating_add(length(kept.len()));
        self.dropped = self.dropped.saturating_add(dropped);
        Taken { rows: kept, dropped, ..Taken::nothing(None, Then::Done) }
    }
}

/// A page that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPage {
    /// It names a next page that cannot be asked for.
    #[error(transparent)]
    Next(#[from] BadNext),
    /// It has more rows than were asked for.
    #[error("expected at most {asked} rows, {came} came")]
    TooManyRows {
        /// Asked for.
        asked: u8,
        /// In the answer.
        came: usize,
    },
}

fn not_more(came: usize, asked: u8) -> Result<(), BadPage> {
    if came > usize::from(asked) { Err(BadPage::TooManyRows { asked, came }) } else { Ok(()) }
}

/// Rows a page where each row costs two more requests.
pub const SMALL: u8 = 20;

/// Rows a page where each row is kept in the cursor.
pub const MEDIUM: u8 = 50;

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
