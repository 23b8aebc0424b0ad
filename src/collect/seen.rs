//! People as everybody sees them, through GraphQL: who is there, and when they were last active.
//!
//! Guarantees: no assignment is made of these; that somebody is there says nothing of a seat.
//!
//! Refuses to fail for it: these lists add to a lower bound, which is one without them too.

use super::endings::{ListName, judge};
use super::holders::connection;
use super::{Page, fail_query, is_no_right, leave};
use crate::cursor::Place;
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::entities::{Connection, GroupMember, PageInfo, PersonRow};
use crate::gitlab::graphql;
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::Refusal;
use crate::record::Entry;
use crate::seats;

pub(super) fn read_users(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "accounts";
    let mut optional = Optional(place.unknown_fields);
    let after = place.walk.cursor().map(str::to_owned);
    let answer =
        queries::ask_list::<PersonRow>(client, &mut optional, |optional| queries::users(optional, after.as_deref()));
    place.unknown_fields = optional.0;
    let found = answer
        .and_then(connection)
        .map(|Connection { nodes, page_info }| (nodes.into_iter().flatten().collect(), page_info));
    take(client, found, "users", place, page)
}

pub(super) fn read_members(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "members";
    let mut optional = Optional(place.unknown_fields);
    let after = place.walk.cursor().map(str::to_owned);
    let path = place.group.as_ref().map(|group| group.path.clone()).unwrap_or_default();
    let answer = queries::ask_list::<GroupMember>(client, &mut optional, |optional| {
        queries::group_members(&path, optional, after.as_deref())
    });
    place.unknown_fields = optional.0;
    let found = answer.and_then(connection).map(|Connection { nodes, page_info }| {
        (nodes.into_iter().flatten().filter_map(|member| member.user).collect(), page_info)
    });
    take(client, found, "members", place, page)
}

fn take(
    client: &Client<'_>,
    found: Result<(Vec<PersonRow>, PageInfo), Refusal>,
    rows: &'static str,
    place: &mut Place,
    page: &mut Page,
) -> Result<(), Failure> {
    let (people, info) = match found {
        Ok(found) => found,
        Err(refusal)
            if is_no_right(&refusal)
                || matches!(refusal, Refusal::NotInSchema(_) | Refusal::QueryFailed(_) | Refusal::TokenOrScope) =>
        {
            let words = refusal.explanation(client.settings()).message;
            page.warn(
                "activity-not-read",
                format!("GitLab's list of {rows} with their activity cannot be read: {words}"),
                Some(graphql::NAME.to_owned()),
            );
            place.whole = false;
            leave(place);
            return Ok(());
        }
        Err(refusal) => return Err(fail_query(refusal, client.settings())),
    };
    let came = people.len();
    let taken = place.walk.take_connection(&info, people, false, |row| &row.id);
    let goes_on = judge(&taken, ListName { rows, endpoint: graphql::NAME }, came, place, page);
    let identity = client.settings().identity;
    page.entries.extend(taken.rows.into_iter().map(|row| Entry::User(seats::user(row, true, identity))));
    if !goes_on {
        leave(place);
    }
    Ok(())
}
