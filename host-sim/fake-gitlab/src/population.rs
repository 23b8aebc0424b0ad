//! Who is on the instance.
//!
//! Keeps eight bytes for each account: its id and its row in the table of archetypes. Everything else of an account is
//! computed when it is asked for, from the seed and the account's place, so that a million accounts cost 8 MB.
//! Accounts are in the order of their ids, and so in the order of their creation. Under a script an account keeps its
//! place when it leaves, so that nothing else about anybody moves; those who join come at the end.

mod played;

use time::{Date, Duration, OffsetDateTime};

use crate::account::{Account, Internal};
use crate::archetype::{self, AccountKind, Archetype, Membership, State};
use crate::calendar::Instant;
use crate::hostile;
use crate::options::Options;
use crate::random::{Purpose, below};
use crate::scenario::{Plan, Scenario};
pub(crate) use played::{Fate, Played, last_used};

/// Years of history of every instance.
const HISTORY_DAYS: i64 = 6 * 365;

/// The youngest accounts, 3 % of all and at least one, were made in this many last days.
const RECENT_DAYS: i64 = 14;

/// One access token's account comes after this many of the walk.
const WALK_PER_BOT: u32 = 25;

/// How many accounts of the walk precede the internal ones.
const WALK_BEFORE_INTERNALS: u32 = 5;

/// How many accounts at the start belong to tokens, and so have the ids 1, 2, 3 and on.
const OWNERS_OF_TOKENS: u32 = 3;
/// The same on GitLab.com, where a bot is among them.
const OWNERS_ON_GITLAB_COM: u32 = 7;

#[derive(Debug, Clone, Copy)]
struct Slot {
    id: u32,
    cast: Cast,
}

/// Which archetype an account has.
#[derive(Debug, Clone, Copy)]
enum Cast {
    Root,
    Member,
    Blocked,
    /// GitLab.com: the owner of the Maintainer's token, of the stranger's, of the group access token, and a service
    /// account.
    Maintainer,
    Stranger,
    GroupBot,
    Service,
    /// Drawn from the table with this number below `TOTAL_WEIGHT`.
    Drawn(u16),
    /// This row of the table: one of the first accounts.
    Row(u8),
    ProjectBot,
    Internal(Internal),
}

/// All accounts of an instance.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) scenario: Scenario,
    pub(crate) today: Date,
    pub(crate) seed: u64,
    /// The name under which the instance believes to be reached, relative root included; profiles and `Link` begin
    /// with it.
    pub(crate) external_url: String,
    slots: Vec<Slot>,
    seats: u64,
    played: Option<Played>,
}

impl Population {
    /// Everybody, before anything of a script has happened; see [`Population::play`].
    pub(crate) fn new(options: &Options, external_url: String) -> Self {
        let mut slots = Vec::new();
        let mut last_id = 0_u32;
        let gitlab_com = options.scenario.gitlab_com();
        let owners = if gitlab_com { OWNERS_ON_GITLAB_COM } else { OWNERS_OF_TOKENS };
        // On GitLab.com one more account of the walk belongs to a token, and follows the group's bot.
        let before_internals = if gitlab_com { WALK_BEFORE_INTERNALS + 1 } else { WALK_BEFORE_INTERNALS };
        let mut add = |slots: &mut Vec<Slot>, cast: Cast| {
            let gap = match below(options.seed, u64::from(last_id), Purpose::Gap, 40) {
                // The first ids belong to the owners of tokens; after them, accounts that were deleted leave gaps.
                gap @ 1..=6 if last_id >= owners => u32::try_from(gap).unwrap_or(1),
                _ => 0,
            };
            last_id += 1 + gap;
            slots.push(Slot { id: last_id, cast });
        };
        for number in 0..options.users {
            add(&mut slots, cast(options.seed, number, gitlab_com));
            if gitlab_com && number + 1 == WALK_BEFORE_INTERNALS {
                add(&mut slots, Cast::GroupBot);
            }
            if number + 1 == before_internals.min(options.users) {
                for internal in Internal::ALL {
                    add(&mut slots, Cast::Internal(internal));
                }
            }
            if number % WALK_PER_BOT == WALK_PER_BOT / 2 || number + 1 == options.users {
                add(&mut slots, Cast::ProjectBot);
            }
        }
        let mut population = Self {
            scenario: options.scenario,
            today: options.today,
            seed: options.seed,
            external_url,
            slots,
            seats: 0,
            played: None,
        };
        population.seats = population.counted_seats();
        population
    }

    fn counted_seats(&self) -> u64 {
        let seats = (0..self.len()).filter(|place| self.present(*place) && self.seat(*place) == Some(true)).count();
        u64::try_from(seats).unwrap_or(u64::MAX)
    }

    /// The day on which dates depend that do not move from day to day: the first of a script, otherwise today.
    pub(crate) fn first_day(&self) -> Date {
        self.played.as_ref().map_or(self.today, |played| played.begins)
    }

    /// What has happened until today, when there is a script.
    pub(crate) fn played(&self) -> Option<&Played> {
        self.played.as_ref()
    }

    /// What a script has done to the account at a place.
    pub(crate) fn fate(&self, place: usize) -> Option<&Fate> {
        self.played.as_ref()?.fates.get(&place)
    }

    /// Whether the account at a place is there: one that has left is not.
    pub(crate) fn present(&self, place: usize) -> bool {
        self.fate(place).is_none_or(|fate| fate.present)
    }

    /// Number of places: of accounts, bots and internal ones among them, and of those who have left.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many use a seat at this moment.
    pub(crate) fn seats(&self) -> u64 {
        self.seats
    }

    /// Id of the account at a place, 0 beyond the end.
    pub(crate) fn id(&self, place: usize) -> u64 {
        self.slots.get(place).map_or(0, |slot| match self.scenario.hostile() {
            true => hostile::id(u64::from(slot.id), place, self.slots.len()),
            false => u64::from(slot.id),
        })
    }

    /// The first place that does not fit any more, where all that fit precede all that do not.
    fn first_place(&self, fits: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (0, self.slots.len());
        while low < high {
            let middle = low.midpoint(high);
            if fits(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The first place whose account was made at such a time; all after it were, too.
    pub(crate) fn first_made(&self, at: impl Fn(OffsetDateTime) -> bool) -> usize {
        self.first_place(|place| !at(self.created_at(place).0))
    }

    /// The first place whose id is above `id`.
    pub(crate) fn place_after(&self, id: u64) -> usize {
        self.first_place(|other| self.id(other) <= id)
    }

    /// The first place whose id is `id` or more.
    pub(crate) fn place_from(&self, id: u64) -> usize {
        self.first_place(|other| self.id(other) < id)
    }

    /// What kind of account is at a place.
    pub(crate) fn archetype(&self, place: usize) -> Archetype {
        let original = self.original(place);
        match self.fate(place).and_then(|fate| fate.state) {
            Some(state) => Archetype { state, ..original },
            None => original,
        }
    }

    /// The same, before anything of a script has happened.
    pub(crate) fn original(&self, place: usize) -> Archetype {
        let cast = self.cast_of(place);
        match self.scenario {
            Scenario::Hostile => hostile::archetype(cast, place),
            Scenario::HostileCom => hostile::archetype(cast.customer(), place),
            scenario if scenario.gitlab_com() => cast.customer(),
            // The second account is the one that the scenario is about.
            Scenario::Auditor if place == 1 => Archetype { auditor: true, ..cast },
            _ => cast,
        }
    }

    fn cast_of(&self, place: usize) -> Archetype {
        match self.slots.get(place).map(|slot| slot.cast) {
            Some(Cast::Root) => archetype::ROOT,
            Some(Cast::Blocked) => archetype::BLOCKED,
            Some(Cast::Drawn(ticket)) => archetype::drawn(u64::from(ticket)),
            Some(Cast::Row(row)) => archetype::TABLE.get(usize::from(row)).copied().unwrap_or(archetype::MEMBER),
            Some(Cast::ProjectBot | Cast::GroupBot) => archetype::PROJECT_BOT,
            Some(Cast::Service) => archetype::SERVICE,
            Some(Cast::Internal(_)) => archetype::INTERNAL,
            Some(Cast::Member | Cast::Maintainer | Cast::Stranger) | None => archetype::MEMBER,
        }
    }

    /// Whether an account is one of those that an administrator's walk yields.
    pub(crate) fn walked(&self, place: usize) -> bool {
        self.present(place) && matches!(self.archetype(place).kind, AccountKind::Human | AccountKind::ServiceAccount)
    }

    /// Which internal account is at a place, if one is.
    pub(crate) fn internal(&self, place: usize) -> Option<Internal> {
        match self.slots.get(place).map(|slot| slot.cast) {
            Some(Cast::Internal(internal)) => Some(internal),
            _ => None,
        }
    }

    /// Whether the account at a place owns a token.
    pub(crate) fn owns_token(&self, place: usize) -> bool {
        let owners = if self.scenario.gitlab_com() { OWNERS_ON_GITLAB_COM } else { OWNERS_OF_TOKENS };
        self.id(place) <= u64::from(owners)
    }

    /// Whether the account at a place is the one of the group access token.
    pub(crate) fn group_bot(&self, place: usize) -> bool {
        matches!(self.slots.get(place).map(|slot| slot.cast), Some(Cast::GroupBot))
    }

    /// The place of the account with this id, if it is there.
    pub(crate) fn place_of(&self, id: u64) -> Option<usize> {
        Some(self.place_from(id)).filter(|place| self.id(*place) == id && id != 0 && self.present(*place))
    }

    /// `using_license_seat`: `None` where the edition has no such key.
    pub(crate) fn seat(&self, place: usize) -> Option<bool> {
        seat(self.scenario, &self.archetype(place))
    }

    /// When the account at a place was made. Grows with the place.
    pub(crate) fn created_at(&self, place: usize) -> Instant {
        if let Some(joined) = self.fate(place).and_then(|fate| fate.joined) {
            return joined;
        }
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let len = self.played.as_ref().map_or(self.len(), |played| played.first_joiner);
        let len = i64::try_from(len).unwrap_or(i64::MAX).max(1);
        let recent = (len * 3 / 100).max(1);
        let old = len - recent;
        let (first_day, days, rank, of) = if place >= old {
            (-RECENT_DAYS, RECENT_DAYS, place - old, recent)
        } else {
            (-HISTORY_DAYS, HISTORY_DAYS - RECENT_DAYS, place, old)
        };
        let span = days * 86_400_000;
        // 128 bits, because a million places times six years in milliseconds leaves little room in 63.
        let start = i64::try_from(i128::from(span) * i128::from(rank) / i128::from(of)).unwrap_or(0);
        let step = u64::try_from(span / of).unwrap_or(0);
        let subject = u64::try_from(place).unwrap_or(0);
        let jitter = i64::try_from(below(self.seed, subject, Purpose::CreatedAt, step)).unwrap_or(0);
        Instant::at(self.first_day().saturating_add(Duration::days(first_day)), start + jitter)
    }

    /// The account at a place, in full.
    pub(crate) fn account(&self, place: usize) -> Account {
        Account::make(self, place)
    }
}

fn cast(seed: u64, number: u32, gitlab_com: bool) -> Cast {
    let owners = if gitlab_com { 6 } else { OWNERS_OF_TOKENS };
    match number {
        0 => Cast::Root,
        1 => Cast::Member,
        2 => Cast::Blocked,
        3 if gitlab_com => Cast::Maintainer,
        4 if gitlab_com => Cast::Stranger,
        5 if gitlab_com => Cast::Service,
        number => match u8::try_from(number.saturating_sub(owners)) {
            Ok(row) if usize::from(row) < archetype::TABLE.len() => Cast::Row(row),
            _ => {
                let ticket = below(seed, u64::from(number), Purpose::Archetype, archetype::TOTAL_WEIGHT);
                Cast::Drawn(u16::try_from(ticket).unwrap_or(0))
            }
        },
    }
}

/// GitLab's seat rule for self-managed instances (reference: `ee/app/models/ee/user.rb`).
fn seat(scenario: Scenario, archetype: &Archetype) -> Option<bool> {
    // GitLab.com shows the key to its own administrators only.
    if !scenario.enterprise() || scenario.gitlab_com() {
        return None;
    }
    let candidate = archetype.state == State::Active && archetype.kind == AccountKind::Human;
    Some(match scenario.plan() {
        None => false,
        Some(Plan::Ultimate) => candidate && archetype.membership == Membership::Working,
        Some(Plan::Premium) => {
            candidate && !(archetype.membership == Membership::Minimal && scenario.minimal_access_is_free())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use time::macros::date;

    fn population(scenario: Scenario, users: u32, seed: u64) -> Population {
        let today = date!(2026 - 03 - 04);
        Population::new(&Options { scenario, users, seed, today, ..Options::default() }, String::new())
    }

    #[test]
    fn forty_accounts_show_every_state_and_kind() {
        let people = population(Scenario::SelfManagedPremium, 40, 9);
        let seen: Vec<_> = (0..people.len()).map(|place| people.archetype(place)).collect();
        assert_eq!(seen.iter().map(|a| a.state).collect::<HashSet<_>>().len(), 6);
        assert_eq!(seen.iter().map(|a| a.kind).collect::<HashSet<_>>().len(), 4);
        assert_eq!(seen.iter().map(|a| a.used).collect::<HashSet<_>>().len(), 5);
        assert_eq!((0..people.len()).filter(|place| people.walked(*place)).count(), 40);
    }

    #[test]
    fn an_account_costs_eight_bytes() {
        assert_eq!(size_of::<Slot>(), 8);
    }

    #[test]
    fn ids_rise_with_gaps_and_creation_follows_them() {
        let people = population(Scenario::SelfManagedPremium, 2_000, 3);
        for place in 1..people.len() {
            assert!(people.id(place) > people.id(place - 1));
            assert!(people.created_at(place) >= people.created_at(place - 1));
        }
        assert_eq!([people.id(0), people.id(1), people.id(2)], [1, 2, 3]);
        assert!(people.id(people.len() - 1) > u64::try_from(people.len()).unwrap_or(0), "no gap");
        let last = people.created_at(people.len() - 1).0.date();
        assert!(last >= date!(2026 - 02 - 18) && last < date!(2026 - 03 - 04), "{last}");
        assert_eq!(people.place_after(people.id(77)), 78);
        assert_eq!(people.place_from(people.id(77)), 77);
        let made = people.created_at(77).0;
        let first = (0..people.len()).find(|place| people.created_at(*place).0 >= made);
        assert_eq!(Some(people.first_made(|at| at >= made)), first);
        assert_eq!((people.first_made(|_| true), people.first_made(|_| false)), (0, people.len()));
    }

    #[test]
    fn the_seat_rule_follows_plan_and_version() {
        let minimal = Archetype { membership: Membership::Minimal, ..archetype::MEMBER };
        let guest = Archetype { membership: Membership::Guest, ..archetype::MEMBER };
        let nothing = Archetype { membership: Membership::Nothing, ..archetype::MEMBER };
        for (scenario, expected) in [
            (Scenario::SelfManagedPremium, [Some(true), Some(false), Some(true), Some(true), Some(false)]),
            (Scenario::AdminMode, [Some(true), Some(true), Some(true), Some(true), Some(false)]),
            (Scenario::Older, [Some(true), Some(true), Some(true), Some(true), Some(false)]),
            (Scenario::SelfManagedUltimate, [Some(true), Some(false), Some(false), Some(false), Some(false)]),
            (Scenario::Unlicensed, [Some(false); 5]),
            (Scenario::Community, [None; 5]),
        ] {
            let cases = [archetype::MEMBER, minimal, guest, nothing, archetype::BLOCKED];
            assert_eq!(cases.map(|case| seat(scenario, &case)), expected, "{scenario}");
        }
        assert_eq!(seat(Scenario::SelfManagedPremium, &archetype::PROJECT_BOT), Some(false));
        assert_eq!(seat(Scenario::SelfManagedPremium, &archetype::INTERNAL), Some(false));
    }
}
