//! One person in one top-level group: by which memberships, and whether that takes a seat.
//!
//! The rule is GitLab's (`Namespaces::BilledUsersFinder`): a seat is taken by an active person, no bot, through any
//! active membership above Minimal Access in the group, its subgroups, its projects, or a group invited to one of them;
//! where guests are free, above Guest or with a custom role that occupies a seat. Bans from the namespace are not
//! played.

use time::{Date, Duration, OffsetDateTime};

use super::table::Spec;
use crate::archetype::{AccountKind, Archetype, State};
use crate::calendar::Instant;
use crate::hostile::UNKNOWN_MEMBERSHIP;
use crate::population::Population;
use crate::random::{Purpose, below};

pub(crate) const MINIMAL: u8 = 5;
pub(crate) const GUEST: u8 = 10;
pub(crate) const DEVELOPER: u8 = 30;
pub(crate) const OWNER: u8 = 50;

/// A custom role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CustomRole {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) base: u8,
    /// Whether a Guest with it takes a seat where guests are free.
    pub(crate) occupies_seat: bool,
}

/// Guest who may read code, which is free.
pub(crate) const CODE_READER: CustomRole =
    CustomRole { id: 61, name: "Code reader", base: GUEST, occupies_seat: false };
/// Guest with a right that costs a seat.
pub(crate) const INCIDENT_GUEST: CustomRole =
    CustomRole { id: 62, name: "Incident guest", base: GUEST, occupies_seat: true };
/// Developer with a right more.
pub(crate) const RELEASER: CustomRole =
    CustomRole { id: 63, name: "Release \"captain\"", base: DEVELOPER, occupies_seat: true };

/// Where a membership is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The top-level group itself.
    Group,
    Subgroup,
    Project,
    OtherProject,
    /// A group that was invited to the top-level group.
    InvitedGroup,
    /// A group that was invited to one of the projects.
    InvitedToProject,
}

impl Source {
    /// `membership_type` of somebody who takes a seat through such a membership, in the order in which GitLab looks.
    const fn rank(self) -> u8 {
        match self {
            Self::Group | Self::Subgroup => 0,
            Self::Project | Self::OtherProject => 1,
            Self::InvitedGroup => 2,
            Self::InvitedToProject => 3,
        }
    }

    /// Whether the membership is in the group's own hierarchy.
    pub(crate) const fn direct(self) -> bool {
        !matches!(self, Self::InvitedGroup | Self::InvitedToProject)
    }

    /// Whether it makes a row of `members/all` of the top-level group.
    pub(crate) const fn of_group(self) -> bool {
        matches!(self, Self::Group | Self::InvitedGroup)
    }
}

const TYPES: [&str; 4] = ["group_member", "project_member", "group_invite", "project_invite"];

/// By which memberships a person is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Direct,
    /// In the group, and in a project at another date.
    DirectAndProject,
    Subgroup,
    Project,
    TwoProjects,
    GroupInvite,
    ProjectInvite,
    DirectAndInvite,
    /// Provisioned with Minimal Access, working in a subgroup: the row of `members/all` alone misleads.
    MinimalAndSubgroup,
    /// Not let in yet.
    Awaiting,
}

/// The shapes in the order in which a small group gets them.
pub(super) const SHAPES: [Shape; 10] = [
    Shape::Direct,
    Shape::Project,
    Shape::MinimalAndSubgroup,
    Shape::GroupInvite,
    Shape::DirectAndProject,
    Shape::ProjectInvite,
    Shape::Subgroup,
    Shape::Awaiting,
    Shape::DirectAndInvite,
    Shape::TwoProjects,
];

impl Shape {
    /// For a ticket below 100.
    pub(super) const fn drawn(ticket: u64) -> Self {
        match ticket {
            0..62 => Self::Direct,
            62..70 => Self::Project,
            70..74 => Self::MinimalAndSubgroup,
            74..79 => Self::GroupInvite,
            79..84 => Self::DirectAndProject,
            84..87 => Self::ProjectInvite,
            87..93 => Self::Subgroup,
            93..95 => Self::Awaiting,
            95..98 => Self::DirectAndInvite,
            _ => Self::TwoProjects,
        }
    }

    const fn sources(self) -> &'static [Source] {
        match self {
            Self::Direct | Self::Awaiting => &[Source::Group],
            Self::DirectAndProject => &[Source::Group, Source::Project],
            Self::Subgroup => &[Source::Subgroup],
            Self::Project => &[Source::Project],
            Self::TwoProjects => &[Source::Project, Source::OtherProject],
            Self::GroupInvite => &[Source::InvitedGroup],
            Self::ProjectInvite => &[Source::InvitedToProject],
            Self::DirectAndInvite => &[Source::Group, Source::InvitedGroup],
            Self::MinimalAndSubgroup => &[Source::Group, Source::Subgroup],
        }
    }
}

/// A person in a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Participant {
    /// Place in the population.
    pub(crate) place: usize,
    pub(crate) user_id: u64,
    pub(crate) shape: Shape,
    pub(crate) level: u8,
    pub(crate) role: Option<CustomRole>,
    /// Date of the first membership of the shape.
    pub(crate) since: OffsetDateTime,
    pub(crate) expires_at: Option<Date>,
    /// Id of the membership of the group itself; 0 without one.
    pub(crate) member_id: u64,
    /// `None`: takes no seat.
    pub(crate) membership_type: Option<&'static str>,
}

/// One membership.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Membership {
    pub(crate) id: u64,
    pub(crate) source: Source,
    pub(crate) level: u8,
    pub(crate) role: Option<CustomRole>,
    pub(crate) awaiting: bool,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) expires_at: Option<Date>,
}

impl Participant {
    /// All memberships, that of the group itself first.
    pub(crate) fn memberships(&self, spec: &Spec, population: &Population) -> Vec<Membership> {
        let made = |(number, source): (usize, &Source)| {
            let first = number == 0;
            let minimal = first && self.shape == Shape::MinimalAndSubgroup;
            Membership {
                id: match first && source.of_group() {
                    true => self.member_id,
                    false => other_id(spec, self.place, number),
                },
                source: *source,
                level: match (minimal, first) {
                    (true, _) => MINIMAL,
                    (false, true) => self.level,
                    // Who is in twice has less in the second place, as long as that is a role at all.
                    (false, false) if self.shape != Shape::MinimalAndSubgroup => self.level.min(20),
                    (false, false) => self.level,
                },
                role: self.role.filter(|_| first && !minimal),
                awaiting: self.shape == Shape::Awaiting,
                created_at: if first { self.since } else { self.second_date(population) },
                expires_at: self.expires_at.filter(|_| first),
            }
        };
        self.shape.sources().iter().enumerate().map(made).collect()
    }

    /// The membership that makes the row of `members/all`.
    pub(crate) fn row(&self, spec: &Spec, population: &Population) -> Option<Membership> {
        self.memberships(spec, population).into_iter().find(|membership| membership.source.of_group())
    }

    /// Another day between the account's creation and today than that of the first membership.
    fn second_date(&self, population: &Population) -> OffsetDateTime {
        let days = i64::try_from(below(population.seed, self.user_id, Purpose::MemberUntil, 300)).unwrap_or(0);
        let shifted = match self.place % 2 {
            0 => self.since.saturating_sub(Duration::days(days)),
            _ => self.since.saturating_add(Duration::days(days)),
        };
        let latest = Instant::at(population.first_day(), 0).0;
        shifted.min(latest).max(population.created_at(self.place).0)
    }

    /// Settle whether a seat is taken, and by which kind of membership.
    pub(super) fn settle(&mut self, spec: &Spec, population: &Population) {
        let Archetype { kind, state, .. } = population.archetype(self.place);
        let candidate = kind == AccountKind::Human && state == State::Active;
        let guests_are_free = spec.plan.exclude_guests();
        let counts = |membership: &Membership| {
            let guest_counts = !guests_are_free || membership.role.is_some_and(|role| role.occupies_seat);
            !membership.awaiting && membership.level > MINIMAL && (membership.level > GUEST || guest_counts)
        };
        self.membership_type = self
            .memberships(spec, population)
            .iter()
            .filter(|membership| candidate && counts(membership))
            .map(|membership| membership.source.rank())
            .min()
            .and_then(|rank| TYPES.get(usize::from(rank)).copied());
        if population.scenario.hostile() && self.place.is_multiple_of(5) {
            self.membership_type = self.membership_type.map(|_| UNKNOWN_MEMBERSHIP);
        }
    }
}

/// Ids of memberships that make no row of the group: far above those that do.
fn other_id(spec: &Spec, place: usize, number: usize) -> u64 {
    let place = u64::try_from(place).unwrap_or(0);
    let number = u64::try_from(number).unwrap_or(0);
    spec.member_ids + 50_000_000 + place * 4 + number
}
