//! From GitLab's answers to records: the license becomes a pool, a row of `/users` a user and an assignment.
//!
//! Guarantees: the verdict on a seat is GitLab's `using_license_seat`, never recomputed; a reason is given only where
//! the row itself shows it; entitled, allocated and counted seats stay three numbers; figures that are missing stay
//! missing.
//!
//! Refuses a row without `is_admin` or `using_license_seat`: GitLab sends such rows, with status 200, to anyone who is
//! not an effective administrator, and read as data they would say that nobody holds a seat.

use crate::configuration::settings::IdentityLevel;
use crate::gitlab::entities::{License, Metadata, UserRow};
use crate::gitlab::scalars::Presence;
use crate::quoting::quoted;
use crate::record::{AccountKind, AccountState, Activity, Assignment, EmailKind, Identity, Pool, User};

/// The scope of a self-managed license: it covers the instance.
pub const INSTANCE: &str = "instance";

/// Major and minor number of a GitLab version: `18.8.2-ee` is (18, 8).
#[must_use]
pub fn release(version: &str) -> Option<(u16, u16)> {
    let mut numbers = version.split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// `EE` or `CE`. Before 15.6 `/metadata` does not say; this is asked once a license was read, which only EE has.
#[must_use]
pub fn edition(metadata: &Metadata) -> &'static str {
    match metadata.enterprise {
        Some(false) => "CE",
        Some(true) | None => "EE",
    }
}

/// `instance:<plan>`.
#[must_use]
pub fn pool_id(license: &License) -> String {
    format!("{INSTANCE}:{}", license.plan.as_deref().map_or_else(|| "unknown".to_owned(), quoted))
}

/// Whether the term is over, by GitLab's own word or, where that is missing, by the date.
#[must_use]
pub fn is_expired(license: &License, today: time::Date) -> bool {
    license.expired.unwrap_or_else(|| license.expires_at.given().is_some_and(|day| day.0 < today))
}

/// The license as a pool.
///
/// `overage_now` is GitLab's `overage` while the license is valid. Once it has expired, GitLab puts the peak of the term
/// into that field; then `overage_now` is `active_users − user_limit`, not below 0. `overage_term` is
/// `maximum_user_count − user_limit`, not below 0: what a true-up charges. Without a limit
/// only GitLab's own `overage` is passed on: nothing can be computed.
#[must_use]
pub fn pool(license: &License, scope_name: &str, today: time::Date) -> Pool {
    let unlimited = license.user_limit == Some(0);
    let entitled = license.user_limit.filter(|limit| *limit > 0);
    let over = |count: Option<u64>| Some(count?.saturating_sub(entitled?));
    Pool {
        pool_id: pool_id(license),
        scope_id: INSTANCE.to_owned(),
        scope_name: scope_name.to_owned(),
        feature: feature(license.plan.as_deref()),
        plan_code: license.plan.clone(),
        entitled,
        unlimited,
        allocated: license.active_users,
        max_allocated: license.maximum_user_count,
        overage_now: if is_expired(license, today) { over(license.active_users) } else { license.overage },
        overage_term: over(license.maximum_user_count),
        term_start: license.starts_at.map(|day| day.to_string()),
        term_end: license.expires_at.given().map(|day| day.to_string()),
    }
}

/// `Premium seat` of `premium`.
#[must_use]
pub fn feature(plan: Option<&str>) -> String {
    let plan = quoted(plan.unwrap_or("GitLab"));
    let mut letters = plan.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{} seat", letters.as_str())
}

/// Why a row of `/users` is not data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Downgraded {
    /// No `is_admin`: the caller is no effective administrator.
    #[error("GitLab sent a list of users without administrators' fields")]
    NotAdministrator,
    /// No `using_license_seat`: a Community Edition.
    #[error("GitLab sent a list of users that does not say who holds a seat")]
    NoSeatFlag,
}

/// Whether the row has the fields that make it data, and then GitLab's verdict on the seat.
///
/// # Errors
/// When a field is missing; see [`Downgraded`].
pub fn holds_seat(row: &UserRow) -> Result<bool, Downgraded> {
    if row.is_admin.is_none() {
        return Err(Downgraded::NotAdministrator);
    }
    row.using_license_seat.ok_or(Downgraded::NoSeatFlag)
}

/// What is needed of the license to name a reason: the plan, and since when Premium does not count Minimal Access.
#[derive(Debug, Clone, Copy)]
pub struct SeatRules<'a> {
    /// Plan of the license.
    pub plan: Option<&'a str>,
    /// Release of the instance.
    pub release: Option<(u16, u16)>,
}

/// The row as a person in the pool.
///
/// # Errors
/// When the row is not data; see [`holds_seat`].
pub fn assignment(row: &UserRow, pool_id: &str, rules: SeatRules<'_>) -> Result<Assignment, Downgraded> {
    let consumes_seat = holds_seat(row)?;
    Ok(Assignment {
        pool_id: pool_id.to_owned(),
        user_id: row.id.as_str().to_owned(),
        consumes_seat,
        non_consuming_reason: if consumes_seat { None } else { reason(row, rules) },
    })
}

fn reason(row: &UserRow, rules: SeatRules<'_>) -> Option<&'static str> {
    match account_state(row.state.as_deref()) {
        AccountState::Blocked => return Some("blocked"),
        AccountState::Deactivated => return Some("deactivated"),
        AccountState::Banned => return Some("banned"),
        AccountState::Pending => return Some("pending-approval"),
        AccountState::Other => return None,
        AccountState::Active => {}
    }
    match account_kind(row) {
        AccountKind::Bot => Some("bot"),
        AccountKind::Service => Some("service-account"),
        AccountKind::Unknown => None,
        // What is left of the rules once state and kind are out: on Ultimate a role above Guest is missing; on
        // Premium, since 18.9, the highest role is Minimal Access.
        AccountKind::Human => match (rules.plan, rules.release) {
            (Some("ultimate"), _) => Some("guest-or-no-membership"),
            (Some("premium" | "starter"), Some(release)) if release >= (18, 9) => Some("minimal-access"),
            _ => None,
        },
    }
}

fn account_state(state: Option<&str>) -> AccountState {
    match state {
        Some("active") => AccountState::Active,
        Some("blocked" | "ldap_blocked") => AccountState::Blocked,
        Some("deactivated") => AccountState::Deactivated,
        Some("banned") => AccountState::Banned,
        Some("blocked_pending_approval") => AccountState::Pending,
        _ => AccountState::Other,
    }
}

/// `/users` has one flag for bots and service accounts alike; the name GitLab gives them by default is all that tells
/// them apart. An administrator may rename a service account: then it is a bot here, and holds no seat either way.
fn account_kind(row: &UserRow) -> AccountKind {
    match row.bot {
        Some(true) if row.username.starts_with("service_account_") => AccountKind::Service,
        Some(true) => AccountKind::Bot,
        Some(false) => AccountKind::Human,
        None => AccountKind::Unknown,
    }
}

/// The row as a user, reduced to what `level` lets through.
#[must_use]
pub fn user(row: UserRow, level: IdentityLevel) -> User {
    let account_kind = account_kind(&row);
    let sign_in = match row.current_sign_in_at {
        Presence::Given(moment) => Some(moment),
        Presence::Null | Presence::Absent => row.last_sign_in_at.given(),
    };
    let activity = match (&row.last_activity_on, sign_in) {
        (Presence::Given(_), _) | (_, Some(_)) => Activity::Known,
        (Presence::Null, None) => Activity::Never,
        (Presence::Absent, None) => Activity::NotReadable,
    };
    let full = level == IdentityLevel::Full;
    let (email, email_kind) = if full { address(row.email, row.public_email) } else { (None, EmailKind::None) };
    User {
        username: match level {
            IdentityLevel::Full | IdentityLevel::Username => row.username,
            IdentityLevel::Pseudonym => format!("user-{}", row.id.as_str()),
        },
        user_id: row.id.as_str().to_owned(),
        display_name: row.name.filter(|name| full && !name.is_empty()),
        email,
        email_kind,
        identities: row.identities.filter(|_| full).map(identities).unwrap_or_default(),
        account_state: account_state(row.state.as_deref()),
        account_state_raw: row.state.unwrap_or_default(),
        account_kind,
        created_at: row.created_at.map(|moment| moment.to_string()),
        last_activity_on: row.last_activity_on.given().map(|day| day.to_string()),
        last_sign_in_at: sign_in.map(|moment| moment.to_string()),
        activity,
    }
}

/// GitLab writes an absent address as `null` in some entities and as `""` in others.
fn address(primary: Option<String>, public: Option<String>) -> (Option<String>, EmailKind) {
    let given = |address: Option<String>| address.filter(|text| !text.is_empty());
    match (given(primary), given(public)) {
        (Some(primary), _) => (Some(primary), EmailKind::Primary),
        (None, Some(public)) => (Some(public), EmailKind::Public),
        (None, None) => (None, EmailKind::None),
    }
}

fn identities(rows: Vec<crate::gitlab::entities::Identity>) -> Vec<Identity> {
    rows.into_iter()
        .filter_map(|row| Some(Identity { provider: row.provider?, external_id: row.extern_uid? }))
        .collect()
}

#[cfg(test)]
#[path = "seats_tests.rs"]
mod tests;
