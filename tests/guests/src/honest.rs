//! A plugin as it should be, with one user in one pool.

use crate::connector::{
    AccountKind, AccountState, Activity, Assignment, Batch, Capabilities, Capability, Check, CheckStatus, Completeness,
    Configuration, Counts, CredentialPlacement, Deployment, Descriptor, EmailKind, Entry, Explanation, Field,
    FieldKind, FieldProblem, FieldValue, Input, LicenseType, Pool, PoolKind, PoolUnit, ProblemKind, Progress, Source,
    Summary, TestReport, User, Via,
};

/// An address, a secret, and the mode of the guest.
pub fn descriptor() -> Descriptor {
    let field = |key: &str, kind, required| Field {
        key: key.to_owned(),
        label: key.to_owned(),
        help: String::new(),
        kind,
        required,
        default_value: None,
        placeholder: None,
        choices: Vec::new(),
    };
    Descriptor {
        id: "hostile".to_owned(),
        name: "Hostile".to_owned(),
        vendor: "Nobody".to_owned(),
        version: "0.1.0".to_owned(),
        credential: CredentialPlacement {
            field_key: "token".to_owned(),
            header_name: "authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
        },
        fields: vec![
            field("host_url", FieldKind::Url, true),
            field("token", FieldKind::Secret, true),
            field("mode", FieldKind::Text, false),
        ],
    }
}

/// Takes the address as it is.
pub fn configuration(values: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
    let text = |key: &str| {
        values.iter().find_map(|value| match &value.value {
            Input::Text(text) if value.key == key => Some(text.clone()),
            _ => None,
        })
    };
    let Some(url) = text("host_url") else {
        return Err(vec![FieldProblem {
            key: "host_url".to_owned(),
            kind: ProblemKind::Missing,
            message: "An address is needed.".to_owned(),
            hint: None,
        }]);
    };
    Ok(Configuration {
        source_key: format!("{url}#hostile"),
        display_name: "Hostile".to_owned(),
        // The guests ask by POST, too.
        allowed_origins: vec![url.clone(), format!("POST {url}")],
        help_links: Vec::new(),
        settings: text("mode").unwrap_or_default(),
    })
}

/// One check, passed.
pub fn report() -> TestReport {
    let check = Check {
        id: "nothing".to_owned(),
        title: "Nothing was asked".to_owned(),
        status: CheckStatus::Pass,
        detail: "So nothing is wrong.".to_owned(),
        hint: None,
    };
    TestReport { outcome: CheckStatus::Pass, checks: vec![check] }
}

/// The source.
pub fn source() -> Source {
    let no = Capability::No;
    Source {
        source_key: "hostile".to_owned(),
        display_name: "Hostile".to_owned(),
        vendor: "Nobody".to_owned(),
        deployment: Deployment::SelfManaged,
        host_url: "https://hostile.example".to_owned(),
        product_version: None,
        edition: None,
        plan: None,
        capabilities: Capabilities {
            totals: no,
            assignments: no,
            last_activity: no,
            expiry: no,
            max_used: no,
            add_ons: no,
            email: no,
        },
    }
}

/// The pool.
pub fn pool() -> Pool {
    Pool {
        pool_id: "pool".to_owned(),
        scope_id: "scope".to_owned(),
        scope_name: "scope".to_owned(),
        product: "Product".to_owned(),
        feature: "Seat".to_owned(),
        plan_code: None,
        kind: PoolKind::Base,
        license_type: LicenseType::NamedUser,
        unit: PoolUnit::Seat,
        entitled: Some(5),
        unlimited: false,
        allocated: Some(1),
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

/// The user.
pub fn user() -> User {
    User {
        user_id: "1".to_owned(),
        username: "dana".to_owned(),
        display_name: None,
        email: None,
        email_kind: EmailKind::None,
        identities: Vec::new(),
        account_state: AccountState::Active,
        account_state_raw: "active".to_owned(),
        account_kind: AccountKind::Human,
        created_at: None,
        last_activity_on: None,
        last_sign_in_at: None,
        activity: Activity::NotReadable,
    }
}

/// The user's seat in the pool.
pub fn assignment() -> Assignment {
    Assignment {
        pool_id: "pool".to_owned(),
        user_id: "1".to_owned(),
        consumes_seat: Some(true),
        non_consuming_reason: None,
        role: None,
        via: Via::Direct,
        reclaimable: None,
        assigned_on: None,
        ends_on: None,
        last_activity_on: None,
    }
}

/// All of it, in order.
pub fn entries() -> Vec<Entry> {
    vec![Entry::Source(source()), Entry::Pool(pool()), Entry::User(user()), Entry::Assignment(assignment())]
}

/// The last batch of a run, with a summary that counts it.
pub fn last(entries: Vec<Entry>) -> Batch {
    let count = |test: fn(&Entry) -> bool| entries.iter().filter(|entry| test(entry)).count().try_into().unwrap_or(0);
    let counts = Counts {
        sources: count(|entry| matches!(entry, Entry::Source(_))),
        pools: count(|entry| matches!(entry, Entry::Pool(_))),
        users: count(|entry| matches!(entry, Entry::User(_))),
        assignments: count(|entry| matches!(entry, Entry::Assignment(_))),
        warnings: 0,
    };
    let summary = Summary { completeness: Completeness::Complete, counts, requests: 0 };
    Batch { entries, warnings: Vec::new(), progress: progress(), next: None, summary: Some(summary) }
}

/// A batch that is not the last.
pub fn going_on(entries: Vec<Entry>, next: String) -> Batch {
    Batch { entries, warnings: Vec::new(), progress: progress(), next: Some(next), summary: None }
}

/// Where the run is.
pub fn progress() -> Progress {
    Progress { stage: "all".to_owned(), done: 1, expected: None }
}

/// Words for a failure.
pub fn explanation(message: &str) -> Explanation {
    Explanation { message: message.to_owned(), hint: None, endpoint: None }
}
