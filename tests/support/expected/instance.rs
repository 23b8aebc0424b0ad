//! A self-managed instance, read by an administrator, an auditor or an account with a custom administrator's role.

use fake_gitlab::{AccountKind, LicenseFacts, Truth, UserFacts};
use serde_json::{Value, json};

use super::{add_ons, day, instant, seat, state};

/// Every record of a run over a self-managed instance with a license and without add-ons, read by an administrator, in
/// order; of a version that tells of add-ons (16.7).
pub fn records(truth: &Truth, base: &str) -> Vec<Value> {
    let license = truth.license.as_ref().expect("a license");
    let host = base.split_once("://").expect("a base URL").1;
    let pool_id = format!("instance:{}", license.plan);
    let mut records = vec![source(truth, base, host), pool(license, &pool_id, host)];
    // License, version and add-ons together, and who is the newest.
    let mut requests = 3;
    for page in truth.users.chunks(100) {
        requests += 1;
        for user in page {
            records.push(account(user));
            records.push(assignment(user, license, &pool_id, crate::support::release(truth.version)));
        }
    }
    let mut warnings = 0;
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

/// What there is to be read by the caller of the scenario, in any order, without warnings.
pub(super) fn everything(truth: &Truth, base: &str) -> Vec<Value> {
    let host = base.split_once("://").expect("a base URL").1;
    let rank = truth.caller.rank;
    let sees_license = matches!(rank, "administrator" | "custom_admin");
    let license = truth.license.as_ref();
    let pool_id = match license {
        Some(license) if sees_license => format!("instance:{}", license.plan),
        _ => "instance:unknown".to_owned(),
    };
    let mut source = source(truth, base, host);
    let known = |is_known: bool| if is_known { "yes" } else { "no" };
    source["edition"] = json!(if truth.enterprise { "EE" } else { "CE" });
    for key in ["totals", "expiry", "max_used"] {
        source["capabilities"][key] = json!(known(license.is_some() && sees_license));
    }
    source["capabilities"]["assignments"] = json!(known(license.is_some()));
    let release = crate::support::release(truth.version);
    source["capabilities"]["add_ons"] = json!(match (license, rank) {
        (None, _) => "no",
        _ if release < (16, 7) => "no",
        (_, "administrator") => "yes",
        _ => "unknown",
    });
    if !sees_license {
        source["plan"] = Value::Null;
    }
    let mut records = vec![source];
    if let Some(license) = license {
        let mut found = pool(license, &pool_id, host);
        if rank == "custom_admin" {
            // GraphQL tells, too, whether it is a trial.
            found["is_trial"] = json!(false);
        }
        if !sees_license {
            found = json!({
                "type": "pool", "pool_id": pool_id, "scope_id": "instance", "scope_name": host, "product": "GitLab",
                "feature": "GitLab seat", "plan_code": null, "kind": "base", "license_type": "named-user",
                "unit": "seat", "entitled": null, "unlimited": false, "allocated": null, "max_allocated": null,
                "overage_now": null, "overage_term": null, "term_start": null, "term_end": null, "is_trial": null,
                "auto_renew": null, "as_of": null,
            });
        }
        records.push(found);
    }
    // Auditors and custom roles do not see blocked accounts.
    let hidden = |user: &UserFacts| rank == "auditor" && matches!(user.state, "blocked" | "ldap_blocked" | "banned");
    for user in truth.users.iter().filter(|user| !hidden(user)) {
        records.push(account(user));
        if let Some(license) = license {
            let mut found = assignment(user, license, &pool_id, release);
            let is_by_plan =
                matches!(found["non_consuming_reason"].as_str(), Some("guest-or-no-membership" | "minimal-access"));
            if !sees_license && is_by_plan {
                found["non_consuming_reason"] = Value::Null;
            }
            records.push(found);
        }
    }
    if license.is_some() && rank == "administrator" && release >= (16, 7) {
        records.extend(add_ons(&truth.add_ons, truth, "instance", host));
    }
    records.push(json!({ "type": "summary", "completeness": "complete" }));
    records
}

fn source(truth: &Truth, base: &str, host: &str) -> Value {
    json!({
        "type": "source", "source_key": format!("{base}#instance"), "display_name": host, "vendor": "GitLab",
        "deployment": "self-managed", "host_url": base, "product_version": truth.version, "edition": "EE",
        "plan": truth.license.as_ref().map(|license| license.plan),
        "capabilities": {
            "totals": "yes", "assignments": "yes", "last_activity": "yes", "expiry": "yes", "max_used": "yes",
            "add_ons": "yes", "email": "yes",
        },
    })
}

fn pool(license: &LicenseFacts, pool_id: &str, host: &str) -> Value {
    let unlimited = license.user_limit == 0;
    let over = |count: u64| count.saturating_sub(license.user_limit);
    json!({
        "type": "pool", "pool_id": pool_id, "scope_id": "instance", "scope_name": host, "product": "GitLab",
        "feature": seat(license.plan),
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
    let sign_in = user.current_sign_in_at.or(user.last_sign_in_at);
    let identities: Vec<Value> = user
        .identities
        .iter()
        .map(|identity| json!({ "provider": identity.provider, "external_id": identity.extern_uid }))
        .collect();
    json!({
        "type": "user", "user_id": user.id.to_string(), "username": user.username,
        "display_name": (!user.name.is_empty()).then_some(&user.name),
        "email": (!user.email.is_empty()).then_some(&user.email),
        "email_kind": if user.email.is_empty() { "none" } else { "primary" },
        "identities": identities, "account_state": state(user.state), "account_state_raw": user.state,
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

fn assignment(user: &UserFacts, license: &LicenseFacts, pool_id: &str, release: (u16, u16)) -> Value {
    let consumes = user.using_license_seat.expect("a seat flag");
    let reason = match (consumes, user.state) {
        (true, _) => None,
        (false, "blocked" | "ldap_blocked") => Some("blocked"),
        (false, "deactivated") => Some("deactivated"),
        (false, "banned") => Some("banned"),
        (false, "blocked_pending_approval") => Some("pending-approval"),
        // A state that nobody knows, or none, explains nothing.
        (false, state) if state != "active" => None,
        (false, _) => match (user.kind, license.plan) {
            (AccountKind::ServiceAccount, _) => Some("service-account"),
            (AccountKind::ProjectBot, _) => Some("bot"),
            (_, "ultimate") if !license.expired => Some("guest-or-no-membership"),
            (_, "premium") if !license.expired && release >= (18, 9) => Some("minimal-access"),
            _ => None,
        },
    };
    json!({
        "type": "assignment", "pool_id": pool_id, "user_id": user.id.to_string(), "consumes_seat": consumes,
        "non_consuming_reason": reason, "role": null, "via": "unknown", "reclaimable": null, "assigned_on": null,
        "ends_on": null, "last_activity_on": null,
    })
}
