//! A page of the holders of an add-on's seats.
//!
//! Guarantees: whoever holds a seat is delivered, also somebody who has lost the base seat; the number that GitLab gives
//! for the purchase is compared with the length of the list.
//!
//! Refuses to call an add-on empty whose list is refused: that is a warning, and the run is partial.

use super::endings::{ListName, bad_page, judge};
use super::{Page, fail_query, learned, leave};
use crate::cursor::{AddOn, Place};
use crate::failure::Failure;
use crate::gitlab::client::Client;
use crate::gitlab::connection::{Connection, connection};
use crate::gitlab::entities::PersonRow;
use crate::gitlab::graphql;
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::Refusal;
use crate::paging::Cursors;
use crate::quoting::quoted;
use crate::record::Entry;
use crate::seats::{self, AddOnPlace};

const LIST: ListName<'static> = ListName { rows: "add-on seats", endpoint: graphql::NAME };

pub(super) fn read(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = "add-on seats";
    let Some(add_on) = place.add_ons.first().cloned() else {
        leave(place);
        return Ok(());
    };
    let group = place.group.clone();
    let scope = AddOnPlace { group: group.as_ref().map(|group| &group.id), name: "" };
    let pool_id = scope.pool_id(&add_on.name);
    let connection = match ask(client, &add_on, place, page) {
        Ok(connection) => connection,
        Err(refusal) if graphql::is_of_graphql_alone(&refusal) => {
            let settings = client.settings();
            let words = refusal.explanation(settings).message;
            page.warn(
                "add-on-seats-not-read",
                format!("Who holds a seat of {} cannot be read: {words}", quoted(&add_on.name)),
                Some(pool_id),
            );
            place.whole = false;
            return next_add_on(place);
        }
        Err(refusal) => return Err(fail_query(refusal, client.settings())),
    };
    let sent = connection.edges.len();
    let came = connection.edges.iter().filter(|edge| edge.node.is_some()).count();
    // Where GitLab gives the number of seats, that decides; a hidden row may be nobody's seat.
    if came < sent && add_on.assigned.is_none() {
        page.warn(
            "add-on-seats-not-all",
            format!("GitLab hides {} people in its list of seats of {}.", sent - came, quoted(&add_on.name)),
            Some(pool_id.clone()),
        );
        place.whole = false;
        place.list_whole = false;
    }
    let cursors = if Optional(place.unknown_of_holders).asks("sort") { Cursors::CountById } else { Cursors::Count };
    let taken = place
        .walk
        .take_connection(connection, cursors, |row| &row.id)
        .map_err(|error| bad_page(error, graphql::NAME))?;
    let goes_on = judge(&taken, LIST, came, place, page);
    // Before 17.5 GitLab lists those who may get a seat, and not those who have kept one from better days.
    let lists_holders = Optional(place.unknown_of_holders).asks("filterByAssignedSeat");
    for row in taken.rows {
        // The list without the filter also has those who might get a seat; of whom it does not say is none.
        if row.held.as_ref().map_or(!lists_holders, |held| held.nodes.is_empty()) {
            continue;
        }
        place.seats = place.seats.saturating_add(1);
        let assignment = seats::holder(&row, &pool_id);
        page.entries.push(Entry::User(seats::user(row, true, client.settings().identity)));
        page.entries.push(Entry::Assignment(assignment));
    }
    if goes_on {
        return Ok(());
    }
    if place.list_whole {
        compare(&add_on, lists_holders, pool_id, place, page);
    }
    next_add_on(place)
}

/// Compare a list that was read to its end with the number that GitLab gives for it. Before 17.5 the list passes over those
/// who were blocked, so that only the number shows whether there are any.
fn compare(add_on: &AddOn, lists_holders: bool, pool_id: String, place: &mut Place, page: &mut Page) {
    let (name, listed) = (quoted(&add_on.name), place.seats);
    let (code, message) = match add_on.assigned {
        Some(assigned) if assigned > listed => {
            let since = if lists_holders { "" } else { ", since this version passes over blocked accounts" };
            (
                "add-on-seats-not-all",
                format!(
                    "GitLab counts {assigned} seats of {name} given to people and lists {listed} of them{since}. Who has the others is unknown."
                ),
            )
        }
        None if !lists_holders => (
            "add-on-seats-not-all",
            format!(
                "This version of GitLab passes over blocked accounts in its list of seats of {name}, and does not tell how many are given; more people than the {listed} listed may hold one."
            ),
        ),
        Some(assigned) if assigned < listed => (
            "allocated-differs",
            format!("GitLab counts {assigned} seats of {name} given to people, and its list of them shows {listed}."),
        ),
        Some(_) | None => return,
    };
    place.whole &= code != "add-on-seats-not-all";
    page.warn(code, message, Some(pool_id));
}

fn next_add_on(place: &mut Place) -> Result<(), Failure> {
    if !place.add_ons.is_empty() {
        place.add_ons.remove(0);
    }
    leave(place);
    Ok(())
}

fn ask(
    client: &mut Client<'_>,
    add_on: &AddOn,
    place: &mut Place,
    page: &mut Page,
) -> Result<Connection<PersonRow>, Refusal> {
    let mut optional = Optional(place.unknown_of_holders);
    let path = place.group.as_ref().map(|group| group.path.clone());
    let after = place.walk.cursor().map(str::to_owned);
    let answer = queries::ask(client, &mut optional, |optional| {
        queries::holders(path.as_deref(), &add_on.name, &add_on.id, optional, after.as_deref())
    })?;
    learned(optional, "holders of add-ons", &mut place.unknown_of_holders, page);
    connection(answer)
}
