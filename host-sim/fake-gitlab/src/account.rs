//! One account in full: names, dates, identities.
//!
//! Made from the population's seed and the account's place alone. No date lies after the instance's day, none of use
//! lies before the account's creation, and `last_sign_in_at` is always the sign-in before `current_sign_in_at`.

use time::{Date, Duration};

use crate::archetype::{AccountKind, Archetype, State, Use};
use crate::calendar::{Day, Instant};
use crate::groups;
use crate::hostile;
use crate::names;
use crate::population::{Population, last_used};
use crate::random::{Purpose, below, draw};
use crate::token::ROOT_ID;

/// GitLab's own accounts on the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Internal {
    Ghost,
    AlertBot,
    SupportBot,
    SecurityBot,
    AdminBot,
}

impl Internal {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ghost, Self::AlertBot, Self::SupportBot, Self::SecurityBot, Self::AdminBot];

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ghost => ("ghost", "Ghost User"),
            Self::AlertBot => ("alert-bot", "GitLab Alert Bot"),
            Self::SupportBot => ("support-bot", "GitLab Support Bot"),
            Self::SecurityBot => ("GitLab-Security-Bot", "GitLab Security Bot"),
            Self::AdminBot => ("GitLab-Admin-Bot", "GitLab Admin Bot"),
        }
    }

    /// The ghost holds what deleted people wrote; GitLab does not count it among the bots.
    const fn bot(self) -> bool {
        !matches!(self, Self::Ghost)
    }
}

/// An account at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) provider: &'static str,
    pub(crate) extern_uid: String,
}

/// Everything about one account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) archetype: Archetype,
    pub(crate) ghost: bool,
    pub(crate) bot: bool,
    pub(crate) seat: Option<bool>,
    pub(crate) created_at: Instant,
    pub(crate) confirmed_at: Option<Instant>,
    pub(crate) last_activity_on: Option<Day>,
    pub(crate) current_sign_in_at: Option<Instant>,
    pub(crate) last_sign_in_at: Option<Instant>,
    pub(crate) identities: Vec<Identity>,
    /// Random bits for the fields that carry no meaning for seats.
    pub(crate) profile: u64,
    /// Keys of REST that are null whatever the fields here say; hostile data only.
    pub(crate) nulls: &'static [&'static str],
}

impl Account {
    pub(crate) fn make(population: &Population, place: usize) -> Self {
        let id = population.id(place);
        let seed = population.seed;
        let archetype = population.archetype(place);
        let internal = population.internal(place);
        let (username, name) = match internal {
            _ if population.group_bot(place) => {
                let suffix = draw(seed, id, Purpose::Surname);
                (format!("group_{}_bot_{suffix:016x}", groups::FIRST_GROUP), "seat-reader".to_owned())
            }
            _ if id == ROOT_ID && population.scenario.gitlab_com() => person(seed, id),
            internal => called(seed, id, &archetype, internal),
        };
        let email = match archetype.kind {
            _ if archetype.no_email => String::new(),
            AccountKind::ProjectBot | AccountKind::ServiceAccount => {
                format!("{username}@noreply.gitlab.internal.example")
            }
            AccountKind::Human | AccountKind::Internal => format!("{username}@example.test"),
        };
        let written = |instant: Instant| match below(seed, id, Purpose::Offset, 10) {
            0 => instant.written_in_summer_time(),
            _ => instant,
        };
        let created_at = population.created_at(place);
        let usage = Usage::of(population, place, created_at);
        let confirmed = archetype.state != State::PendingApproval;
        let mut account = Self {
            id,
            email,
            archetype,
            ghost: internal == Some(Internal::Ghost),
            bot: match archetype.kind {
                AccountKind::Human => false,
                AccountKind::ServiceAccount | AccountKind::ProjectBot => true,
                AccountKind::Internal => internal.is_some_and(Internal::bot),
            },
            seat: population.seat(place),
            created_at: written(created_at),
            confirmed_at: confirmed.then(|| written(created_at)),
            last_activity_on: usage.activity.map(Day),
            current_sign_in_at: usage.sign_in.map(written),
            last_sign_in_at: usage.sign_in_before.map(written),
            identities: identities(seed, id, &archetype, &username),
            profile: draw(seed, id, Purpose::Profile),
            nulls: &[],
            username,
            name,
        };
        if population.scenario.hostile() {
            hostile::disguise(&mut account, place);
        }
        account
    }

    /// The registered address as it is written, for who may see it.
    pub(crate) fn written_email(&self) -> Option<&str> {
        Some(self.email.as_str()).filter(|_| !self.nulls.contains(&"email"))
    }

    /// The address that the person shows to everybody: a choice of their own, which few make.
    pub(crate) fn public_email(&self) -> Option<&str> {
        let public = self.profile & 0b1_1100 == 0 && !self.email.is_empty();
        match (self.bot || self.ghost || self.nulls.contains(&"public_email"), public) {
            (true, _) => None,
            (false, true) => Some(&self.email),
            (false, false) => Some(""),
        }
    }
}

fn called(seed: u64, id: u64, archetype: &Archetype, internal: Option<Internal>) -> (String, String) {
    if let Some(internal) = internal {
        let (username, name) = internal.names();
        return (username.to_owned(), name.to_owned());
    }
    match archetype.kind {
        _ if id == ROOT_ID => ("root".to_owned(), "Administrator".to_owned()),
        AccountKind::ProjectBot => {
            let project = 1 + below(seed, id, Purpose::GivenName, 900);
            let suffix = draw(seed, id, Purpose::Surname);
            (format!("project_{project}_bot_{suffix:016x}"), "ci-deploy".to_owned())
        }
        AccountKind::ServiceAccount => {
            let suffix = draw(seed, id, Purpose::Surname);
            (format!("service_account_{suffix:016x}"), format!("Service account {id}"))
        }
        AccountKind::Human | AccountKind::Internal => person(seed, id),
    }
}

fn person(seed: u64, id: u64) -> (String, String) {
    let (given, given_ascii) = names::given(draw(seed, id, Purpose::GivenName));
    let (surname, surname_ascii) = names::surname(draw(seed, id, Purpose::Surname));
    (format!("{given_ascii}.{surname_ascii}{id}"), format!("{given} {surname}"))
}

fn identities(seed: u64, id: u64, archetype: &Archetype, username: &str) -> Vec<Identity> {
    if archetype.kind != AccountKind::Human || id == ROOT_ID {
        return Vec::new();
    }
    let ldap = || Identity { provider: "ldapmain", extern_uid: format!("uid={username},ou=people,dc=example,dc=test") };
    let saml = || Identity { provider: "saml", extern_uid: format!("{username}@login.example.test") };
    match below(seed, id, Purpose::Identity, 20) {
        _ if archetype.state == State::LdapBlocked => vec![ldap()],
        0..=5 => vec![saml()],
        6..=8 => vec![ldap()],
        9 => vec![ldap(), saml()],
        _ => Vec::new(),
    }
}

struct Usage {
    activity: Option<Date>,
    sign_in: Option<Instant>,
    sign_in_before: Option<Instant>,
}

impl Usage {
    fn of(population: &Population, place: usize, created_at: Instant) -> Self {
        let at_first = Self::at_first(population, place, created_at);
        match population.played() {
            None => at_first,
            Some(_) => at_first.and_since(population, place, created_at),
        }
    }

    /// As of the first day of a script; without one, as of today.
    fn at_first(population: &Population, place: usize, created_at: Instant) -> Self {
        let (seed, id) = (population.seed, population.id(place));
        let today = population.first_day();
        let used = population.original(place).used;
        let days = |purpose, bound| i64::try_from(below(seed, id, purpose, bound)).unwrap_or(0);
        let idle = match used {
            // The stand-in is asked with the root account's tokens, and every authenticated call counts as activity.
            _ if id == ROOT_ID => 0,
            Use::LongAgo => 91 + days(Purpose::Idle, 400),
            Use::Never => return Self { activity: None, sign_in: None, sign_in_before: None },
            Use::Recent | Use::SignInOnly | Use::ActivityOnly => days(Purpose::Idle, 30),
        };
        let first = created_at.0.date();
        let activity = today.saturating_sub(Duration::days(idle)).max(first);
        // A session lasts for days, so that the sign-in lies at or before the last activity.
        let since = days(Purpose::SignIn, 7);
        let sign_in = sign_in_on(population, id, activity.saturating_sub(Duration::days(since)), created_at);
        let earlier = 1 + days(Purpose::EarlierSignIn, 20);
        let before = Instant(sign_in.0.saturating_sub(Duration::days(earlier)));
        let before = (before > created_at).then_some(before);
        match used {
            Use::ActivityOnly => Self { activity: Some(activity), sign_in: None, sign_in_before: None },
            Use::SignInOnly => Self { activity: None, sign_in: Some(sign_in), sign_in_before: before },
            _ => Self { activity: Some(activity), sign_in: Some(sign_in), sign_in_before: before },
        }
    }

    /// What the days of the script have added.
    fn and_since(self, population: &Population, place: usize, created_at: Instant) -> Self {
        let id = population.id(place);
        let fate = population.fate(place);
        let habit = fate.map_or(population.usual_habit(place), |fate| fate.habit);
        let Some(last) = last_used(population, place, habit, population.today) else { return self };
        let on = |day| sign_in_on(population, id, day, created_at);
        let used = population.original(place).used;
        if used == Use::SignInOnly {
            // The sign-ins are all that tells of its use.
            let before = last.previous_day().map(on).filter(|before| *before > created_at);
            return Self { activity: None, sign_in: Some(on(last)), sign_in_before: before };
        }
        let told = fate.map_or([None; 2], |fate| fate.sign_ins).into_iter().flatten().map(on);
        let mut sign_ins: Vec<Instant> = match used {
            Use::ActivityOnly => Vec::new(),
            _ => told.chain(self.sign_in).chain(self.sign_in_before).collect(),
        };
        sign_ins.dedup();
        let mut sign_ins = sign_ins.into_iter();
        Self { activity: Some(last), sign_in: sign_ins.next(), sign_in_before: sign_ins.next() }
    }
}

/// The sign-in of a day. The hours are those before noon: on the day of creation, an instant must still not precede the
/// creation.
fn sign_in_on(population: &Population, id: u64, day: Date, created_at: Instant) -> Instant {
    let time_of_day = i64::try_from(below(population.seed, id, Purpose::SignIn, 36_000_000)).unwrap_or(0);
    Instant::at(day, time_of_day).max(created_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use std::collections::HashSet;
    use time::macros::date;

    fn everybody(users: u32, seed: u64) -> Vec<Account> {
        let today = date!(2026 - 03 - 04);
        let population = Population::new(&Options { users, seed, today, ..Options::default() }, String::new());
        (0..population.len()).map(|place| population.account(place)).collect()
    }

    #[test]
    fn no_date_contradicts_another() {
        for account in everybody(3_000, 5) {
            let created = account.created_at;
            assert!(
                account.last_activity_on.is_none_or(|day| day.0 >= created.0.to_offset(time::UtcOffset::UTC).date())
            );
            assert!(account.last_activity_on.is_none_or(|day| day.0 <= date!(2026 - 03 - 04)));
            assert!(account.current_sign_in_at.is_none_or(|at| at >= created), "{account:?}");
            if let Some(before) = account.last_sign_in_at {
                assert!(account.current_sign_in_at.is_some_and(|at| at > before) && before > created, "{account:?}");
            }
        }
    }

    #[test]
    fn usernames_are_unique_and_details_vary() {
        let all = everybody(3_000, 5);
        assert_eq!(all.iter().map(|a| a.username.as_str()).collect::<HashSet<_>>().len(), all.len());
        let share = |test: fn(&Account) -> bool| all.iter().filter(|a| test(a)).count();
        assert!(share(|a| a.email.is_empty()) > 0);
        assert!(share(|a| !a.name.is_ascii()) > 300);
        assert!(share(|a| a.identities.len() == 2) > 30);
        assert!(share(|a| a.created_at.to_string().ends_with("+02:00")) > 150);
        assert!(share(|a| a.last_activity_on.is_none() && a.current_sign_in_at.is_some()) > 0);
        assert!(share(|a| a.last_activity_on.is_some() && a.current_sign_in_at.is_none()) > 0);
        assert!(share(|a| a.bot && a.archetype.kind == AccountKind::ServiceAccount) > 0);
        assert_eq!(share(|a| a.ghost && !a.bot), 1);
    }
}
