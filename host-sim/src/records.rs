//! The contract's entries as records, in the words that others rely on.
//!
//! Borrows everything: a page is written down without a copy of its texts.

use broker::record::{self, Counts, Record};

use crate::contract::{self, Batch, Entry};

/// The records of one batch, in the order of output: entries, warnings, and the summary if it is the last.
pub fn of_batch(batch: &Batch) -> impl Iterator<Item = Record<'_>> {
    batch
        .entries
        .iter()
        .map(Record::from)
        .chain(batch.warnings.iter().map(Record::from))
        .chain(batch.summary.iter().map(Record::from))
}

impl<'a> From<&'a Entry> for Record<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Source(source) => Self::from(source),
            Entry::Pool(pool) => Self::from(pool),
            Entry::User(user) => Self::from(user),
            Entry::Assignment(assignment) => Self::from(assignment),
        }
    }
}

impl<'a> From<&'a contract::Source> for Record<'a> {
    fn from(source: &'a contract::Source) -> Self {
        let capabilities = &source.capabilities;
        Self::Source(record::Source {
            source_key: &source.source_key,
            display_name: &source.display_name,
            vendor: &source.vendor,
            deployment: match source.deployment {
                contract::Deployment::GitlabCom => "gitlab-com",
                contract::Deployment::SelfManaged => "self-managed",
            },
            host_url: &source.host_url,
            product_version: source.product_version.as_deref(),
            edition: source.edition.as_deref(),
            plan: source.plan.as_deref(),
            capabilities: record::Capabilities {
                totals: capability(capabilities.totals),
                assignments: capability(capabilities.assignments),
                last_activity: capability(capabilities.last_activity),
                expiry: capability(capabilities.expiry),
                max_used: capability(capabilities.max_used),
                add_ons: capability(capabilities.add_ons),
                email: capability(capabilities.email),
            },
        })
    }
}

fn capability(capability: contract::Capability) -> &'static str {
    match capability {
        contract::Capability::Yes => "yes",
        contract::Capability::No => "no",
        contract::Capability::Unknown => "unknown",
    }
}

/// The contract's word for how a license is bound.
#[must_use]
pub fn license_type(license_type: contract::LicenseType) -> &'static str {
    match license_type {
        contract::LicenseType::NamedUser => "named-user",
    }
}

impl<'a> From<&'a contract::Pool> for Record<'a> {
    fn from(pool: &'a contract::Pool) -> Self {
        Self::Pool(record::Pool {
            pool_id: &pool.pool_id,
            scope_id: &pool.scope_id,
            scope_name: &pool.scope_name,
            product: &pool.product,
            feature: &pool.feature,
            plan_code: pool.plan_code.as_deref(),
            kind: match pool.kind {
                contract::PoolKind::Base => "base",
                contract::PoolKind::AddOn => "add-on",
            },
            license_type: license_type(pool.license_type),
            unit: match pool.unit {
                contract::PoolUnit::Seat => "seat",
            },
            entitled: pool.entitled,
            unlimited: pool.unlimited,
            allocated: pool.allocated,
            max_allocated: pool.max_allocated,
            overage_now: pool.overage_now,
            overage_term: pool.overage_term,
            term_start: pool.term_start.as_deref(),
            term_end: pool.term_end.as_deref(),
            is_trial: pool.is_trial,
            auto_renew: pool.auto_renew,
            as_of: pool.as_of.as_deref(),
        })
    }
}

impl<'a> From<&'a contract::User> for Record<'a> {
    fn from(user: &'a contract::User) -> Self {
        Self::User(record::User {
            user_id: &user.user_id,
            username: &user.username,
            display_name: user.display_name.as_deref(),
            email: user.email.as_deref(),
            email_kind: match user.email_kind {
                contract::EmailKind::Primary => "primary",
                contract::EmailKind::Public => "public",
                contract::EmailKind::None => "none",
            },
            identities: user
                .identities
                .iter()
                .map(|identity| record::Identity { provider: &identity.provider, external_id: &identity.external_id })
                .collect(),
            account_state: match user.account_state {
                contract::AccountState::Active => "active",
                contract::AccountState::Blocked => "blocked",
                contract::AccountState::Deactivated => "deactivated",
                contract::AccountState::Banned => "banned",
                contract::AccountState::Pending => "pending",
                contract::AccountState::Other => "other",
            },
            account_state_raw: &user.account_state_raw,
            account_kind: match user.account_kind {
                contract::AccountKind::Human => "human",
                contract::AccountKind::Bot => "bot",
                contract::AccountKind::Service => "service",
                contract::AccountKind::Internal => "internal",
                contract::AccountKind::Unknown => "unknown",
            },
            created_at: user.created_at.as_deref(),
            last_activity_on: user.last_activity_on.as_deref(),
            last_sign_in_at: user.last_sign_in_at.as_deref(),
            activity: match user.activity {
                contract::Activity::Known => "known",
                contract::Activity::Never => "never",
                contract::Activity::NotReadable => "not-readable",
            },
        })
    }
}

impl<'a> From<&'a contract::Assignment> for Record<'a> {
    fn from(assignment: &'a contract::Assignment) -> Self {
        Self::Assignment(record::Assignment {
            pool_id: &assignment.pool_id,
            user_id: &assignment.user_id,
            consumes_seat: assignment.consumes_seat,
            non_consuming_reason: assignment.non_consuming_reason.as_deref(),
            role: assignment.role.as_deref(),
            via: match assignment.via {
                contract::Via::Direct => "direct",
                contract::Via::GroupInvite => "group-invite",
                contract::Via::ProjectMember => "project-member",
                contract::Via::ProjectInvite => "project-invite",
                contract::Via::Unknown => "unknown",
            },
            reclaimable: assignment.reclaimable,
            assigned_on: assignment.assigned_on.as_deref(),
            ends_on: assignment.ends_on.as_deref(),
            last_activity_on: assignment.last_activity_on.as_deref(),
        })
    }
}

impl<'a> From<&'a contract::Warning> for Record<'a> {
    fn from(warning: &'a contract::Warning) -> Self {
        Self::Warning(record::Warning {
            code: &warning.code,
            message: &warning.message,
            scope: warning.scope.as_deref(),
        })
    }
}

impl From<&contract::Summary> for Record<'_> {
    fn from(summary: &contract::Summary) -> Self {
        Self::Summary(record::Summary {
            completeness: match summary.completeness {
                contract::Completeness::Complete => "complete",
                contract::Completeness::Partial => "partial",
            },
            counts: Counts::from(&summary.counts),
            requests: summary.requests,
            warnings: summary.counts.warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::of_batch;
    use crate::contract::{
        AccountKind, AccountState, Activity, Assignment, Batch, Capabilities, Capability, Completeness, Deployment,
        EmailKind, Entry, Pool, PoolKind, Source, Summary, User, Via, Warning,
    };
    use crate::samples;
    use broker::record::Record;

    fn word(record: Record<'_>, key: &str) -> Value {
        serde_json::to_value(record).unwrap().get(key).unwrap().clone()
    }

    #[test]
    fn words_are_those_of_the_contract() {
        for (account_state, name) in [
            (AccountState::Active, "active"),
            (AccountState::Blocked, "blocked"),
            (AccountState::Deactivated, "deactivated"),
            (AccountState::Banned, "banned"),
            (AccountState::Pending, "pending"),
            (AccountState::Other, "other"),
        ] {
            assert_eq!(word(Record::from(&User { account_state, ..samples::user() }), "account_state"), name);
        }
        for (account_kind, name) in [
            (AccountKind::Human, "human"),
            (AccountKind::Bot, "bot"),
            (AccountKind::Service, "service"),
            (AccountKind::Internal, "internal"),
            (AccountKind::Unknown, "unknown"),
        ] {
            assert_eq!(word(Record::from(&User { account_kind, ..samples::user() }), "account_kind"), name);
        }
        for (activity, name) in
            [(Activity::Known, "known"), (Activity::Never, "never"), (Activity::NotReadable, "not-readable")]
        {
            assert_eq!(word(Record::from(&User { activity, ..samples::user() }), "activity"), name);
        }
        for (email_kind, name) in
            [(EmailKind::Primary, "primary"), (EmailKind::Public, "public"), (EmailKind::None, "none")]
        {
            assert_eq!(word(Record::from(&User { email_kind, ..samples::user() }), "email_kind"), name);
        }
        for (via, name) in [
            (Via::Direct, "direct"),
            (Via::GroupInvite, "group-invite"),
            (Via::ProjectMember, "project-member"),
            (Via::ProjectInvite, "project-invite"),
            (Via::Unknown, "unknown"),
        ] {
            assert_eq!(word(Record::from(&Assignment { via, ..samples::assignment() }), "via"), name);
        }
        for (kind, name) in [(PoolKind::Base, "base"), (PoolKind::AddOn, "add-on")] {
            assert_eq!(word(Record::from(&Pool { kind, ..samples::pool() }), "kind"), name);
        }
        for (deployment, name) in [(Deployment::GitlabCom, "gitlab-com"), (Deployment::SelfManaged, "self-managed")] {
            assert_eq!(word(Record::from(&Source { deployment, ..samples::source() }), "deployment"), name);
        }
        for (completeness, name) in [(Completeness::Complete, "complete"), (Completeness::Partial, "partial")] {
            assert_eq!(word(Record::from(&Summary { completeness, ..samples::summary() }), "completeness"), name);
        }
    }

    #[test]
    fn each_capability_keeps_its_place() {
        let (yes, no, unknown) = (Capability::Yes, Capability::No, Capability::Unknown);
        let capabilities = Capabilities {
            totals: yes,
            assignments: no,
            last_activity: unknown,
            expiry: no,
            max_used: yes,
            add_ons: unknown,
            email: no,
        };
        let found = word(Record::from(&Source { capabilities, ..samples::source() }), "capabilities");
        let expected = serde_json::json!({
            "totals": "yes", "assignments": "no", "last_activity": "unknown", "expiry": "no", "max_used": "yes",
            "add_ons": "unknown", "email": "no",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_summary_is_the_last_line() {
        let warning = Warning { code: "add-ons-not-read".to_owned(), message: String::new(), scope: None };
        let batch = Batch {
            warnings: vec![warning],
            summary: Some(samples::summary()),
            ..samples::batch(vec![Entry::Pool(samples::pool()), Entry::User(samples::user())])
        };
        let types: Vec<Value> = of_batch(&batch).map(|record| word(record, "type")).collect();
        assert_eq!(types, ["pool", "user", "warning", "summary"]);
    }
}
