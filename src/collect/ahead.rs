//! Several pages of a list in one call: asked for together, taken one after the other.
//!
//! Guarantees: the first page is asked for and judged as if it were alone. Those after it are taken only as far as they
//! follow on it and nothing is wrong with them: at the first with which something is, the call ends with what it has,
//! and the next call begins with that page. So nothing is decided on a guess, and a server in trouble costs no page that was read.
//!
//! Refuses to keep bodies: an answer is read when it comes, while others are under way.

use super::Page;
use crate::cursor::Place;
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{self, Endpoint};
use crate::gitlab::entities::PersonRow;
use crate::gitlab::refusal::{Refusal, page_of};
use crate::paging::Walk;
use crate::paging::ahead::{Asked, Fit};
use crate::paging::next::{Next, next};
use crate::transport::Response;

/// Most pages of one call. A batch has two entries for each of 100 rows, and hosts take 10,000.
const MOST_PAGES: usize = 32;

/// Most pages that are asked for one after the other in one call. Longer chains read hardly less twice, and more of the call waits for
/// a page that takes long.
const LONGEST_CHAIN: usize = 2;

/// Rows with the headers that came with them; the body is read and gone.
type Rows = (Response, Vec<PersonRow>);

/// The same, or why there are none.
pub(super) type Found = Result<Rows, Refusal>;

/// The pages of one call, in order.
pub(super) struct Ahead {
    pages: std::vec::IntoIter<(Asked, Option<Found>)>,
    /// A page that begins too far on, and has to wait for the one before it.
    waiting: Option<(Asked, Rows)>,
    /// Pages that lie between guesses.
    between: Vec<(Asked, Option<Found>)>,
    is_first: bool,
}

impl Ahead {
    /// Ask for the page that is next and those that probably follow, `most` in all, in a list that may have as many rows as
    /// the place counts seats. `newest` asks for the account with the largest id beside them, with which the walk knows
    /// where it ends.
    pub(super) fn ask(
        client: &mut Client<'_>,
        place: &mut Place,
        most: usize,
        newest: bool,
        endpoint: &dyn Fn(&Asked) -> Endpoint,
    ) -> Self {
        // Before a first answer, no more than what takes no longer than the first page alone.
        let most = if place.walk.pages == 0 { most.min(client.at_once()) } else { most };
        // As many chains at least as connections.
        let chain = LONGEST_CHAIN.min(most / client.at_once());
        let asked = place.walk.ahead(most.min(MOST_PAGES), chain, place.allocated);
        let walk = &mut place.walk;
        let by_id = asked.iter().any(|asked| asked.behind.is_some());
        let mut slots: Vec<Option<Asked>> = Vec::new();
        for asked in asked {
            let end = slots.len().saturating_add(asked.followers);
            slots.push(Some(asked));
            slots.resize(end.saturating_add(1), None);
        }
        let mut endpoints: Vec<Option<Endpoint>> = slots.iter().map(|asked| asked.as_ref().map(endpoint)).collect();
        if newest {
            endpoints.push(Some(Endpoint::NewestUser));
        }
        if endpoints.len() > 1 {
            take_memory();
        }
        let mut found: Vec<Option<Found>> = send(client, &endpoints, &mut |place, rows| {
            let size = slots.get(place)?.as_ref()?.window().size;
            let slot = slots.get_mut(place.saturating_add(1)).filter(|slot| slot.is_none())?;
            let last = rows.last().filter(|_| rows.len() >= usize::from(size))?;
            Some(endpoint(slot.insert(walk.behind(&last.id))))
        });
        if newest && let Some(Some(Ok((_, rows)))) = found.pop() {
            walk.newest = rows.first().and_then(|row| row.id.as_str().parse().ok());
        }
        let mut pages: Vec<(Asked, Option<Found>)> = Vec::new();
        for (asked, found) in slots.into_iter().zip(found) {
            pages.extend(asked.map(|asked| (asked, found)));
        }
        let by_keyset = walk.can_guess();
        if by_keyset {
            walk.by_id |= pages.iter().any(leads_nowhere);
        }
        let gaps: Vec<Asked> = if by_keyset { gaps(walk, &pages) } else { Vec::new() };
        if by_id && !client.is_limited() {
            walk.guessed(!gaps.is_empty());
        }
        let endpoints: Vec<Option<Endpoint>> = gaps.iter().map(|gap| Some(endpoint(gap))).collect();
        let between = match client.is_limited() || client.is_late() || gaps.is_empty() {
            true => Vec::new(),
            false => send(client, &endpoints, &mut |_, _| None),
        };
        Self {
            pages: pages.into_iter(),
            waiting: None,
            between: gaps.into_iter().zip(between).collect(),
            is_first: true,
        }
    }

    /// The next page of the walk, with how many rows came and those of them that are not read; nothing at the end of
    /// what is there in order. The first is always there, whatever came of it.
    pub(super) fn next(&mut self, walk: &Walk) -> Option<Came> {
        if std::mem::take(&mut self.is_first) {
            let (asked, found) = self.pages.next()?;
            let found = found?;
            let came = found.as_ref().map_or(0, |(_, rows)| rows.len());
            return Some((asked, came, found));
        }
        loop {
            let (asked, (answer, rows)) = match self.waiting.take() {
                Some(waiting) => waiting,
                None => {
                    let (asked, found) = self.pages.next()?;
                    // What was refused may be no longer; if it is, the next call meets it.
                    (asked, found?.ok()?)
                }
            };
            match walk.fits(&asked, rows.first().map(|row| &row.id)) {
                Fit::Follows => {}
                Fit::LeavesOut => {
                    self.waiting = Some((asked, (answer, rows)));
                    let next = self.between.iter_mut().find(|(between, _)| walk.fits(between, None) == Fit::Follows)?;
                    let (asked, found) = (next.0.clone(), next.1.take()?);
                    let (answer, rows) = found.ok()?;
                    return Some((asked, rows.len(), Ok((answer, rows))));
                }
                Fit::No => return None,
            }
            let came = rows.len();
            // A page behind another one by so little that all of it is read tells nothing.
            if let Some(rows) = walk.beyond(&asked, rows, |row| &row.id) {
                return Some((asked, came, Ok((answer, rows))));
            }
        }
    }
}

/// Memory that a call with several pages works in, in bytes.
const WORKING_MEMORY: usize = 10 * 1024 * 1024;

/// Take all the memory that the call will need, and give it back to the allocator. How much pages and records need together
/// depends on which answer comes first; so a call has what it needs or fails at its beginning, and needs the same with
/// any number of accounts. What is not written to costs a host address space only.
fn take_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(WORKING_MEMORY)));
}

/// Ask, and read each answer when it comes. `follow` says from its rows what is to be asked for at the place after it.
fn send(
    client: &mut Client<'_>,
    endpoints: &[Option<Endpoint>],
    follow: &mut dyn FnMut(usize, &[PersonRow]) -> Option<Endpoint>,
) -> Vec<Option<Found>> {
    let clock = client.clock();
    let mut found: Vec<Option<Found>> = Vec::with_capacity(endpoints.len());
    found.resize_with(endpoints.len(), || None);
    client.ask_ahead(endpoints, &mut |place, answer| {
        let slot = found.get_mut(place)?;
        let (_, rows) = slot.insert(page_of(answer, clock)).as_ref().ok()?;
        follow(place, rows)
    });
    found
}

/// Whether a page by number was refused, or does not say how the list goes on.
fn leads_nowhere((asked, found): &(Asked, Option<Found>)) -> bool {
    matches!(asked.page, endpoint::Page::Window(_))
        && match found {
            Some(Ok((answer, _))) => !matches!(next(answer), Ok(Next::Numbered | Next::End)),
            Some(Err(Refusal::Unexpected(405, _))) => true,
            Some(Err(_)) | None => false,
        }
}

/// The pages between those that do not touch, each behind the last row of one.
fn gaps(walk: &Walk, pages: &[(Asked, Option<Found>)]) -> Vec<Asked> {
    let mut gaps = Vec::new();
    for (page, after) in pages.iter().zip(pages.iter().skip(1)) {
        let ((_, Some(Ok((_, rows)))), (asked, Some(Ok((_, rows_after))))) = (page, after) else { continue };
        let Some(last) = rows.last() else { continue };
        let leaves_out = match (&asked.behind, rows_after.first()) {
            (Some(behind), _) => last.id < *behind,
            (None, Some(first)) => last.id < first.id,
            (None, None) => false,
        };
        if leaves_out {
            gaps.push(walk.behind(&last.id));
        }
    }
    gaps
}

/// A page that came: what was asked for, how many rows came, and those of them that are not read.
pub(super) type Came = (Asked, usize, Found);

/// Takes a page, and says whether the list goes on.
pub(super) type Take<'a> = &'a dyn Fn(&mut Client<'_>, Came, &mut Place, &mut Page) -> Result<bool, Failure>;

/// Take pages in order with `take`, which says whether the list goes on.
///
/// # Errors
/// The failure of the first page. What a later page meets, and whatever is wrong with it, is met again by the call that
/// begins with it.
pub(super) fn each(
    client: &mut Client<'_>,
    mut pages: Ahead,
    place: &mut Place,
    page: &mut Page,
    take: Take<'_>,
) -> Result<(), Failure> {
    let mut is_first = true;
    while let Some(came) = pages.next(&place.walk) {
        let before = Before::of(place, page);
        let taken = take(client, came, place, page);
        if !is_first && (taken.is_err() || page.doubtful) {
            before.restore(place, page);
            break;
        }
        if !taken? {
            break;
        }
        is_first = false;
    }
    Ok(())
}

/// What a page may change, as it was before.
pub(super) struct Before {
    place: Place,
    entries: usize,
    warnings: usize,
    progress: (Option<u64>, Option<u64>),
}

impl Before {
    pub(super) fn of(place: &Place, page: &Page) -> Self {
        Self {
            place: place.clone(),
            entries: page.entries.len(),
            warnings: page.warnings.len(),
            progress: (page.done, page.expected),
        }
    }

    /// Undo what was done since.
    pub(super) fn restore(self, place: &mut Place, page: &mut Page) {
        *place = self.place;
        page.entries.truncate(self.entries);
        page.warnings.truncate(self.warnings);
        (page.done, page.expected) = self.progress;
        page.doubtful = false;
    }
}
