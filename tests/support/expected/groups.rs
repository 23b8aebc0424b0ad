//! Groups of GitLab.com, read by an Owner.

use fake_gitlab::{BillableFacts, GroupFacts, MemberFacts, MembershipFacts, Scenario, Truth};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{add_ons, day, instant, seat, state};

const OWNER: u8 = 50;

pub(super) fn records(_scenario: Scenario, truth: &Truth, base: &str, memberships: bool) -> Vec<Value> {
    let host = base.split_once("://").expect("a base URL").1;
    let mut records = vec![json!({
        "type": "source", "source_key": format!("{base}#groups"), "display_name": host, "vendor": "GitLab",
        "deployment": "gitlab-com", "host_url": base, "product_version": truth.version, "edition": "EE", "plan": null,
        "capabilities": {
            "totals": "yes", "assignments": "yes", "last_activity": "yes", "expiry": "yes", "max_used": "yes",
            "add_ons": "yes", "email": "unknown",
        },
    })];
    for group in truth.groups.iter().filter(|group| group.caller_access_level == Some(OWNER)) {
        let scope_id = format!("group:{}", group.id);
        let pool_id = format!("{scope_id}:{}", group.plan);
        records.push(pool(group, &scope_id, &pool_id));
        for one in &group.billable {
            let public = public_address(truth, one.user_id);
            let member = group.members.iter().find(|member| member.user_id == one.user_id);
            records.push(holder(one, public));
            records.push(assignment(one, member, &pool_id, memberships && !group.ldap_synced));
        }
        if group.plan != "free" {
            for member in group.members.iter().filter(|member| member.is_using_seat == Some(false)) {
                records.push(person(member, public_address(truth, member.user_id)));
                records.push(without_seat(member, group, &pool_id));
            }
        }
        records.extend(add_ons(&group.add_ons, truth, &scope_id, &group.full_path));
    }
    records.push(json!({ "type": "summary", "completeness": "complete" }));
    records
}

/// The address that somebody shows. Accounts of tokens are in no list of people, and show none.
fn public_address(truth: &Truth, id: u64) -> Option<&str> {
    let user = truth.users.iter().find(|user| user.id == id)?;
    user.public_email.as_deref().filter(|address| !address.is_empty())
}

fn pool(group: &GroupFacts, scope_id: &str, pool_id: &str) -> Value {
    let subscription = group.subscription.as_ref();
    let free = group.plan == "free";
    let entitled = subscription.and_then(|found| found.seats_in_subscription).filter(|_| !free);
    let allocated = group.billable_members_count;
    json!({
        "type": "pool", "pool_id": pool_id, "scope_id": scope_id, "scope_name": group.full_path, "product": "GitLab",
        "feature": seat(&group.plan), "plan_code": group.plan, "kind": "base", "license_type": "named-user",
        "unit": "seat", "entitled": entitled, "unlimited": free, "allocated": allocated,
        "max_allocated": subscription.and_then(|found| found.max_seats_used),
        "overage_now": entitled.map(|entitled| allocated.saturating_sub(entitled)),
        "overage_term": subscription.and_then(|found| found.seats_owed).filter(|_| !free),
        "term_start": subscription.and_then(|found| found.start_date).map(day),
        "term_end": subscription.and_then(|found| found.end_date.or(found.trial_ends_on)).map(day),
        "is_trial": group.trial, "auto_renew": subscription.and_then(|found| found.auto_renew),
        "as_of": day(OffsetDateTime::now_utc().date()),
    })
}

fn address(email: Option<&str>, public: Option<&str>) -> (Option<String>, &'static str) {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(email), given(public)) {
        (Some(email), public) if Some(&email) != public.as_ref() => (Some(email), "primary"),
        (_, Some(public)) => (Some(public), "public"),
        (_, None) => (None, "none"),
    }
}

/// By the name alone: these lists do not say who is a bot.
fn kind(username: &str) -> &'static str {
    if username.starts_with("service_account_") {
        "service"
    } else if username.contains("_bot_") {
        "bot"
    } else {
        "unknown"
    }
}

fn holder(one: &BillableFacts, public: Option<&str>) -> Value {
    let (email, email_kind) = address(one.email.as_deref(), public);
    json!({
        "type": "user", "user_id": one.user_id.to_string(), "username": one.username,
        "display_name": (!one.name.is_empty()).then_some(&one.name), "email": email, "email_kind": email_kind,
        "identities": [], "account_state": state(one.state), "account_state_raw": one.state,
        "account_kind": kind(&one.username), "created_at": instant(one.created_at),
        "last_activity_on": one.last_activity_on.map(day), "last_sign_in_at": one.last_login_at.map(instant),
        "activity": if one.last_activity_on.is_some() || one.last_login_at.is_some() { "known" } else { "never" },
    })
}

fn person(member: &MemberFacts, public: Option<&str>) -> Value {
    let (email, email_kind) = address(member.email.as_deref(), public);
    json!({
        "type": "user", "user_id": member.user_id.to_string(), "username": member.username,
        "display_name": (!member.name.is_empty()).then_some(&member.name), "email": email, "email_kind": email_kind,
        "identities": [], "account_state": state(member.state), "account_state_raw": member.state,
        "account_kind": kind(&member.username), "created_at": null, "last_activity_on": null,
        "last_sign_in_at": null, "activity": "not-readable",
    })
}

fn role(level: u8, custom: Option<&str>) -> String {
    let name = match level {
        5 => "Minimal Access",
        10 => "Guest",
        15 => "Planner",
        20 => "Reporter",
        25 => "Security Manager",
        30 => "Developer",
        40 => "Maintainer",
        50 => "Owner",
        other => return format!("Level {other}"),
    };
    custom.map_or_else(|| name.to_owned(), |custom| format!("{name} ({custom})"))
}

fn assignment(one: &BillableFacts, member: Option<&MemberFacts>, pool_id: &str, drilled: bool) -> Value {
    let day_of = |moment: OffsetDateTime| day(moment.to_offset(time::UtcOffset::UTC).date());
    let mut found = member.map(|member| (member.access_level, member.custom_role));
    let mut since = member.map(|member| day_of(member.created_at));
    let mut ends = member.and_then(|member| member.expires_at).map(day);
    if drilled {
        let all: Vec<&MembershipFacts> = one.memberships.iter().chain(&one.indirect).collect();
        let highest = all.iter().max_by_key(|found| (found.access_level, found.custom_role.is_some()));
        if let Some(highest) = highest
            && found.is_none_or(|(level, _)| level < highest.access_level)
        {
            found = Some((highest.access_level, highest.custom_role));
        }
        since = all.iter().map(|found| day_of(found.created_at)).chain(since).min();
        let all_end: Option<Vec<_>> =
            all.iter().map(|found| found.expires_at).chain(member.map(|member| member.expires_at)).collect();
        ends = all_end.and_then(|days| days.into_iter().max()).map(day);
    }
    json!({
        "type": "assignment", "pool_id": pool_id, "user_id": one.user_id.to_string(), "consumes_seat": true,
        "non_consuming_reason": null, "role": found.map(|(level, custom)| role(level, custom)),
        "via": match one.membership_type {
            "group_member" => "direct", "group_invite" => "group-invite", "project_member" => "project-member",
            "project_invite" => "project-invite", _ => "unknown",
        },
        "reclaimable": one.removable, "assigned_on": since, "ends_on": ends, "last_activity_on": null,
    })
}

fn without_seat(member: &MemberFacts, group: &GroupFacts, pool_id: &str) -> Value {
    let reason = match (member.state, kind(&member.username)) {
        ("blocked" | "ldap_blocked", _) => Some("blocked"),
        ("deactivated", _) => Some("deactivated"),
        ("banned", _) => Some("banned"),
        ("blocked_pending_approval", _) => Some("pending-approval"),
        ("active", "service") => Some("service-account"),
        ("active", "bot") => Some("bot"),
        ("active", _) if member.membership_state == "awaiting" => Some("awaiting-approval"),
        ("active", _) if member.access_level == 5 => Some("minimal-access"),
        ("active", _) if member.access_level == 10 && group.exclude_guests => Some("guest"),
        _ => None,
    };
    json!({
        "type": "assignment", "pool_id": pool_id, "user_id": member.user_id.to_string(), "consumes_seat": false,
        "non_consuming_reason": reason, "role": role(member.access_level, member.custom_role), "via": "unknown",
        "reclaimable": null, "assigned_on": day(member.created_at.to_offset(time::UtcOffset::UTC).date()),
        "ends_on": member.expires_at.map(day), "last_activity_on": null,
    })
}
