//! `GET /namespaces/:id` and `GET /namespaces/:id/gitlab_subscription`.
//!
//! | field of a namespace | who |
//! | --- | --- |
//! | `plan`, `trial`, `trial_ends_on`, sizes | Owner, administrator; absent for others |
//! | the five billing fields | who may read billing; for others null since 18.9, before that shown |
//!
//! The last four billing fields are there only with a subscription. A subgroup has none, nor has any group outside of
//! GitLab.com: every leaf of its subscription is null. Personal namespaces are not played.

use http::StatusCode;
use serde::Serialize;

use super::{Asked, Target, forbidden, write_row};
use crate::answer::{self, Answer};
use crate::calendar::{Day, Instant};
use crate::groups::SubscriptionFacts;
use crate::token::Need;

/// Present, and possibly null; `None` is absent.
type Shown<T> = Option<Option<T>>;

#[derive(Serialize)]
struct Namespace {
    id: u64,
    name: &'static str,
    path: &'static str,
    kind: &'static str,
    full_path: String,
    parent_id: Option<u64>,
    avatar_url: Option<String>,
    web_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    members_count_with_descendants: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_repository_size: Shown<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projects_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billable_members_count: Shown<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats_in_use: Shown<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_used: Shown<u64>,
    /// Since 15.10.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_used_changed_at: Shown<Instant>,
    /// Since 16.7.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Shown<Day>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_ends_on: Shown<Day>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<bool>,
}

/// The group, hidden from who is not in it.
fn namespace<'a>(asked: &Asked<'a>, handle: &str) -> Result<Target<'a>, Box<Answer>> {
    let token = asked.admit(Need::ReadApi).map_err(|refusal| Box::new(answer::refused(refusal)))?;
    let hidden = || Box::new(answer::message(StatusCode::NOT_FOUND, "404 Namespace Not Found"));
    asked.target(handle, token).ok_or_else(hidden)
}

/// `GET /namespaces/:id`.
pub(super) fn show(asked: &Asked<'_>, handle: &str) -> Result<Answer, Box<Answer>> {
    let target = namespace(asked, handle)?;
    let scenario = asked.instance.options.scenario;
    let spec = &target.group.spec;
    let full_path = target.full_path();
    let owner = target.owner();
    let subscription = target.group.subscription.as_ref().filter(|_| target.subgroup.is_none());
    let enterprise = scenario.enterprise();
    let readable = target.reads_billing() || !scenario.restricts_billing_fields();
    let mut body = Vec::new();
    write_row(
        &mut body,
        &Namespace {
            id: target.id(),
            name: target.subgroup.as_ref().map_or(spec.name, |subgroup| subgroup.name),
            path: target.subgroup.as_ref().map_or(spec.path, |subgroup| subgroup.path),
            kind: "group",
            web_url: format!("{}/groups/{full_path}", asked.instance.population.external_url),
            full_path,
            parent_id: target.subgroup.as_ref().map(|_| spec.id),
            avatar_url: None,
            members_count_with_descendants: owner.then_some(target.group.people.len()),
            root_repository_size: owner.then_some(Some(48_112_640)),
            projects_count: owner.then_some(2),
            billable_members_count: enterprise.then_some(Some(target.group.seats()).filter(|_| readable)),
            seats_in_use: subscription.map(|facts| facts.seats_in_use.filter(|_| readable)),
            max_seats_used: subscription.map(|facts| facts.max_seats_used.filter(|_| readable)),
            max_seats_used_changed_at: subscription
                .filter(|_| scenario.max_seats_changed_at())
                .map(|facts| facts.max_seats_used_changed_at.map(Instant).filter(|_| readable)),
            end_date: subscription
                .filter(|_| scenario.namespace_end_date())
                .map(|facts| facts.end_date.map(Day).filter(|_| readable)),
            plan: (owner && enterprise).then_some(spec.plan.code),
            trial_ends_on: (owner && enterprise).then(|| subscription.and_then(|facts| facts.trial_ends_on).map(Day)),
            trial: (owner && enterprise).then_some(spec.plan.trial),
        },
    );
    Ok(answer::json(StatusCode::OK, body))
}

#[derive(Default, Serialize)]
struct Subscription {
    plan: Plan,
    usage: Usage,
    billing: Billing,
}

#[derive(Default, Serialize)]
struct Plan {
    code: Option<&'static str>,
    name: Option<String>,
    trial: Option<bool>,
    auto_renew: Option<bool>,
    upgradable: Option<bool>,
    exclude_guests: Option<bool>,
}

#[derive(Default, Serialize)]
struct Usage {
    seats_in_subscription: Option<u64>,
    seats_in_use: Option<u64>,
    max_seats_used: Option<u64>,
    seats_owed: Option<u64>,
}

#[derive(Default, Serialize)]
struct Billing {
    subscription_start_date: Option<Day>,
    subscription_end_date: Option<Day>,
    trial_ends_on: Option<Day>,
}

/// `GET /namespaces/:id/gitlab_subscription`.
pub(super) fn subscription(asked: &Asked<'_>, handle: &str) -> Result<Answer, Box<Answer>> {
    let target = namespace(asked, handle)?;
    if !target.reads_billing() {
        return Ok(forbidden());
    }
    let plan = target.group.spec.plan;
    let shown = |facts: &SubscriptionFacts| Subscription {
        plan: Plan {
            code: Some(plan.code),
            name: Some(facts.plan_name.clone()),
            trial: Some(plan.trial),
            auto_renew: facts.auto_renew,
            upgradable: facts.upgradable,
            exclude_guests: Some(plan.exclude_guests()),
        },
        usage: Usage {
            seats_in_subscription: facts.seats_in_subscription,
            seats_in_use: facts.seats_in_use,
            max_seats_used: facts.max_seats_used,
            seats_owed: facts.seats_owed,
        },
        billing: Billing {
            subscription_start_date: facts.start_date.map(Day),
            subscription_end_date: facts.end_date.map(Day),
            trial_ends_on: facts.trial_ends_on.map(Day),
        },
    };
    let facts = target.group.subscription.as_ref().filter(|_| target.subgroup.is_none());
    let mut body = Vec::new();
    write_row(&mut body, &facts.map(shown).unwrap_or_default());
    Ok(answer::json(StatusCode::OK, body))
}
