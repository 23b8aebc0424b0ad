//! Who holds a seat, by GitLab's word, and why somebody does not.

use super::people::{account_kind, account_state};
use crate::gitlab::entities::{Membership, PersonRow};
use crate::gitlab::scalars::{Moment, Presence};
use crate::gitlab::versions::{Feature, Release, has};
use crate::quoting::quoted;
use crate::record::{AccountKind, AccountState, Assignment, Via};

/// Role below which nobody works: Minimal Access.
const MINIMAL_ACCESS: u16 = 5;

/// The role of guests.
const GUEST: u16 = 10;

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

/// Whether a row of `/users` is one of those that administrators, auditors and custom roles with `read_admin_users` get.
#[must_use]
pub fn has_full_rows(row: &PersonRow) -> bool {
    row.is_admin.is_some()
}

/// What is needed of license or group to name a reason.
#[derive(Debug, Clone, Copy)]
pub struct SeatRules<'a> {
    /// Plan of the license.
    pub plan: Option<&'a str>,
    /// Release of the instance: since when Premium does not count Minimal Access.
    pub release: Option<Release>,
    /// Whether guests take no seat; groups only.
    pub guests_free: Option<bool>,
}

/// A row of `/users` as a person in the pool of the license.
///
/// # Errors
/// When the row is not data; see [`Downgraded`].
pub fn instance_assignment(row: &PersonRow, pool_id: &str, rules: SeatRules<'_>) -> Result<Assignment, Downgraded> {
    if row.is_admin.is_none() {
        return Err(Downgraded::NotAdministrator);
    }
    let consumes = row.using_license_seat.ok_or(Downgraded::NoSeatFlag)?;
    // What is left of the rules once state and kind are out: on Ultimate a role above Guest is missing; on Premium,
    // since 18.9, the highest role is Minimal Access.
    let human = || match (rules.plan, rules.release) {
        (Some("ultimate"), _) => Some("guest-or-no-membership"),
        (Some("premium" | "starter"), Some(_)) if has(rules.release, Feature::FreeMinimalAccess) => {
            Some("minimal-access")
        }
        _ => None,
    };
    Ok(Assignment {
        consumes_seat: Some(consumes),
        non_consuming_reason: if consumes { None } else { reason_of_account(row).unwrap_or_else(human) },
        ..of(row, pool_id)
    })
}

/// A row of `billable_members`, with what other lists say of the same person.
#[must_use]
pub fn billable(row: &PersonRow, pool_id: &str, member: Option<&PersonRow>, memberships: &[Membership]) -> Assignment {
    let mut assignment = Assignment {
        consumes_seat: Some(true),
        via: match row.membership_type.as_deref() {
            Some("group_member") => Via::Direct,
            Some("group_invite") => Via::GroupInvite,
            Some("project_member") => Via::ProjectMember,
            Some("project_invite") => Via::ProjectInvite,
            _ => Via::Unknown,
        },
        reclaimable: row.removable,
        ..of(row, pool_id)
    };
    if let Some(member) = member {
        member_facts(&mut assignment, member);
    }
    if !memberships.is_empty() {
        drilled_facts(&mut assignment, memberships, member);
    }
    assignment
}

/// A row of `members/all` as somebody without a seat: nothing if GitLab says that there is one, or does not say.
#[must_use]
pub fn member_only(row: &PersonRow, pool_id: &str, rules: SeatRules<'_>) -> Option<Assignment> {
    (row.is_using_seat == Some(false)).then(|| group_member(row, pool_id, rules))
}

/// A row of `members/all` with whatever GitLab says of the seat.
#[must_use]
pub fn group_member(row: &PersonRow, pool_id: &str, rules: SeatRules<'_>) -> Assignment {
    let mut assignment = Assignment {
        consumes_seat: row.is_using_seat,
        non_consuming_reason: match row.is_using_seat {
            Some(false) => reason_of_member(row, rules),
            Some(true) | None => None,
        },
        ..of(row, pool_id)
    };
    member_facts(&mut assignment, row);
    assignment
}

/// A holder of an add-on seat.
#[must_use]
pub fn holder(row: &PersonRow, pool_id: &str) -> Assignment {
    Assignment {
        consumes_seat: Some(true),
        last_activity_on: row.last_duo_activity_on.given().map(|day| day.text()),
        ..of(row, pool_id)
    }
}

fn of(row: &PersonRow, pool_id: &str) -> Assignment {
    Assignment { pool_id: pool_id.to_owned(), user_id: row.id.as_str().to_owned(), ..Assignment::default() }
}

/// The reason that the account itself gives; the outer `None` when it gives none because it is in order.
fn reason_of_account(row: &PersonRow) -> Option<Option<&'static str>> {
    match account_state(row.state.as_deref()) {
        AccountState::Blocked => return Some(Some("blocked")),
        AccountState::Deactivated => return Some(Some("deactivated")),
        AccountState::Banned => return Some(Some("banned")),
        AccountState::Pending => return Some(Some("pending-approval")),
        AccountState::Other => return Some(None),
        AccountState::Active => {}
    }
    match account_kind(row) {
        AccountKind::Bot => Some(Some("bot")),
        AccountKind::Service => Some(Some("service-account")),
        // Of an account whose kind is not told nothing else can be concluded either.
        AccountKind::Unknown if row.access_level.is_none() => Some(None),
        AccountKind::Unknown | AccountKind::Human => None,
    }
}

fn reason_of_member(row: &PersonRow, rules: SeatRules<'_>) -> Option<&'static str> {
    if let Some(reason) = reason_of_account(row) {
        return reason;
    }
    if row.membership_state.as_deref() == Some("awaiting") {
        return Some("awaiting-approval");
    }
    match row.access_level {
        Some(MINIMAL_ACCESS) => Some("minimal-access"),
        Some(GUEST) if rules.guests_free == Some(true) => Some("guest"),
        _ => None,
    }
}

fn member_facts(assignment: &mut Assignment, member: &PersonRow) {
    let custom = member.member_role.as_ref().and_then(|role| role.name.as_deref());
    assignment.role = member.access_level.map(|level| role(level, custom));
    assignment.assigned_on = member.created_at.map(Moment::day);
    assignment.ends_on = member.expires_at.given().map(|day| day.text());
}

/// The highest role and the earliest day over all memberships; an end only if each of them has one.
fn drilled_facts(assignment: &mut Assignment, memberships: &[Membership], member: Option<&PersonRow>) {
    let highest = memberships
        .iter()
        .filter_map(|membership| membership.access_level.as_ref())
        .filter_map(|level| Some((level.integer_value?, level.custom_role.as_ref())))
        .max_by_key(|(level, custom)| (*level, custom.is_some()));
    if let Some((level, custom)) = highest
        && member.and_then(|member| member.access_level).is_none_or(|known| known < level)
    {
        assignment.role = Some(role(level, custom.and_then(|custom| custom.name.as_deref())));
    }
    let earliest = memberships.iter().filter_map(|membership| membership.created_at).min();
    let known = member.and_then(|member| member.created_at);
    assignment.assigned_on = [earliest, known].into_iter().flatten().min().map(Moment::day);
    let ends: Option<Vec<_>> = memberships
        .iter()
        .map(|membership| membership.expires_at)
        .chain(member.map(|member| member.expires_at))
        .map(Presence::given)
        .collect();
    assignment.ends_on = ends.and_then(|ends| ends.into_iter().max()).map(|day| day.text());
}

/// GitLab's name of a role, with that of a custom one.
fn role(level: u16, custom: Option<&str>) -> String {
    let name = match level {
        5 => "Minimal Access",
        10 => "Guest",
        15 => "Planner",
        20 => "Reporter",
        25 => "Security Manager",
        30 => "Developer",
        40 => "Maintainer",
        50 => "Owner",
        other => return format!("Level {other}"),
    };
    match custom.map(quoted).filter(|custom| !custom.is_empty()) {
        Some(custom) => format!("{name} ({custom})"),
        None => name.to_owned(),
    }
}
