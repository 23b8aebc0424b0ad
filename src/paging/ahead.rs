//! Pages asked for before it is their turn.
//!
//! A walk knows the next page from the last one. Where pages have been full, or something else has said how long the list is,
//! the ones after it can be guessed:
//!
//! | list | guess |
//! | --- | --- |
//! | by number | the windows that follow, if all are full |
//! | by keyset, its first 50,000 rows | windows farther apart, and between them cursors at the last row of what has come: chains |
//! | by keyset, beyond them | cursors at ids a little less than a page apart: windows by id, which overlap |
//!
//! A guess is only ever an answer that is there early. [`Walk::fits`] tells whether it begins where the walk is or before,
//! and the walk takes it as any page; where it does not, nothing of it is used.
//!
//! Why that is as safe as going page by page: each page is one section of the list, taken at one moment. Two sections of
//! which the second begins at or before the end of the first leave nobody out who was there at both moments, and who
//! was there during the whole walk was there at all moments, in whichever order they were.
//!
//! Windows begin with a row that is read, which takes an eighth more of them than there are pages. A cursor begins where the
//! page before ended. So only the first page of a chain is a window, and the chain goes on until the next one begins.
//!
//! Refuses to guess after a page that was not full, after a walk had to go back, and by keyset where the server's cursor
//! is not the one that this module would have written: GitLab's keyset cursor of `/users` is base64url of
//! `{"id":"42","_kd":"n"}` (16.4 to 19.x), and that is not documented.

use super::next::{self, Next};
use super::windows::{is_short, next_window, widest_of};
use super::{BadPage, Break, Taken, Then, Walk, length, not_more};
use crate::gitlab::endpoint::{Page, ROWS_PER_PAGE, Window};
use crate::gitlab::scalars::Id;
use crate::transport::Response;

/// Rows of `/users` that GitLab lists by number (17.0+, unless the instance sets another ceiling).
const MOST_BY_NUMBER: u64 = 50_000;

/// Where guesses by id begin: so many hundredths of each page are read twice. Ids that lie about as they like need some 15.
const FIRST_SLACK: u8 = 15;

/// Beyond this, guesses bring little.
const MOST_SLACK: u8 = 60;

/// What ids that lie evenly need.
const LEAST_SLACK: u8 = 4;

/// A page to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub page: Page,
    /// In a page by id: the one that it begins behind.
    pub behind: Option<Id>,
    /// How many pages are to be asked for behind it, each when the one before has come.
    pub followers: usize,
}

impl Asked {
    /// A page that nothing is known of.
    pub(crate) const fn only(page: Page) -> Self {
        Self { page, behind: None, followers: 0 }
    }

    /// The rows to ask for, in lists that have numbers only.
    #[must_use]
    pub fn window(&self) -> Window {
        if let Page::Window(window) = self.page { window } else { Window::FIRST }
    }
}

/// What a page is to a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The next one, or one that begins before it.
    Follows,
    /// It begins too far on: the rows before it are not read.
    LeavesOut,
    /// Nothing any more.
    No,
}

impl Walk {
    /// The next page and, where they can be guessed, those after it: `most` at most. Where the list itself does not tell its
    /// length, as before its first page, `expected` rows are, by another answer. Chains have `chain` pages at most.
    #[must_use]
    pub fn ahead(&self, most: usize, chain: usize, expected: Option<u64>) -> Vec<Asked> {
        let mut pages = vec![Asked::only(self.page())];
        let begins = self.pages == 0 && expected.is_some_and(|expected| expected > u64::from(ROWS_PER_PAGE));
        if !(self.full || begins) || self.probes || self.shifts > 0 {
            return pages;
        }
        let left = self.left(expected);
        // Calls of about the same size: a last one with a page or two would keep few connections busy.
        let most = left.div_ceil(left.div_ceil(most.max(1)).max(1)).min(most);
        match self.page() {
            Page::Window(window) => self.windows(end(window), most, 1, u64::MAX, &mut pages),
            Page::Cursor(_) if !self.can_guess() => {}
            Page::Cursor(_) if self.by_id || self.rows >= MOST_BY_NUMBER => self.cursors(most, &mut pages),
            Page::Cursor(_) => {
                // Behind the page that the cursor brings.
                let read = self.rows.saturating_add(u64::from(ROWS_PER_PAGE));
                let followers = self.followers(read, chain.min(most));
                if let Some(first) = pages.first_mut() {
                    first.followers = followers;
                }
                self.windows(behind(read, followers), most, chain, MOST_BY_NUMBER, &mut pages);
            }
            Page::First => self.windows(end(Window::FIRST), most, 1, MOST_BY_NUMBER, &mut pages),
        }
        pages
    }

    /// How many pages are left, as far as that can be told.
    fn left(&self, expected: Option<u64>) -> usize {
        let size = u64::from(ROWS_PER_PAGE);
        let pages = match (self.total, self.newest, self.last_number(), self.span) {
            // Windows overlap, by up to a quarter of them.
            (Some(total), ..) => total.saturating_sub(self.rows).saturating_mul(5) / (4 * size) + 2,
            (None, Some(newest), Some(last), Some(span)) => newest.saturating_sub(last) / (span - span / 5).max(1) + 1,
            // A quarter more than were expected, or twice as many as there were.
            _ => match expected {
                Some(expected) => expected.saturating_sub(self.rows).div_ceil(size).max(self.pages / 4).max(1),
                None => self.pages.saturating_mul(2),
            },
        };
        usize::try_from(pages).unwrap_or(usize::MAX)
    }

    /// The windows behind so many rows, each with its chain; `most` pages in all.
    fn windows(&self, mut read: u64, most: usize, chain: usize, ceiling: u64, pages: &mut Vec<Asked>) {
        let mut left = most.saturating_sub(pages.iter().map(|page| page.followers.saturating_add(1)).sum());
        while left > 0 && self.total.is_none_or(|total| read < total) {
            let window = next_window(read, self.widest());
            if end(window) > ceiling {
                break;
            }
            let followers = self.followers(end(window), chain.min(left));
            pages.push(Asked { followers, ..Asked::only(Page::Window(window)) });
            read = behind(end(window), followers);
            left = left.saturating_sub(followers.saturating_add(1));
        }
    }

    /// How many pages of a chain follow one that ends behind so many rows. The last page of a list is none of them: a page by
    /// number says that it is the last, and one by keyset looks as if it were cut off.
    fn followers(&self, end: u64, chain: usize) -> usize {
        let rest = self.total.map_or(u64::MAX, |total| total.saturating_sub(1).saturating_sub(end));
        let pages = usize::try_from(rest / u64::from(ROWS_PER_PAGE)).unwrap_or(usize::MAX);
        chain.saturating_sub(1).min(pages)
    }

    /// Rows on the windows of this walk.
    fn widest(&self) -> u8 {
        self.window.map_or(ROWS_PER_PAGE, |_| widest_of(self.window()))
    }

    /// Pages behind ids a little less than a page apart.
    fn cursors(&self, most: usize, pages: &mut Vec<Asked>) {
        let (Some(last), Some(span)) = (self.last_number(), self.span) else { return };
        let share = u64::from(100_u8.saturating_sub(self.slack));
        let stride = (span.saturating_mul(share) / 100).max(1);
        let mut behind = last.saturating_add(stride);
        while pages.len() < most && self.newest.is_none_or(|newest| behind < newest) {
            pages.extend(Id::parse(&behind.to_string()).map(|id| self.behind(&id)));
            behind = behind.saturating_add(stride);
        }
    }

    /// The page behind an id.
    #[must_use]
    pub fn behind(&self, id: &Id) -> Asked {
        Asked { behind: Some(id.clone()), ..Asked::only(Page::Cursor(cursor_at(id))) }
    }

    /// Whether the server's cursors are understood.
    #[must_use]
    pub fn can_guess(&self) -> bool {
        self.after.is_some() && self.after == self.last_id.as_ref().map(cursor_at)
    }

    /// What a page that was asked for earlier is to the walk where it is now; `first` is its first row, if it has one.
    #[must_use]
    pub fn fits(&self, asked: &Asked, first: Option<&Id>) -> Fit {
        if self.probes {
            return Fit::No;
        }
        if asked.page == self.page() {
            return Fit::Follows;
        }
        let (true, Some(last)) = (self.can_guess(), &self.last_id) else { return Fit::No };
        let begins_before = match (&asked.behind, first) {
            // Behind what is read already stands what was read last. A page that begins beyond it shows a server that makes something
            // else of a cursor that it has not written, or that the row has gone: it does no harm to ask again.
            (Some(behind), first) if behind < last => first.is_some_and(|first| first <= last),
            (Some(behind), _) => behind == last,
            (None, Some(first)) => first <= last,
            (None, None) => return Fit::No,
        };
        if begins_before { Fit::Follows } else { Fit::LeavesOut }
    }

    /// The rows of a guess that are beyond what is read; nothing if there are none, so that the page says nothing of how the
    /// list goes on.
    #[must_use]
    pub fn beyond<T>(&self, asked: &Asked, rows: Vec<T>, id: impl Fn(&T) -> &Id) -> Option<Vec<T>> {
        if asked.page == self.page() {
            return Some(rows);
        }
        let last = self.last_id.as_ref()?;
        let ends_beyond = rows.last().is_some_and(|row| id(row) > last);
        // Rows in another order are left for the walk to see.
        let read = rows.iter().take_while(|row| id(row) <= last).count();
        ends_beyond.then(|| rows.into_iter().skip(read).collect())
    }

    /// Take a page of a list that is ordered by ascending id, which may have been asked for ahead: `came` rows came, of
    /// which `rows` are left that are not read.
    ///
    /// # Errors
    /// As [`Walk::take`].
    pub fn take_asked<T>(
        &mut self,
        asked: Page,
        came: usize,
        response: &Response,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadPage> {
        match asked {
            Page::Window(window) if self.after.is_some() => self.take_between(window, came, response, rows, id),
            asked => self.take_page(asked, came, response, rows, id),
        }
    }

    /// Take a page by number in a list that is walked by keyset.
    fn take_between<T>(
        &mut self,
        window: Window,
        came: usize,
        response: &Response,
        rows: Vec<T>,
        id: impl Fn(&T) -> &Id,
    ) -> Result<Taken<T>, BadPage> {
        not_more(came, window.size)?;
        let (next, total) = (next::next(response)?, next::total(response));
        self.pages = self.pages.saturating_add(1);
        self.measure(&rows, &id);
        let taken = self.sift(rows, &id);
        let is_short = is_short(window, &next, next::per_page(response), came);
        let then = match next {
            Next::Numbered => Then::GoesOn,
            // No number of rows says that the page was not cut off: by keyset the end is looked at once more.
            Next::End if total.is_none() && !self.is_behind_newest() => Then::GoesOn,
            Next::End => self.done(total),
            // Not the answer of a list by number.
            Next::Cursor(_) | Next::NotSaid => Then::Broken(Break::NotTheEnd),
        };
        self.after = self.last_id.as_ref().map(cursor_at);
        let taken = Taken { is_short, total, then, ..taken };
        self.remember(came, usize::from(window.size), &next, &taken);
        Ok(taken)
    }

    /// Learn from a page of a list by keyset how far apart ids are.
    pub fn measure<T>(&mut self, rows: &[T], id: impl Fn(&T) -> &Id) {
        if rows.len() < usize::from(super::SMALL) {
            return;
        }
        let number = |row: Option<&T>| row.and_then(|row| id(row).as_str().parse::<u64>().ok());
        let (Some(first), Some(last)) = (number(rows.first()), number(rows.last())) else { return };
        let gaps = u64::try_from(rows.len().saturating_sub(1)).unwrap_or(u64::MAX);
        let Some(apart) = last.saturating_sub(first).saturating_mul(u64::from(ROWS_PER_PAGE)).checked_div(gaps) else {
            return;
        };
        if self.span.is_none() {
            self.slack = FIRST_SLACK;
        }
        self.span = Some(self.span.map_or(apart, |span| (span.saturating_mul(3).saturating_add(apart)) / 4).max(1));
    }

    /// Learn whether guesses left something out, and how closely to guess from now on.
    pub fn guessed(&mut self, left_out: bool) {
        self.slack = if left_out {
            self.slack.saturating_add(6).min(MOST_SLACK)
        } else {
            self.slack.saturating_sub(1).max(LEAST_SLACK)
        };
    }

    /// Remember whether the page that was taken makes guesses worth while, and how long the list is.
    pub(super) fn remember<T>(&mut self, came: usize, asked: usize, next: &Next, taken: &Taken<T>) {
        let leads_on = matches!(next, Next::Cursor(_) | Next::Numbered);
        self.full = came >= asked && leads_on && taken.then == Then::GoesOn;
        if taken.total.is_some() {
            self.total = taken.total;
        }
    }

    /// Whether the walk has read the account that was the newest.
    #[must_use]
    pub fn is_behind_newest(&self) -> bool {
        self.newest.zip(self.last_number()).is_some_and(|(newest, last)| newest <= last)
    }

    fn last_number(&self) -> Option<u64> {
        self.last_id.as_ref()?.as_str().parse().ok()
    }
}

/// How many rows there are up to the end of a window.
fn end(window: Window) -> u64 {
    window.start().saturating_add(u64::from(window.size))
}

/// The same of so many pages behind so many rows.
fn behind(rows: u64, pages: usize) -> u64 {
    rows.saturating_add(length(pages).saturating_mul(u64::from(ROWS_PER_PAGE)))
}

/// GitLab's cursor of the page behind an account.
fn cursor_at(id: &Id) -> String {
    base64url(format!(r#"{{"id":"{}","_kd":"n"}}"#, id.as_str()).as_bytes())
}

/// With padding, as Ruby's `urlsafe_encode64` writes it.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let mut bits = 0_u32;
        for place in 0..3 {
            bits = bits << 8 | u32::from(piece.get(place).copied().unwrap_or(0));
        }
        for digit in 0..4_usize {
            let place = usize::try_from(bits >> (18 - 6 * digit) & 63).unwrap_or(0);
            let sign = DIGITS.get(place).copied().unwrap_or(b'=');
            text.push(char::from(if digit > piece.len() { b'=' } else { sign }));
        }
    }
    text
}
