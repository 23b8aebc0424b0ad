//! Pages of the accounts of an instance: who there is, and who of them holds a seat.
//!
//! Guarantees: each account is delivered at most once, in ascending order of id, together with its assignment; the last
//! page compares the seats counted with GitLab's own number and reports both.
//!
//! Refuses rows that an administrator would not get, and a list without anybody, which would read as "all released".

use super::ahead::{self, Ahead, Before, Came, Found};
use super::endings::{ListName, allocated_differs, bad_page, judge};
use super::{EMPTY_LIST, MEND_EMPTY_LIST, Page, fail, leave};
use crate::configuration::settings::Settings;
use crate::cursor::Place;
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{self, Endpoint, ROWS_PER_PAGE};
use crate::gitlab::entities::PersonRow;
use crate::gitlab::refusal::{Refusal, decode};
use crate::paging::ahead::Asked;
use crate::paging::{Break, Taken, Then};
use crate::record::Entry;
use crate::seats::{self, Downgraded, SeatRules};

const STAGE: &str = "accounts";

const LIST: ListName<'static> = ListName { rows: "users", endpoint: "GET /api/v4/users" };

pub(super) fn read(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = STAGE;
    // Worth a request where there are pages to guess and nothing else tells how many.
    let walk = &place.walk;
    let newest = walk.full
        && walk.can_guess()
        && walk.newest.is_none()
        && walk.total.is_none()
        && (walk.pages > 1 || place.allocated.is_none());
    let most = client.worth_sending();
    let pages = Ahead::ask(client, place, most, newest, &|asked| endpoint_of(asked.page.clone()));
    ahead::each(client, pages, place, page, &take)
}

/// Take the first page, which was asked for beside something else. Whatever is wrong with it is left to the next call, which then
/// begins with it.
pub(super) fn take_first(client: &mut Client<'_>, found: Found, place: &mut Place, page: &mut Page) {
    let came = found.as_ref().map_or(0, |(_, rows)| rows.len());
    let (before, entries) = (Before::of(place, page), page.entries.len());
    let taken = take(client, (Asked::only(endpoint::Page::First), came, found), place, page);
    if taken.is_err() || page.doubtful {
        before.restore(place, page);
    } else if page.entries.len() > entries {
        page.stage = STAGE;
    }
}

const fn endpoint_of(page: endpoint::Page) -> Endpoint {
    Endpoint::Users { page, per_page: ROWS_PER_PAGE }
}

/// Take a page. Whether the list goes on.
fn take(
    client: &mut Client<'_>,
    (asked, came, found): Came,
    place: &mut Place,
    page: &mut Page,
) -> Result<bool, Failure> {
    let settings = client.settings();
    let asked = asked.page;
    let endpoint = endpoint_of(asked.clone());
    let refused = |refusal| fail(refusal, &endpoint, settings);
    let (answer, rows) = match found {
        // The ceiling of lists by number, or a keyset that is refused.
        Err(Refusal::Unexpected(405, _)) => match asked {
            endpoint::Page::First => {
                place.walk.without_keyset();
                return Ok(true);
            }
            endpoint::Page::Window(_) => {
                judge(&Taken::<()>::nothing(None, Then::Broken(Break::TooDeep)), LIST, 0, place, page);
                leave(place);
                return Ok(false);
            }
            endpoint::Page::Cursor(_) => return Err(refused(Refusal::Unexpected(405, String::new()))),
        },
        found => found.map_err(refused)?,
    };
    let taken = place.walk.take_asked(asked, came, &answer, rows, |row| &row.id);
    let mut taken = taken.map_err(|error| bad_page(error, endpoint.name()))?;
    let rules = SeatRules { plan: place.plan.as_deref(), release: place.release, guests_free: None };
    let brought_somebody = !taken.rows.is_empty();
    for row in std::mem::take(&mut taken.rows) {
        if !seats::has_full_rows(&row) {
            return Err(downgraded(Downgraded::NotAdministrator, &endpoint, settings));
        }
        if place.pool_id.is_none() && row.using_license_seat == Some(true) {
            return Err(contradicted(&endpoint));
        }
        let assignment = place
            .pool_id
            .as_deref()
            .map(|pool_id| seats::instance_assignment(&row, pool_id, rules))
            .transpose()
            .map_err(|cause| downgraded(cause, &endpoint, settings))?;
        let holds = assignment.as_ref().is_some_and(|assignment| assignment.consumes_seat == Some(true));
        place.seats = place.seats.saturating_add(u64::from(holds));
        page.entries.push(Entry::User(seats::user(row, true, settings.identity)));
        page.entries.extend(assignment.map(Entry::Assignment));
    }
    if taken.then == Then::Unsure {
        taken.then = make_sure(client, place, brought_somebody)?;
    }
    page.expected = taken.total;
    if judge(&taken, LIST, came, place, page) {
        return Ok(true);
    }
    if place.walk.rows == 0 {
        return Err(nobody(&endpoint));
    }
    if place.list_whole {
        allocated_differs(place, page, "The license", "users");
    }
    leave(place);
    Ok(false)
}

/// Whether there is nobody with a larger id than those read: one row, from the other end. If there is, the walk goes on by
/// number for as long as that brings somebody. Who has come since that row was asked for was not there all the time.
fn make_sure(client: &mut Client<'_>, place: &Place, brought_somebody: bool) -> Result<Then, Failure> {
    if place.walk.is_behind_newest() {
        return Ok(Then::Done);
    }
    let settings = client.settings();
    let clock = client.clock();
    let newest: Vec<PersonRow> = decode(client.ask(&Endpoint::NewestUser), clock)
        .map_err(|refusal| fail(refusal, &Endpoint::NewestUser, settings))?;
    let is_end = newest.iter().all(|row| place.walk.last_id.as_ref().is_some_and(|last| row.id <= *last));
    Ok(match (is_end && !newest.is_empty(), brought_somebody) {
        (true, _) => Then::Done,
        (false, true) => Then::GoesOn,
        (false, false) => Then::Broken(Break::NotTheEnd),
    })
}

fn nobody(endpoint: &Endpoint) -> Failure {
    Failure::Malformed {
        why: "expected at least the token's user, an empty list came".to_owned(),
        explanation: Explanation::new(EMPTY_LIST).hint(MEND_EMPTY_LIST).at(endpoint.name()),
    }
}

/// Without a license nobody uses a seat, by GitLab's own rule.
fn contradicted(endpoint: &Endpoint) -> Failure {
    Failure::Malformed {
        why: "no license by one answer, somebody with a seat by another".to_owned(),
        explanation: Explanation::new(
            "GitLab says in one answer that there is no license, and in another that somebody uses a seat.",
        )
        .hint("Repeat later; if it stays, check whether a proxy changes answers.")
        .at(endpoint.name()),
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
