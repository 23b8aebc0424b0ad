//! One row for each scenario: what it is called, who calls, which version answers.

use super::{Deployment, Plan, Scenario};
use crate::options::LicenseTerm;
use crate::token::Tokens;

/// What a scenario fixes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) scenario: Scenario,
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) deployment: Deployment,
    pub(super) version: &'static str,
    pub(super) revision: &'static str,
    pub(super) release: (u32, u32),
    pub(super) enterprise: bool,
    pub(super) plan: Option<Plan>,
    pub(super) term: LicenseTerm,
    pub(super) caller: &'static str,
}

const fn row(scenario: Scenario, name: &'static str, about: &'static str) -> Row {
    Row {
        scenario,
        name,
        about,
        deployment: Deployment::SelfManaged,
        version: "18.11.2-ee",
        revision: "5d1c0a7e9b3",
        release: (18, 11),
        enterprise: true,
        plan: Some(Plan::Premium),
        term: LicenseTerm::Current,
        caller: Tokens::ADMINISTRATOR,
    }
}

impl Row {
    const fn version(self, version: &'static str, revision: &'static str, release: (u32, u32)) -> Self {
        Self { version, revision, release, ..self }
    }

    const fn plan(self, plan: Option<Plan>) -> Self {
        Self { plan, ..self }
    }

    const fn caller(self, caller: &'static str) -> Self {
        Self { caller, ..self }
    }

    const fn term(self, term: LicenseTerm) -> Self {
        Self { term, ..self }
    }

    const fn community(self) -> Self {
        Self { enterprise: false, plan: None, ..self }
    }
}

const fn com(scenario: Scenario, name: &'static str, caller: &'static str, about: &'static str) -> Row {
    Row {
        deployment: Deployment::GitlabCom,
        plan: None,
        ..row(scenario, name, about).version("19.3.0-pre", "c4e8a90b17f", (19, 3)).caller(caller)
    }
}

const ULTIMATE: Option<Plan> = Some(Plan::Ultimate);

/// All scenarios in the order of the variants, the default first.
pub(super) const TABLE: [Row; 38] = [
    row(Scenario::SelfManagedPremium, "self-managed", "Premium, self-managed, with more seats in use than bought"),
    row(
        Scenario::SelfManagedUltimate,
        "self-managed-ultimate",
        "Ultimate: guests take no seat; the nightly count is one behind the live one",
    )
    .version("19.2.1-ee", "b82f6e04c1d", (19, 2))
    .plan(ULTIMATE),
    row(
        Scenario::AdminMode,
        "admin-mode",
        "Premium with Admin Mode on: an administrator's token needs the scope admin_mode",
    )
    .version("18.8.2-ee", "0a1b2c3d4e5", (18, 8)),
    row(
        Scenario::AdminModeOn,
        "admin-mode-on",
        "Premium with Admin Mode on, and a token that has the scope admin_mode",
    )
    .version("18.8.2-ee", "0a1b2c3d4e5", (18, 8))
    .caller(Tokens::ADMIN_MODE),
    row(
        Scenario::Unlicensed,
        "unlicensed",
        "Enterprise Edition without a license: /license is null and nobody uses a seat",
    )
    .plan(None),
    row(Scenario::Community, "community", "Community Edition: no /license route and no seat flag")
        .version("18.11.2", "5d1c0a7e9b4", (18, 11))
        .community(),
    row(Scenario::Subpath, "subpath", "Premium, served under the path /gitlab"),
    row(Scenario::LicenseExpired, "license-expired", "Premium whose license ended 35 days ago, with overage")
        .term(LicenseTerm::Expired),
    row(Scenario::LicenseUnlimited, "license-unlimited", "Premium without a number of seats and without an end")
        .term(LicenseTerm::Unrestricted),
    row(Scenario::Duo, "duo", "Premium with Duo Pro, Duo Enterprise, Duo Core and an add-on of unknown name"),
    row(Scenario::Dedicated, "dedicated", "GitLab Dedicated, Ultimate: every answer has rate-limit headers")
        .plan(ULTIMATE),
    row(Scenario::Auditor, "auditor", "Premium, asked by an auditor: accounts in full but no blocked ones, no license")
        .caller(Tokens::AUDITOR),
    row(Scenario::NonAdmin, "non-admin", "Premium, asked by an ordinary member of two groups").caller(Tokens::MEMBER),
    row(
        Scenario::CustomAdminRole,
        "custom-admin-role",
        "Ultimate, asked by an account with a custom admin role: accounts in full, /license forbidden",
    )
    .plan(ULTIMATE)
    .caller(Tokens::CUSTOM_ADMIN_ROLE),
    row(Scenario::SelfManagedOauth, "self-managed-oauth", "Premium, asked with an administrator's OAuth token")
        .caller(Tokens::OAUTH),
    row(Scenario::Oldest, "oldest", "GitLab 15.4: no token self-information, no `enterprise`, offset pages only")
        .version("15.4.6-ee", "8e07d4415f2", (15, 4)),
    row(Scenario::V15_11, "v15-11", "GitLab 15.11, Premium: offset pages only, no Duo").version(
        "15.11.13-ee",
        "d3b2af76c10",
        (15, 11),
    ),
    row(Scenario::Older, "older", "GitLab 16.2: /users knows no keyset pagination, accounts carry no `locked`")
        .version("16.2.9-ee", "f3a9d27710c", (16, 2)),
    row(Scenario::V16_6, "v16-6", "GitLab 16.6, Premium: keyset pages, no Duo purchases yet").version(
        "16.6.10-ee",
        "47c1be9250a",
        (16, 6),
    ),
    row(Scenario::V16_11, "v16-11", "GitLab 16.11, Premium with Duo Pro: one purchase by name, no list of them")
        .version("16.11.10-ee", "90d5f3b6e24", (16, 11)),
    row(Scenario::V17_4, "v17-4", "GitLab 17.4, Ultimate with Duo Pro: no filter for assigned seats")
        .version("17.4.6-ee", "1fc7e28ab35", (17, 4))
        .plan(ULTIMATE),
    row(Scenario::V17_11, "v17-11", "GitLab 17.11, Premium with Duo Pro and Duo Enterprise").version(
        "17.11.7-ee",
        "6b40d81c9fe",
        (17, 11),
    ),
    row(Scenario::V19, "v19", "GitLab 19.2, Ultimate with Duo Pro, Duo Enterprise, Duo Core and an unknown add-on")
        .version("19.2.1-ee", "b82f6e04c1d", (19, 2))
        .plan(ULTIMATE),
    com(
        Scenario::GitlabCom,
        "gitlab-com",
        Tokens::OWNER,
        "Owner of an Ultimate group with Duo and of a Premium group over its seats, Maintainer of a third",
    ),
    com(Scenario::GitlabComTrial, "gitlab-com-trial", Tokens::OWNER, "Owner of a group on an Ultimate trial"),
    com(
        Scenario::GitlabComFree,
        "gitlab-com-free",
        Tokens::OWNER,
        "Owner of a free group, which has no subscription at all",
    ),
    com(Scenario::GitlabComLegacy, "gitlab-com-legacy", Tokens::OWNER, "Owner of a group on the legacy plan gold"),
    com(
        Scenario::GitlabComOpensource,
        "gitlab-com-opensource",
        Tokens::OWNER,
        "Owner of a group of the open source program: Ultimate features, yet guests count",
    ),
    com(
        Scenario::GitlabComMaintainer,
        "gitlab-com-maintainer",
        Tokens::MAINTAINER,
        "Maintainer of groups and Owner of none",
    ),
    com(Scenario::GitlabComDeveloper, "gitlab-com-developer", Tokens::MEMBER, "below Maintainer in every group"),
    com(
        Scenario::GitlabComGroupToken,
        "gitlab-com-group-token",
        Tokens::GROUP_TOKEN,
        "a group access token with the role Owner",
    ),
    com(
        Scenario::GitlabComServiceAccount,
        "gitlab-com-service-account",
        Tokens::SERVICE_ACCOUNT,
        "a service account that is Owner of its group",
    ),
    com(
        Scenario::GitlabComLdap,
        "gitlab-com-ldap",
        Tokens::OWNER,
        "Owner of a group synchronised with LDAP: billable members are listed, their memberships are not",
    ),
    com(
        Scenario::GitlabComOlder,
        "gitlab-com-older",
        Tokens::MAINTAINER,
        "GitLab.com before 18.9: a Maintainer reads the billing fields of a namespace",
    )
    .version("18.8.0-pre", "2be9f0417da", (18, 8)),
    com(Scenario::GitlabComEmpty, "gitlab-com-empty", Tokens::STRANGER, "an account that is in no group"),
    com(Scenario::GitlabComOauth, "gitlab-com-oauth", Tokens::OAUTH, "an Owner's OAuth token"),
    row(
        Scenario::Hostile,
        "hostile",
        "Ultimate, self-managed: names, ids, states, moments and keys that nobody expects",
    )
    .version("19.2.1-ee", "b82f6e04c1d", (19, 2))
    .plan(ULTIMATE),
    com(Scenario::HostileCom, "hostile-com", Tokens::OWNER, "GitLab.com with such data, and an unknown plan"),
];
