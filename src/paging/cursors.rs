//! Walking through GraphQL lists by cursors, which come in two kinds that look alike.
//!
//! A cursor that stands for a row holds still. One that counts rows is an offset in disguise: when somebody before it
//! leaves, the next page begins one row too far. Each row has a cursor of its own, so that the walk asks for the page
//! behind the last row but one, and sees by the first row that comes whether anything has moved. Then it starts
//! again from the beginning and passes over what was delivered.
//!
//! Where rows are hidden, the row before the last may have no cursor, or a page no rows; the border of such a page cannot
//! be looked at. GitLab's own count of the list has to decide there, with whoever has it.

use super::next::is_fit;
use super::{BadPage, Break, Taken, Then, Walk, length, not_more};
use crate::gitlab::connection::{Connection, Edge};
use crate::gitlab::endpoint::ROWS_PER_PAGE;
use crate::gitlab::scalars::Id;

/// How many pages in a row may be empty: every row of a page can be hidden from the caller.
pub(super) const MOST_EMPTY: u16 = 50;

/// How often a walk starts again.
const MOST_RESTARTS: u16 = 5;

/// What a list's cursors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursors {
    /// Each stands for a row, in an order that is not visible.
    OfRows,
    /// Each counts the rows before it; rows are ordered by id.
    CountById,
    /// Each counts the rows before it, in an order that is not visible.
    Count,
}

/// Where a page of cursors leads: the cursor, and whether the page behind it begins with a row that was delivered.
type Lead = Option<(String, bool)>;

impl Walk {
    /// Take a page of a GraphQL list.
    ///
    /// # Errors
    /// When the server sends more than was asked for.
    pub fn take_connection<T>(
        &mut self,
        connection: Connection<T>,
        cursors: Cursors,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadPage> {
        let Connection { edges, has_next_page, end_cursor } = connection;
        not_more(edges.len(), ROWS_PER_PAGE)?;
        self.pages = self.pages.saturating_add(1);
        let end = end_cursor.map(|cursor| (cursor, false));
        let lead = match cursors {
            Cursors::OfRows => end,
            Cursors::CountById | Cursors::Count => before_the_last(&edges).or(end),
        };
        let rows: Vec<T> = edges.into_iter().filter_map(|edge| edge.node).collect();
        let came = rows.len();
        self.empty = if came == 0 { self.empty.saturating_add(1) } else { 0 };
        if self.overlaps && came > 0 && !self.touches(&rows, cursors, &id) {
            return Ok(self.start_again(cursors));
        }
        let repeated = came > 0 && cursors == Cursors::OfRows && self.repeats(rows.iter().map(&id));
        let taken = match cursors {
            _ if repeated => Taken::nothing(None, Then::Done),
            Cursors::OfRows => {
                self.rows = self.rows.saturating_add(length(came));
                Taken { rows, ..Taken::nothing(None, Then::Done) }
            }
            Cursors::CountById => {
                let known = rows.iter().take_while(|row| self.last_id.as_ref().is_some_and(|last| id(row) <= last));
                let known = known.count();
                self.sift(rows.into_iter().skip(known).collect(), &id)
            }
            Cursors::Count => {
                let known = self.last_id.as_ref().filter(|_| self.overlaps);
                let known = rows.iter().position(|row| Some(id(row)) == known).map_or(0, |place| place + 1);
                self.last_id = rows.last().map(|row| id(row).clone()).or(self.last_id.take());
                let rows: Vec<T> = rows.into_iter().skip(known).collect();
                self.rows = self.rows.saturating_add(length(rows.len()));
                Taken { rows, ..Taken::nothing(None, Then::Done) }
            }
        };
        if !has_next_page {
            return Ok(taken);
        }
        // After a start from the beginning whole pages are known; but no list is read for ever.
        let catches_up = self.shifts > 0 && self.pages <= self.rows.saturating_mul(4).saturating_add(200);
        let stuck = repeated || (came > 0 && taken.rows.is_empty() && !catches_up) || self.empty > MOST_EMPTY;
        let then = match lead {
            Some((cursor, overlaps)) if !stuck && is_fit(&cursor) && self.after.as_ref() != Some(&cursor) => {
                self.after = Some(cursor);
                self.overlaps = overlaps;
                Then::GoesOn
            }
            Some(_) | None => Then::Broken(Break::DoesNotAdvance),
        };
        Ok(Taken { then, ..taken })
    }

    /// Whether the page begins with a row that was delivered.
    fn touches<T>(&self, rows: &[T], cursors: Cursors, id: impl Fn(&T) -> &Id) -> bool {
        let Some(last) = &self.last_id else { return true };
        match cursors {
            Cursors::CountById => rows.first().is_some_and(|row| id(row) <= last),
            Cursors::Count | Cursors::OfRows => rows.iter().any(|row| id(row) == last),
        }
    }

    fn start_again<T>(&mut self, cursors: Cursors) -> Taken<T> {
        self.shifts = self.shifts.saturating_add(1);
        // Without an order nobody can tell what was delivered before.
        if self.shifts > MOST_RESTARTS || cursors != Cursors::CountById {
            return Taken::nothing(None, Then::Broken(Break::Shifting));
        }
        self.after = None;
        self.overlaps = false;
        Taken::nothing(None, Then::GoesOn)
    }

    /// Whether these are the ids of an earlier page. What is kept is that of page 1, 2, 4, 8 and so on (Brent's way), so that
    /// a circle of any length is seen before it has been gone through three times.
    fn repeats<'a>(&mut self, ids: impl Iterator<Item = &'a Id>) -> bool {
        // FNV-1a: short, and nothing depends on its strength; a hostile server gains a page that counts as repeated.
        let print = ids
            .flat_map(|id| id.as_str().bytes().chain([0]))
            .fold(0xcbf2_9ce4_8422_2325_u64, |print, byte| (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let repeats = self.print == Some(print);
        if self.pages.is_power_of_two() {
            self.print = Some(print);
        }
        repeats
    }
}

/// The cursor behind which the page begins with the last visible row; none where its row or the one before is hidden.
fn before_the_last<T>(edges: &[Edge<T>]) -> Lead {
    let last = edges.iter().rposition(|edge| edge.node.is_some())?;
    let before = edges.get(last.checked_sub(1)?)?;
    Some((before.cursor.clone()?, true))
}
