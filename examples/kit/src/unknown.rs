//! Records of which nothing is known but their keys, to be completed with `..`: what a plugin does not say stays unknown, and is
//! never zero, "no" or "never" by accident.

use crate::connector::{
    AccountKind, AccountState, Activity, Assignment, Capabilities, Capability, Configuration, Deployment, EmailKind,
    LicenseType, Pool, PoolKind, PoolUnit, Source, User, Via,
};

/// The source of a configuration.
#[must_use]
pub fn source(config: &Configuration, vendor: &str) -> Source {
    let unknown = Capability::Unknown;
    Source {
        source_key: config.source_key.clone(),
        display_name: config.display_name.clone(),
        vendor: vendor.to_owned(),
        deployment: Deployment::SelfManaged,
        host_url: config.settings.clone(),
        product_version: None,
        edition: None,
        plan: None,
        capabilities: Capabilities {
            totals: unknown,
            assignments: unknown,
            last_activity: unknown,
            expiry: unknown,
            max_used: unknown,
            add_ons: unknown,
            email: unknown,
        },
    }
}

/// A pool of seats for people, called by its feature.
#[must_use]
pub fn pool(feature: &str) -> Pool {
    Pool {
        pool_id: feature.to_owned(),
        scope_id: feature.to_owned(),
        scope_name: feature.to_owned(),
        product: feature.to_owned(),
        feature: feature.to_owned(),
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

/// An account.
#[must_use]
pub fn user(user_id: &str, username: &str) -> User {
    User {
        user_id: user_id.to_owned(),
        username: username.to_owned(),
        display_name: None,
        email: None,
        email_kind: EmailKind::None,
        identities: Vec::new(),
        account_state: AccountState::Other,
        account_state_raw: String::new(),
        account_kind: AccountKind::Unknown,
        created_at: None,
        last_activity_on: None,
        last_sign_in_at: None,
        activity: Activity::NotReadable,
    }
}

/// A person in a pool.
#[must_use]
pub fn assignment(pool_id: &str, user_id: &str) -> Assignment {
    Assignment {
        pool_id: pool_id.to_owned(),
        user_id: user_id.to_owned(),
        consumes_seat: None,
        non_consuming_reason: None,
        role: None,
        via: Via::Unknown,
        reclaimable: None,
        assigned_on: None,
        ends_on: None,
        last_activity_on: None,
    }
}
