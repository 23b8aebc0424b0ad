//! What is true of groups, their people and their add-ons, for comparing with what a client made of it.
//!
//! Names are GitLab's own. Access levels are 5 Minimal Access, 10 Guest, 15 Planner, 20 Reporter, 25 Security Manager,
//! 30 Developer, 40 Maintainer, 50 Owner.

use serde::Serialize;
use time::{Date, OffsetDateTime};

use crate::truth::{day, moment, optional_day, optional_moment};

/// One top-level group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupFacts {
    /// Group id.
    pub id: u64,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// The whole path; equal to `path` for a top-level group.
    pub full_path: String,
    /// Code of the plan, such as `premium`; `default` off GitLab.com.
    pub plan: String,
    /// Whether the plan is a trial.
    pub trial: bool,
    /// Whether guests without a seat-occupying custom role take no seat.
    pub exclude_guests: bool,
    /// Access level of the scenario's caller in the group itself; `None` if not a member.
    pub caller_access_level: Option<u8>,
    /// Whether memberships come from LDAP: billable members are listed, their memberships are not.
    pub ldap_synced: bool,
    /// The subscription; `None` where there is no row, so that all leaves of the answer are null.
    pub subscription: Option<SubscriptionFacts>,
    /// `billable_members_count` of the namespace: the live count, which is the length of `billable`.
    pub billable_members_count: u64,
    /// Subgroups, ascending by id.
    pub subgroups: Vec<SubgroupFacts>,
    /// Who takes a seat, ascending by user id: the rows of `billable_members`.
    pub billable: Vec<BillableFacts>,
    /// The rows of `members/all`, ascending by member id.
    pub members: Vec<MemberFacts>,
    /// Add-ons of the group, ascending by id.
    pub add_ons: Vec<AddOnFacts>,
}

/// A group within a top-level group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubgroupFacts {
    /// Group id.
    pub id: u64,
    /// Display name.
    pub name: String,
    /// The whole path.
    pub full_path: String,
}

/// What was bought for a group, and GitLab's own counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubscriptionFacts {
    /// `plan.name`.
    pub plan_name: String,
    /// Whether it renews by itself.
    pub auto_renew: Option<bool>,
    /// Whether a higher plan exists.
    pub upgradable: Option<bool>,
    /// Seats bought.
    pub seats_in_subscription: Option<u64>,
    /// Seats in use: by a job that ran hours ago on paid plans, live on others.
    pub seats_in_use: Option<u64>,
    /// Most seats in use in this term.
    pub max_seats_used: Option<u64>,
    /// When that figure last moved.
    #[serde(serialize_with = "optional_moment")]
    pub max_seats_used_changed_at: Option<OffsetDateTime>,
    /// Seats over what was bought: `max(0, max_seats_used - seats_in_subscription)` on paid plans, otherwise 0.
    pub seats_owed: Option<u64>,
    /// First day.
    #[serde(serialize_with = "optional_day")]
    pub start_date: Option<Date>,
    /// Last day.
    #[serde(serialize_with = "optional_day")]
    pub end_date: Option<Date>,
    /// Last day of a trial.
    #[serde(serialize_with = "optional_day")]
    pub trial_ends_on: Option<Date>,
}

/// Somebody who takes a seat of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillableFacts {
    /// Account id.
    pub user_id: u64,
    /// Login name.
    pub username: String,
    /// Full name.
    pub name: String,
    /// State of the account; always `active` here.
    pub state: &'static str,
    /// Locked out for the moment.
    pub locked: bool,
    /// As an Owner sees it: the registered address of an enterprise user, otherwise the public one, which may be empty
    /// or missing.
    pub email: Option<String>,
    /// Last day of activity.
    #[serde(serialize_with = "optional_day")]
    pub last_activity_on: Option<Date>,
    /// Latest sign-in, `current_sign_in_at` of the account.
    #[serde(serialize_with = "optional_moment")]
    pub last_login_at: Option<OffsetDateTime>,
    /// When the **account** was made.
    #[serde(serialize_with = "moment")]
    pub created_at: OffsetDateTime,
    /// `group_member`, `project_member`, `group_invite` or `project_invite`.
    pub membership_type: &'static str,
    /// Whether an Owner can take the person out of the group.
    pub removable: bool,
    /// Whether nobody else is Owner of the group.
    pub is_last_owner: bool,
    /// Direct memberships in the group, its subgroups and its projects, ascending by id.
    pub memberships: Vec<MembershipFacts>,
    /// Memberships in groups that were invited, ascending by id.
    pub indirect: Vec<MembershipFacts>,
    /// Earliest of the dates of both: the best "seat since" there is.
    #[serde(serialize_with = "day")]
    pub seat_since: Date,
    /// Highest access level over both.
    pub highest_access_level: u8,
}

/// One membership of a billable person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MembershipFacts {
    /// Member id.
    pub id: u64,
    /// Id of the group or project.
    pub source_id: u64,
    /// Its full name.
    pub source_full_name: String,
    /// When the person became a member.
    #[serde(serialize_with = "moment")]
    pub created_at: OffsetDateTime,
    /// Last day of the membership.
    #[serde(serialize_with = "optional_day")]
    pub expires_at: Option<Date>,
    /// Access level.
    pub access_level: u8,
    /// Name of the custom role.
    pub custom_role: Option<&'static str>,
}

/// A row of `members/all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberFacts {
    /// Account id.
    pub user_id: u64,
    /// Login name.
    pub username: String,
    /// Full name.
    pub name: String,
    /// State of the account.
    pub state: &'static str,
    /// The registered address of an enterprise user, as an Owner sees it; `None` for others.
    pub email: Option<String>,
    /// Access level in the group itself.
    pub access_level: u8,
    /// When the person became a member.
    #[serde(serialize_with = "moment")]
    pub created_at: OffsetDateTime,
    /// Last day of the membership.
    #[serde(serialize_with = "optional_day")]
    pub expires_at: Option<Date>,
    /// `active` or `awaiting`.
    pub membership_state: &'static str,
    /// Name of the custom role.
    pub custom_role: Option<&'static str>,
    /// With `show_seat_info`: whether the person takes a seat; `None` on Community Edition.
    pub is_using_seat: Option<bool>,
    /// Whether the membership is in the group itself, as opposed to a group that was invited.
    pub direct: bool,
}

/// A purchase of add-on seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddOnFacts {
    /// Number of the purchase.
    pub id: u64,
    /// The same as GraphQL writes it.
    pub gid: String,
    /// In GraphQL's spelling: `CODE_SUGGESTIONS` is Duo Pro.
    pub name: &'static str,
    /// Seats bought.
    pub purchased_quantity: u64,
    /// Seats assigned.
    pub assigned_quantity: u64,
    /// Whether seats of this add-on are assigned to people at all.
    pub assignable: bool,
    /// Who has one, ascending by user id.
    pub holders: Vec<HolderFacts>,
}

/// Somebody with an add-on seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HolderFacts {
    /// Account id.
    pub user_id: u64,
    /// Last day on which the add-on was used.
    #[serde(serialize_with = "optional_day")]
    pub last_duo_activity_on: Option<Date>,
    /// Whether the person also takes a seat of the license or of the group's plan.
    pub holds_base_seat: bool,
}
