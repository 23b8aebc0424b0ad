//! What GitLab answers, reduced to the fields that are used.
//!
//! Guarantees: nothing is required but what an answer cannot be understood without: the id and name of an account. Everything
//! else may be missing, because editions, versions and rights leave fields out; a missing one is `None`, never a default.
//!
//! Refuses a field of another type than documented; see [`super::scalars`] for the single values.

use super::json::{Error, Read, Reader, object};
use super::scalars::{Day, Id, Moment, Presence};

object! {
    /// `GET /metadata` (15.2+), `GET /version` (all; only `version` and `revision` before 15.5).
    pub struct Metadata {
        needed {}
        optional {
            /// `18.1.1-ee`; absent in an answer that is not GitLab's.
            pub version: Option<String>,
            /// Whether the code is that of the Enterprise Edition (15.6+); true also without a license.
            pub enterprise: Option<bool>,
        }
    }
}

object! {
    /// `GET /user`.
    pub struct CurrentUser {
        needed {
            /// Number of the account.
            pub id: Id,
            /// Login name.
            pub username: String,
        }
        optional {
            /// Present and true for administrators only; also where Admin Mode takes the right away.
            pub is_admin: Option<bool>,
            /// Whether a token or a service is behind it, and no person.
            pub bot: Option<bool>,
        }
    }
}

object! {
    /// `GET /personal_access_tokens/self` (15.5+).
    pub struct TokenSelf {
        needed {}
        optional {
            /// Scopes, such as `read_api`.
            pub scopes: Option<Vec<String>>,
            /// First day on which it is not valid any more.
            pub expires_at: Presence<Day>,
            /// A fine-grained token (18.10+), whose rights are not told by scopes.
            pub granular: Option<bool>,
        }
    }
}

object! {
    /// `GET /license` (Enterprise Edition, all versions). `null` where no license is installed.
    pub struct License {
        needed {}
        optional {
            /// `starter`, `premium`, `ultimate`.
            pub plan: Option<String>,
            /// First day.
            pub starts_at: Option<Day>,
            /// Last day; `null` means no end.
            pub expires_at: Presence<Day>,
            /// Seats bought; 0 means that no number applies.
            pub user_limit: Option<u64>,
            /// Seats in use, counted once a night.
            pub active_users: Option<u64>,
            /// Highest daily count of the term.
            pub maximum_user_count: Option<u64>,
            /// Seats over what was bought: now while the license is valid, at the peak once it has expired.
            pub overage: Option<u64>,
            /// Whether the term is over.
            pub expired: Option<bool>,
            /// Whether it is a trial; REST does not say, [`SeenLicense`] does.
            pub trial: Option<bool>,
        }
    }
}

object! {
    /// An account elsewhere.
    pub struct Identity {
        needed {}
        optional {
            /// Name of the provider.
            pub provider: Option<String>,
            /// Id there.
            pub extern_uid: Option<String>,
        }
    }
}

object! {
    /// A row about a person, in any of GitLab's lists. Which fields come depends on the list and on who asks:
    ///
    /// | list | fields beyond `id`, `username`, `name`, `state`, `public_email` |
    /// | --- | --- |
    /// | `GET /users`, effective administrator or auditor | all of the account |
    /// | `GET /users`, anybody else | none |
    /// | `GET /groups/:id/billable_members` | address, activity, sign-in, `created_at` of the account, how it came about |
    /// | `GET /groups/:id/members/all` | `created_at` of the **membership**, its end, role, `is_using_seat` |
    /// | GraphQL `users`, `groupMembers` | activity, `bot`, `created_at` of the account |
    /// | GraphQL `addOnEligibleUsers` | activity, sign-in, `bot`, activity with Duo, which seats |
    ///
    /// Fields of full rows come in the order in which GitLab writes them, which is the fastest to read.
    ///
    /// One type for all, because the queries of [`super::queries`] rename what they ask for to the names of REST: the
    /// readers of JSON are a quarter of the component.
    pub struct PersonRow {
        needed {
            /// Number of the account.
            pub id: Id,
            /// Login name.
            pub username: String,
        }
        optional {
            /// The address that the person shows.
            pub public_email: Option<String>,
            /// Full name.
            pub name: Option<String>,
            /// `active`, `blocked`, `ldap_blocked`, `deactivated`, `banned`, `blocked_pending_approval`.
            pub state: Option<String>,
            /// When the account was made, or the membership; see the table.
            pub created_at: Option<Moment>,
            /// Whether a token, an integration or a service is behind it.
            pub bot: Option<bool>,
            /// The sign-in before the current one.
            pub last_sign_in_at: Presence<Moment>,
            /// Last day with activity.
            pub last_activity_on: Presence<Day>,
            /// The address that the account is registered with; administrators, and owners for their enterprise's people. May
            /// be empty, and in lists of groups it may be the public one.
            pub email: Option<String>,
            /// The latest sign-in, in spite of its name.
            pub current_sign_in_at: Presence<Moment>,
            /// Accounts elsewhere.
            pub identities: Option<Vec<Identity>>,
            /// Only in rows for an effective administrator or an auditor.
            pub is_admin: Option<bool>,
            /// GitLab's verdict; Enterprise Edition only (13.5+).
            pub using_license_seat: Option<bool>,
            /// The latest sign-in in `billable_members` (15.5+).
            pub last_login_at: Presence<Moment>,
            /// `group_member`, `project_member`, `group_invite`, `project_invite` (13.12+).
            pub membership_type: Option<String>,
            /// Whether an owner of the group can remove the person.
            pub removable: Option<bool>,
            /// Role of the membership: 5 Minimal Access to 50 Owner.
            pub access_level: Option<u16>,
            /// Custom role of the membership (15.7+).
            pub member_role: Option<CustomRole>,
            /// Last day of the membership.
            pub expires_at: Presence<Day>,
            /// GitLab's verdict in lists of members, with `show_seat_info`. Always `false` in free groups.
            pub is_using_seat: Option<bool>,
            /// `active`, `awaiting`.
            pub membership_state: Option<String>,
            /// Last day of use of GitLab Duo (18.x).
            pub last_duo_activity_on: Presence<Day>,
            /// Add-on seats, where the list also has people without one.
            pub held: Option<Held>,
        }
    }
}

object! {
    /// A role that a customer made.
    pub struct CustomRole {
        needed {}
        optional {
            /// Its name.
            pub name: Option<String>,
        }
    }
}

object! {
    /// The add-on seats of a person; asked for with `first: 1`, only whether there is one matters.
    pub struct Held {
        needed {}
        optional {
            /// One for each seat.
            pub nodes: Vec<HeldSeat>,
        }
    }
}

object! {
    /// That there is one is all that matters.
    pub struct HeldSeat {
        needed {}
        optional {}
    }
}

object! {
    /// A row of `GET /groups` and the answer of `GET /namespaces/:id`. The latter's figures of billing are for owners: up
    /// to 18.8 every member saw the first three, since 18.9 they are `null` for others; `plan` is absent for others.
    pub struct Namespace {
        needed {
            /// Number of the group.
            pub id: Id,
        }
        optional {
            /// Name for people.
            pub name: Option<String>,
            /// Path, with those of the groups above it.
            pub full_path: Option<String>,
            /// `group` or `user`.
            pub kind: Option<String>,
            /// The group above; `null` for a top-level group.
            pub parent_id: Option<Id>,
            /// Seats in use, counted for this answer.
            pub billable_members_count: Option<u64>,
            /// Seats in use, counted up to a day ago.
            pub seats_in_use: Option<u64>,
            /// Highest count of the term.
            pub max_seats_used: Option<u64>,
            /// Last day of the term (16.7+).
            pub end_date: Option<Day>,
            /// `free`, `premium`, `ultimate`, `ultimate_trial` and others; owners only.
            pub plan: Option<String>,
            /// Whether it is a trial; owners only.
            pub trial: Option<bool>,
            /// Last day of the trial; owners only.
            pub trial_ends_on: Option<Day>,
        }
    }
}

object! {
    /// `GET /namespaces/:id/gitlab_subscription` (11.x+; not in GitLab's documentation). Owners only; every leaf is `null`
    /// for a subgroup and off GitLab.com.
    pub struct Subscription {
        needed {
            /// What was bought.
            pub plan: Plan,
            /// Seats.
            pub usage: Usage,
            /// The term.
            pub billing: Billing,
        }
        optional {}
    }
}

object! {
    /// What was bought.
    pub struct Plan {
        needed {}
        optional {
            /// As in [`Namespace::plan`].
            pub code: Option<String>,
            /// Whether it is a trial.
            pub trial: Option<bool>,
            /// Whether it renews by itself.
            pub auto_renew: Option<bool>,
            /// Whether guests take no seat (14.10+).
            pub exclude_guests: Option<bool>,
        }
    }
}

object! {
    /// Seats of a subscription. On paid plans counted every six hours at most.
    pub struct Usage {
        needed {}
        optional {
            /// Seats bought.
            pub seats_in_subscription: Option<u64>,
            /// Seats in use.
            pub seats_in_use: Option<u64>,
            /// Highest count of the term.
            pub max_seats_used: Option<u64>,
            /// Seats over what was bought, at the highest count of the term.
            pub seats_owed: Option<u64>,
        }
    }
}

object! {
    /// The term of a subscription.
    pub struct Billing {
        needed {}
        optional {
            /// First day.
            pub subscription_start_date: Option<Day>,
            /// Last day.
            pub subscription_end_date: Option<Day>,
            /// Last day of a trial.
            pub trial_ends_on: Option<Day>,
        }
    }
}

object! {
    /// A row of `GET /groups/:id/billable_members/:user_id/memberships` (13.11+) and `/indirect` (16.11+).
    pub struct Membership {
        needed {}
        optional {
            /// When it began.
            pub created_at: Option<Moment>,
            /// Last day.
            pub expires_at: Presence<Day>,
            /// Role.
            pub access_level: Option<AccessLevel>,
        }
    }
}

object! {
    /// A role in the drill-down: an object there, a number elsewhere.
    pub struct AccessLevel {
        needed {}
        optional {
            /// 5 Minimal Access to 50 Owner.
            pub integer_value: Option<u16>,
            /// A role that the customer made.
            pub custom_role: Option<CustomRole>,
        }
    }
}

object! {
    /// What the queries of [`super::queries`] for people ask for, by the names that they give it. Each fills one field.
    pub struct Data {
        needed {}
        optional {
            /// A list of people.
            pub list: Option<Listed>,
            /// The namespace around a list.
            pub scope: Option<Scope>,
        }
    }
}

object! {
    /// A namespace with a list of people.
    pub struct Scope {
        needed {}
        optional {
            /// The list.
            pub list: Option<Listed>,
        }
    }
}

object! {
    /// A page of a GraphQL list as it came; [`super::connection`] reads its rows.
    #[allow(non_snake_case, reason = "the names are those of the answer")]
    pub struct Listed {
        needed {
            /// The rows.
            pub edges: Vec<ListedEdge>,
            /// What follows.
            pub pageInfo: PageInfo,
        }
        optional {}
    }
}

object! {
    /// A row of a GraphQL list as it came.
    pub struct ListedEdge {
        needed {}
        optional {
            /// Cursor of the page behind it; asked for where cursors count rows.
            pub cursor: Option<String>,
            /// The row; `null` for one that the caller may not see.
            pub node: Option<Node>,
        }
    }
}

/// A row that is not read yet: which type it has depends on the query. Reading it in a second step leaves one reader of
/// lists in the component in place of one for each type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node(pub Box<[u8]>);

impl Read for Node {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.raw().map(|text| Self(text.into()))
    }
}

object! {
    /// What follows a page of a GraphQL list.
    #[allow(non_snake_case, reason = "the names are those of the answer")]
    pub struct PageInfo {
        needed {
            /// Whether there is a next page.
            pub hasNextPage: bool,
        }
        optional {
            /// Its cursor.
            pub endCursor: Option<String>,
        }
    }
}

object! {
    /// A member of a group in GraphQL.
    pub struct GroupMember {
        needed {}
        optional {
            /// Who; `null` for somebody invited by address.
            pub user: Option<PersonRow>,
        }
    }
}

object! {
    /// What the queries for single things ask for.
    pub struct Things {
        needed {}
        optional {
            /// `addOnPurchases` (17.5+); empty for callers without the right.
            pub purchases: Option<Vec<Purchase>>,
            /// `addOnPurchase` (16.7 to 17.4) of Duo Pro.
            pub pro: Option<Purchase>,
            /// The same of Duo Enterprise.
            pub enterprise: Option<Purchase>,
            /// `currentLicense`.
            pub license: Option<SeenLicense>,
            /// `metadata`, which has the names of REST.
            pub metadata: Option<Metadata>,
        }
    }
}

object! {
    /// An add-on that was bought and runs. Neither its start nor its end is told.
    pub struct Purchase {
        needed {
            /// `gid://gitlab/GitlabSubscriptions::AddOnPurchase/<number>`; kept as its number.
            pub id: Id,
        }
        optional {
            /// `CODE_SUGGESTIONS` (Duo Pro), `DUO_ENTERPRISE`, `DUO_CORE` and others.
            pub name: Option<String>,
            /// Seats bought.
            pub bought: Option<u64>,
            /// Seats given to people.
            pub assigned: Option<u64>,
        }
    }
}

object! {
    /// `currentLicense` of GraphQL, for callers whom REST refuses `/license`: administrators without `admin_mode`, and
    /// custom administrators' roles (17.9+).
    pub struct SeenLicense {
        needed {}
        optional {
            /// As in [`License::plan`].
            pub plan: Option<String>,
            /// First day.
            pub starts_at: Option<Day>,
            /// Last day.
            pub expires_at: Presence<Day>,
            /// Seats bought; `null` means that no number applies.
            pub user_limit: Presence<u64>,
            /// As in [`License::active_users`].
            pub active_users: Option<u64>,
            /// As in [`License::maximum_user_count`].
            pub maximum_user_count: Option<u64>,
            /// Whether it is a trial.
            pub trial: Option<bool>,
        }
    }
}

impl From<SeenLicense> for License {
    fn from(seen: SeenLicense) -> Self {
        Self {
            plan: seen.plan,
            starts_at: seen.starts_at,
            expires_at: seen.expires_at,
            user_limit: match seen.user_limit {
                Presence::Given(limit) => Some(limit),
                Presence::Null => Some(0),
                Presence::Absent => None,
            },
            active_users: seen.active_users,
            maximum_user_count: seen.maximum_user_count,
            overage: None,
            expired: None,
            trial: seen.trial,
        }
    }
}
