//! Records for tests of what is made of them: whole and plain, for a test to change what it is about.

use crate::contract::{
    AccountKind, AccountState, Activity, Assignment, Batch, Capabilities, Capability, Completeness, Counts, Deployment,
    EmailKind, Entry, LicenseType, Pool, PoolKind, PoolUnit, Progress, Source, Summary, User, Via,
};

pub(crate) fn source() -> Source {
    let yes = Capability::Yes;
    Source {
        source_key: "https://gitlab.example.com#instance".to_owned(),
        display_name: "gitlab.example.com".to_owned(),
        vendor: "GitLab".to_owned(),
        deployment: Deployment::SelfManaged,
        host_url: "https://gitlab.example.com".to_owned(),
        product_version: None,
        edition: None,
        plan: None,
        capabilities: Capabilities {
            totals: yes,
            assignments: yes,
            last_activity: yes,
            expiry: yes,
            max_used: yes,
            add_ons: yes,
            email: yes,
        },
    }
}

pub(crate) fn pool() -> Pool {
    Pool {
        pool_id: "premium".to_owned(),
        scope_id: "instance".to_owned(),
        scope_name: "gitlab.example.com".to_owned(),
        product: "GitLab".to_owned(),
        feature: "Premium seat".to_owned(),
        plan_code: None,
        kind: PoolKind::Base,
        license_type: LicenseType::NamedUser,
        unit: PoolUnit::Seat,
        entitled: None,
        unlimited: false,
        allocated: None,
        max_allocated: None,
        overage_now: None,
        overage_term: None,
        term_start: None,
        term_end: None,
        is_trial: None,
        auto_renew: None,
        as_of: None,
    }
}

/// An account of which no activity is known.
pub(crate) fn user() -> User {
    User {
        user_id: "1".to_owned(),
        username: "dana".to_owned(),
        display_name: None,
        email: None,
        email_kind: EmailKind::None,
        identities: vec![],
        account_state: AccountState::Active,
        account_state_raw: "active".to_owned(),
        account_kind: AccountKind::Human,
        created_at: None,
        last_activity_on: None,
        last_sign_in_at: None,
        activity: Activity::Known,
    }
}

/// The seat of [`user`] in [`pool`].
pub(crate) fn assignment() -> Assignment {
    Assignment {
        pool_id: "premium".to_owned(),
        user_id: "1".to_owned(),
        consumes_seat: Some(true),
        non_consuming_reason: None,
        role: None,
        via: Via::Unknown,
        reclaimable: None,
        assigned_on: None,
        ends_on: None,
        last_activity_on: None,
    }
}

pub(crate) fn summary() -> Summary {
    let counts = Counts { sources: 1, pools: 1, users: 1, assignments: 1, warnings: 0 };
    Summary { completeness: Completeness::Complete, counts, requests: 4 }
}

/// A batch that is the last, without its summary.
pub(crate) fn batch(entries: Vec<Entry>) -> Batch {
    let progress = Progress { stage: "users".to_owned(), done: 1, expected: None };
    Batch { entries, warnings: vec![], progress, next: None, summary: None }
}
