//! A page of accounts: who there is, and who of them holds a seat.
//!
//! Guarantees: each account is delivered at most once, in ascending order of id, together with its assignment; what
//! was dropped is counted; the last page compares the seats counted with GitLab's own number and reports both.
//!
//! Refuses to ask for a page that cannot bring anything new, rows that an administrator would not get, and a list
//! without anybody, which would read as "all released".

use crate::collect::{EMPTY_LIST, MEND_EMPTY_LIST, ROWS_PER_PAGE};
use crate::configuration::settings::Settings;
use crate::cursor::Place;
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{Endpoint, Page};
use crate::gitlab::entities::UserRow;
use crate::gitlab::refusal::read;
use crate::paging::{self, Sifted};
use crate::record::{Batch, Entry, Progress, Summary, Then, Warning};
use crate::seats::{self, Downgraded, SeatRules};

/// Read the page at `place`.
pub(super) fn read_page(client: &mut Client<'_>, mut place: Place) -> Result<Batch, Failure> {
    let settings = client.settings();
    let asked = place.page();
    let endpoint = Endpoint::Users { page: asked.clone(), per_page: ROWS_PER_PAGE };
    let refused = |refusal: crate::gitlab::refusal::Refusal| refusal.into_failure(&endpoint, settings);
    let answer = client.ask(&endpoint).map_err(refused)?;
    let rows: Vec<UserRow> = read(&answer, client.clock()).map_err(refused)?;
    let named = paging::next_page(&answer).map_err(|error| Failure::Malformed {
        why: error.to_string(),
        explanation: Explanation::new("GitLab's list of users names a next page that cannot be asked for.")
            .hint("Check whether a proxy changes answers; otherwise report this with the version of GitLab.")
            .at(endpoint.name()),
    })?;

    let came = rows.len();
    let next = named.or_else(|| paging::unnamed_next(&asked, &answer).filter(|_| came >= usize::from(ROWS_PER_PAGE)));
    let sifted = Sifted::sift(rows, place.last_id.take(), |row| &row.id);
    let ending = ending(&asked, next, came, sifted.rows.len());
    place.pages = place.pages.saturating_add(1);
    place.dropped = place.dropped.saturating_add(sifted.dropped);
    place.last_id = sifted.last;
    let mut entries = Vec::with_capacity(sifted.rows.len() * 2);
    for row in sifted.rows {
        let rules = SeatRules { plan: place.plan.as_deref(), release: place.release };
        let assignment =
            seats::assignment(&row, &place.pool_id, rules).map_err(|cause| downgraded(cause, &endpoint, settings))?;
        place.seats = place.seats.saturating_add(u64::from(assignment.consumes_seat));
        entries.push(Entry::User(seats::user(row, settings.identity)));
        entries.push(Entry::Assignment(assignment));
    }

    let mut warnings = Vec::new();
    if sifted.dropped > 0 {
        warnings.push(out_of_order(sifted.dropped, &place));
    }
    place.counts.add(&entries, &[]);
    place.requests = place.requests.saturating_add(client.sent());
    let total = paging::total(&answer);
    let progress = Progress { stage: "accounts", done: place.counts.users, expected: total };
    let then = match ending {
        Ending::GoesOn(page) => {
            place.counts.add(&[], &warnings);
            place.turn_to(page);
            Then::Next(place.to_text().map_err(|error| super::does_not_fit(error, &endpoint))?)
        }
        Ending::Done | Ending::Stuck if place.counts.users == 0 => return Err(nobody(&endpoint)),
        Ending::Done | Ending::Stuck => {
            let mut complete = place.dropped == 0;
            if ending == Ending::Stuck {
                complete = false;
                warnings.push(stuck(came, &place));
            } else if let Some(total) = total.filter(|total| *total > place.counts.users) {
                complete = false;
                warnings.push(ended_early(total, &place));
            }
            warnings.extend(allocated_differs(&place).filter(|_| complete));
            place.counts.add(&[], &warnings);
            Then::End(Summary { complete, counts: place.counts, requests: place.requests })
        }
    };
    Ok(Batch { entries, warnings, progress, then })
}

#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// There is a page after this one.
    GoesOn(Page),
    /// The list is at its end.
    Done,
    /// The list is not at its end, and this page shows that the next one leads nowhere.
    Stuck,
}

/// `came` rows were on the page, `new` of them beyond those seen before.
fn ending(asked: &Page, next: Option<Page>, came: usize, new: usize) -> Ending {
    match next {
        // The list of some versions ends with an empty page.
        None if came == 0 || new > 0 => Ending::Done,
        Some(next) if new > 0 && next != *asked => Ending::GoesOn(next),
        // An empty page before the last one is no page of GitLab's; a last page without anything new is a first page
        // sent again.
        None | Some(_) => Ending::Stuck,
    }
}

fn place_name(place: &Place) -> String {
    let after = place.last_id.as_ref().map_or("the beginning", |id| id.as_str());
    format!("GET /api/v4/users, page {}, after id {after}", place.pages)
}

fn stuck(came: usize, place: &Place) -> Warning {
    let what = if came == 0 { "sent an empty page and named another" } else { "came back to rows already read" };
    Warning {
        code: "list-does-not-advance",
        message: format!(
            "GitLab's list of users {what} after {} users; who comes after them is unknown.",
            place.counts.users
        ),
        scope: Some(place_name(place)),
    }
}

fn out_of_order(dropped: u64, place: &Place) -> Warning {
    Warning {
        code: "rows-out-of-order",
        message: format!(
            "{dropped} rows of GitLab's list of users came twice or out of order and were left out; others may be missing."
        ),
        scope: Some(place_name(place)),
    }
}

fn ended_early(total: u64, place: &Place) -> Warning {
    Warning {
        code: "list-ended-early",
        message: format!(
            "GitLab announced {total} users and its list ended after {}; the list changed while it was read, or was cut off.",
            place.counts.users
        ),
        scope: Some(place_name(place)),
    }
}

/// Both numbers are GitLab's: one is a count of the night, the other of this moment. Neither is made to fit the other.
fn allocated_differs(place: &Place) -> Option<Warning> {
    let allocated = place.allocated.filter(|allocated| *allocated != place.seats)?;
    let (difference, larger) = (allocated.abs_diff(place.seats), allocated.max(place.seats));
    // What a working day brings: one seat in twenty, or one or two in a small company.
    let verdict = if difference <= 2.max(larger / 20) {
        "so that a small difference is usual"
    } else {
        "but a difference of this size is not usual: either the list was not whole, or that count is stale"
    };
    Some(Warning {
        code: "allocated-differs",
        message: format!(
            "The license counts {allocated} seats in use and the list of users shows {}. GitLab counts the first once a night, {verdict}.",
            place.seats
        ),
        scope: Some(place.pool_id.clone()),
    })
}

fn nobody(endpoint: &Endpoint) -> Failure {
    Failure::Malformed {
        why: "expected at least the token's user, an empty list came".to_owned(),
        explanation: Explanation::new(EMPTY_LIST).hint(MEND_EMPTY_LIST).at(endpoint.name()),
    }
}

fn downgraded(cause: Downgraded, endpoint: &Endpoint, settings: &Settings) -> Failure {
    let (missing, hint) = match cause {
        Downgraded::NotAdministrator => (
            "admin_mode",
            format!(
                "Have an administrator create a token with the scopes read_api, read_user and admin_mode at {}",
                settings.admin_token_page()
            ),
        ),
        Downgraded::NoSeatFlag => (
            "administrator",
            "Check that this is a GitLab Enterprise Edition, and that the token's user is an administrator.".to_owned(),
        ),
    };
    Failure::Forbidden {
        missing: missing.to_owned(),
        explanation: Explanation::new(format!("{cause}.")).hint(hint).at(endpoint.name()),
    }
}
