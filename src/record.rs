//! What is delivered: source, pools, users, assignments, warnings, and the sum of a run.
//!
//! Guarantees the names and meanings of the contract's records without its generated types, so that everything that
//! makes records is tested natively. Days and moments are text that was parsed before.
//!
//! Refuses nothing: [`crate::seats`] fills these, `edge` turns them into the contract's types. Where the contract
//! fixes a value for this plugin (license type, unit, vendor), there is no field for it here.

use crate::configuration::settings::Deployment;
use crate::gitlab::json::object;
use serde::Serialize;

/// Whether a source can tell something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// It did.
    Yes,
    /// It cannot, or is not to.
    No,
    /// Not found out.
    Unknown,
}

/// What a source can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Seats bought.
    pub totals: Capability,
    /// Who holds a seat.
    pub assignments: Capability,
    /// When a person was last active.
    pub last_activity: Capability,
    /// When the term ends.
    pub expiry: Capability,
    /// The peak of the term.
    pub max_used: Capability,
    /// Add-on seats.
    pub add_ons: Capability,
    /// Primary addresses.
    pub email: Capability,
}

/// The GitLab that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Base URL and scope.
    pub source_key: String,
    /// Name for people.
    pub display_name: String,
    /// How it is run.
    pub deployment: Deployment,
    /// Base URL.
    pub host_url: String,
    /// As `/metadata` says, `18.8.2-ee`.
    pub product_version: Option<String>,
    /// `EE` or `CE`.
    pub edition: Option<&'static str>,
    /// `starter`, `premium`, `ultimate`, as `/license` says; the groups of GitLab.com have their own.
    pub plan: Option<String>,
    /// What this run could tell.
    pub capabilities: Capabilities,
}

/// Whether a pool stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolKind {
    /// A plan.
    #[default]
    Base,
    /// GitLab Duo and others.
    AddOn,
}

/// What was bought: a pool of named users counted in seats. [`crate::seats`] fills it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// `instance:<plan>`, `group:<id>:<plan>`, and with `add-on:<name>` in place of the plan.
    pub pool_id: String,
    /// `instance`, `group:<id>`.
    pub scope_id: String,
    /// Name of the source or of the group.
    pub scope_name: String,
    /// `Premium seat`, `GitLab Duo Pro`.
    pub feature: String,
    /// GitLab's code of plan or add-on, unmapped.
    pub plan_code: Option<String>,
    /// Plan or add-on.
    pub kind: PoolKind,
    /// Seats bought.
    pub entitled: Option<u64>,
    /// No number of seats applies.
    pub unlimited: bool,
    /// Seats in use, by GitLab's count.
    pub allocated: Option<u64>,
    /// Highest count of the term.
    pub max_allocated: Option<u64>,
    /// Seats over what was bought, now.
    pub overage_now: Option<u64>,
    /// Seats over what was bought, at the highest count of the term.
    pub overage_term: Option<u64>,
    /// First day.
    pub term_start: Option<String>,
    /// Last day.
    pub term_end: Option<String>,
    /// Whether it is a trial.
    pub is_trial: Option<bool>,
    /// Whether it renews by itself.
    pub auto_renew: Option<bool>,
    /// Day of the count, where it was made for this run.
    pub as_of: Option<String>,
}

/// What kind of address a user record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailKind {
    /// The one the account is registered with.
    Primary,
    /// The one the person shows.
    Public,
    /// None is delivered.
    None,
}

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It may.
    Active,
    /// Blocked by an administrator or by LDAP.
    Blocked,
    /// Switched off.
    Deactivated,
    /// Banned.
    Banned,
    /// Waits for approval.
    Pending,
    /// Another word of GitLab's.
    Other,
}

/// Who is behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    Human,
    /// A token's or integration's account.
    Bot,
    /// A service account.
    Service,
    /// GitLab does not say.
    Unknown,
}

/// What is known of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// A date is given.
    Known,
    /// GitLab says that there was none.
    Never,
    /// GitLab does not say.
    NotReadable,
}

/// An account elsewhere: provider and id there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the provider.
    pub provider: String,
    /// Id there.
    pub external_id: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// GitLab's number.
    pub user_id: String,
    /// Login name, or `user-<id>`.
    pub username: String,
    /// Full name.
    pub display_name: Option<String>,
    /// Address of [`Self::email_kind`].
    pub email: Option<String>,
    /// What the address is.
    pub email_kind: EmailKind,
    /// Accounts elsewhere.
    pub identities: Vec<Identity>,
    /// Whether it may sign in.
    pub account_state: AccountState,
    /// GitLab's word for it; empty when there is none.
    pub account_state_raw: String,
    /// Who is behind it.
    pub account_kind: AccountKind,
    /// When it was made.
    pub created_at: Option<String>,
    /// Last day with activity.
    pub last_activity_on: Option<String>,
    /// Latest sign-in.
    pub last_sign_in_at: Option<String>,
    /// What is known of activity.
    pub activity: Activity,
}

/// How a person came to a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// Member of the group or one below.
    Direct,
    /// Through a group that was invited.
    GroupInvite,
    /// Member of a project.
    ProjectMember,
    /// Through a group invited to a project.
    ProjectInvite,
    /// GitLab does not say.
    #[default]
    Unknown,
}

/// A person in a pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The pool.
    pub pool_id: String,
    /// The account.
    pub user_id: String,
    /// GitLab's verdict; absent where it is not told.
    pub consumes_seat: Option<bool>,
    /// Why not, as a code, where the row gives it.
    pub non_consuming_reason: Option<&'static str>,
    /// Highest known role, such as `Developer`.
    pub role: Option<String>,
    /// How it came about.
    pub via: Via,
    /// Whether an owner can remove the person.
    pub reclaimable: Option<bool>,
    /// First known day of membership.
    pub assigned_on: Option<String>,
    /// Last day of membership.
    pub ends_on: Option<String>,
    /// Last day of use of an add-on.
    pub last_activity_on: Option<String>,
}

/// One delivered fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The GitLab.
    Source(Source),
    /// Something bought.
    Pool(Pool),
    /// An account.
    User(User),
    /// A person in a pool.
    Assignment(Assignment),
}

/// Something an administrator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable code.
    pub code: &'static str,
    /// One or two sentences.
    pub message: String,
    /// What it is about.
    pub scope: Option<String>,
}

object! {
    /// How many of each were delivered so far in the run.
    #[derive(Copy, Serialize)]
    pub struct Counts {
        needed {}
        optional {
            /// Sources.
            pub sources: u64,
            /// Pools.
            pub pools: u64,
            /// Accounts.
            pub users: u64,
            /// Assignments.
            pub assignments: u64,
            /// Warnings.
            pub warnings: u64,
        }
    }
}

impl Counts {
    /// Add the facts and warnings of one page.
    pub fn add(&mut self, entries: &[Entry], warnings: &[Warning]) {
        for entry in entries {
            let count = match entry {
                Entry::Source(_) => &mut self.sources,
                Entry::Pool(_) => &mut self.pools,
                Entry::User(_) => &mut self.users,
                Entry::Assignment(_) => &mut self.assignments,
            };
            *count = count.saturating_add(1);
        }
        let warnings = u64::try_from(warnings.len()).unwrap_or(u64::MAX);
        self.warnings = self.warnings.saturating_add(warnings);
    }
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Whether every page of every list was read.
    pub complete: bool,
    /// What was delivered.
    pub counts: Counts,
    /// Requests sent.
    pub requests: u64,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is read.
    pub stage: &'static str,
    /// How much of it.
    pub done: u64,
    /// Of how much, if GitLab says.
    pub expected: Option<u64>,
}

/// One page of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The facts.
    pub entries: Vec<Entry>,
    /// The warnings.
    pub warnings: Vec<Warning>,
    /// Where the run is.
    pub progress: Progress,
    /// How it goes on.
    pub then: Then,
}

/// How a run goes on: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// With this cursor.
    Next(String),
    /// Not at all.
    End(Summary),
}
