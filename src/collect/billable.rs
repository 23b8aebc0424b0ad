//! Pages of those who hold a seat in a group of GitLab.com, with role and date from the lists beside it.
//!
//! Guarantees: the list itself decides who holds a seat. Role and date come from the group's own members, one request a
//! page, unless `members` is off; with `memberships`, from all memberships of each holder, two requests a person, within [`MOST_DRILLED`].
//!
//! Refuses to go on without role and date in silence: where GitLab does not give them, as to owners of groups that are
//! synchronised with LDAP, a warning says so once a group. Refuses an empty list: an Owner holds a seat.

use super::ahead::{Ahead, Before, Came, Found};
use super::endings::{ListName, allocated_differs, bad_page, judge};
use super::{Page, can_be_left, fail, is_no_right, leave};
use crate::cursor::{Place, Stage};
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{Endpoint, ROWS_PER_PAGE, Reach};
use crate::gitlab::entities::{Membership, PersonRow};
use crate::gitlab::refusal::{Refusal, page_of};
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

/// A page that was taken, and what there was before it.
struct Part {
    rows: Vec<PersonRow>,
    before: Before,
    goes_on: bool,
}

pub(super) fn read(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "seats";
    let (Some(group), Some(pool_id)) = (place.group.clone(), place.pool_id.clone()) else {
        leave(place);
        return Ok(());
    };
    // Most pages bring another request; with memberships, forty.
    let most = match (place.drill, client.settings().members) {
        (true, _) => 1,
        (false, true) => client.worth_sending() / 2,
        (false, false) => client.worth_sending(),
    };
    let endpoint = |window| Endpoint::BillableMembers { group: group.id.clone(), window };
    let mut pages = Ahead::ask(client, place, most, false, &|asked| endpoint(asked.window()));
    let mut parts: Vec<Part> = Vec::new();
    while let Some(came) = pages.next(&place.walk) {
        let before = Before::of(place, page);
        let endpoint = endpoint(came.0.window());
        let taken = take(client, came, &endpoint, place, page);
        if !parts.is_empty() && page.doubtful {
            before.restore(place, page);
            break;
        }
        match taken {
            Ok(Some((rows, goes_on))) => {
                parts.push(Part { rows, before, goes_on });
                if !goes_on {
                    break;
                }
            }
            Ok(None) if parts.is_empty() => return Ok(()),
            Err(failure) if parts.is_empty() => return Err(failure),
            Ok(None) | Err(_) => {
                before.restore(place, page);
                break;
            }
        }
    }
    let name = endpoint(place.walk.window()).name();
    deliver(client, &group.id, &pool_id, &name, parts, place, page)
}

/// Take a page: its rows, and whether the list goes on. Nothing where the list is left.
fn take(
    client: &mut Client<'_>,
    (_, came, found): Came,
    endpoint: &Endpoint,
    place: &mut Place,
    page: &mut Page,
) -> Result<Option<(Vec<PersonRow>, bool)>, Failure> {
    let settings = client.settings();
    let name = endpoint.name();
    let list = ListName { rows: "seats", endpoint: &name };
    let (answer, rows) = match found {
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
            return Ok(None);
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
            return Ok(None);
        }
        Err(refusal) => return Err(fail(refusal, endpoint, settings)),
    };
    let mut taken = place.walk.take(&answer, rows, |row| &row.id).map_err(|error| bad_page(error, endpoint.name()))?;
    if taken.then == Then::Unsure && place.counted_now && place.allocated == Some(place.walk.rows) {
        // The number that was counted for this run is as good as a header.
        taken.then = Then::Done;
    }
    place.walk.press_on(&mut taken);
    page.expected = taken.total;
    let goes_on = judge(&taken, list, came, place, page);
    place.seats = place.seats.saturating_add(u64::try_from(taken.rows.len()).unwrap_or(u64::MAX));
    Ok(Some((taken.rows, goes_on)))
}

/// Deliver the holders on pages that were taken, with what the lists beside say of them.
fn deliver(
    client: &mut Client<'_>,
    group: &Id,
    pool_id: &str,
    name: &str,
    mut parts: Vec<Part>,
    place: &mut Place,
    page: &mut Page,
) -> Result<(), Failure> {
    // A page that brought nobody new is the last one.
    let wanted = client.settings().members;
    let asked = parts.iter().take_while(|part| wanted && !part.rows.is_empty());
    let among: Vec<Endpoint> = asked.map(|part| members_among(group, &part.rows)).collect();
    let mut answers: Vec<Found> =
        client.ask_many(&among).into_iter().map(|answer| page_of(answer, client.clock())).collect();
    // Up to the first whose answer says that GitLab is in trouble; the next call begins with that page. If it is the
    // first of several, it was too much at once.
    let in_trouble = |answer: &Found| answer.as_ref().is_err_and(|refusal| !can_be_left(refusal));
    if let Some(first) = answers.iter().position(in_trouble) {
        let sent_away = matches!(answers.get(first), Some(Err(Refusal::TooOften(_))));
        let kept = if sent_away && answers.len() > 1 { first } else { first.max(1) };
        if let Some(part) = parts.drain(kept.min(parts.len())..).next() {
            part.before.restore(place, page);
        }
        answers.truncate(kept);
    }
    let goes_on = parts.last().is_none_or(|part| part.goes_on);
    // A right that ends here has let the page itself be read: its holders are delivered, without more about them.
    let mut ended = Ok(());
    let mut answers = answers.into_iter().zip(&among);
    for part in parts {
        let members = answers
            .next()
            .map_or_else(|| Ok(Vec::new()), |(answer, endpoint)| roles(answer, endpoint, client, place, page));
        let members = members.unwrap_or_else(|failure| {
            ended = Err(failure);
            Vec::new()
        });
        let memberships = if ended.is_ok() { drill(client, group, &part.rows, place, page) } else { Ok(Vec::new()) };
        let memberships = memberships.unwrap_or_else(|failure| {
            ended = Err(failure);
            Vec::new()
        });
        for (number, row) in part.rows.into_iter().enumerate() {
            let member = members.iter().find(|member| member.id == row.id);
            let drilled = memberships.get(number).map(Vec::as_slice).unwrap_or_default();
            let assignment = seats::billable(&row, pool_id, member, drilled);
            page.entries.push(Entry::User(seats::user(row, true, client.settings().identity)));
            page.entries.push(Entry::Assignment(assignment));
        }
    }
    ended?;
    if goes_on {
        return Ok(());
    }
    if place.list_whole && place.walk.rows == 0 {
        page.warn(
            "seats-not-read",
            "GitLab's list of seats of this group is empty, although its Owner holds one at least. Who holds the seats is unknown.",
            Some(name.to_owned()),
        );
        place.whole = false;
    } else if place.list_whole {
        allocated_differs(place, page, "The group", "seats");
    }
    leave(place);
    Ok(())
}

/// Asks for those of the rows who are members of the group itself.
fn members_among(group: &Id, rows: &[PersonRow]) -> Endpoint {
    Endpoint::MembersAmong { group: group.clone(), users: rows.iter().map(|row| row.id.clone()).collect() }
}

/// Role and date of those who are members of the group itself.
fn roles(
    answer: Found,
    endpoint: &Endpoint,
    client: &Client<'_>,
    place: &mut Place,
    page: &mut Page,
) -> Result<Vec<PersonRow>, Failure> {
    let settings = client.settings();
    match answer {
        Ok((answer, members)) => {
            let words = match ending(&answer, members.len()) {
                Ending::Whole => return Ok(members),
                Ending::Cut => "A list of members was cut short",
                Ending::NotSaid => "Something before GitLab takes the headers of its lists away",
            };
            roles_missed(words, endpoint.name(), place, page);
            Ok(members)
        }
        Err(refusal) if can_be_left(&refusal) => {
            let words = refusal.explanation(settings).message;
            roles_missed(words.trim_end_matches('.'), endpoint.name(), place, page);
            Ok(Vec::new())
        }
        Err(refusal) => Err(fail(refusal, endpoint, settings)),
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
enum Ending {
    Whole,
    Cut,
    /// Without the headers that tell.
    NotSaid,
}

fn ending(answer: &Response, came: usize) -> Ending {
    match next(answer) {
        Ok(Next::NotSaid) => Ending::NotSaid,
        Ok(Next::End) if is_total(answer, came) => Ending::Whole,
        _ => Ending::Cut,
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
            match page_of::<Membership>(answer, client.clock()) {
                Ok((answer, memberships)) => {
                    match ending(&answer, memberships.len()) {
                        Ending::Whole => {}
                        Ending::Cut => lost += 1,
                        Ending::NotSaid => roles_missed(
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
