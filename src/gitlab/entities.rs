//! What GitLab answers, reduced to the fields that are used.
//!
//! Guarantees: nothing is required but what an answer cannot be understood without: the id and name of an account. Everything
//! else may be missing, because editions, versions and rights leave fields out; a missing one is `None`, never a default.
//!
//! Refuses a field of another type than documented; see [`super::scalars`] for the single values.

use serde::Deserialize;

use super::scalars::{Day, Id, Moment, Presence};

/// `GET /metadata` (15.2+), `GET /version` (all; only `version` and `revision` before 15.5).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// `18.1.1-ee`; absent in an answer that is not GitLab's.
    pub version: Option<String>,
    /// Whether the code is that of the Enterprise Edition (15.6+); true also without a license.
    pub enterprise: Option<bool>,
}

/// `GET /user`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CurrentUser {
    /// Login name.
    pub username: String,
    /// Present and true for administrators only; also where Admin Mode takes the right away.
    #[serde(default)]
    pub is_admin: Option<bool>,
}

/// `GET /personal_access_tokens/self` (15.5+).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenSelf {
    /// Scopes, such as `read_api`.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// First day on which it is not valid any more.
    #[serde(default)]
    pub expires_at: Presence<Day>,
    /// A fine-grained token (18.10+), whose rights are not told by scopes.
    #[serde(default)]
    pub granular: Option<bool>,
}

/// `GET /license` (Enterprise Edition, all versions). `null` where no license is installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct License {
    /// `starter`, `premium`, `ultimate`.
    #[serde(default)]
    pub plan: Option<String>,
    /// First day.
    #[serde(default)]
    pub starts_at: Option<Day>,
    /// Last day; `null` means no end.
    #[serde(default)]
    pub expires_at: Presence<Day>,
    /// Seats bought; 0 means that no number applies.
    #[serde(default)]
    pub user_limit: Option<u64>,
    /// Seats in use, counted once a night.
    #[serde(default)]
    pub active_users: Option<u64>,
    /// Highest daily count of the term.
    #[serde(default)]
    pub maximum_user_count: Option<u64>,
    /// Seats over what was bought: now while the license is valid, at the peak once it has expired.
    #[serde(default)]
    pub overage: Option<u64>,
    /// Whether the term is over.
    #[serde(default)]
    pub expired: Option<bool>,
}

/// An account elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// Name of the provider.
    #[serde(default)]
    pub provider: Option<String>,
    /// Id there.
    #[serde(default)]
    pub extern_uid: Option<String>,
}

/// A row of `GET /users`. Everyone but an effective administrator gets rows without `is_admin`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserRow {
    /// Number of the account.
    pub id: Id,
    /// Login name.
    pub username: String,
    /// Full name.
    #[serde(default)]
    pub name: Option<String>,
    /// `active`, `blocked`, `ldap_blocked`, `deactivated`, `banned`, `blocked_pending_approval`.
    #[serde(default)]
    pub state: Option<String>,
    /// The address that the account is registered with; administrators only. May be empty.
    #[serde(default)]
    pub email: Option<String>,
    /// The address that the person shows.
    #[serde(default)]
    pub public_email: Option<String>,
    /// Accounts elsewhere.
    #[serde(default)]
    pub identities: Option<Vec<Identity>>,
    /// When the account was made.
    #[serde(default)]
    pub created_at: Option<Moment>,
    /// Last day with activity.
    #[serde(default)]
    pub last_activity_on: Presence<Day>,
    /// The latest sign-in, in spite of its name.
    #[serde(default)]
    pub current_sign_in_at: Presence<Moment>,
    /// The sign-in before that.
    #[serde(default)]
    pub last_sign_in_at: Presence<Moment>,
    /// Whether a token, an integration or a service is behind it.
    #[serde(default)]
    pub bot: Option<bool>,
    /// Only in rows for an effective administrator.
    #[serde(default)]
    pub is_admin: Option<bool>,
    /// GitLab's verdict; Enterprise Edition only (13.5+).
    #[serde(default)]
    pub using_license_seat: Option<bool>,
}
