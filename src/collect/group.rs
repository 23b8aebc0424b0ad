//! The plan of one top-level group, and the list of groups.
//!
//! Guarantees: namespace, subscription and add-ons of a group are asked for at once, those of one that the settings name by its path,
//! and the add-ons after them; whether the caller is an owner of it
//! is decided by whether GitLab tells what was bought. A group that cannot be read leaves the others readable.
//!
//! Refuses subgroups and personal namespaces: seats are counted for top-level groups.

use super::ahead::Before;
use super::endings::{ListName, bad_page, judge};
use super::{
    CHOOSE_SELF_MANAGED, NOT_GITLAB_COM, Page, billable, can_be_left, fail, is_no_right, learned, leave, members,
};
use crate::configuration::settings::Settings;
use crate::cursor::{AddOn, Group, Place, Stage};
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::{Ask, Client, UNANSWERED};
use crate::gitlab::endpoint::{Endpoint, ROWS_PER_PAGE};
use crate::gitlab::entities::{Namespace, Purchase, Subscription};
use crate::gitlab::graphql;
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::{Refusal, decode, read as read_answer};
use crate::gitlab::scalars::Id;
use crate::gitlab::versions::{Feature, has};
use crate::paging::Walk;
use crate::quoting::quoted;
use crate::record::{Entry, Pool};
use crate::seats::{self, AddOnPlace};
use crate::survey;
use crate::transport::Response;

const STAGE: &str = "plan";

pub(super) const LIST_STAGE: &str = "groups";

/// The next page of the list of groups.
pub(super) fn list(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = LIST_STAGE;
    let Some(walk) = place.groups.take() else {
        leave(place);
        return Ok(());
    };
    let endpoint = Endpoint::Groups { role: place.role, window: walk.window() };
    let settings = client.settings();
    let refused = |refusal| fail(refusal, &endpoint, settings);
    let answer = client.ask(&endpoint).map_err(refused)?;
    let groups: Vec<Namespace> = read_answer(&answer, client.clock()).map_err(refused)?;
    take_list(&endpoint, walk, &answer, groups, place, page)
}

/// Take a page of the list of groups, which `walk` walks.
pub(super) fn take_list(
    endpoint: &Endpoint,
    mut walk: Walk,
    answer: &Response,
    groups: Vec<Namespace>,
    place: &mut Place,
    page: &mut Page,
) -> Result<(), Failure> {
    let came = groups.len();
    let mut taken = walk.take(answer, groups, |group| &group.id).map_err(|error| bad_page(error, endpoint.name()))?;
    walk.press_on(&mut taken);
    // The place that a warning names is that of this list.
    std::mem::swap(&mut place.walk, &mut walk);
    let name = endpoint.name();
    let goes_on = judge(&taken, ListName { rows: "groups", endpoint: &name }, came, place, page);
    std::mem::swap(&mut place.walk, &mut walk);
    place.queue.extend(taken.rows.into_iter().map(|group| group.id));
    place.groups = goes_on.then_some(walk);
    leave(place);
    Ok(())
}

/// The plan of the group that is next.
pub(super) fn read(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    if place.queue.is_empty() {
        page.stage = STAGE;
        leave(place);
        return Ok(());
    }
    let id = place.queue.remove(0);
    if !survey::is_gitlab_com(client.settings()) {
        // The pool is the instance's; the group is only where its holders are looked for.
        page.stage = STAGE;
        place.group = Some(Group { id, path: String::new() });
        place.turn_to(Stage::Members, Walk::by_number(ROWS_PER_PAGE));
        return Ok(());
    }
    let asked = ask(client, &id, None, place);
    take(client, id, asked, place, page)
}

/// What was told of a group just now.
pub(super) struct Known {
    pub(super) namespace: Namespace,
    pub(super) subscription: Result<Subscription, Refusal>,
}

impl Known {
    /// Whether the caller is an owner of it: only they see the plan, and what was bought.
    pub(super) const fn is_owned(&self) -> bool {
        self.subscription.is_ok() || self.namespace.plan.is_some()
    }

    /// Whether what is known is all there is, and not what a server in trouble told.
    fn can_be_taken(&self) -> bool {
        self.subscription.as_ref().err().is_none_or(can_be_left)
    }
}

/// The plan of a group of which something is known. Whatever goes wrong is left to the next call, which then begins with
/// this group.
pub(super) fn read_of(client: &mut Client<'_>, known: Known, place: &mut Place, page: &mut Page) {
    let before = Before::of(place, page);
    let id = known.namespace.id.clone();
    // A call that has taken long ends, and a server in trouble is not asked for more.
    let is_read = known.can_be_taken() && !client.is_late() && {
        let asked = ask(client, &id, Some(known), place);
        take(client, id.clone(), asked, place, page).is_ok()
    };
    if !is_read {
        before.restore(place, page);
        page.stage = LIST_STAGE;
        place.queue.push(id);
        place.turn_to(Stage::Group, Walk::default());
    }
}

fn take(client: &mut Client<'_>, id: Id, asked: Asked, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    page.stage = STAGE;
    let settings = client.settings();
    let Asked { namespace, subscription, purchases, maintained } = asked;
    if let Some(maintained) = maintained {
        // Nothing of the queue has been read so far.
        let owned = |other: &Id| *other == id || place.queue.contains(other);
        let left_out = survey::others(maintained, &owned, client.clock());
        place.others_unseen = false;
        if !left_out.is_empty() {
            page.warn("groups-left-out", survey::left_out(&left_out), None);
        }
    }
    let namespace_endpoint = Endpoint::Namespace(id.as_str().to_owned());
    let namespace = match namespace {
        Ok(namespace) => namespace,
        // A group that fails leaves the others readable; where it was the last hope, there is nothing to be delivered.
        Err(refusal) if is_no_right(&refusal) || refusal.is_of_one_thing() && has_others(place) => {
            return passed_over(place, page, &id, &refusal.explanation(settings).message);
        }
        Err(refusal) => return Err(fail(refusal, &namespace_endpoint, settings)),
    };
    if seats::is_of_an_instance(&namespace) {
        let explanation = Explanation::new(NOT_GITLAB_COM).hint(CHOOSE_SELF_MANAGED);
        return Err(Failure::InvalidConfiguration(explanation));
    }
    if !survey::is_top_level(&namespace) {
        return passed_over(place, page, &id, &survey::not_top_level(&namespace).message);
    }
    let (subscription, trouble) = match subscription {
        Ok(subscription) => (Some(subscription), None),
        Err(refusal) if is_no_right(&refusal) => (None, None),
        Err(refusal) if refusal.is_of_one_thing() => (None, Some(refusal.explanation(settings).message)),
        Err(refusal) => return Err(fail(refusal, &Endpoint::Subscription(id.as_str().to_owned()), settings)),
    };
    // Only owners see the plan of a namespace.
    let is_owner = subscription.is_some() || namespace.plan.is_some();
    // A subscription that fails is missing; one that is not for this caller is not.
    place.whole &= trouble.is_none();
    let path = namespace.full_path.clone().unwrap_or_default();
    let pool = seats::group_pool(&namespace, subscription.as_ref(), client.clock().today());
    two_counts(&namespace, subscription.as_ref(), &pool, page);
    place.pool_id = Some(pool.pool_id.clone());
    place.plan.clone_from(&pool.plan_code);
    place.plan = place.plan.as_deref().map(quoted);
    place.guests_free = subscription.as_ref().and_then(|subscription| subscription.plan.exclude_guests);
    place.allocated = pool.allocated;
    place.counted_now = namespace.billable_members_count.is_some();
    place.roles_missed = false;
    place.group = Some(Group { id: id.clone(), path: path.clone() });
    place.drill = settings.memberships;
    if is_owner && subscription.is_none() {
        page.warn(
            "entitled-not-read",
            format!(
                "GitLab does not tell how many seats were bought for this group; that number is unknown.{}",
                trouble.map_or_else(String::new, |words| [" ", &words].concat())
            ),
            Some(pool.pool_id.clone()),
        );
    }
    page.entries.push(Entry::Pool(pool));
    place.add_ons.clear();
    if is_owner {
        let scope = AddOnPlace { group: Some(&id), name: &path };
        if settings.add_ons {
            let mut optional = Optional(place.unknown_fields);
            let purchases = queries::ask_purchases(client, &mut optional, Some(&id), purchases);
            learned(optional, "add-ons", &mut place.unknown_fields, page);
            take_purchases(purchases, scope, true, place, page, settings)?;
        }
        let (stage, walk) = members::start(place, settings.members).unwrap_or_else(|| billable::start(place));
        place.turn_to(stage, walk);
    } else {
        lower_bound(place, page, &path);
        place.turn_to(Stage::Members, Walk::by_number(ROWS_PER_PAGE));
    }
    Ok(())
}

/// What is known of a group.
struct Asked {
    namespace: Result<Namespace, Refusal>,
    subscription: Result<Subscription, Refusal>,
    /// Its add-ons, where they are wanted.
    purchases: Option<Result<Response, Refusal>>,
    /// With the first group: the groups of which the caller is a Maintainer at least.
    maintained: Option<Result<Response, Refusal>>,
}

/// Asks for what is not `known`.
fn ask(client: &mut Client<'_>, id: &Id, known: Option<Known>, place: &Place) -> Asked {
    let namespace = Endpoint::Namespace(id.as_str().to_owned());
    let subscription = Endpoint::Subscription(id.as_str().to_owned());
    let purchases = queries::purchases(Some(id), Optional(place.unknown_fields));
    let mut asks = Vec::new();
    if known.is_none() {
        asks.extend([Ask::Get(&namespace), Ask::Get(&subscription)]);
    }
    let wants_add_ons = client.settings().add_ons && known.as_ref().is_none_or(Known::is_owned);
    if wants_add_ons {
        asks.push(Ask::Query(&purchases));
    }
    let maintained = survey::first_groups(survey::MAINTAINER);
    if place.others_unseen {
        asks.push(Ask::Get(&maintained));
    }
    let mut answers = client.send(&asks).into_iter();
    let clock = client.clock();
    let mut next = || answers.next().unwrap_or(UNANSWERED);
    let (namespace, subscription) = match known {
        Some(Known { namespace, subscription }) => (Ok(namespace), subscription),
        None => (decode(next(), clock), decode(next(), clock)),
    };
    Asked {
        namespace,
        subscription,
        purchases: wants_add_ons.then(&mut next),
        maintained: place.others_unseen.then(next),
    }
}

/// Whether anything else has been or will be read.
fn has_others(place: &Place) -> bool {
    place.counts.pools > 0 || !place.queue.is_empty() || place.groups.is_some()
}

fn passed_over(place: &mut Place, page: &mut Page, id: &Id, why: &str) -> Result<(), Failure> {
    page.warn(
        "group-not-read",
        format!("The group with the number {} was passed over: {why}", id.as_str()),
        Some(format!("group:{}", id.as_str())),
    );
    place.whole = false;
    place.group = None;
    place.turn_to(Stage::Group, Walk::default());
    if place.queue.is_empty() {
        leave(place);
    }
    Ok(())
}

/// What a caller without the right to the seats gets.
fn lower_bound(place: &mut Place, page: &mut Page, path: &str) {
    page.warn(
        "lower-bound",
        format!(
            "The token's user is no Owner of {}, so that GitLab shows neither what was bought nor all who hold a seat. What follows is a lower bound. An Owner's token would do.",
            quoted(path)
        ),
        place.pool_id.clone(),
    );
    place.whole = false;
}

/// GitLab counts seats in two places, at different times. Both figures are told.
fn two_counts(namespace: &Namespace, subscription: Option<&Subscription>, pool: &Pool, page: &mut Page) {
    let kept = subscription.and_then(|found| found.usage.seats_in_use).or(namespace.seats_in_use);
    if let (Some(now), Some(kept)) = (namespace.billable_members_count, kept)
        && now != kept
    {
        page.warn(
            "seat-counts-differ",
            format!(
                "GitLab counts {now} seats in use now and {kept} in the subscription, which it renews within a day. The first is delivered."
            ),
            Some(pool.pool_id.clone()),
        );
    }
}

/// The add-ons as pools, and those whose holders are to be read. To somebody without the right the list is empty, too:
/// `may_know` tells the two apart.
pub(super) fn take_purchases(
    purchases: Result<Vec<Purchase>, Refusal>,
    scope: AddOnPlace<'_>,
    may_know: bool,
    place: &mut Place,
    page: &mut Page,
    settings: &Settings,
) -> Result<bool, Failure> {
    let purchases = match purchases {
        Ok(purchases) => purchases,
        Err(refusal) if graphql::is_of_graphql_alone(&refusal) || matches!(refusal, Refusal::TokenOrScope) => {
            add_ons_not_read(&refusal.explanation(settings).message, page);
            place.whole = false;
            return Ok(false);
        }
        Err(refusal) => return Err(super::fail_query(refusal, settings)),
    };
    if purchases.is_empty() && !may_know {
        add_ons_not_read("GitLab shows them to administrators and owners only.", page);
        return Ok(false);
    }
    for purchase in purchases {
        let name = purchase.name.as_deref().unwrap_or_default();
        if seats::seat_assignable(name) {
            place.add_ons.push(AddOn { id: purchase.id.clone(), name: name.to_owned(), assigned: purchase.assigned });
        } else if name != seats::DUO_CORE && purchase.assigned.is_some_and(|assigned| assigned > 0) {
            page.warn(
                "add-on-seats-not-read",
                format!(
                    "Seats of {} are given to people; this version of the plugin does not know how to ask to whom.",
                    quoted(name)
                ),
                Some(scope.pool_id(name)),
            );
        }
        page.entries.push(Entry::Pool(seats::add_on_pool(&purchase, scope)));
    }
    Ok(true)
}

pub(super) fn add_ons_not_read(why: &str, page: &mut Page) {
    page.warn("add-ons-not-read", format!("Whether there are add-on seats such as GitLab Duo is unknown: {why}"), None);
}

/// Whether this GitLab has add-ons to be asked for.
pub(super) fn has_add_ons(place: &Place) -> bool {
    has(place.release, Feature::AddOns)
}
