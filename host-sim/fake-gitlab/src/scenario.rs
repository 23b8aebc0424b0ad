//! The kinds of instance that can be played, and what each version can do.
//!
//! A scenario fixes edition, plan, version and the place of the API. It says nothing about people: those come from
//! the seed. Every difference between versions that the rest of the crate needs is a question asked here, so that a
//! version number is compared in one file only.

use std::fmt;
use std::str::FromStr;

/// One kind of instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scenario {
    /// Premium, more people than seats.
    #[default]
    SelfManagedPremium,
    /// Ultimate: guests and people without a membership are free.
    SelfManagedUltimate,
    /// Premium with the instance setting *Admin Mode* on: an administrator's token needs the scope `admin_mode`.
    AdminMode,
    /// Enterprise Edition without a license: `/license` is `null`, nobody uses a seat.
    Unlicensed,
    /// Community Edition: no `/license` route, no seat flag.
    Community,
    /// 16.2, before keyset pagination on `/users` (16.4) and before `locked` (16.5).
    Older,
    /// Premium under a relative URL root, `/gitlab`.
    Subpath,
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

/// A name that is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called `{0}`; there are: {list}", list = names())]
pub struct UnknownScenario(String);

fn names() -> String {
    Scenario::ALL.map(Scenario::name_of).join(", ")
}

impl Scenario {
    /// Every scenario, the default first.
    pub const ALL: [Self; 7] = [
        Self::SelfManagedPremium,
        Self::SelfManagedUltimate,
        Self::AdminMode,
        Self::Unlicensed,
        Self::Community,
        Self::Older,
        Self::Subpath,
    ];

    const fn name_of(self) -> &'static str {
        match self {
            Self::SelfManagedPremium => "self-managed",
            Self::SelfManagedUltimate => "self-managed-ultimate",
            Self::AdminMode => "admin-mode",
            Self::Unlicensed => "unlicensed",
            Self::Community => "community",
            Self::Older => "older",
            Self::Subpath => "subpath",
        }
    }

    /// The name on a command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name_of()
    }

    /// One sentence for a list of scenarios.
    #[must_use]
    pub fn about(&self) -> &'static str {
        match self {
            Self::SelfManagedPremium => "Premium, self-managed, with more seats in use than bought",
            Self::SelfManagedUltimate => "Ultimate: guests take no seat; the nightly count is one behind the live one",
            Self::AdminMode => "Premium with Admin Mode on: an administrator's token needs the scope admin_mode",
            Self::Unlicensed => "Enterprise Edition without a license: /license is null and nobody uses a seat",
            Self::Community => "Community Edition: no /license route and no seat flag",
            Self::Older => "GitLab 16.2: /users knows no keyset pagination, accounts carry no `locked`",
            Self::Subpath => "Premium, served under the path /gitlab",
        }
    }

    /// `version` of `GET /metadata`.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::SelfManagedPremium | Self::Unlicensed | Self::Subpath => "18.11.2-ee",
            Self::SelfManagedUltimate => "19.2.1-ee",
            Self::AdminMode => "18.8.2-ee",
            Self::Community => "18.11.2",
            Self::Older => "16.2.9-ee",
        }
    }

    /// `revision` of `GET /metadata`.
    pub(crate) const fn revision(self) -> &'static str {
        match self {
            Self::SelfManagedPremium | Self::Unlicensed | Self::Subpath => "5d1c0a7e9b3",
            Self::SelfManagedUltimate => "b82f6e04c1d",
            Self::AdminMode => "0a1b2c3d4e5",
            Self::Community => "5d1c0a7e9b4",
            Self::Older => "f3a9d27710c",
        }
    }

    const fn release(self) -> (u32, u32) {
        match self {
            Self::SelfManagedPremium | Self::Unlicensed | Self::Subpath | Self::Community => (18, 11),
            Self::SelfManagedUltimate => (19, 2),
            Self::AdminMode => (18, 8),
            Self::Older => (16, 2),
        }
    }

    /// Whether the release is at least `major.minor`. Tuples do not compare in `const`, hence not `const`.
    pub(crate) fn at_least(self, major: u32, minor: u32) -> bool {
        self.release() >= (major, minor)
    }

    /// Enterprise code, licensed or not.
    pub(crate) const fn enterprise(self) -> bool {
        !matches!(self, Self::Community)
    }

    /// The plan of the license, when there is one.
    pub(crate) const fn plan(self) -> Option<Plan> {
        match self {
            Self::SelfManagedUltimate => Some(Plan::Ultimate),
            Self::Unlicensed | Self::Community => None,
            Self::SelfManagedPremium | Self::AdminMode | Self::Older | Self::Subpath => Some(Plan::Premium),
        }
    }

    /// The instance setting *Admin Mode*.
    pub(crate) const fn admin_mode(self) -> bool {
        matches!(self, Self::AdminMode)
    }

    /// Relative URL root, without a slash at its end.
    pub(crate) const fn root(self) -> &'static str {
        if matches!(self, Self::Subpath) { "/gitlab" } else { "" }
    }

    /// Keyset pagination on `/users` (16.4).
    pub(crate) fn keyset(self) -> bool {
        self.at_least(16, 4)
    }

    /// `locked` on accounts (16.5).
    pub(crate) fn locked(self) -> bool {
        self.at_least(16, 5)
    }

    /// The offset ceiling of 50,000 on `/users` (17.0).
    pub(crate) fn offset_ceiling(self) -> bool {
        self.at_least(17, 0)
    }

    /// `RateLimit-*` on answers that were not refused (about 18.6).
    pub(crate) fn announces_rate_limit(self) -> bool {
        self.at_least(18, 6)
    }

    /// Whether Minimal Access is free on Premium (18.9).
    pub(crate) fn minimal_access_is_free(self) -> bool {
        self.at_least(18, 9)
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

    #[test]
    fn every_name_leads_back_to_its_scenario() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse::<Scenario>().unwrap(), scenario);
        }
        let refused = "gitlab".parse::<Scenario>().unwrap_err().to_string();
        assert!(refused.contains("`gitlab`") && refused.contains("self-managed-ultimate"), "{refused}");
    }

    #[test]
    fn the_release_agrees_with_the_version_text() {
        for scenario in Scenario::ALL {
            let (major, minor) = scenario.release();
            assert!(scenario.version().starts_with(&format!("{major}.{minor}.")));
            assert_eq!(scenario.version().ends_with("-ee"), scenario.enterprise());
        }
    }
}
