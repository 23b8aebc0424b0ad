//! Between this crate's types and the generated ones.
//!
//! Guarantees a translation and nothing else: no default, no decision, no text of its own, except the fields that the
//! contract has for every plugin and that are fixed for this one (vendor, kind of pool, unit).
//!
//! Refuses wildcard arms: a case added on either side does not compile until it is placed here.

use crate::bindings::exports::license_broker::plugin::connector as wit;
use crate::configuration::fields::{Descriptor, Field, FieldKind, VENDOR};
use crate::configuration::settings::Deployment;
use crate::configuration::{Configuration, HelpLink, Input, Problem, ProblemKind};
use crate::connection_test::{Report, Status};
use crate::failure::{Explanation, Failure, Rejection};
use crate::gitlab::client::Credential;
use crate::record::{
    AccountKind, AccountState, Activity, Assignment, Batch, Capability, Counts, EmailKind, Entry, Pool, PoolKind,
    Source, Summary, Then, User, Via, Warning,
};

pub(crate) fn descriptor(descriptor: &Descriptor) -> wit::Descriptor {
    wit::Descriptor {
        id: descriptor.id.to_owned(),
        name: descriptor.name.to_owned(),
        vendor: descriptor.vendor.to_owned(),
        version: descriptor.version.to_owned(),
        credential: wit::CredentialPlacement {
            field_key: descriptor.credential_field.to_owned(),
            header_name: descriptor.credential_header.to_owned(),
            prefix: descriptor.credential_prefix.to_owned(),
        },
        fields: descriptor.fields.iter().map(field).collect(),
    }
}

fn field(field: &Field) -> wit::Field {
    wit::Field {
        key: field.key.to_owned(),
        label: field.label.to_owned(),
        help: field.help.to_owned(),
        kind: match field.kind {
            FieldKind::Text => wit::FieldKind::Text,
            FieldKind::Url => wit::FieldKind::Url,
            FieldKind::Secret => wit::FieldKind::Secret,
            FieldKind::Choice => wit::FieldKind::Choice,
            FieldKind::Integer => wit::FieldKind::Integer,
            FieldKind::Boolean => wit::FieldKind::Boolean,
        },
        required: field.required,
        default_value: field.default_value.map(str::to_owned),
        placeholder: field.placeholder.map(str::to_owned),
        choices: field
            .choices
            .iter()
            .map(|(value, label)| wit::Choice { value: (*value).to_owned(), label: (*label).to_owned() })
            .collect(),
    }
}

pub(crate) fn entered(value: wit::FieldValue) -> (String, Input) {
    let input = match value.value {
        wit::Input::Text(text) => Input::Text(text),
        wit::Input::SecretSet => Input::SecretSet,
    };
    (value.key, input)
}

pub(crate) fn problem(problem: Problem) -> wit::FieldProblem {
    wit::FieldProblem {
        key: problem.key,
        kind: match problem.kind {
            ProblemKind::Missing => wit::ProblemKind::Missing,
            ProblemKind::Malformed => wit::ProblemKind::Malformed,
            ProblemKind::Unsupported => wit::ProblemKind::Unsupported,
            ProblemKind::UnknownField => wit::ProblemKind::UnknownField,
        },
        message: problem.message,
        hint: problem.hint,
    }
}

pub(crate) fn configuration(configuration: Configuration) -> wit::Configuration {
    wit::Configuration {
        source_key: configuration.source_key,
        display_name: configuration.display_name,
        allowed_origins: configuration.allowed_origins,
        help_links: configuration.help_links.into_iter().map(help_link).collect(),
        settings: configuration.settings,
    }
}

fn help_link(link: HelpLink) -> wit::HelpLink {
    wit::HelpLink { field_key: link.field_key.to_owned(), label: link.label.to_owned(), url: link.url }
}

/// A configuration as the host kept it. Links are for the form and are not read back.
pub(crate) fn kept(configuration: wit::Configuration) -> Configuration {
    Configuration {
        source_key: configuration.source_key,
        display_name: configuration.display_name,
        allowed_origins: configuration.allowed_origins,
        help_links: Vec::new(),
        settings: configuration.settings,
    }
}

pub(crate) fn credential(credential: wit::Credential) -> Credential {
    match credential {
        wit::Credential::Injected => Credential::Injected,
        wit::Credential::Value(secret) => Credential::Value(secret),
    }
}

const fn status(status: Status) -> wit::CheckStatus {
    match status {
        Status::Pass => wit::CheckStatus::Pass,
        Status::Warn => wit::CheckStatus::Warn,
        Status::Fail => wit::CheckStatus::Fail,
        Status::Skipped => wit::CheckStatus::Skipped,
    }
}

pub(crate) fn report(report: Report) -> wit::TestReport {
    wit::TestReport {
        outcome: status(report.outcome),
        checks: report
            .checks
            .into_iter()
            .map(|check| wit::Check {
                id: check.id.to_owned(),
                title: check.title.to_owned(),
                status: status(check.status),
                detail: check.detail,
                hint: check.hint,
            })
            .collect(),
    }
}

pub(crate) fn batch(batch: Batch) -> wit::Batch {
    let (next, summary) = match batch.then {
        Then::Next(cursor) => (Some(cursor), None),
        Then::End(end) => (None, Some(summary(end))),
    };
    wit::Batch {
        entries: batch.entries.into_iter().map(entry).collect(),
        warnings: batch.warnings.into_iter().map(warning).collect(),
        progress: wit::Progress {
            stage: batch.progress.stage.to_owned(),
            done: batch.progress.done,
            expected: batch.progress.expected,
        },
        next,
        summary,
    }
}

fn summary(summary: Summary) -> wit::Summary {
    let Counts { sources, pools, users, assignments, warnings } = summary.counts;
    wit::Summary {
        completeness: if summary.complete { wit::Completeness::Complete } else { wit::Completeness::Partial },
        counts: wit::Counts { sources, pools, users, assignments, warnings },
        requests: summary.requests,
    }
}

fn warning(warning: Warning) -> wit::Warning {
    wit::Warning { code: warning.code.to_owned(), message: warning.message, scope: warning.scope }
}

fn entry(entry: Entry) -> wit::Entry {
    match entry {
        Entry::Source(record) => wit::Entry::Source(source(record)),
        Entry::Pool(record) => wit::Entry::Pool(pool(record)),
        Entry::User(record) => wit::Entry::User(user(record)),
        Entry::Assignment(record) => wit::Entry::Assignment(assignment(record)),
    }
}

const fn capability(capability: Capability) -> wit::Capability {
    match capability {
        Capability::Yes => wit::Capability::Yes,
        Capability::No => wit::Capability::No,
        Capability::Unknown => wit::Capability::Unknown,
    }
}

fn source(source: Source) -> wit::Source {
    let can = source.capabilities;
    wit::Source {
        source_key: source.source_key,
        display_name: source.display_name,
        vendor: VENDOR.to_owned(),
        deployment: match source.deployment {
            Deployment::GitlabCom => wit::Deployment::GitlabCom,
            Deployment::SelfManaged => wit::Deployment::SelfManaged,
        },
        host_url: source.host_url,
        product_version: source.product_version,
        edition: source.edition.map(str::to_owned),
        plan: source.plan,
        capabilities: wit::Capabilities {
            totals: capability(can.totals),
            assignments: capability(can.assignments),
            last_activity: capability(can.last_activity),
            expiry: capability(can.expiry),
            max_used: capability(can.max_used),
            add_ons: capability(can.add_ons),
            email: capability(can.email),
        },
    }
}

fn pool(pool: Pool) -> wit::Pool {
    wit::Pool {
        pool_id: pool.pool_id,
        scope_id: pool.scope_id,
        scope_name: pool.scope_name,
        product: VENDOR.to_owned(),
        feature: pool.feature,
        plan_code: pool.plan_code,
        kind: match pool.kind {
            PoolKind::Base => wit::PoolKind::Base,
            PoolKind::AddOn => wit::PoolKind::AddOn,
        },
        license_type: wit::LicenseType::NamedUser,
        unit: wit::PoolUnit::Seat,
        entitled: pool.entitled,
        unlimited: pool.unlimited,
        allocated: pool.allocated,
        max_allocated: pool.max_allocated,
        overage_now: pool.overage_now,
        overage_term: pool.overage_term,
        term_start: pool.term_start,
        term_end: pool.term_end,
        is_trial: pool.is_trial,
        auto_renew: pool.auto_renew,
        as_of: pool.as_of,
    }
}

fn user(user: User) -> wit::User {
    wit::User {
        user_id: user.user_id,
        username: user.username,
        display_name: user.display_name,
        email: user.email,
        email_kind: match user.email_kind {
            EmailKind::Primary => wit::EmailKind::Primary,
            EmailKind::Public => wit::EmailKind::Public,
            EmailKind::None => wit::EmailKind::None,
        },
        identities: user
            .identities
            .into_iter()
            .map(|identity| wit::Identity { provider: identity.provider, external_id: identity.external_id })
            .collect(),
        account_state: match user.account_state {
            AccountState::Active => wit::AccountState::Active,
            AccountState::Blocked => wit::AccountState::Blocked,
            AccountState::Deactivated => wit::AccountState::Deactivated,
            AccountState::Banned => wit::AccountState::Banned,
            AccountState::Pending => wit::AccountState::Pending,
            AccountState::Other => wit::AccountState::Other,
        },
        account_state_raw: user.account_state_raw,
        account_kind: match user.account_kind {
            AccountKind::Human => wit::AccountKind::Human,
            AccountKind::Bot => wit::AccountKind::Bot,
            AccountKind::Service => wit::AccountKind::Service,
            AccountKind::Unknown => wit::AccountKind::Unknown,
        },
        created_at: user.created_at,
        last_activity_on: user.last_activity_on,
        last_sign_in_at: user.last_sign_in_at,
        activity: match user.activity {
            Activity::Known => wit::Activity::Known,
            Activity::Never => wit::Activity::Never,
            Activity::NotReadable => wit::Activity::NotReadable,
        },
    }
}

fn assignment(assignment: Assignment) -> wit::Assignment {
    wit::Assignment {
        pool_id: assignment.pool_id,
        user_id: assignment.user_id,
        consumes_seat: assignment.consumes_seat,
        non_consuming_reason: assignment.non_consuming_reason.map(str::to_owned),
        role: assignment.role,
        via: match assignment.via {
            Via::Direct => wit::Via::Direct,
            Via::GroupInvite => wit::Via::GroupInvite,
            Via::ProjectMember => wit::Via::ProjectMember,
            Via::ProjectInvite => wit::Via::ProjectInvite,
            Via::Unknown => wit::Via::Unknown,
        },
        reclaimable: assignment.reclaimable,
        assigned_on: assignment.assigned_on,
        ends_on: assignment.ends_on,
        last_activity_on: assignment.last_activity_on,
    }
}

fn explanation(explanation: Explanation) -> wit::Explanation {
    wit::Explanation { message: explanation.message, hint: explanation.hint, endpoint: explanation.endpoint }
}

pub(crate) fn failure(failure: Failure) -> wit::Failure {
    match failure {
        Failure::InvalidConfiguration(words) => wit::Failure::InvalidConfiguration(explanation(words)),
        Failure::InvalidCursor(words) => wit::Failure::InvalidCursor(explanation(words)),
        Failure::Unauthorized { reason, explanation: words } => wit::Failure::Unauthorized(wit::UnauthorizedFailure {
            reason: match reason {
                Rejection::Expired => wit::Rejection::Expired,
                Rejection::Revoked => wit::Rejection::Revoked,
                Rejection::Rejected => wit::Rejection::Rejected,
            },
            explanation: explanation(words),
        }),
        Failure::Forbidden { missing, explanation: words } => {
            wit::Failure::Forbidden(wit::ForbiddenFailure { missing, explanation: explanation(words) })
        }
        Failure::NotFound(words) => wit::Failure::NotFound(explanation(words)),
        Failure::RateLimited { retry_after, explanation: words } => {
            wit::Failure::RateLimited(wit::RateLimitedFailure { retry_after, explanation: explanation(words) })
        }
        Failure::Unreachable(words) => wit::Failure::Unreachable(explanation(words)),
        Failure::Tls(words) => wit::Failure::Tls(explanation(words)),
        Failure::DeniedByHost(words) => wit::Failure::DeniedByHost(explanation(words)),
        Failure::Upstream { status, explanation: words } => {
            wit::Failure::Upstream(wit::UpstreamFailure { status, explanation: explanation(words) })
        }
        Failure::Malformed { why, explanation: words } => {
            wit::Failure::Malformed(wit::MalformedFailure { why, explanation: explanation(words) })
        }
    }
}
