//! Walking by number: windows, each of which begins with a row that was read before.
//!
//! A server or a proxy may send fewer rows than asked for. The walk counts what came, not what was asked for, and asks for
//! windows of that size from then on. Where no header says how the list goes on, it goes on until nothing new comes.

use super::next::{self, Next};
use super::{BadPage, Break, MEDIUM, MOST_SHIFTS, SMALL, Taken, Then, Walk, length, not_more};
use crate::gitlab::endpoint::{ROWS_PER_PAGE, Window};
use crate::gitlab::scalars::Id;
use crate::transport::Response;

impl Walk {
    /// A window of a list that is ordered by id.
    pub(super) fn take_window<T>(
        &mut self,
        window: Window,
        next: &Next,
        (total, per_page): (Option<u64>, Option<usize>),
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Taken<T> {
        let (start, came) = (window.start(), rows.len());
        let touches = match (rows.first().map(&id), &self.last_id) {
            (Some(first), Some(last)) => first <= last,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if start > 0 && !touches {
            return self.go_back(window, total);
        }
        // What was read before is expected at the beginning of a window, and nowhere else.
        let last = self.last_id.clone();
        let overlap = rows.iter().take_while(|row| last.as_ref().is_some_and(|last| id(row) <= last)).count();
        let ends_there = rows.last().map(&id) == last.as_ref();
        let taken = self.sift(rows.into_iter().skip(overlap).collect(), &id);
        let is_short = is_short(window, next, per_page, came);
        let mut then = self.then(window, next, total, came, taken.rows.len());
        if then == Then::Unsure && taken.rows.is_empty() && !ends_there {
            // Asked for the last row and what follows it, the server has sent others.
            then = Then::Broken(Break::DoesNotAdvance);
        }
        Taken { is_short, total, then, ..taken }
    }

    /// Take a page of a list whose order is not visible, walked by number. Rows may be delivered again where the walk had
    /// to go back.
    ///
    /// # Errors
    /// When the server names a next page that cannot be asked for, or sends more than was asked for.
    pub fn take_unordered<T>(
        &mut self,
        response: &Response,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadPage> {
        let next = next::next(response)?;
        let total = next::total(response);
        let window = self.window();
        let (start, came) = (window.start(), rows.len());
        not_more(came, window.size)?;
        self.pages = self.pages.saturating_add(1);
        if self.probes {
            return Ok(self.take_probe(&rows, total));
        }
        let last = self.last_id.as_ref().and_then(|last| rows.iter().rposition(|row| id(row) == last));
        let overlap = match last {
            Some(place) => place.saturating_add(1),
            None if start == 0 => 0,
            // An empty page that names another is no gap: nothing can be found by going back.
            None if came == 0 && matches!(next, Next::Numbered | Next::Cursor(_)) => {
                return Ok(Taken::nothing(total, Then::Broken(Break::DoesNotAdvance)));
            }
            None => return Ok(self.go_back(window, total)),
        };
        if let Some(row) = rows.last() {
            self.last_id = Some(id(row).clone());
        }
        if came > overlap {
            self.rows = start.saturating_add(length(came));
        }
        let rows: Vec<T> = rows.into_iter().skip(overlap).collect();
        let is_short = is_short(window, &next, next::per_page(response), came);
        let then = self.then(window, &next, total, came, rows.len());
        let taken = Taken { rows, dropped: 0, is_short, total, then };
        self.remember(came, usize::from(window.size), &next, &taken);
        Ok(taken)
    }

    /// Rows before this window have gone, and others have moved over the line that the last page ended at.
    fn go_back<T>(&mut self, window: Window, total: Option<u64>) -> Taken<T> {
        self.shifts = self.shifts.saturating_add(1);
        if self.shifts > MOST_SHIFTS {
            return Taken::nothing(total, Then::Broken(Break::Shifting));
        }
        // Farther back each time: as many may have gone.
        let back = u64::from(window.size).saturating_mul(u64::from(self.shifts));
        self.turn_to(next_window(window.start().saturating_sub(back), window.size));
        Taken::nothing(total, Then::GoesOn)
    }

    /// What follows a window of which `came` rows came, `new` of them unread.
    fn then(&mut self, window: Window, next: &Next, total: Option<u64>, came: usize, new: usize) -> Then {
        let (start, full) = (window.start(), came >= usize::from(window.size));
        match next {
            Next::End => return self.done(total),
            Next::NotSaid if came == 0 && start == 0 => return self.done(total),
            Next::NotSaid if new == 0 => {
                self.turn_to(Window { number: self.rows.saturating_add(1), size: 1 });
                return Then::Unsure;
            }
            Next::Numbered | Next::Cursor(_) if new == 0 && (self.shifts == 0 || self.shifts > MOST_SHIFTS) => {
                return Then::Broken(Break::DoesNotAdvance);
            }
            Next::Numbered | Next::Cursor(_) | Next::NotSaid => {}
        }
        // A window that was put back farther than rows have gone holds nothing new: forward again, and that counts.
        self.shifts = self.shifts.saturating_add(u16::from(new == 0));
        let widest = if full { ROWS_PER_PAGE } else { u8::try_from(came.max(2)).unwrap_or(ROWS_PER_PAGE) };
        self.turn_to(next_window(start.saturating_add(length(came)), widest.min(widest_of(window))));
        if *next == Next::NotSaid && !full { Then::Unsure } else { Then::GoesOn }
    }
}

/// Whether a page with others after it has fewer rows than GitLab puts on one: something leaves rows out.
pub(super) fn is_short(window: Window, next: &Next, per_page: Option<usize>, came: usize) -> bool {
    let size = usize::from(window.size);
    *next == Next::Numbered && came < per_page.map_or(size, |allowed| allowed.min(size))
}

/// The size that a walk by number was begun with: windows become a little smaller on the way, but not by half. A walk
/// that went back may go on with less.
pub(super) fn widest_of(window: Window) -> u8 {
    [SMALL, MEDIUM].into_iter().find(|size| window.size <= *size).unwrap_or(ROWS_PER_PAGE)
}

/// The window that begins with a row already read and reaches farthest, where `read` rows, at least one, are.
pub(super) fn next_window(read: u64, widest: u8) -> Window {
    let last = read.saturating_sub(1);
    (widest.div_ceil(2).max(1)..=widest)
        .map(|size| Window { number: last / u64::from(size.max(1)) + 1, size })
        .max_by_key(|window| window.number.saturating_mul(u64::from(window.size)))
        .unwrap_or(Window::FIRST)
}
