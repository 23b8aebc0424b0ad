//! People as everybody sees them, through GraphQL: who is there, and when they were last active.
//!
//! Guarantees: no assignment is made of these; that somebody is there says nothing of a seat.
//!
//! Refuses to fail for it: these lists add to a lower bound, which is one without them too.

use super::endings::{ListName, bad_page, judge};
use super::{Page, fail_query, learned, leave};
use crate::cursor::Place;
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::connection::{Connection, Edge, connection};
use crate::gitlab::entities::{GroupMember, PersonRow};
use crate::gitlab::graphql;
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::Refusal;
use crate::paging::Cursors;
use crate::record::Entry;
use crate::seats;

pub(super) fn read_users(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "accounts";
    let mut optional = Optional(place.unknown_fields);
    let after = place.walk.cursor().map(str::to_owned);
    let answer = queries::ask(client, &mut optional, |optional| queries::users(optional, after.as_deref()));
    learned(optional, "accounts", &mut place.unknown_fields, page);
    take(client, answer.and_then(connection), "users", place, page)
}

pub(super) fn read_members(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "members";
    let mut optional = Optional(place.unknown_fields);
    let after = place.walk.cursor().map(str::to_owned);
    let path = place.group.as_ref().map(|group| group.path.clone()).unwrap_or_default();
    let answer =
        queries::ask(client, &mut optional, |optional| queries::group_members(&path, optional, after.as_deref()));
    learned(optional, "members", &mut place.unknown_fields, page);
    let found = answer.and_then(connection::<GroupMember>).map(|list| Connection {
        edges: list
            .edges
            .into_iter()
            .map(|edge| Edge { cursor: None, node: edge.node.and_then(|member| member.user) })
            .collect(),
        has_next_page: list.has_next_page,
        end_cursor: list.end_cursor,
    });
    take(client, found, "members", place, page)
}

fn take(
    client: &Client<'_>,
    found: Result<Connection<PersonRow>, Refusal>,
    rows: &'static str,
    place: &mut Place,
    page: &mut Page,
) -> Result<(), Failure> {
    let connection = match found {
        Ok(found) => found,
        Err(refusal) if graphql::is_of_graphql_alone(&refusal) || matches!(refusal, Refusal::TokenOrScope) => {
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
    let came = connection.edges.iter().filter(|edge| edge.node.is_some()).count();
    let taken = place
        .walk
        .take_connection(connection, Cursors::OfRows, |row| &row.id)
        .map_err(|error| bad_page(error, graphql::NAME))?;
    let goes_on = judge(&taken, ListName { rows, endpoint: graphql::NAME }, came, place, page);
    let identity = client.settings().identity;
    page.entries.extend(taken.rows.into_iter().map(|row| Entry::User(seats::user(row, true, identity))));
    if !goes_on {
        leave(place);
    }
    Ok(())
}
