//! A page of the members of a group, with what GitLab says of the seat of each.
//!
//! Guarantees: to an owner, who has the list of holders, these are only those without a seat, and why; to anybody else
//! they are all that can be known. Members of subgroups and projects alone are not in this list.
//!
//! Refuses to call a list whole whose announced number changed while it was read. Its order is not visible: somebody
//! passed over while another joined, or in a list of more than 10,000, which announces no number, goes unnoticed.

use super::endings::{ListName, judge};
use super::users::bad_next;
use super::{Page, ask_rows, fail, is_no_right, leave};
use crate::cursor::Place;
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::Endpoint;
use crate::gitlab::entities::PersonRow;
use crate::record::{Assignment, Entry};
use crate::seats::{self, SeatRules};

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
    let settings = client.settings();
    let (Some(group), Some(pool_id)) = (place.group.clone(), place.pool_id.clone()) else {
        leave(place);
        return Ok(());
    };
    let endpoint = Endpoint::Members { group: group.id, window: place.walk.window() };
    let name = endpoint.name();
    let list = ListName { rows: "members", endpoint: &name };
    let (answer, rows) = match ask_rows(client, &endpoint) {
        Ok(found) => found,
        Err(refusal) if is_no_right(&refusal) => {
            page.warn(
                "members-not-read",
                format!("The members of this group cannot be read: {}", refusal.explanation(settings).message),
                Some(list.place(place)),
            );
            place.whole = false;
            leave(place);
            return Ok(());
        }
        Err(refusal) => return Err(fail(refusal, &endpoint, settings)),
    };
    let came = rows.len();
    let taken = place.walk.take_unordered(&answer, rows, |row| &row.id).map_err(|error| bad_next(error, &endpoint))?;
    let goes_on = judge(&taken, list, came, place, page);
    let rules = SeatRules { plan: place.plan.as_deref(), release: place.release, guests_free: place.guests_free };
    for row in taken.rows {
        let Some(mut assignment) = verdict(&row, &pool_id, rules) else { continue };
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
    Ok(())
}
