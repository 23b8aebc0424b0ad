//! Top-level groups: people, plan, subscription and add-ons, made from the seed.
//!
//! Everything is fixed when the groups are made; nothing a client does changes it. Making them takes one pass over the
//! accounts for each group and one sort of its members. On a self-managed instance groups are small and say nothing
//! about the license; there the add-ons belong to the instance.

mod add_ons;
mod assembly;
mod facts;
mod participant;
mod plan;
mod subscription;
mod table;
mod truth;

pub use facts::{
    AddOnFacts, BillableFacts, GroupFacts, HolderFacts, MemberFacts, MembershipFacts, SubgroupFacts, SubscriptionFacts,
};
pub(crate) use participant::{Membership, OWNER, Participant, Source};
pub(crate) use table::{FIRST_GROUP, Spec};

use crate::account::Account;
use crate::archetype::{AccountKind, Membership as Standing, State};
use crate::population::Population;
use crate::random::{Purpose, below};
use add_ons::Candidate;

/// Number of the first purchase of an instance, and of a group.
const INSTANCE_PURCHASE: u64 = 5;
const GROUP_PURCHASE: u64 = 3_101;

/// All top-level groups of an instance.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The one with the most people first.
    pub(crate) all: Vec<Group>,
    /// Of the instance; empty on GitLab.com.
    pub(crate) add_ons: Vec<AddOnFacts>,
}

/// One top-level group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) spec: Spec,
    /// Ascending by user id.
    pub(crate) people: Vec<Participant>,
    /// Who takes a seat: places in `people`, ascending by user id.
    pub(crate) billable: Vec<usize>,
    /// The rows of `members/all`: places in `people`, ascending by member id.
    pub(crate) members: Vec<usize>,
    /// Whether there is one Owner only.
    pub(crate) one_owner: bool,
    pub(crate) subscription: Option<SubscriptionFacts>,
    pub(crate) add_ons: Vec<AddOnFacts>,
}

/// A part of a top-level group that has a page of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subgroup {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
}

/// The subgroups of every top-level group; memberships in subgroups are in the first.
const SUBGROUPS: [(u64, &str, &str); 2] = [(1, "Backend", "backend"), (2, "Design & Docs", "design-docs")];

impl Groups {
    pub(crate) fn new(population: &Population) -> Self {
        let scenario = population.scenario;
        let specs = table::specs(scenario).into_iter().enumerate();
        let all = specs.map(|(number, spec)| Group::new(spec, number, population)).collect();
        let names = scenario.add_ons();
        let add_ons = match scenario.gitlab_com() || names.is_empty() {
            true => Vec::new(),
            false => {
                let candidates: Vec<_> = (0..population.len())
                    .filter_map(|place| {
                        let guest = population.archetype(place).membership == Standing::Guest;
                        candidate(population, place, population.seat(place) == Some(true), guest)
                    })
                    .collect();
                add_ons::purchases(names, INSTANCE_PURCHASE, population.seed, population.first_day(), &candidates)
            }
        };
        Self { all, add_ons }
    }
}

/// Somebody who may hold an add-on seat. People only.
fn candidate(population: &Population, place: usize, holds_base_seat: bool, guest: bool) -> Option<Candidate> {
    let archetype = population.archetype(place);
    let active = archetype.state == State::Active;
    (archetype.kind == AccountKind::Human).then(|| Candidate {
        user_id: population.id(place),
        holds_base_seat,
        guest: guest && active,
        lost: matches!(archetype.state, State::Deactivated | State::Blocked),
    })
}

impl Group {
    fn new(spec: Spec, number: usize, population: &Population) -> Self {
        let mut people = assembly::assemble(&spec, number, population);
        let mut members: Vec<usize> = (0..people.len())
            .filter(|place| people.get(*place).is_some_and(|one| one.row(&spec, population).is_some()))
            .collect();
        // Members are numbered as they come, which is not the order of the accounts.
        members.sort_by_key(|place| people.get(*place).map(|one| (one.since, one.user_id)));
        for (rank, place) in members.iter().enumerate() {
            if let Some(one) = people.get_mut(*place) {
                one.member_id = spec.member_ids + 3 * u64::try_from(rank).unwrap_or(0) + 1;
            }
        }
        // Who has left takes along neither the number nor the memberships of another.
        people.retain(|one| population.present(one.place));
        let numbers: Vec<u64> = people.iter().map(|one| one.member_id).collect();
        let mut members: Vec<usize> =
            (0..people.len()).filter(|place| numbers.get(*place).is_some_and(|number| *number != 0)).collect();
        members.sort_by_key(|place| numbers.get(*place));
        for one in &mut people {
            one.settle(&spec, population);
        }
        let billable: Vec<usize> = (0..people.len())
            .filter(|place| people.get(*place).is_some_and(|one| one.membership_type.is_some()))
            .collect();
        let owners = people.iter().filter(|one| one.level == OWNER && one.membership_type.is_some()).count();
        let seats = u64::try_from(billable.len()).unwrap_or(u64::MAX);
        let mut group = Self {
            subscription: subscription::of(&spec, seats, population.first_day()),
            add_ons: Vec::new(),
            one_owner: owners == 1,
            spec,
            people,
            billable,
            members,
        };
        if spec.duo {
            let candidates: Vec<_> = group
                .people
                .iter()
                .filter_map(|one| candidate(population, one.place, one.membership_type.is_some(), one.level == 10))
                .collect();
            let names = population.scenario.add_ons();
            group.add_ons =
                add_ons::purchases(names, GROUP_PURCHASE, population.seed, population.first_day(), &candidates);
        }
        group
    }

    /// The person with this account id.
    pub(crate) fn person(&self, user_id: u64) -> Option<&Participant> {
        let place = self.people.binary_search_by_key(&user_id, |one| one.user_id).ok()?;
        self.people.get(place)
    }

    /// Access level in the group itself; `None` for who is not in it, or not yet.
    pub(crate) fn access(&self, user_id: u64, population: &Population) -> Option<u8> {
        let row = self.person(user_id)?.row(&self.spec, population)?;
        Some(row.level).filter(|_| !row.awaiting)
    }

    /// How many take a seat.
    pub(crate) fn seats(&self) -> u64 {
        u64::try_from(self.billable.len()).unwrap_or(u64::MAX)
    }

    /// The subgroups.
    pub(crate) fn subgroups(&self) -> [Subgroup; 2] {
        SUBGROUPS.map(|(offset, name, path)| Subgroup { id: self.spec.id + offset, name, path })
    }

    /// Id and full name of where a membership is.
    pub(crate) fn source(&self, source: Source) -> (u64, String) {
        let Spec { id, name, .. } = self.spec;
        match source {
            Source::Group => (id, name.to_owned()),
            Source::Subgroup => (id + 1, format!("{name} / Backend")),
            Source::Project => (id + 5_000, format!("{name} / Backend / api")),
            Source::OtherProject => (id + 5_001, format!("{name} / website")),
            Source::InvitedGroup => (id + 9_000, "Agency One".to_owned()),
            Source::InvitedToProject => (id + 9_001, "Agency Two / Contractors".to_owned()),
        }
    }

    /// Whether the account is managed by the group, so that an Owner sees its registered address.
    pub(crate) fn enterprise_user(&self, account: &Account, population: &Population) -> bool {
        population.scenario.gitlab_com()
            && !account.bot
            && below(population.seed ^ self.spec.id, account.id, Purpose::Enterprise, 10) < 7
    }

    /// `email` of a billable member as an Owner sees it.
    pub(crate) fn email<'a>(&self, account: &'a Account, population: &Population) -> Option<&'a str> {
        match self.enterprise_user(account, population) {
            true => account.written_email(),
            false => account.public_email(),
        }
    }

    /// Whether a person takes a seat, as `is_using_seat` has it: of the plan on GitLab.com, of the license elsewhere.
    /// `None` on Community Edition.
    pub(crate) fn is_using_seat(&self, one: &Participant, population: &Population) -> Option<bool> {
        match population.scenario.gitlab_com() {
            true => Some(one.membership_type.is_some() && !self.spec.plan.free()),
            false => population.seat(one.place),
        }
    }
}
