//! Who is in a group: drawn from the seed, so that the first few show every way of being in it.

use time::{Date, Duration};

use super::participant::{CODE_READER, DEVELOPER, GUEST, INCIDENT_GUEST, MINIMAL, OWNER, Participant, RELEASER};
use super::participant::{CustomRole, SHAPES, Shape};
use super::table::Spec;
use crate::archetype::{AccountKind, Membership, State};
use crate::calendar::Instant;
use crate::hostile::UNKNOWN_LEVEL;
use crate::population::Population;
use crate::random::{Purpose, below};

/// The accounts before this place are all in the first group, so that a small group has somebody of each kind.
const ALWAYS_IN_THE_FIRST: usize = 48;

/// Levels in the order in which a small group gets them.
const LEVELS: [u8; 7] = [30, 40, 20, 15, 25, 30, 50];

/// The people of a group, ascending by user id, without ids of members.
pub(super) fn assemble(spec: &Spec, number: usize, population: &Population) -> Vec<Participant> {
    let mut found = Vec::new();
    let (mut working, mut guests) = (0, 0);
    for place in 0..population.len() {
        if found.len() == spec.most {
            break;
        }
        let drawn = Draws { population, spec, number, place, user_id: population.id(place) };
        found.extend(drawn.participant(&mut working, &mut guests));
    }
    found
}

struct Draws<'a> {
    population: &'a Population,
    spec: &'a Spec,
    /// Which group of the scenario.
    number: usize,
    place: usize,
    user_id: u64,
}

impl Draws<'_> {
    fn below(&self, purpose: Purpose, bound: u64) -> u64 {
        below(self.population.seed ^ self.spec.id, self.user_id, purpose, bound)
    }

    fn participant(&self, working: &mut usize, guests: &mut usize) -> Option<Participant> {
        if let Some((_, level)) = self.spec.fixed.iter().find(|(id, _)| *id == self.user_id) {
            return Some(self.with(Shape::Direct, *level, None));
        }
        // The accounts of tokens are where the table puts them and nowhere else.
        if self.population.owns_token(self.place) {
            return None;
        }
        // What somebody was at first: being blocked moves nobody to another membership.
        let archetype = self.population.original(self.place);
        let always = self.number == 0 && self.place < ALWAYS_IN_THE_FIRST;
        let share = if archetype.kind == AccountKind::ProjectBot { self.spec.share / 8 } else { self.spec.share };
        let drawn = self.below(Purpose::Participation, 100) < share;
        if archetype.kind == AccountKind::Internal || !(drawn || always) {
            return None;
        }
        Some(match archetype.membership {
            Membership::Nothing => return None,
            Membership::Minimal => self.with(Shape::Direct, MINIMAL, None),
            Membership::Guest => {
                let nth = *guests;
                *guests += 1;
                self.with(Shape::Direct, GUEST, self.guest_role(nth))
            }
            Membership::Working => {
                // Only who can take a seat shows by what it is taken.
                let shows = archetype.kind == AccountKind::Human && archetype.state == State::Active;
                let nth = if shows { *working } else { usize::MAX };
                *working += usize::from(shows);
                let shape = SHAPES.get(nth).copied().unwrap_or(Shape::drawn(self.below(Purpose::Shape, 100)));
                let level = self.allowed(LEVELS.get(nth).copied().unwrap_or(level(self.below(Purpose::Level, 100))));
                let role = level == DEVELOPER && self.below(Purpose::Role, 12) == 0;
                self.with(shape, level, role.then_some(RELEASER).filter(|_| self.has_custom_roles()))
            }
        })
    }

    /// Custom roles are made in groups on GitLab.com; on an instance they would change who takes a seat of the license.
    fn has_custom_roles(&self) -> bool {
        self.population.scenario.gitlab_com()
    }

    fn guest_role(&self, nth: usize) -> Option<CustomRole> {
        let role = match nth {
            0 => None,
            1 => Some(INCIDENT_GUEST),
            2 => Some(CODE_READER),
            _ => match self.below(Purpose::Role, 6) {
                0 => Some(INCIDENT_GUEST),
                1 => Some(CODE_READER),
                _ => None,
            },
        };
        role.filter(|_| self.has_custom_roles())
    }

    /// The nearest level that the version and the group allow.
    fn allowed(&self, level: u8) -> u8 {
        let scenario = self.population.scenario;
        match level {
            15 if !scenario.planner() => 20,
            25 if !scenario.security_manager() => 20,
            25 if scenario.hostile() => UNKNOWN_LEVEL,
            OWNER if !self.spec.other_owners => 40,
            level => level,
        }
    }

    fn with(&self, shape: Shape, level: u8, role: Option<CustomRole>) -> Participant {
        let today = self.population.first_day();
        let made = self.population.created_at(self.place).0;
        let days = today.to_julian_day() - made.date().to_julian_day();
        let days = self.below(Purpose::MemberSince, u64::try_from(days).unwrap_or(0).saturating_add(1));
        let day = made.date().saturating_add(Duration::days(i64::try_from(days).unwrap_or(0)));
        let time_of_day = i64::try_from(self.below(Purpose::MemberSince, 36_000_000)).unwrap_or(0);
        Participant {
            place: self.place,
            user_id: self.user_id,
            shape,
            level,
            role,
            since: Instant::at(day, time_of_day).0.max(made),
            expires_at: self.expires_at(today, level),
            member_id: 0,
            membership_type: None,
        }
    }

    fn expires_at(&self, today: Date, level: u8) -> Option<Date> {
        let days = 20 + i64::try_from(self.below(Purpose::MemberUntil, 200)).unwrap_or(0);
        // A script goes on beyond such days, and plays accounts that leave, not memberships.
        let ends = level < OWNER && self.below(Purpose::Shape, 13) == 0 && self.population.played().is_none();
        ends.then(|| today.saturating_add(Duration::days(days)))
    }
}

/// For a ticket below 100.
const fn level(ticket: u64) -> u8 {
    match ticket {
        0..5 => 15,
        5..16 => 20,
        16..18 => 25,
        18..80 => 30,
        80..97 => 40,
        _ => 50,
    }
}
