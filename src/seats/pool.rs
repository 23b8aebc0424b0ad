//! What was bought as a pool.

use time::Date;

use super::INSTANCE;
use crate::gitlab::entities::{Billing, License, Metadata, Namespace, Plan, Purchase, Subscription, Usage};
use crate::gitlab::scalars::Id;
use crate::quoting::quoted;
use crate::record::{Pool, PoolKind};

/// `EE` or `CE`. Before 15.6 `/metadata` does not say; `licensed` is whether the endpoint of the license is there,
/// which only EE has.
#[must_use]
pub fn edition(metadata: &Metadata, licensed: bool) -> &'static str {
    match metadata.enterprise {
        Some(false) => "CE",
        None if !licensed => "CE",
        Some(true) | None => "EE",
    }
}

/// Whether the term is over, by GitLab's own word or, where that is missing, by the date.
#[must_use]
pub fn is_expired(license: &License, today: Date) -> bool {
    license.expired.unwrap_or_else(|| license.expires_at.given().is_some_and(|day| day.0 < today))
}

/// The license of an instance as a pool; without one, when the caller may not read it, a pool of which nothing is known.
///
/// `overage_now` is GitLab's `overage` while the license is valid. Once it has expired, GitLab puts the peak of the term
/// into that field; then `overage_now` is `active_users − user_limit`, not below 0. `overage_term` is
/// `maximum_user_count − user_limit`, not below 0: what a true-up charges. Without a limit
/// only GitLab's own `overage` is passed on: nothing can be computed.
#[must_use]
pub fn license_pool(license: &License, scope_name: &str, today: Date) -> Pool {
    let unlimited = license.user_limit == Some(0);
    let entitled = license.user_limit.filter(|limit| *limit > 0);
    let over = |count: Option<u64>| Some(count?.saturating_sub(entitled?));
    let told = license.overage.filter(|_| !is_expired(license, today));
    Pool {
        pool_id: pool_id(INSTANCE, license.plan.as_deref()),
        scope_id: INSTANCE.to_owned(),
        scope_name: scope_name.to_owned(),
        feature: feature(license.plan.as_deref()),
        plan_code: license.plan.clone(),
        entitled,
        unlimited,
        allocated: license.active_users,
        max_allocated: license.maximum_user_count,
        overage_now: told.or_else(|| over(license.active_users)),
        overage_term: over(license.maximum_user_count),
        term_start: license.starts_at.map(|day| day.to_string()),
        term_end: license.expires_at.given().map(|day| day.to_string()),
        is_trial: license.trial,
        ..Pool::default()
    }
}

/// Whether nothing is sold under this plan: then no number of seats applies.
#[must_use]
pub fn is_free(plan: Option<&str>) -> bool {
    matches!(plan, Some("free" | "default"))
}

/// Whether a group is that of an instance: GitLab.com gives each group a plan of its own, and every other GitLab says
/// `default` to owners.
#[must_use]
pub fn is_of_an_instance(namespace: &Namespace) -> bool {
    namespace.plan.as_deref() == Some("default")
}

/// The subscription of a top-level group as a pool; without one, for callers who are no owner, with what its namespace
/// tells.
///
/// `allocated` is the count made for this answer where GitLab gives it, else the one made up to a day before.
/// `overage_now` is `allocated − entitled`, not below 0: GitLab has no figure of its own for it. `overage_term` is
/// GitLab's `seats_owed`, which it leaves at 0 on trials.
#[must_use]
pub fn group_pool(namespace: &Namespace, subscription: Option<&Subscription>, today: Date) -> Pool {
    let none = Subscription { plan: Plan::default(), usage: Usage::default(), billing: Billing::default() };
    let Subscription { plan, usage, billing } = subscription.unwrap_or(&none);
    let code = plan.code.as_deref().or(namespace.plan.as_deref());
    let unlimited = is_free(code);
    let entitled = usage.seats_in_subscription.filter(|_| !unlimited);
    let allocated = namespace.billable_members_count.or(usage.seats_in_use).or(namespace.seats_in_use);
    let term_end =
        billing.subscription_end_date.or(billing.trial_ends_on).or(namespace.end_date).or(namespace.trial_ends_on);
    let scope_id = scope_of(&namespace.id);
    Pool {
        pool_id: pool_id(&scope_id, code),
        scope_id,
        scope_name: quoted(namespace.full_path.as_deref().or(namespace.name.as_deref()).unwrap_or_default()),
        feature: feature(code),
        plan_code: code.map(str::to_owned),
        entitled,
        unlimited,
        allocated,
        max_allocated: usage.max_seats_used.or(namespace.max_seats_used),
        overage_now: allocated.zip(entitled).map(|(allocated, entitled)| allocated.saturating_sub(entitled)),
        overage_term: usage.seats_owed.filter(|_| !unlimited),
        term_start: billing.subscription_start_date.map(|day| day.to_string()),
        term_end: term_end.map(|day| day.to_string()),
        is_trial: plan.trial.or(namespace.trial),
        auto_renew: plan.auto_renew,
        as_of: namespace.billable_members_count.map(|_| crate::gitlab::scalars::Day(today).to_string()),
        ..Pool::default()
    }
}

/// Comes with every Premium and Ultimate: no seats of it are bought.
pub const DUO_CORE: &str = "DUO_CORE";

/// Whether seats of an add-on are given to people one by one (`GitlabSubscriptions::AddOn`, 19.3).
#[must_use]
pub fn seat_assignable(name: &str) -> bool {
    matches!(name, "CODE_SUGGESTIONS" | "DUO_ENTERPRISE")
}

/// Where an add-on was bought.
#[derive(Debug, Clone, Copy)]
pub struct AddOnPlace<'a> {
    /// The group; none for an instance.
    pub group: Option<&'a Id>,
    /// Name of group or instance.
    pub name: &'a str,
}

impl AddOnPlace<'_> {
    /// The pool's id for the add-on of this name.
    #[must_use]
    pub fn pool_id(&self, add_on: &str) -> String {
        let scope = self.group.map_or_else(|| INSTANCE.to_owned(), scope_of);
        format!("{scope}:add-on:{}", quoted(add_on))
    }
}

/// An add-on as a pool. GitLab tells neither start nor end of it.
#[must_use]
pub fn add_on_pool(purchase: &Purchase, place: AddOnPlace<'_>) -> Pool {
    let name = purchase.name.as_deref().unwrap_or("unknown");
    let included = name == DUO_CORE;
    let entitled = purchase.bought.filter(|_| !included);
    let allocated = purchase.assigned.filter(|_| !included);
    let over = allocated.zip(entitled).map(|(allocated, entitled)| allocated.saturating_sub(entitled));
    Pool {
        pool_id: place.pool_id(name),
        scope_id: place.group.map_or_else(|| INSTANCE.to_owned(), scope_of),
        scope_name: place.name.to_owned(),
        feature: match name {
            "CODE_SUGGESTIONS" => "GitLab Duo Pro".to_owned(),
            "DUO_ENTERPRISE" => "GitLab Duo Enterprise".to_owned(),
            DUO_CORE => "GitLab Duo Core".to_owned(),
            "DUO_AMAZON_Q" => "GitLab Duo with Amazon Q".to_owned(),
            other => quoted(other),
        },
        plan_code: purchase.name.clone(),
        kind: PoolKind::AddOn,
        entitled,
        unlimited: included,
        allocated,
        overage_now: over,
        ..Pool::default()
    }
}

fn scope_of(group: &Id) -> String {
    format!("group:{}", group.as_str())
}

fn pool_id(scope: &str, plan: Option<&str>) -> String {
    format!("{scope}:{}", plan.map_or_else(|| "unknown".to_owned(), quoted))
}

/// `Premium seat` of `premium`, `Ultimate trial seat` of `ultimate_trial`.
pub(super) fn feature(plan: Option<&str>) -> String {
    let plan = quoted(plan.unwrap_or("GitLab")).replace('_', " ");
    let mut letters = plan.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{} seat", letters.as_str())
}
