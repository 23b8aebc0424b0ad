//! Walking a list that may lie: what was read, what comes next, and whether the end is one.
//!
//! | list | order | walked by |
//! | --- | --- | --- |
//! | `/users` 16.4+ | id | keyset: safe against rows that come and go |
//! | `/users` before, `billable_members`, `/groups` | id | windows that overlap by at least one row: [`Walk::take`] |
//! | `members/all` | of joining, not visible | windows side by side: [`Walk::take_unordered`] |
//! | GraphQL, add-on holders | id | cursor, an offset in disguise: [`Walk::take_connection`], compared with GitLab's count |
//! | GraphQL, others | not visible | the same |
//!
//! Guarantees for lists of REST ordered by id: a row that was there during the whole walk is delivered, once. A window by number
//! shows other rows after somebody before it has left; since each window begins with a row that was read before, the
//! gap is seen, and the walk goes back for what slipped through. Where that does not end, and wherever a list does not
//! lead on, ends before the number that it announces, or is too deep, [`Break`] says so and the run is partial.
//!
//! Refuses pages that do not lead on: ids must grow. That catches a cursor which repeats, a circle of any length, and a
//! server that passes over the parameters and sends its first page for ever. Lists without a visible order are compared
//! with the number announced, and with the page before.

use serde::Serialize;

use crate::gitlab::endpoint::{Page, ROWS_PER_PAGE, Window};
use crate::gitlab::entities::PageInfo;
use crate::gitlab::json::object;
use crate::gitlab::scalars::Id;
use crate::transport::Response;

pub mod next;

use next::{BadNext, Next, is_fit, total};

/// How often a walk goes back for rows that slipped through, before it gives up.
const MOST_SHIFTS: u16 = 50;

/// How many GraphQL pages in a row may be empty: every row of a page can be hidden from the caller.
const MOST_EMPTY: u16 = 50;

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
            /// Largest id delivered, in lists ordered by id.
            pub last_id: Option<Id>,
            /// Pages read.
            pub pages: u64,
            /// Rows delivered.
            pub rows: u64,
            /// Rows dropped as repeated or out of order.
            pub dropped: u64,
            /// Times that the walk went back, or pages in a row that were empty.
            pub shifts: u16,
            /// Rows of the whole list, as the first page announced; lists without a visible order.
            pub announced: Option<u64>,
            /// Stands for the ids of the page before; lists without a visible order.
            pub print: Option<u64>,
        }
    }
}

/// Why a list was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// It came back to rows already read, or sent an empty page and named another.
    DoesNotAdvance,
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
    /// It looks read, and a header lost on the way would look the same. Who asked has to make sure.
    Unsure,
    /// The list is not whole.
    Broken(Break),
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
        self.after = None;
        self.window = Some((1, ROWS_PER_PAGE));
    }

    /// Take a page of a list that is ordered by ascending id.
    ///
    /// # Errors
    /// When the server names a next page that cannot be asked for.
    pub fn take<T>(&mut self, response: &Response, rows: Vec<T>, id: impl Fn(&T) -> &Id) -> Result<Taken<T>, BadNext> {
        let next = next::next(response)?;
        let total = total(response);
        let came = rows.len();
        self.pages = self.pages.saturating_add(1);
        match self.page() {
            Page::Window(window) => Ok(self.take_window(window, &next, total, rows, id)),
            asked @ (Page::First | Page::Cursor(_)) => {
                let taken = self.sift(rows, &id);
                let full = came >= usize::from(ROWS_PER_PAGE);
                let then = match next {
                    Next::Cursor(cursor) if asked != Page::Cursor(cursor.clone()) && !taken.rows.is_empty() => {
                        self.after = Some(cursor);
                        Then::GoesOn
                    }
                    Next::Cursor(_) => Then::Broken(Break::DoesNotAdvance),
                    // Before 16.4 the keyset is passed over and pages have numbers. A full first page without any
                    // header may have lost them to a proxy; after a cursor, their absence is the end.
                    Next::Numbered | Next::NotSaid
                        if asked == Page::First && (full || next == Next::Numbered) && came > 0 =>
                    {
                        self.turn_to(next_window(length(came), ROWS_PER_PAGE));
                        Then::GoesOn
                    }
                    Next::Numbered => Then::Broken(Break::DoesNotAdvance),
                    Next::End | Next::NotSaid if came > 0 && taken.rows.is_empty() => {
                        Then::Broken(Break::DoesNotAdvance)
                    }
                    // GitLab names a page after a cursor only if it has rows, and the last one is seldom full.
                    Next::NotSaid if full || (came == 0 && asked != Page::First) => Then::Unsure,
                    Next::End | Next::NotSaid => self.done(total),
                };
                Ok(Taken { then, total, ..taken })
            }
        }
    }

    fn take_window<T>(
        &mut self,
        window: Window,
        next: &Next,
        total: Option<u64>,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Taken<T> {
        let (start, came) = (window.start(), rows.len());
        let first = rows.first().map(&id);
        let touches = match (first, &self.last_id) {
            (Some(first), Some(last)) => first <= last,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if start > 0 && !touches {
            // Rows before this window have gone, and others have moved over the line that the last page ended at.
            self.shifts = self.shifts.saturating_add(1);
            let then = if self.shifts > MOST_SHIFTS {
                Then::Broken(Break::Shifting)
            } else {
                // Farther back each time: as many may have gone.
                let back = u64::from(window.size).saturating_mul(u64::from(self.shifts));
                self.turn_to(next_window(start.saturating_sub(back), window.size));
                Then::GoesOn
            };
            return Taken { rows: Vec::new(), dropped: 0, total, then };
        }
        // What was read before is expected at the beginning of a window, and nowhere else.
        let last = self.last_id.clone();
        let overlap = rows.iter().take_while(|row| last.as_ref().is_some_and(|last| id(row) <= last)).count();
        let taken = self.sift(rows.into_iter().skip(overlap).collect(), &id);
        let more = match next {
            Next::Numbered | Next::Cursor(_) => true,
            Next::End => false,
            Next::NotSaid => came >= usize::from(window.size),
        };
        let then = if !more {
            // Lists by number end with an empty header.
            if *next == Next::NotSaid && start > 0 { Then::Unsure } else { self.done(total) }
        } else if taken.rows.is_empty() && (self.shifts == 0 || self.shifts > MOST_SHIFTS) {
            Then::Broken(Break::DoesNotAdvance)
        } else {
            // A window that was put back farther than rows have gone holds nothing new: forward again, and that counts.
            self.shifts = self.shifts.saturating_add(u16::from(taken.rows.is_empty()));
            self.turn_to(next_window(start.saturating_add(length(came)), ROWS_PER_PAGE.min(self.widest(window))));
            Then::GoesOn
        };
        Taken { then, total, ..taken }
    }

    /// Take a page of a list whose order is not visible, walked by number.
    ///
    /// # Errors
    /// When the server names a next page that cannot be asked for.
    pub fn take_unordered<T>(
        &mut self,
        response: &Response,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadNext> {
        let next = next::next(response)?;
        let total = total(response);
        let window = self.window();
        let came = rows.len();
        self.pages = self.pages.saturating_add(1);
        self.rows = self.rows.saturating_add(length(came));
        let repeated = self.repeats(rows.iter().map(id));
        self.announced = self.announced.or(total);
        let more = match next {
            Next::Numbered | Next::Cursor(_) => true,
            Next::End => false,
            Next::NotSaid => came >= usize::from(window.size),
        };
        let moved = total.zip(self.announced).is_some_and(|(now, first)| now != first);
        let then = if repeated || (more && came == 0) {
            Then::Broken(Break::DoesNotAdvance)
        } else if more {
            self.turn_to(Window { number: window.number.saturating_add(1), size: window.size });
            Then::GoesOn
        } else if moved {
            Then::Broken(Break::Shifting)
        } else {
            self.done(total)
        };
        Ok(Taken { rows: if repeated { Vec::new() } else { rows }, dropped: 0, total, then })
    }

    /// Take a page of a GraphQL list. With `ordered`, ids must grow.
    pub fn take_connection<T>(
        &mut self,
        info: &PageInfo,
        rows: Vec<T>,
        ordered: bool,
        id: impl Fn(&T) -> &Id,
    ) -> Taken<T> {
        self.pages = self.pages.saturating_add(1);
        let empty = rows.is_empty();
        let repeated = !empty && !ordered && self.repeats(rows.iter().map(&id));
        let taken = if ordered {
            self.sift(rows, &id)
        } else {
            self.rows = self.rows.saturating_add(if repeated { 0 } else { length(rows.len()) });
            Taken { rows: if repeated { Vec::new() } else { rows }, dropped: 0, total: None, then: Then::Done }
        };
        self.shifts = if empty { self.shifts.saturating_add(1) } else { 0 };
        let stuck = repeated || (!empty && taken.rows.is_empty()) || self.shifts > MOST_EMPTY;
        let then = match &info.end_cursor {
            _ if !info.has_next_page => Then::Done,
            Some(cursor) if !stuck && is_fit(cursor) && self.after.as_ref() != Some(cursor) => {
                self.after = Some(cursor.clone());
                Then::GoesOn
            }
            Some(_) | None => Then::Broken(Break::DoesNotAdvance),
        };
        Taken { then, ..taken }
    }

    fn turn_to(&mut self, window: Window) {
        self.after = None;
        self.window = Some((window.number, window.size));
    }

    /// The size that a walk by number was begun with: windows become a little smaller on the way, but not by half. A walk
    /// that went back may go on with less.
    fn widest(&self, window: Window) -> u8 {
        [SMALL, MEDIUM].into_iter().find(|size| window.size <= *size).unwrap_or(ROWS_PER_PAGE)
    }

    fn done(&self, total: Option<u64>) -> Then {
        match total {
            Some(announced) if announced > self.rows => Then::Broken(Break::EndedEarly { announced }),
            _ => Then::Done,
        }
    }

    /// Keep the rows whose id is beyond the last one and beyond those before them.
    fn sift<T>(&mut self, rows: Vec<T>, id: &impl Fn(&T) -> &Id) -> Taken<T> {
        let mut kept = Vec::with_capacity(rows.len());
        let mut dropped = 0_u64;
        for row in rows {
            if self.last_id.as_ref().is_some_and(|last| id(&row) <= last) {
                dropped += 1;
            } else {
                self.last_id = Some(id(&row).clone());
                kept.push(row);
            }
        }
        self.rows = self.rows.saturating_add(length(kept.len()));
        self.dropped = self.dropped.saturating_add(dropped);
        Taken { rows: kept, dropped, total: None, then: Then::Done }
    }

    /// Whether these are the ids of the page before, and remember them for the next one.
    fn repeats<'a>(&mut self, ids: impl Iterator<Item = &'a Id>) -> bool {
        // FNV-1a: short, and nothing depends on its strength; a hostile server gains a page that counts as repeated.
        let print = ids
            .flat_map(|id| id.as_str().bytes().chain([0]))
            .fold(0xcbf2_9ce4_8422_2325_u64, |print, byte| (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.print.replace(print) == Some(print)
    }
}

/// Rows a page where each row costs two more requests.
pub const SMALL: u8 = 20;

/// Rows a page where each row is kept in the cursor.
pub const MEDIUM: u8 = 50;

/// The window that begins with a row already read and reaches farthest, where `read` rows, at least one, are.
fn next_window(read: u64, widest: u8) -> Window {
    let last = read.saturating_sub(1);
    (widest.div_ceil(2).max(1)..=widest)
        .map(|size| Window { number: last / u64::from(size.max(1)) + 1, size })
        .max_by_key(|window| window.number.saturating_mul(u64::from(window.size)))
        .unwrap_or(Window::FIRST)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
