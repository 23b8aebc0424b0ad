//! A row about a person as a user.

use crate::configuration::settings::IdentityLevel;
use crate::gitlab::entities::{self, PersonRow};
use crate::gitlab::scalars::Presence;
use crate::record::{AccountKind, AccountState, Activity, EmailKind, Identity, User};

pub(super) fn account_state(state: Option<&str>) -> AccountState {
    match state {
        Some("active") => AccountState::Active,
        Some("blocked" | "ldap_blocked") => AccountState::Blocked,
        Some("deactivated") => AccountState::Deactivated,
        Some("banned") => AccountState::Banned,
        Some("blocked_pending_approval") => AccountState::Pending,
        _ => AccountState::Other,
    }
}

/// GitLab has one flag for bots and service accounts alike, and lists of groups lack even that; the name that it gives
/// them by default is all that tells. An administrator may rename a service account: then it is a bot here, and holds
/// no seat either way. Nobody else may take a name of these forms.
pub(super) fn account_kind(row: &PersonRow) -> AccountKind {
    let is_token = || {
        ["group_", "project_"].iter().any(|prefix| {
            row.username
                .strip_prefix(prefix)
                .and_then(|rest| rest.split_once("_bot"))
                .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    match row.bot {
        Some(false) => AccountKind::Human,
        Some(true) | None if row.username.starts_with("service_account_") => AccountKind::Service,
        Some(true) => AccountKind::Bot,
        None if is_token() => AccountKind::Bot,
        None => AccountKind::Unknown,
    }
}

/// The row as a user, reduced to what `level` lets through. `created_at` is passed by who knows whether the row's date
/// is that of the account.
#[must_use]
pub fn user(row: PersonRow, is_account_date: bool, level: IdentityLevel) -> User {
    let account_kind = account_kind(&row);
    let sign_in = match (row.current_sign_in_at, row.last_login_at) {
        (Presence::Given(moment), _) | (_, Presence::Given(moment)) => Some(moment),
        _ => row.last_sign_in_at.given(),
    };
    let activity = match (&row.last_activity_on, sign_in) {
        (Presence::Given(_), _) | (_, Some(_)) => Activity::Known,
        (Presence::Null, None) => Activity::Never,
        (Presence::Absent, None) => Activity::NotReadable,
    };
    let full = level == IdentityLevel::Full;
    let is_registered = row.is_admin.is_some();
    let (email, email_kind) =
        if full { address(row.email, row.public_email, is_registered) } else { (None, EmailKind::None) };
    User {
        username: match level {
            IdentityLevel::Full | IdentityLevel::Username => row.username,
            IdentityLevel::Pseudonym => format!("user-{}", row.id.as_str()),
        },
        user_id: row.id.into_text(),
        display_name: row.name.filter(|name| full && !name.is_empty()),
        email,
        email_kind,
        identities: row.identities.filter(|_| full).map(identities).unwrap_or_default(),
        account_state: account_state(row.state.as_deref()),
        account_state_raw: row.state.unwrap_or_default(),
        account_kind,
        created_at: row.created_at.filter(|_| is_account_date).map(|moment| moment.text()),
        last_activity_on: row.last_activity_on.given().map(|day| day.text()),
        last_sign_in_at: sign_in.map(|moment| moment.text()),
        activity,
    }
}

/// GitLab writes an absent address as `null` in some entities and as `""` in others. In lists of groups `email` is the
/// public address of everybody who does not belong to the group's enterprise; in full rows it is the registered one.
fn address(email: Option<String>, public: Option<String>, is_registered: bool) -> (Option<String>, EmailKind) {
    let given = |address: Option<String>| address.filter(|text| !text.is_empty());
    match (given(email), given(public)) {
        (Some(email), Some(public)) if email == public && !is_registered => (Some(email), EmailKind::Public),
        (Some(email), _) => (Some(email), EmailKind::Primary),
        (None, Some(public)) => (Some(public), EmailKind::Public),
        (None, None) => (None, EmailKind::None),
    }
}

fn identities(rows: Vec<entities::Identity>) -> Vec<Identity> {
    rows.into_iter()
        .filter_map(|row| Some(Identity { provider: row.provider?, external_id: row.extern_uid? }))
        .collect()
}
