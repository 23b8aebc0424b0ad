//! What a source says, record by record, and the same as JSON: one object each, with a `type`, the contract's names in
//! `snake_case`, and `null` for what is absent.
//!
//! | `type` | says |
//! | --- | --- |
//! | `source` | which service was read |
//! | `pool` | what was bought |
//! | `user` | who there is |
//! | `assignment` | who holds what |
//! | `warning` | what an administrator should know |
//! | `summary` | how the run ended |
//!
//! Days are `YYYY-MM-DD`, instants RFC 3339. The shapes are written out here and not derived from generated types, because
//! others rely on them. Every field is documented in `wit/connector.wit`.

use serde::Serialize;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs, reason = "named after the contract's records, documented in wit/connector.wit")]
pub enum Record<'a> {
    Source(Source<'a>),
    Pool(Pool<'a>),
    User(User<'a>),
    Assignment(Assignment<'a>),
    Warning(Warning<'a>),
    Summary(Summary),
}

/// Which service was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Source<'a> {
    pub source_key: &'a str,
    pub display_name: &'a str,
    pub vendor: &'a str,
    pub deployment: &'static str,
    pub host_url: &'a str,
    pub product_version: Option<&'a str>,
    pub edition: Option<&'a str>,
    pub plan: Option<&'a str>,
    pub capabilities: Capabilities,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Pool<'a> {
    pub pool_id: &'a str,
    pub scope_id: &'a str,
    pub scope_name: &'a str,
    pub product: &'a str,
    pub feature: &'a str,
    pub plan_code: Option<&'a str>,
    pub kind: &'static str,
    pub license_type: &'static str,
    pub unit: &'static str,
    pub entitled: Option<u64>,
    pub unlimited: bool,
    pub allocated: Option<u64>,
    pub max_allocated: Option<u64>,
    pub overage_now: Option<u64>,
    pub overage_term: Option<u64>,
    pub term_start: Option<&'a str>,
    pub term_end: Option<&'a str>,
    pub is_trial: Option<bool>,
    pub auto_renew: Option<bool>,
    pub as_of: Option<&'a str>,
}

/// Who there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct User<'a> {
    pub user_id: &'a str,
    pub username: &'a str,
    pub display_name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub email_kind: &'static str,
    pub identities: Vec<Identity<'a>>,
    pub account_state: &'static str,
    pub account_state_raw: &'a str,
    pub account_kind: &'static str,
    pub created_at: Option<&'a str>,
    pub last_activity_on: Option<&'a str>,
    pub last_sign_in_at: Option<&'a str>,
    pub activity: &'static str,
}

/// Who holds what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Assignment<'a> {
    pub pool_id: &'a str,
    pub user_id: &'a str,
    pub consumes_seat: Option<bool>,
    pub non_consuming_reason: Option<&'a str>,
    pub role: Option<&'a str>,
    pub via: &'static str,
    pub reclaimable: Option<bool>,
    pub assigned_on: Option<&'a str>,
    pub ends_on: Option<&'a str>,
    pub last_activity_on: Option<&'a str>,
}

/// What an administrator should know, and is no failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Warning<'a> {
    pub code: &'a str,
    pub message: &'a str,
    pub scope: Option<&'a str>,
}

/// How the run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Summary {
    pub completeness: &'static str,
    pub counts: Counts,
    pub requests: u64,
    pub warnings: u64,
}

/// What a source can tell: `yes`, `no` or `unknown` each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Capabilities {
    pub totals: &'static str,
    pub assignments: &'static str,
    pub last_activity: &'static str,
    pub expiry: &'static str,
    pub max_used: &'static str,
    pub add_ons: &'static str,
    pub email: &'static str,
}

/// An account of the same person elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "documented in wit/connector.wit")]
pub struct Identity<'a> {
    pub provider: &'a str,
    pub external_id: &'a str,
}

/// Records delivered, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "named after the records")]
pub struct Counts {
    pub source: u64,
    pub pool: u64,
    pub user: u64,
    pub assignment: u64,
    pub warning: u64,
}
