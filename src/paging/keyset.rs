//! Walking by keyset: each page names the cursor of the next one.

use super::next::Next;
use super::windows::next_window;
use super::{Break, Taken, Then, Walk, length};
use crate::gitlab::endpoint::{Page, ROWS_PER_PAGE};
use crate::gitlab::scalars::Id;

impl Walk {
    pub(super) fn take_keyset<T>(
        &mut self,
        asked: &Page,
        came: usize,
        next: Next,
        total: Option<u64>,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Taken<T> {
        let taken = self.sift(rows, &id);
        let full = came >= usize::from(ROWS_PER_PAGE);
        let is_short = !full && came > 0 && matches!(next, Next::Cursor(_));
        let then = match next {
            Next::Cursor(cursor) if *asked != Page::Cursor(cursor.clone()) && !taken.rows.is_empty() => {
                self.after = Some(cursor);
                Then::GoesOn
            }
            Next::Cursor(_) => Then::Broken(Break::DoesNotAdvance),
            // Before 16.4 the keyset is passed over and pages have numbers. A full first page without any
            // header may have lost them to a proxy.
            Next::Numbered | Next::NotSaid if *asked == Page::First && (full || next == Next::Numbered) && came > 0 => {
                self.turn_to(next_window(length(came), ROWS_PER_PAGE));
                Then::GoesOn
            }
            Next::Numbered => Then::Broken(Break::DoesNotAdvance),
            Next::End | Next::NotSaid if came > 0 && taken.rows.is_empty() => Then::Broken(Break::DoesNotAdvance),
            Next::End => self.done(total),
            Next::NotSaid if came == 0 && *asked == Page::First => self.done(total),
            // That is how GitLab ends a keyset, and how a page looks that a proxy has shortened.
            Next::NotSaid => {
                self.turn_to(next_window(self.rows, ROWS_PER_PAGE));
                Then::Unsure
            }
        };
        Taken { is_short, total, then, ..taken }
    }
}
