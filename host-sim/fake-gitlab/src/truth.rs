//! What is true on the instance, in GitLab's terms, for comparing with what a client made of it.
//!
//! Computed from the same population as the answers, yet not by way of them: no JSON of an answer is read back. It
//! covers exactly the accounts of an administrator's walk with `exclude_internal` and `without_project_bots`.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use time::{Date, OffsetDateTime, UtcOffset};

use crate::archetype::AccountKind;
use crate::calendar::{Day, Instant};
use crate::groups::{AddOnFacts, GroupFacts, Groups};
use crate::hostile;
use crate::license::{self, LicenseFacts};
use crate::options::Options;
use crate::population::Population;
use crate::scenario::Scenario;
use crate::token::{self, Rank, Tokens};

/// Everything that an administrator can find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// `version` of `GET /metadata`.
    pub version: &'static str,
    /// `enterprise` of `GET /metadata`.
    pub enterprise: bool,
    /// The license; `None` without one and on Community Edition.
    pub license: Option<LicenseFacts>,
    /// Every license that was installed, the newest first: one, unless a script renews it.
    pub licenses: Vec<LicenseFacts>,
    /// Totals over `users`.
    pub counts: Counts,
    /// The administrator's walk, by ascending id. On GitLab.com, where there is no such walk: everybody.
    pub users: Vec<UserFacts>,
    /// Whose token the scenario is about.
    pub caller: CallerFacts,
    /// Top-level groups, ascending by id.
    pub groups: Vec<GroupFacts>,
    /// Add-ons of the instance, ascending by id. On GitLab.com add-ons belong to groups.
    pub add_ons: Vec<AddOnFacts>,
}

/// The owner of the scenario's token, and what it may do on the whole instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallerFacts {
    /// Account id.
    pub user_id: u64,
    /// `administrator` (in effect, Admin Mode considered), `custom_admin`, `auditor` or `ordinary`.
    pub rank: &'static str,
    /// Whether the token is an OAuth access token.
    pub oauth: bool,
}

impl CallerFacts {
    /// Of a scenario, whose caller is always one of the tokens.
    fn of(scenario: Scenario) -> Self {
        let token = Tokens::ALL.into_iter().find(|token| token.secret == scenario.caller());
        Self {
            user_id: token.map_or(0, |token| token.user_id),
            rank: match token.map(|token| token::rank(&token, scenario)) {
                Some(Rank::Administrator) => "administrator",
                Some(Rank::CustomAdmin) => "custom_admin",
                Some(Rank::Auditor) => "auditor",
                Some(Rank::Ordinary) | None => "ordinary",
            },
            oauth: token.is_some_and(|token| token.oauth),
        }
    }
}

/// Totals over the administrator's walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Accounts.
    pub users: u64,
    /// Accounts that use a seat; `None` where the edition does not say.
    pub using_license_seat: Option<u64>,
    /// Accounts in the state `active`.
    pub active: u64,
    /// People, as opposed to service accounts.
    pub humans: u64,
    /// Accounts without any date of use.
    pub never_used: u64,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserFacts {
    /// Account id.
    pub id: u64,
    /// Login name.
    pub username: String,
    /// Full name.
    pub name: String,
    /// Registered address; may be empty.
    pub email: String,
    /// The address shown to everybody; may be empty.
    pub public_email: Option<String>,
    /// In GitLab's spelling.
    pub state: &'static str,
    /// Locked out for the moment.
    pub locked: bool,
    /// GitLab's `bot`.
    pub bot: bool,
    /// Who is behind it.
    pub kind: AccountKind,
    /// Flag of the account, whatever Admin Mode says.
    pub is_admin: bool,
    /// External account.
    pub external: bool,
    /// GitLab's verdict; `None` where the edition has no such key.
    pub using_license_seat: Option<bool>,
    /// When the account was made, in UTC.
    #[serde(serialize_with = "moment")]
    pub created_at: OffsetDateTime,
    /// Last day of activity.
    #[serde(serialize_with = "optional_day")]
    pub last_activity_on: Option<Date>,
    /// Latest sign-in, in UTC.
    #[serde(serialize_with = "optional_moment")]
    pub current_sign_in_at: Option<OffsetDateTime>,
    /// The sign-in before that, in UTC.
    #[serde(serialize_with = "optional_moment")]
    pub last_sign_in_at: Option<OffsetDateTime>,
    /// Accounts at identity providers.
    pub identities: Vec<IdentityFacts>,
    /// Keys that are null in this account's rows although the fields here are empty; hostile data only. An empty
    /// `state` is null there too.
    pub null_keys: &'static [&'static str],
}

/// An account at an identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityFacts {
    /// Name of the provider, such as `ldapmain`.
    pub provider: &'static str,
    /// The person's id there.
    pub extern_uid: String,
}

impl Truth {
    pub(crate) fn of(population: &Population, groups: &Groups, options: &Options) -> Self {
        let scenario: Scenario = options.scenario;
        let users: Vec<_> = (0..population.len())
            .filter(|place| population.walked(*place))
            .map(|place| UserFacts::of(population, place))
            .collect();
        let licenses = license::installed(options, population);
        Self {
            version: scenario.version(),
            enterprise: scenario.enterprise(),
            license: license::in_force(licenses.clone(), options.today),
            licenses,
            counts: Counts::over(&users, scenario),
            users,
            caller: CallerFacts::of(scenario),
            groups: {
                let caller = CallerFacts::of(scenario).user_id;
                let mut facts: Vec<_> = groups.all.iter().map(|group| group.facts(population, caller)).collect();
                facts.sort_by_key(|group| group.id);
                facts
            },
            add_ons: groups.add_ons.clone(),
        }
    }

    /// The same as JSON: the fields by name, what is null in the answers null, days as `YYYY-MM-DD`, instants as `2026-02-03T06:41:10.120Z`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        let odd = self.users.iter().filter(|user| !user.null_keys.is_empty() || user.state.is_empty());
        let nulls: BTreeMap<u64, &[&str]> = odd.map(|user| (user.id, user.null_keys)).collect();
        if !nulls.is_empty() {
            hostile::set_nulls(&mut json, &nulls);
        }
        json
    }
}

impl Counts {
    fn over(users: &[UserFacts], scenario: Scenario) -> Self {
        let count = |test: fn(&UserFacts) -> bool| {
            u64::try_from(users.iter().filter(|user| test(user)).count()).unwrap_or(u64::MAX)
        };
        Self {
            users: count(|_| true),
            using_license_seat: (scenario.enterprise() && !scenario.gitlab_com())
                .then(|| count(|user| user.using_license_seat == Some(true))),
            active: count(|user| user.state == "active"),
            humans: count(|user| user.kind == AccountKind::Human),
            never_used: count(|user| {
                user.last_activity_on.is_none() && user.current_sign_in_at.is_none() && user.last_sign_in_at.is_none()
            }),
        }
    }
}

impl UserFacts {
    fn of(population: &Population, place: usize) -> Self {
        let account = population.account(place);
        let utc = |instant: Instant| instant.0.to_offset(UtcOffset::UTC);
        Self {
            id: account.id,
            public_email: account.public_email().map(str::to_owned),
            username: account.username,
            name: account.name,
            email: account.email,
            state: account.archetype.state.name(),
            locked: account.archetype.locked,
            bot: account.bot,
            kind: account.archetype.kind,
            is_admin: account.archetype.administrator,
            external: account.archetype.external,
            using_license_seat: account.seat,
            created_at: utc(account.created_at),
            last_activity_on: account.last_activity_on.map(|day| day.0),
            current_sign_in_at: account.current_sign_in_at.map(utc),
            last_sign_in_at: account.last_sign_in_at.map(utc),
            null_keys: account.nulls,
            identities: account
                .identities
                .into_iter()
                .map(|identity| IdentityFacts { provider: identity.provider, extern_uid: identity.extern_uid })
                .collect(),
        }
    }
}

pub(crate) fn day<S: Serializer>(value: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    Day(*value).serialize(serializer)
}

pub(crate) fn optional_day<S: Serializer>(value: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Day).serialize(serializer)
}

pub(crate) fn moment<S: Serializer>(value: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    Instant(value.to_offset(UtcOffset::UTC)).serialize(serializer)
}

pub(crate) fn optional_moment<S: Serializer>(value: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|moment| Instant(moment.to_offset(UtcOffset::UTC))).serialize(serializer)
}
