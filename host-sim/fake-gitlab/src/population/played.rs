//! A script, played until today: what has become of each account that it names, and how many used a seat on each day.
//!
//! The whole script is gone through, today or not, so that what contradicts itself is refused on the first day.

use std::collections::HashMap;

use time::{Date, Duration};

use super::{Cast, OWNERS_OF_TOKENS, Population, Slot};
use crate::archetype::{AccountKind, State, Use};
use crate::calendar::Instant;
use crate::random::{Purpose, below};
use crate::scenario::Scenario;
use crate::script::{Change, Happening, Misfit, Renewal, Script, ScriptError};

/// When the first person of a day joins, in milliseconds: before the hours in which people sign in end.
const JOINS_AT: i64 = 25_200_000;
const MILLISECONDS_A_DAY: i64 = 86_400_000;

/// On which days an account is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// On none of the script: its dates are those of the first day.
    Kept,
    /// Every day or every day but the last; at least on `since`.
    Daily {
        /// The day of the change that made it so.
        since: Option<Date>,
    },
    /// Last on this day.
    Stopped(Date),
}

/// What a script has done to an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) present: bool,
    /// When it joined; `None` for those who were there.
    pub(crate) joined: Option<Instant>,
    /// The state, where it is another than at first.
    pub(crate) state: Option<State>,
    pub(crate) habit: Habit,
    /// Days of the latest two sign-ins that the script tells of, the later first.
    pub(crate) sign_ins: [Option<Date>; 2],
}

/// What has happened until today.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) begins: Date,
    /// Place of the first account that joined, whether one did or not.
    pub(crate) first_joiner: usize,
    pub(crate) fates: HashMap<usize, Fate>,
    /// Licenses in the order of their installation, and the days of that.
    pub(crate) renewals: Vec<(Date, Renewal)>,
    /// Seats in use before anything happened.
    pub(crate) seats_at_first: u64,
    /// Seats in use from a day on, ascending by day, from the first day of the script on.
    seats: Vec<(Date, u64)>,
}

impl Played {
    /// Seats in use on a day at or after the first; before it, as on the first before anything happened.
    pub(crate) fn seats_on(&self, day: Date) -> u64 {
        let place = self.seats.partition_point(|(from, _)| *from <= day);
        place.checked_sub(1).and_then(|place| self.seats.get(place)).map_or(self.seats_at_first, |(_, seats)| *seats)
    }

    /// The most seats in use on one of these days that belong to the script; 0 when none does.
    pub(crate) fn peak(&self, from: Date, to: Date) -> u64 {
        let from = from.max(self.begins);
        if from > to {
            return 0;
        }
        let changed = self.seats.iter().filter(|(day, _)| (from..=to).contains(day)).map(|(_, seats)| *seats);
        changed.max().unwrap_or(0).max(self.seats_on(from))
    }

    fn count(&mut self, day: Date, seats: u64) {
        match self.seats.last_mut() {
            Some(last) if last.0 == day => last.1 = seats,
            _ => self.seats.push((day, seats)),
        }
    }
}

/// The day on which an account was last used by its habit, as of `day`; `None`: whenever it was at first.
pub(crate) fn last_used(population: &Population, place: usize, habit: Habit, day: Date) -> Option<Date> {
    let id = population.id(place);
    // The root account's tokens are used by whoever asks the stand-in.
    let lag = if place == 0 { 0 } else { below(population.seed, id, Purpose::Habit, 2) };
    let made = population.created_at(place).0.date();
    match habit {
        Habit::Kept => None,
        Habit::Stopped(last) => Some(last),
        Habit::Daily { since } => {
            let usual = day.saturating_sub(Duration::days(i64::try_from(lag).unwrap_or(0))).max(made);
            Some(since.map_or(usual, |since| usual.max(since)))
        }
    }
}

impl Population {
    /// Let a script happen until today.
    ///
    /// # Errors
    /// Every [`ScriptError`]. The population is of no use then.
    pub(crate) fn play(&mut self, script: &Script) -> Result<(), ScriptError> {
        if !matches!(self.scenario, Scenario::SelfManagedPremium | Scenario::SelfManagedUltimate) {
            return Err(ScriptError::Scenario(self.scenario));
        }
        let begins = script.begins;
        let happenings = script.by_day();
        let first = happenings.first().map_or(begins, |(day, _)| *day).min(self.today);
        if first < begins {
            return Err(ScriptError::BeforeBegin { day: first, begins });
        }
        let played = Played {
            begins,
            first_joiner: self.len(),
            fates: HashMap::new(),
            renewals: Vec::new(),
            seats_at_first: self.seats,
            seats: vec![(begins, self.seats)],
        };
        self.played = Some(played);
        let (past, future) = happenings.split_at(happenings.partition_point(|(day, _)| *day <= self.today));
        for (day, happening) in past {
            self.happen(*day, happening)?;
        }
        let until_today = (self.slots.len(), self.seats, self.played.clone());
        for (day, happening) in future {
            self.happen(*day, happening)?;
        }
        let (places, seats, played) = until_today;
        self.slots.truncate(places);
        (self.seats, self.played) = (seats, played);
        Ok(())
    }

    fn happen(&mut self, day: Date, happening: &Happening) -> Result<(), ScriptError> {
        match *happening {
            Happening::License(Renewal { starts, ends, .. }) if ends < starts => {
                return Err(ScriptError::Term { day, starts, ends });
            }
            Happening::License(renewal) => {
                if let Some(played) = &mut self.played {
                    played.renewals.push((day, renewal));
                }
            }
            Happening::Account(account, change) => {
                let refused = |reason| ScriptError::Account { day, account, change, reason };
                let place = match change {
                    Change::Joins => self.join(account).map_err(refused)?,
                    _ => self.place_of(account).ok_or(refused(Misfit::NotThere))?,
                };
                let before = self.takes_seat(place);
                let fate = self.changed(place, day, change).map_err(refused)?;
                if let Some(played) = &mut self.played {
                    played.fates.insert(place, fate);
                }
                // A joiner's place takes a seat from the moment it is one; before, there was no such place.
                let before = before && change != Change::Joins;
                self.seats = self.seats + u64::from(self.takes_seat(place)) - u64::from(before);
                let seats = self.seats;
                if let Some(played) = &mut self.played {
                    played.count(day, seats);
                }
            }
        }
        Ok(())
    }

    fn takes_seat(&self, place: usize) -> bool {
        self.present(place) && self.seat(place) == Some(true)
    }

    /// A place for a new account.
    fn join(&mut self, account: u64) -> Result<usize, Misfit> {
        let last = self.slots.last().map_or(0, |slot| slot.id);
        let id = u32::try_from(account).ok().filter(|id| *id > last).ok_or(Misfit::IdNotNew(u64::from(last)))?;
        self.slots.push(Slot { id, cast: Cast::Member });
        Ok(self.slots.len().saturating_sub(1))
    }

    /// The habit of an account that the script has not named yet.
    pub(crate) fn usual_habit(&self, place: usize) -> Habit {
        let original = self.original(place);
        match original.used {
            Use::Recent | Use::SignInOnly | Use::ActivityOnly if original.state == State::Active => {
                Habit::Daily { since: None }
            }
            _ => Habit::Kept,
        }
    }

    /// What becomes of an account by a change.
    fn changed(&self, place: usize, day: Date, change: Change) -> Result<Fate, Misfit> {
        let archetype = self.archetype(place);
        let state = archetype.state;
        let unchanged =
            Fate { present: true, joined: None, state: None, habit: self.usual_habit(place), sign_ins: [None; 2] };
        let fate = self.fate(place).copied().unwrap_or(unchanged);
        if change != Change::Joins && place < usize::try_from(OWNERS_OF_TOKENS).unwrap_or(0) {
            return Err(Misfit::OwnsToken);
        }
        if !matches!(archetype.kind, AccountKind::Human | AccountKind::ServiceAccount) {
            return Err(Misfit::NotWalked);
        }
        if matches!(change, Change::GoesIdle | Change::Active) {
            if state != State::Active {
                return Err(Misfit::CannotSignIn);
            }
            if archetype.used == Use::SignInOnly {
                return Err(Misfit::SignInsOnly);
            }
        }
        Ok(match change {
            Change::Joins => Fate { joined: Some(self.joins_at(day)), ..fate },
            Change::Leaves => Fate { present: false, ..fate },
            Change::Blocked if matches!(state, State::Blocked | State::Banned) => return Err(Misfit::BlockedAlready),
            Change::Blocked => {
                // On the day of its coming it was used, whatever came after.
                let eve = day.previous_day().unwrap_or(day);
                let habit = last_used(self, place, fate.habit, eve).map_or(Habit::Kept, Habit::Stopped);
                Fate { state: Some(State::Blocked), habit, ..fate }
            }
            Change::Unblocked if state != State::Blocked => return Err(Misfit::NotBlocked),
            Change::Unblocked => Fate { state: Some(State::Active), ..fate },
            Change::GoesIdle if !matches!(fate.habit, Habit::Daily { .. }) => return Err(Misfit::IdleAlready),
            Change::GoesIdle => Fate { habit: Habit::Stopped(day), ..fate },
            Change::Active => {
                let [latest, before] = fate.sign_ins;
                let sign_ins = if latest == Some(day) { [latest, before] } else { [Some(day), latest] };
                Fate { habit: Habit::Daily { since: Some(day) }, sign_ins, ..fate }
            }
        })
    }

    /// When the next account of a day is made: a second after the one before.
    fn joins_at(&self, day: Date) -> Instant {
        let earlier = self.played.iter().flat_map(|played| played.fates.values());
        let earlier = earlier.filter(|fate| fate.joined.is_some_and(|joined| joined.0.date() == day)).count();
        let seconds = i64::try_from(earlier).unwrap_or(i64::MAX).saturating_mul(1_000);
        Instant::at(day, JOINS_AT.saturating_add(seconds).min(MILLISECONDS_A_DAY - 1))
    }
}
