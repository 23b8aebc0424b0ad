//! Leaves: the fields of accounts and licenses, and how GraphQL writes times and levels.

use serde_json::{Value, json};
use time::{Date, OffsetDateTime, UtcOffset};

use crate::account::Account;
use crate::calendar::Day;
use crate::license::LicenseFacts;

/// Days after its end for which a license still lets everything be changed.
const GRACE_DAYS: i64 = 14;

/// A time as GraphQL writes it: UTC, whole seconds.
pub(super) fn second(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (hour, minute, second) = at.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", Day(at.date()))
}

/// A field of an account.
pub(super) fn of_user(account: &Account, name: &str) -> Value {
    match name {
        "id" => json!(format!("gid://gitlab/User/{}", account.id)),
        "username" => json!(account.username),
        "name" => json!(account.name),
        "state" => json!(account.archetype.state.name()),
        "bot" => json!(account.bot),
        "publicEmail" => json!(account.public_email()),
        "createdAt" => json!(second(account.created_at.0)),
        _ => json!(account.last_activity_on),
    }
}

/// A field of a license.
pub(super) fn of_license(facts: &LicenseFacts, name: &str) -> Value {
    let unlimited = facts.user_limit == 0;
    let day = |day: Date| json!(Day(day));
    match name {
        "id" => json!(format!("gid://gitlab/License/{}", facts.id)),
        "type" => json!("online_cloud"),
        "plan" => json!(facts.plan),
        "name" => json!("Dana Admin"),
        "email" => json!("dana@example.test"),
        "company" => json!(facts.company),
        "startsAt" => day(facts.starts_at),
        "expiresAt" => json!(facts.expires_at.map(Day)),
        "blockChangesAt" => {
            json!(facts.expires_at.map(|end| Day(end.saturating_add(time::Duration::days(GRACE_DAYS)))))
        }
        "createdAt" | "activatedAt" => day(facts.created_at.date()),
        "lastSync" => json!(second(facts.created_at)),
        "usersInLicenseCount" => json!((!unlimited).then_some(facts.user_limit)),
        "billableUsersCount" => json!(facts.active_users),
        "maximumUserCount" => json!(facts.maximum_user_count),
        "usersOverLicenseCount" if unlimited => json!(0),
        "usersOverLicenseCount" => json!(facts.maximum_user_count.saturating_sub(facts.user_limit)),
        "subscriptionName" => json!("A-S00012345"),
        _ => json!(false),
    }
}

/// `AccessLevelEnum`; null for a level that it does not know.
pub(super) fn level_word(level: u8) -> Option<&'static str> {
    Some(match level {
        5 => "MINIMAL_ACCESS",
        10 => "GUEST",
        15 => "PLANNER",
        20 => "REPORTER",
        25 => "SECURITY_MANAGER",
        30 => "DEVELOPER",
        40 => "MAINTAINER",
        50 => "OWNER",
        _ => return None,
    })
}
