//! The records that a whole collection must deliver, written down from the stand-in's truth and the contract alone.

use fake_gitlab::{AccountKind, LicenseFacts, Truth, UserFacts};
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// Every record of a run over a self-managed instance with a license, read by an administrator, in order.
pub fn records(truth: &Truth, base: &str) -> Vec<Value> {
    let license = truth.license.as_ref().expect("a license");
    let host = base.split_once("://").expect("a base URL").1;
    let pool_id = format!("instance:{}", license.plan);
    let mut records = vec![
        source(truth, base, host),
        pool(license, &pool_id, host),
        json!({
            "type": "warning", "code": "add-ons-not-read", "scope": null,
            "message": "This version of the plugin does not read add-on seats such as GitLab Duo; \
                        whether there are any is unknown.",
        }),
    ];
    let mut requests = 3;
    for page in truth.users.chunks(100) {
        requests += 1;
        for user in page {
            records.push(account(user));
            records.push(assignment(user, license, &pool_id));
        }
    }
    if truth.users.len() == 100 && !truth.version.starts_with("16.") {
        // A full first page that names no next one: only asking shows that no header was lost. Offset answers say.
        requests += 1;
    }
    let mut warnings = 1;
    let seats = truth.counts.using_license_seat.expect("a seat flag");
    if seats != license.active_users {
        warnings += 1;
    }
    let users = truth.users.len();
    records.push(json!({
        "type": "summary", "completeness": "complete", "requests": requests, "warnings": warnings,
        "counts": { "source": 1, "pool": 1, "user": users, "assignment": users, "warning": warnings },
    }));
    records
}

fn source(truth: &Truth, base: &str, host: &str) -> Value {
    json!({
        "type": "source", "source_key": format!("{base}#instance"), "display_name": host, "vendor": "GitLab",
        "deployment": "self-managed", "host_url": base, "product_version": truth.version, "edition": "EE",
        "plan": truth.license.as_ref().map(|license| license.plan),
        "capabilities": {
            "totals": "yes", "assignments": "yes", "last_activity": "yes", "expiry": "yes", "max_used": "yes",
            "add_ons": "unknown", "email": "yes",
        },
    })
}

fn pool(license: &LicenseFacts, pool_id: &str, host: &str) -> Value {
    let unlimited = license.user_limit == 0;
    let over = |count: u64| count.saturating_sub(license.user_limit);
    json!({
        "type": "pool", "pool_id": pool_id, "scope_id": "instance", "scope_name": host, "product": "GitLab",
        "feature": match license.plan { "premium" => "Premium seat", "ultimate" => "Ultimate seat", other => other },
        "plan_code": license.plan, "kind": "base", "license_type": "named-user", "unit": "seat",
        "entitled": (!unlimited).then_some(license.user_limit), "unlimited": unlimited,
        "allocated": license.active_users, "max_allocated": license.maximum_user_count,
        // Without a number of seats GitLab's own figure is 0, and nothing can be computed.
        "overage_now": if unlimited { 0 } else { over(license.active_users) },
        "overage_term": (!unlimited).then(|| over(license.maximum_user_count)),
        "term_start": license.starts_at.to_string(), "term_end": license.expires_at.map(|day| day.to_string()),
        "is_trial": null, "auto_renew": null, "as_of": null,
    })
}

fn account(user: &UserFacts) -> Value {
    let state = match user.state {
        "active" | "blocked" | "deactivated" | "banned" => user.state,
        "ldap_blocked" => "blocked",
        "blocked_pending_approval" => "pending",
        _ => "other",
    };
    let sign_in = user.current_sign_in_at.or(user.last_sign_in_at);
    let identities: Vec<Value> = user
        .identities
        .iter()
        .map(|identity| json!({ "provider": identity.provider, "external_id": identity.extern_uid }))
        .collect();
    json!({
        "type": "user", "user_id": user.id.to_string(), "username": user.username, "display_name": user.name,
        "email": (!user.email.is_empty()).then_some(&user.email),
        "email_kind": if user.email.is_empty() { "none" } else { "primary" },
        "identities": identities, "account_state": state, "account_state_raw": user.state,
        "account_kind": match user.kind {
            AccountKind::Human => "human",
            AccountKind::ServiceAccount => "service",
            AccountKind::ProjectBot => "bot",
            AccountKind::Internal => "internal",
        },
        "created_at": instant(user.created_at), "last_activity_on": user.last_activity_on.map(day),
        "last_sign_in_at": sign_in.map(instant),
        "activity": if user.last_activity_on.is_some() || sign_in.is_some() { "known" } else { "never" },
    })
}

fn assignment(user: &UserFacts, license: &LicenseFacts, pool_id: &str) -> Value {
    let consumes = user.using_license_seat.expect("a seat flag");
    let reason = match (consumes, user.state) {
        (true, _) => None,
        (false, "blocked" | "ldap_blocked") => Some("blocked"),
        (false, "deactivated") => Some("deactivated"),
        (false, "banned") => Some("banned"),
        (false, "blocked_pending_approval") => Some("pending-approval"),
        (false, _) => match (user.kind, license.plan) {
            (AccountKind::ServiceAccount, _) => Some("service-account"),
            (AccountKind::ProjectBot, _) => Some("bot"),
            (_, "ultimate") => Some("guest-or-no-membership"),
            (_, "premium") => Some("minimal-access"),
            _ => None,
        },
    };
    json!({
        "type": "assignment", "pool_id": pool_id, "user_id": user.id.to_string(), "consumes_seat": consumes,
        "non_consuming_reason": reason, "role": null, "via": "unknown", "reclaimable": null, "assigned_on": null,
        "ends_on": null, "last_activity_on": null,
    })
}

fn day(day: Date) -> String {
    day.format(format_description!("[year]-[month]-[day]")).expect("a day")
}

/// To the second: that is what the plugin keeps.
fn instant(instant: OffsetDateTime) -> String {
    instant.format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).expect("an instant")
}
