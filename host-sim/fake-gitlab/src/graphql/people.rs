//! Connections of people: accounts, members, and who may have or has an add-on seat.
//!
//! Without `filterByAssignedSeat` the eligible are active people: on an instance all of them, in a group those who take
//! a seat and its guests. With `"true"` they are the holders of the first purchase named, also those who lost their base
//! seat; with `"false"` the eligible without that seat.

use serde_json::json;

use super::caller::Space;
use super::connection::{Style, Turn};
use super::moved::{Keyset, Row, rows};
use super::resolve::{Arguments, Got, Node, Resolution};
use super::schema::Type;
use super::values::{of_user, second};
use crate::account::Account;
use crate::archetype::{AccountKind, State};
use crate::calendar::Day;
use crate::fault::INSERTED_ID;
use crate::groups::{AddOnFacts, Group, HolderFacts, Membership, Participant, Source};
use crate::query::Query;
use crate::selection::Listing;

impl<'a> Resolution<'a> {
    /// `users`, by keyset.
    pub(super) fn users(&mut self, arguments: &Arguments) -> Got<'a> {
        let Some(reader) = self.caller.reader() else { return Got::denied() };
        let population = &self.instance.population;
        let ascending = arguments.text("sort") == Some("CREATED_ASC");
        let flag = |name: &str| arguments.flag(name) == Some(true);
        let wanted = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("sort", if ascending { "asc" } else { "desc" })
            .append_pair("active", if flag("active") { "true" } else { "false" })
            .append_pair("humans", if flag("humans") { "true" } else { "false" })
            .append_pair("search", arguments.text("search").unwrap_or_default())
            .finish();
        let listing = match Listing::parse(&Query::parse(&wanted), reader, population.scenario) {
            Ok(listing) => listing,
            Err(bad) => return Got::Denied(bad.0),
        };
        let turn = match arguments.turn(Style::Keyset, self.paging) {
            Ok(turn) => turn,
            Err(sentence) => return Got::Denied(sentence),
        };
        let start = if ascending { 0 } else { u64::MAX };
        let id = |place: usize| population.id(place);
        let (rows, more) = match arguments.texts("ids") {
            None => {
                let behind = |position, take| listing.beside(population, position, false, take);
                let list = Keyset { behind: &behind, id: &id, start };
                list.page(self.paging, turn.position(), turn.take())
            }
            Some(ids) => {
                let id_of = |gid: &String| gid.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
                let mut places: Vec<usize> =
                    ids.iter().filter_map(id_of).filter_map(|id| population.place_of(id)).collect();
                places.sort_unstable();
                places.dedup();
                places.retain(|place| {
                    let beside = match ascending {
                        true => population.id(*place).saturating_sub(1),
                        false => population.id(*place).saturating_add(1),
                    };
                    listing.beside(population, Some(beside), false, 1).0.first() == Some(place)
                });
                if !ascending {
                    places.reverse();
                }
                places.truncate(turn.take());
                (places.into_iter().map(|place| (id(place), Row::True(place))).collect(), false)
            }
        };
        let ends = rows.first().zip(rows.last()).map(|((first, _), (last, _))| (*first, *last));
        let row = |(position, row): &(u64, Row)| (turn.cursor(*position), self.person(*row));
        Got::Object(Node::Page(Type::Users, rows.iter().map(row).collect(), turn.bounds(ends, start, more)))
    }

    pub(super) fn of_group(&mut self, space: &Space<'a>, name: &str, arguments: &Arguments) -> Got<'a> {
        let owner = self.caller.owns(space.group, self.instance);
        match name {
            "id" => Got::Leaf(json!(format!("gid://gitlab/Group/{}", space.id()))),
            "name" => Got::Leaf(json!(space.name())),
            "fullPath" => Got::Leaf(json!(space.path())),
            "billableMembersCount" if owner && space.subgroup.is_none() => Got::Leaf(json!(space.group.seats())),
            "billableMembersCount" => Got::Null,
            _ => self.members(space, arguments),
        }
    }

    /// `groupMembers`: one row for a person, the highest of the memberships asked for.
    fn members(&mut self, space: &Space<'a>, arguments: &Arguments) -> Got<'a> {
        let population = &self.instance.population;
        let group = space.group;
        let relations = arguments.texts("relations").unwrap_or_else(|| vec!["DIRECT".into(), "INHERITED".into()]);
        let asked_for = |membership: &Membership| {
            let relation = relation(space, membership.source);
            relation.is_some_and(|relation| relations.iter().any(|asked| asked == relation))
        };
        let search = arguments.text("search").map(str::to_lowercase);
        let found = |one: &Participant| {
            let memberships = one.memberships(&group.spec, population);
            let membership = memberships.into_iter().filter(asked_for).max_by_key(|membership| membership.level)?;
            let admitted = search.as_ref().is_none_or(|wanted| named(&population.account(one.place), wanted));
            admitted.then_some((*one, membership))
        };
        let mut rows: Vec<(Participant, Membership)> = group.people.iter().filter_map(found).collect();
        rows.sort_by_key(|(_, membership)| membership.id);
        self.page(Type::Members, arguments, rows.len(), |row| {
            let (one, membership) = rows.get(row.place())?;
            let id = if row.is_new() { INSERTED_ID } else { membership.id };
            Some(Node::Member(row.at(one.place), Membership { id, ..*membership }))
        })
    }

    pub(super) fn of_namespace(&mut self, space: &Space<'a>, name: &str, arguments: &Arguments) -> Got<'a> {
        let group = space.group;
        let gitlab_com = self.instance.options.scenario.gitlab_com();
        let owner = self.caller.owns(group, self.instance) && gitlab_com;
        match name {
            "id" => Got::Leaf(json!(format!("gid://gitlab/Namespace/{}", space.id()))),
            "name" => Got::Leaf(json!(space.name())),
            "fullPath" => Got::Leaf(json!(space.path())),
            "addOnPurchase" => {
                let wanted = arguments.text("addOnName").filter(|_| owner && space.subgroup.is_none());
                Got::optional(group.add_ons.iter().find(|one| Some(one.name) == wanted).map(Node::Purchase))
            }
            _ if !owner => Got::denied(),
            _ if space.subgroup.is_some() => {
                Got::Denied("Add on eligible users can only be queried on a root namespace".to_owned())
            }
            _ => self.eligible(Some(group), arguments),
        }
    }

    /// Who may have an add-on seat of a group, or of the instance.
    pub(super) fn eligible(&mut self, group: Option<&'a Group>, arguments: &Arguments) -> Got<'a> {
        let population = &self.instance.population;
        let purchases = group.map_or(&self.instance.groups().add_ons, |group| &group.add_ons).as_slice();
        let first = arguments.texts("addOnPurchaseIds").and_then(|ids| ids.first().cloned());
        let purchase = purchases.iter().find(|purchase| Some(&purchase.gid) == first.as_ref());
        let active = |place: usize| {
            let archetype = population.archetype(place);
            archetype.kind == AccountKind::Human && archetype.state == State::Active && population.present(place)
        };
        let eligible = || -> Vec<usize> {
            match group {
                None => (0..population.len()).filter(|place| active(*place)).collect(),
                Some(group) => {
                    let within = group.people.iter().filter(|one| one.membership_type.is_some() || one.level == 10);
                    within.map(|one| one.place).filter(|place| active(*place)).collect()
                }
            }
        };
        let mut places = match arguments.text("filterByAssignedSeat") {
            Some("true") => {
                let holders = purchase.map_or(&[][..], |purchase| &purchase.holders);
                holders.iter().filter_map(|holder| population.place_of(holder.user_id)).collect()
            }
            Some("false") => {
                let mut places = eligible();
                places
                    .retain(|place| purchase.is_none_or(|purchase| holder(purchase, population.id(*place)).is_none()));
                places
            }
            _ => eligible(),
        };
        if let Some(wanted) = arguments.text("search").map(str::to_lowercase) {
            places.retain(|place| named(&population.account(*place), &wanted));
        }
        if arguments.text("sort") != Some("ID_ASC") {
            places.reverse();
        }
        self.page(Type::EligibleUsers, arguments, places.len(), |row| {
            let place = *places.get(row.place())?;
            Some(Node::Eligible(self.account(row.at(place)), population.id(place), purchases))
        })
    }

    pub(super) fn of_eligible(
        &mut self,
        account: &Account,
        holder_id: u64,
        purchases: &'a [AddOnFacts],
        name: &str,
        arguments: &Arguments,
    ) -> Got<'a> {
        let held = |purchase: &&AddOnFacts| holder(purchase, holder_id).is_some();
        match name {
            "lastLoginAt" => Got::Leaf(json!(account.current_sign_in_at.map(|at| second(at.0)))),
            "lastDuoActivityOn" => {
                let used = purchases.iter().filter_map(|purchase| holder(purchase, holder_id)?.last_duo_activity_on);
                Got::Leaf(json!(used.max().map(Day)))
            }
            "addOnAssignments" => {
                let wanted = arguments.texts("addOnPurchaseIds").unwrap_or_default();
                let asked_for: Vec<&'a AddOnFacts> =
                    purchases.iter().filter(held).filter(|one| wanted.contains(&one.gid)).collect();
                // Faults are for the page of people, not for what is below each.
                let paging = self.paging.take();
                let page = self.page(Type::Assignments, arguments, asked_for.len(), |row| {
                    asked_for.get(row.place()).map(|purchase| Node::Assignment(purchase))
                });
                self.paging = paging;
                page
            }
            name => Got::Leaf(of_user(account, name)),
        }
    }

    /// A page under an offset.
    fn page(&self, ty: Type, arguments: &Arguments, len: usize, node: impl Fn(Row) -> Option<Node<'a>>) -> Got<'a> {
        let turn: Turn = match arguments.turn(Style::Offset, self.paging) {
            Ok(turn) => turn,
            Err(sentence) => return Got::Denied(sentence),
        };
        let rows = rows(self.paging, len);
        let len = rows.len();
        let begin = usize::try_from(turn.position().unwrap_or(0)).unwrap_or(usize::MAX).min(len);
        let end = begin.saturating_add(turn.take()).min(len);
        let position = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let ends = (begin < end).then(|| (position(begin + 1), position(end)));
        let row = |number: usize| Some((turn.cursor(position(number + 1)), node(*rows.get(number)?)?));
        Got::Object(Node::Page(ty, (begin..end).filter_map(row).collect(), turn.bounds(ends, 0, end < len)))
    }
}

/// How a membership is related to a group; `None` for what `groupMembers` never lists.
fn relation(space: &Space<'_>, source: Source) -> Option<&'static str> {
    // Memberships in subgroups are in the first.
    let first = space.subgroup.as_ref().map(|subgroup| subgroup.id == space.group.spec.id + 1);
    match (source, first) {
        (Source::Group, None) | (Source::Subgroup, Some(true)) => Some("DIRECT"),
        (Source::Group, Some(_)) => Some("INHERITED"),
        (Source::Subgroup, None) => Some("DESCENDANTS"),
        (Source::InvitedGroup, _) => Some("SHARED_FROM_GROUPS"),
        _ => None,
    }
}

fn holder(purchase: &AddOnFacts, user_id: u64) -> Option<&HolderFacts> {
    let place = purchase.holders.binary_search_by_key(&user_id, |holder| holder.user_id).ok()?;
    purchase.holders.get(place)
}

fn named(account: &Account, wanted: &str) -> bool {
    account.name.to_lowercase().contains(wanted) || account.username.to_lowercase().contains(wanted)
}
