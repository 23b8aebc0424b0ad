//! The kinds of instance that can be played, who asks, and what each version can do.
//!
//! A scenario fixes deployment, edition, plan, version, the place of the API, and the token that it is about. It says
//! nothing about people: those come from the seed. What each version can do is in `versions`.

use std::fmt;
use std::str::FromStr;

use crate::options::{FEWEST_USERS, LicenseTerm, Options};

mod table;
mod versions;

use table::{Row, TABLE};

/// One kind of instance with one kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scenario {
    /// Premium, more people than seats.
    #[default]
    SelfManagedPremium,
    /// Ultimate: guests and people without a membership are free.
    SelfManagedUltimate,
    /// Premium with the instance setting *Admin Mode* on: an administrator's token needs the scope `admin_mode`.
    AdminMode,
    /// The same instance, asked with a token that has the scope.
    AdminModeOn,
    /// Enterprise Edition without a license: `/license` is `null`, nobody uses a seat.
    Unlicensed,
    /// Community Edition: no `/license` route, no seat flag.
    Community,
    /// Premium under a relative URL root, `/gitlab`.
    Subpath,
    /// The license has ended, with overage; its licensee has no `Company`.
    LicenseExpired,
    /// A license without a number of seats and without an end.
    LicenseUnlimited,
    /// Premium with add-ons: two of seats, Duo Core, and one whose name nobody knows.
    Duo,
    /// GitLab Dedicated, Ultimate: answers carry `RateLimit-*`.
    Dedicated,
    /// Asked by an auditor.
    Auditor,
    /// Asked by an ordinary member of two groups.
    NonAdmin,
    /// Asked by an account with an admin custom role (`read_admin_users`, `read_admin_subscription`).
    CustomAdminRole,
    /// Asked with an administrator's OAuth token.
    SelfManagedOauth,
    /// 15.4, before `/personal_access_tokens/self` and `enterprise`.
    Oldest,
    /// 15.11.
    V15_11,
    /// 16.2, before keyset pagination on `/users` (16.4) and before `locked` (16.5).
    Older,
    /// 16.6.
    V16_6,
    /// 16.11, where purchases of add-ons are read one by one.
    V16_11,
    /// 17.4, before `filterByAssignedSeat`.
    V17_4,
    /// 17.11, the last before `DUO_CORE`.
    V17_11,
    /// 19.2 with Duo.
    V19,
    /// Owner of two top-level groups with people in both, Maintainer of a third.
    GitlabCom,
    /// Owner of a group on `ultimate_trial`.
    GitlabComTrial,
    /// Owner of a free group.
    GitlabComFree,
    /// Owner of a group on `gold`.
    GitlabComLegacy,
    /// Owner of a group on `opensource`.
    GitlabComOpensource,
    /// Maintainer, Owner of nothing.
    GitlabComMaintainer,
    /// Developer everywhere.
    GitlabComDeveloper,
    /// A group access token with the role Owner.
    GitlabComGroupToken,
    /// A service account with the role Owner.
    GitlabComServiceAccount,
    /// Owner of a group that is synchronised with LDAP.
    GitlabComLdap,
    /// Version 18.8, asked by a Maintainer.
    GitlabComOlder,
    /// Asked by somebody who is in no group.
    GitlabComEmpty,
    /// Asked with an Owner's OAuth token.
    GitlabComOauth,
    /// Ultimate, self-managed, with data that nobody expects.
    Hostile,
    /// Owner of groups on GitLab.com with such data.
    HostileCom,
}

/// What a license covers, in GitLab's own spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    Premium,
    Ultimate,
}

impl Plan {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Premium => "premium",
            Self::Ultimate => "ultimate",
        }
    }
}

/// Where GitLab runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployment {
    SelfManaged,
    GitlabCom,
}

/// A name that is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called `{0}`; there are: {list}", list = names())]
pub struct UnknownScenario(String);

fn names() -> String {
    TABLE.map(|row| row.name).join(", ")
}

/// Accounts on GitLab.com that are owners of tokens, and a few more, so that every group has somebody of each kind.
const FEWEST_ON_GITLAB_COM: u32 = 40;

/// So many that every oddity occurs.
const FEWEST_HOSTILE: u32 = 60;

/// The table with an address.
static ROWS: [Row; TABLE.len()] = TABLE;

impl Scenario {
    /// Every scenario, the default first.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::SelfManagedPremium; TABLE.len()];
        let mut rows: &[Row] = &TABLE;
        let mut places: &mut [Self] = &mut all;
        while let ([row, others @ ..], [place, rest @ ..]) = (rows, places) {
            *place = row.scenario;
            rows = others;
            places = rest;
        }
        all
    };

    /// By place instead of by search: it is asked several times for every account that is written.
    #[allow(clippy::as_conversions, reason = "the place of a variant in its enum cannot be had otherwise")]
    fn row(self) -> &'static Row {
        let [first, ..] = &ROWS;
        ROWS.get(self as usize).unwrap_or(first)
    }

    /// The name on a command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.row().name
    }

    /// One sentence for a list of scenarios.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.row().about
    }

    /// Where such a GitLab runs: `self-managed` or `gitlab-com`.
    #[must_use]
    pub fn deployment(&self) -> &'static str {
        match self.row().deployment {
            Deployment::SelfManaged => "self-managed",
            Deployment::GitlabCom => "gitlab-com",
        }
    }

    /// The secret of the token that the scenario is about, one of [`Tokens::ALL`](crate::Tokens::ALL). Others are
    /// answered too.
    #[must_use]
    pub fn caller(&self) -> &'static str {
        self.row().caller
    }

    /// The fewest accounts that [`Options::users`](crate::Options::users) may ask for.
    #[must_use]
    pub fn fewest_users(&self) -> u32 {
        match (self.hostile(), self.gitlab_com()) {
            (true, _) => FEWEST_HOSTILE,
            (false, true) => FEWEST_ON_GITLAB_COM,
            (false, false) => FEWEST_USERS,
        }
    }

    /// Whether its data is what nobody expects: keys may be null that no other scenario has null, and every object of
    /// REST has unknown ones.
    #[must_use]
    pub fn hostile(&self) -> bool {
        matches!(self, Self::Hostile | Self::HostileCom)
    }

    /// Whether GitLab runs it, with plans by top-level group and no administrator among the callers.
    pub(crate) fn gitlab_com(self) -> bool {
        self.row().deployment == Deployment::GitlabCom
    }

    /// `version` of `GET /metadata`.
    pub(crate) fn version(self) -> &'static str {
        self.row().version
    }

    /// `revision` of `GET /metadata`.
    pub(crate) fn revision(self) -> &'static str {
        self.row().revision
    }

    /// Enterprise code, licensed or not.
    pub(crate) fn enterprise(self) -> bool {
        self.row().enterprise
    }

    /// The plan of the instance's license, when there is one. GitLab.com shows none.
    pub(crate) fn plan(self) -> Option<Plan> {
        self.row().plan
    }

    /// The license's end: the scenario's own, unless the options ask for another.
    pub(crate) fn license_term(self, options: &Options) -> LicenseTerm {
        match options.license_term {
            LicenseTerm::Current => self.row().term,
            asked => asked,
        }
    }

    /// Requests a minute and token that an instance of this kind allows when the options name no limit.
    pub(crate) const fn rate_limit(self) -> Option<u32> {
        // The smallest of the sizes that GitLab documents for Dedicated.
        if matches!(self, Self::Dedicated) { Some(1_200) } else { None }
    }

    /// The instance setting *Admin Mode*.
    pub(crate) const fn admin_mode(self) -> bool {
        matches!(self, Self::AdminMode | Self::AdminModeOn)
    }

    /// Relative URL root, without a slash at its end.
    pub(crate) const fn root(self) -> &'static str {
        if matches!(self, Self::Subpath) { "/gitlab" } else { "" }
    }

    /// Add-ons that the instance, or the first group on GitLab.com, has bought.
    pub(crate) const fn add_ons(self) -> &'static [&'static str] {
        match self {
            Self::V16_11 | Self::V17_4 => &["CODE_SUGGESTIONS"],
            Self::V17_11 => &["CODE_SUGGESTIONS", "DUO_ENTERPRISE"],
            Self::Duo
            | Self::V19
            | Self::GitlabCom
            | Self::GitlabComMaintainer
            | Self::GitlabComDeveloper
            | Self::GitlabComOlder
            | Self::GitlabComOauth
            | Self::Hostile
            | Self::HostileCom => &["CODE_SUGGESTIONS", "DUO_ENTERPRISE", "DUO_CORE", "QUANTUM_ASSIST"],
            _ => &[],
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name).ok_or_else(|| UnknownScenario(name.to_owned()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_leads_back_to_its_scenario() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse::<Scenario>().unwrap(), scenario);
            assert_eq!(scenario.row().scenario, scenario, "the table is not in the order of the variants");
        }
        assert_eq!(Scenario::ALL.into_iter().collect::<HashSet<_>>().len(), TABLE.len());
        let refused = "gitlab".parse::<Scenario>().unwrap_err().to_string();
        assert!(refused.contains("`gitlab`") && refused.contains("self-managed-ultimate"), "{refused}");
    }

    #[test]
    fn the_release_agrees_with_the_version_text() {
        for scenario in Scenario::ALL {
            let (major, minor) = scenario.release();
            assert!(scenario.version().starts_with(&format!("{major}.{minor}.")));
            let suffix = match (scenario.enterprise(), scenario.gitlab_com()) {
                (_, true) => Some("pre"),
                (true, false) => Some("ee"),
                (false, false) => None,
            };
            assert_eq!(scenario.version().split_once('-').map(|(_, suffix)| suffix), suffix, "{scenario}");
        }
    }

    #[test]
    fn every_caller_is_a_token_that_the_scenario_knows() {
        for scenario in Scenario::ALL {
            let token = crate::Tokens::ALL.into_iter().find(|token| token.secret == scenario.caller()).unwrap();
            assert!(token.known_in(scenario), "{scenario}");
        }
    }
}
