//! Pages of the members of a group, with what GitLab says of the seat of each.
//!
//! Guarantees: to an owner, who has the list of holders, these are only those without a seat, and why; to anybody else
//! they are all that can be known. Members of subgroups and projects alone are not in this list.
//!
//! Refuses to pass anybody over: its order is not visible, so that each page has to begin with the last row of the one
//! before. Where the walk went back for that, somebody may be delivered twice.

use super::ahead::{self, Ahead, Came};
use super::endings::{ListName, bad_page, judge};
use super::{Page, can_be_left, fail, leave};
use crate::cursor::{Place, Stage};
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{Endpoint, ROWS_PER_PAGE};
use crate::gitlab::entities::PersonRow;
use crate::paging::Walk;
use crate::record::{Assignment, Entry};
use crate::seats::{self, SeatRules};

/// Where the members without a seat begin to be read: before those who hold one, so that the list of holders has the last
/// word about somebody whom the two lists see differently. Nothing where they cannot be told: in a free group nobody uses
/// a seat by the word of this list, and a group whose plan is not known might be free. Nothing where they are not wanted.
pub(super) fn start(place: &Place, wanted: bool) -> Option<(Stage, Walk)> {
    let is_paid = place.plan.as_deref().is_some_and(|plan| !seats::is_free(Some(plan)));
    (wanted && is_paid).then(|| (Stage::Others, Walk::by_number(ROWS_PER_PAGE)))
}

pub(super) fn read_others(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    read(client, place, page, seats::member_only)
}

pub(super) fn read_all(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    read(client, place, page, |row, pool_id, rules| Some(seats::group_member(row, pool_id, rules)))
}

fn read(
    client: &mut Client<'_>,
    place: &mut Place,
    page: &mut Page,
    verdict: impl Fn(&PersonRow, &str, SeatRules<'_>) -> Option<Assignment>,
) -> Result<(), Failure> {
    page.stage = "members";
    let (Some(group), Some(pool_id)) = (place.group.clone(), place.pool_id.clone()) else {
        leave(place);
        return Ok(());
    };
    let endpoint = |window| Endpoint::Members { group: group.id.clone(), window };
    let most = client.worth_sending();
    let pages = Ahead::ask(client, place, most, false, &|asked| endpoint(asked.window()));
    ahead::each(client, pages, place, page, &|client, came, place, page| {
        let endpoint = endpoint(came.0.window());
        take(client, came, &endpoint, &pool_id, &verdict, place, page)
    })
}

/// Take a page. Whether the list goes on.
fn take(
    client: &mut Client<'_>,
    (_, came, found): Came,
    endpoint: &Endpoint,
    pool_id: &str,
    verdict: &impl Fn(&PersonRow, &str, SeatRules<'_>) -> Option<Assignment>,
    place: &mut Place,
    page: &mut Page,
) -> Result<bool, Failure> {
    let settings = client.settings();
    let name = endpoint.name();
    let list = ListName { rows: "members", endpoint: &name };
    let (answer, rows) = match found {
        Ok(found) => found,
        Err(refusal) if can_be_left(&refusal) => {
            page.warn(
                "members-not-read",
                format!("The members of this group cannot be read: {}", refusal.explanation(settings).message),
                Some(list.place(place)),
            );
            place.whole = false;
            leave(place);
            return Ok(false);
        }
        Err(refusal) => return Err(fail(refusal, endpoint, settings)),
    };
    let mut taken =
        place.walk.take_unordered(&answer, rows, |row| &row.id).map_err(|error| bad_page(error, endpoint.name()))?;
    place.walk.press_on(&mut taken);
    let goes_on = judge(&taken, list, came, place, page);
    let rules = SeatRules { plan: place.plan.as_deref(), release: place.release, guests_free: place.guests_free };
    for row in taken.rows {
        let Some(mut assignment) = verdict(&row, pool_id, rules) else { continue };
        if settings.deployment == crate::configuration::settings::Deployment::SelfManaged {
            // The seat is the instance's: role and days in one of its groups say nothing of it.
            assignment.role = None;
            assignment.assigned_on = None;
            assignment.ends_on = None;
        }
        // The row's date is that of the membership.
        page.entries.push(Entry::User(seats::user(row, false, settings.identity)));
        page.entries.push(Entry::Assignment(assignment));
    }
    if !goes_on {
        leave(place);
    }
    Ok(goes_on)
}
