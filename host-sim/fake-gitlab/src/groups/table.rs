//! Which groups a scenario has.

use super::plan::GroupPlan;
use crate::hostile::{GROUP_NAME, OTHER_GROUP_NAME};
use crate::scenario::Scenario;
use crate::token::{BLOCKED_ID, GROUP_BOT_ID, MAINTAINER_ID, MEMBER_ID, ROOT_ID, SERVICE_ID};

/// Id of the group that every scenario of GitLab.com has. The bot of the group access token is named after it.
pub(crate) const FIRST_GROUP: u64 = 9_970_100;

/// One top-level group, before its people.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) plan: GroupPlan,
    /// Of a hundred people, so many are in it.
    pub(crate) share: u64,
    /// Most people that it takes.
    pub(crate) most: usize,
    /// Members by account id, with their access levels.
    pub(crate) fixed: &'static [(u64, u8)],
    /// Whether anybody else may be Owner.
    pub(crate) other_owners: bool,
    /// Fewer seats bought than in use.
    pub(crate) over: bool,
    pub(crate) ldap_synced: bool,
    pub(crate) duo: bool,
    /// Where the ids of its memberships begin; 100,000,000 of them are its own.
    pub(crate) member_ids: u64,
}

const ENGINEERING: Spec = Spec {
    id: FIRST_GROUP,
    name: "Example Engineering",
    path: "example-engineering",
    plan: GroupPlan::ULTIMATE,
    share: 70,
    most: usize::MAX,
    fixed: &[
        (ROOT_ID, 50),
        (MEMBER_ID, 30),
        (BLOCKED_ID, 30),
        (MAINTAINER_ID, 40),
        (GROUP_BOT_ID, 50),
        (SERVICE_ID, 50),
    ],
    other_owners: true,
    over: false,
    ldap_synced: false,
    duo: true,
    member_ids: 300_000_000,
};

const SHOP: Spec = Spec {
    id: 8_420_017,
    name: "Example Shop",
    path: "example-shop",
    plan: GroupPlan::PREMIUM,
    share: 45,
    fixed: &[(ROOT_ID, 50), (MEMBER_ID, 30), (MAINTAINER_ID, 40)],
    other_owners: false,
    over: true,
    duo: false,
    member_ids: 100_000_000,
    ..ENGINEERING
};

/// Owned by somebody else.
const LABS: Spec = Spec {
    id: 9_981_555,
    name: "Partner Labs",
    path: "partner-labs",
    share: 25,
    fixed: &[(ROOT_ID, 40)],
    other_owners: true,
    over: false,
    member_ids: 500_000_000,
    ..SHOP
};

/// Groups of a self-managed instance have no plan of their own, and are not where its seats are counted.
const PLATFORM: Spec = Spec {
    id: 21,
    name: "Platform",
    path: "platform",
    plan: GroupPlan::DEFAULT,
    most: 2_000,
    fixed: &[(ROOT_ID, 50), (MEMBER_ID, 40), (BLOCKED_ID, 30)],
    duo: false,
    member_ids: 1_000,
    ..ENGINEERING
};

const DATA: Spec = Spec {
    id: 34,
    name: "Data Science",
    path: "data-science",
    share: 30,
    most: 500,
    member_ids: 200_000_000,
    fixed: &[(MEMBER_ID, 30)],
    ..PLATFORM
};

/// The groups of a scenario, the one with the most people first.
pub(super) fn specs(scenario: Scenario) -> Vec<Spec> {
    let engineering = |plan| vec![Spec { plan, duo: false, ..ENGINEERING }];
    match scenario {
        Scenario::GitlabComTrial => engineering(GroupPlan::ULTIMATE_TRIAL),
        Scenario::GitlabComFree => engineering(GroupPlan::FREE),
        Scenario::GitlabComLegacy => engineering(GroupPlan::GOLD),
        Scenario::GitlabComOpensource => engineering(GroupPlan::OPENSOURCE),
        Scenario::GitlabComGroupToken | Scenario::GitlabComServiceAccount => engineering(GroupPlan::ULTIMATE),
        Scenario::GitlabComLdap => vec![Spec { ldap_synced: true, duo: false, ..ENGINEERING }],
        Scenario::Hostile => vec![Spec { name: GROUP_NAME, ..PLATFORM }, Spec { name: OTHER_GROUP_NAME, ..DATA }],
        Scenario::HostileCom => {
            let first = Spec { name: GROUP_NAME, plan: GroupPlan::ULTIMATE, ..ENGINEERING };
            vec![first, Spec { name: OTHER_GROUP_NAME, plan: GroupPlan::UNKNOWN, ..SHOP }, LABS]
        }
        scenario if scenario.gitlab_com() => vec![ENGINEERING, SHOP, LABS],
        _ => vec![PLATFORM, DATA],
    }
}
