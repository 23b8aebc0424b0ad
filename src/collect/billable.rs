//! A page of those who hold a seat in a group of GitLab.com, with role and date from the lists beside it.
//!
//! Guarantees: the list itself decides who holds a seat. Role and date come from the group's own members, one request a
//! page; with `memberships`, from all memberships of each holder, two requests a person, within [`MOST_DRILLED`].
//!
//! Refuses to go on without role and date in silence: where GitLab does not give them, as to owners of groups that are
//! synchronised with LDAP, a warning says so once a group. Refuses an empty list: an Owner holds a seat.

use super::endings::{ListName, allocated_differs, bad_page, judge};
use super::{Page, ask_rows, can_be_left, fail, is_no_right, leave};
use crate::cursor::{Place, Stage};
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{Endpoint, ROWS_PER_PAGE, Reach};
use crate::gitlab::entities::{Membership, PersonRow};
use crate::gitlab::refusal::{Refusal, read as read_answer};
use crate::gitlab::scalars::Id;
use crate::gitlab::versions::{Feature, has};
use crate::paging::next::{Next, next, total};
use crate::paging::{SMALL, Then, Walk};
use crate::record::Entry;
use crate::seats;
use crate::transport::Response;

/// Requests that one run spends on memberships: 10,000 holders, which takes ten minutes at the 2,000 requests a minute that
/// GitLab.com allows one user.
const MOST_DRILLED: u64 = 20_000;

/// Where the list begins.
pub(super) fn start(place: &Place) -> (Stage, Walk) {
    (Stage::Billable, Walk::by_number(if place.drill { SMALL } else { ROWS_PER_PAGE }))
}

pub(super) fn read(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "seats";
    let settings = client.settings();
    let (Some(group), Some(pool_id)) = (place.group.clone(), place.pool_id.clone()) else {
        leave(place);
        return Ok(());
    };
    let endpoint = Endpoint::BillableMembers { group: group.id.clone(), window: place.walk.window() };
    let name = endpoint.name();
    let list = ListName { rows: "seats", endpoint: &name };
    let (answer, rows) = match ask_rows(client, &endpoint) {
        Ok(found) => found,
        Err(refusal) if can_be_left(&refusal) && place.walk.rows == 0 => {
            page.warn(
                "seats-not-read",
                format!(
                    "Who holds a seat in this group cannot be read ({}){}. What its list of members shows is a lower bound.",
                    refusal.explanation(settings).message.trim_end_matches('.'),
                    if is_no_right(&refusal) { "; only an Owner may" } else { "" }
                ),
                Some(name.clone()),
            );
            place.whole = false;
            place.turn_to(Stage::Members, Walk::by_number(ROWS_PER_PAGE));
            return Ok(());
        }
        // No Owner any more, or the group is gone: what was read stays, and other groups are read.
        Err(refusal) if can_be_left(&refusal) => {
            page.warn(
                "seats-not-read",
                format!(
                    "The list of seats could be read no further than {} rows: {}",
                    place.walk.rows,
                    refusal.explanation(settings).message
                ),
                Some(list.place(place)),
            );
            place.whole = false;
            leave(place);
            return Ok(());
        }
        Err(refusal) => return Err(fail(refusal, &endpoint, settings)),
    };
    let came = rows.len();
    let mut taken = place.walk.take(&answer, rows, |row| &row.id).map_err(|error| bad_page(error, endpoint.name()))?;
    if taken.then == Then::Unsure && place.counted_now && place.allocated == Some(place.walk.rows) {
        // The number that was counted for this run is as good as a header.
        taken.then = Then::Done;
    }
    place.walk.press_on(&mut taken);
    page.expected = taken.total;
    let goes_on = judge(&taken, list, came, place, page);
    // A right that ends here has let the page itself be read: its holders are delivered, without more about them.
    let mut ended = Ok(());
    let members = members_among(client, &group.id, &taken.rows, place, page);
    let members = members.unwrap_or_else(|failure| {
        ended = Err(failure);
        Vec::new()
    });
    let memberships = if ended.is_ok() { drill(client, &group.id, &taken.rows, place, page) } else { Ok(Vec::new()) };
    let memberships = memberships.unwrap_or_else(|failure| {
        ended = Err(failure);
        Vec::new()
    });
    for (number, row) in taken.rows.into_iter().enumerate() {
        let member = members.iter().find(|member| member.id == row.id);
        let drilled = memberships.get(number).map(Vec::as_slice).unwrap_or_default();
        let assignment = seats::billable(&row, &pool_id, member, drilled);
        place.seats = place.seats.saturating_add(1);
        page.entries.push(Entry::User(seats::user(row, true, settings.identity)));
        page.entries.push(Entry::Assignment(assignment));
    }
    ended?;
    if goes_on {
        return Ok(());
    }
    if place.list_whole && place.walk.rows == 0 {
        page.warn(
            "seats-not-read",
            "GitLab's list of seats of this group is empty, although its Owner holds one at least. Who holds the seats is unknown.",
            Some(name),
        );
        place.whole = false;
    } else if place.list_whole {
        allocated_differs(place, page, "The group", "seats");
    }
    leave(place);
    Ok(())
}

/// Those of the rows who are members of the group itself, with role and date.
fn members_among(
    client: &mut Client<'_>,
    group: &Id,
    rows: &[PersonRow],
    place: &mut Place,
    page: &mut Page,
) -> Result<Vec<PersonRow>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let settings = client.settings();
    let endpoint =
        Endpoint::MembersAmong { group: group.clone(), users: rows.iter().map(|row| row.id.clone()).collect() };
    match ask_rows(client, &endpoint) {
        Ok((answer, members)) => {
            let words = match came(&answer, members.len()) {
                Came::Whole => return Ok(members),
                Came::Cut => "A list of members was cut short",
                Came::NotSaid => "Something before GitLab takes the headers of its lists away",
            };
            roles_missed(words, endpoint.name(), place, page);
            Ok(members)
        }
        Err(refusal) if can_be_left(&refusal) => {
            let words = refusal.explanation(settings).message;
            roles_missed(words.trim_end_matches('.'), endpoint.name(), place, page);
            Ok(Vec::new())
        }
        Err(refusal) => Err(fail(refusal, &endpoint, settings)),
    }
}

/// Say once a group that roles are missing.
fn roles_missed(why: &str, endpoint: String, place: &mut Place, page: &mut Page) {
    if !place.roles_missed {
        place.roles_missed = true;
        page.warn(
            "roles-not-read",
            format!("{why}: of some holders of this group, role and date of membership may be missing."),
            Some(endpoint),
        );
    }
}

/// How a list came that has one page at most.
enum Came {
    Whole,
    Cut,
    /// Without the headers that tell.
    NotSaid,
}

fn came(answer: &Response, came: usize) -> Came {
    match next(answer) {
        Ok(Next::NotSaid) => Came::NotSaid,
        Ok(Next::End) if is_total(answer, came) => Came::Whole,
        _ => Came::Cut,
    }
}

/// Whether so many rows are all that the list announces, if it announces a number.
fn is_total(answer: &Response, came: usize) -> bool {
    total(answer).is_none_or(|total| usize::try_from(total) == Ok(came))
}

/// All memberships of each of the rows; an empty list for a person whose are not known.
fn drill(
    client: &mut Client<'_>,
    group: &Id,
    rows: &[PersonRow],
    place: &mut Place,
    page: &mut Page,
) -> Result<Vec<Vec<Membership>>, Failure> {
    if !place.drill || rows.is_empty() {
        return Ok(Vec::new());
    }
    let settings = client.settings();
    let mut reaches = vec![Reach::Direct];
    if has(place.release, Feature::Indirect) && !place.direct_only {
        reaches.push(Reach::Invited);
    }
    let endpoints: Vec<Endpoint> = rows
        .iter()
        .flat_map(|row| {
            reaches.iter().map(|reach| Endpoint::Memberships {
                group: group.clone(),
                user: row.id.clone(),
                reach: *reach,
            })
        })
        .collect();
    let spent = u64::try_from(endpoints.len()).unwrap_or(u64::MAX);
    place.drilled = place.drilled.saturating_add(spent);
    if place.drilled > MOST_DRILLED {
        place.drill = false;
        page.warn(
            "memberships-budget-spent",
            format!(
                "The memberships of the holders from id {} on were not asked for: {MOST_DRILLED} requests of this run were spent on them. Role and date are those in the group itself.",
                rows.first().map_or("", |row| row.id.as_str())
            ),
            place.pool_id.clone(),
        );
        return Ok(Vec::new());
    }
    let answers = client.ask_many(&endpoints);
    let mut result: Vec<Vec<Membership>> = Vec::with_capacity(rows.len());
    let mut answers = answers.into_iter().zip(&endpoints);
    let mut lost = 0_u32;
    for _ in rows {
        let mut all = Vec::new();
        for reach in &reaches {
            let Some((answer, endpoint)) = answers.next() else { break };
            let found =
                answer.and_then(|answer| Ok((read_answer::<Vec<Membership>>(&answer, client.clock())?, answer)));
            match found {
                Ok((memberships, answer)) => {
                    match came(&answer, memberships.len()) {
                        Came::Whole => {}
                        Came::Cut => lost += 1,
                        Came::NotSaid => roles_missed(
                            "Something before GitLab takes the headers of its lists away",
                            endpoint.name(),
                            place,
                            page,
                        ),
                    }
                    all.extend(memberships);
                }
                // No seat any more since the page was read, if it is only a few; or this person's fail.
                Err(Refusal::NotFound | Refusal::ServerError(500) | Refusal::Unreadable(_)) => lost += 1,
                Err(Refusal::NoSuchEndpoint) if *reach == Reach::Invited => {
                    if !place.direct_only {
                        place.direct_only = true;
                        page.warn(
                            "memberships-not-read",
                            "This GitLab does not tell memberships through invited groups; role and date of who holds a seat by one may be missing.",
                            place.pool_id.clone(),
                        );
                    }
                }
                Err(refusal) if is_no_right(&refusal) => {
                    if place.drill {
                        place.drill = false;
                        page.warn(
                            "memberships-not-read",
                            "The memberships of single people cannot be read in this group, as is the case where LDAP or SAML manages them. Role and date are those in the group itself.",
                            place.pool_id.clone(),
                        );
                    }
                }
                Err(refusal) => return Err(fail(refusal, endpoint, settings)),
            }
        }
        result.push(all);
    }
    if lost > 0 {
        page.warn(
            "memberships-not-read",
            format!(
                "{lost} lists of memberships were not there or cut short; of these people role and date may be those in the group itself."
            ),
            place.pool_id.clone(),
        );
    }
    Ok(result)
}
