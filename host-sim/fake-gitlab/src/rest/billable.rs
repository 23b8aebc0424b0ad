//! `GET /groups/:id/billable_members` and what lies below a person there.
//!
//! Who lacks the right is told 400, as is who asks for a subgroup. Without `sort` the order is by ascending id.

use http::StatusCode;
use serde::Serialize;

use super::{Asked, Target, bad_parameter, bad_request, write_row};
use crate::account::Account;
use crate::answer::{self, Answer};
use crate::calendar::{Day, Instant};
use crate::entity::Basic;
use crate::groups::{OWNER, Participant};
use crate::offset;
use crate::query::BadParameter;

/// The values of `sort`. The default order has no name of its own.
const SORTS: [&str; 10] = [
    "access_level_asc",
    "access_level_desc",
    "last_joined",
    "oldest_joined",
    "name_asc",
    "name_desc",
    "recent_sign_in",
    "oldest_sign_in",
    "last_activity_on_asc",
    "last_activity_on_desc",
];

const PAGES: [(&str, &str); 2] = [("page", "1"), ("per_page", "20")];

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    basic: Basic<'a>,
    email: Option<&'a str>,
    last_activity_on: Option<Day>,
    membership_type: &'static str,
    removable: bool,
    created_at: Instant,
    is_last_owner: bool,
    /// Since 15.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<Option<Instant>>,
}

/// `GET /groups/:id/billable_members`.
pub(super) fn list(asked: &Asked<'_>, target: &Target<'_>) -> Answer {
    if target.subgroup.is_some() || !target.reads_billing() {
        return bad_request();
    }
    try_list(asked, target).unwrap_or_else(|bad| bad_parameter(&bad))
}

fn try_list(asked: &Asked<'_>, target: &Target<'_>) -> Result<Answer, BadParameter> {
    let group = target.group;
    let population = &asked.instance.population;
    let mut rows: Vec<&Participant> = group.billable.iter().filter_map(|place| group.people.get(*place)).collect();
    if rows.is_empty() {
        // GitLab's finder gives up on an empty set, and the endpoint with it.
        return Ok(answer::internal_error());
    }
    if let Some(wanted) = asked.query.get("search").map(str::to_lowercase) {
        rows.retain(|one| {
            let account = population.account(one.place);
            [account.name.as_str(), &account.username, account.public_email().unwrap_or_default()]
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted))
        });
    }
    if asked.query.get("sort").is_some() {
        let sort = asked.query.one_of("sort", &SORTS, "")?;
        sort_by(&mut rows, sort, |one| population.account(one.place));
    }
    offset::list(asked.query, &rows, &|replaced| asked.link(&PAGES, replaced), |body, one| {
        let account = population.account(one.place);
        let membership_type = one.membership_type.unwrap_or_default();
        let row = Row {
            basic: Basic::of(&account, population),
            email: group.email(&account, population),
            last_activity_on: account.last_activity_on,
            membership_type,
            removable: !membership_type.ends_with("invite"),
            created_at: account.created_at,
            is_last_owner: group.one_owner && one.level == OWNER,
            last_login_at: population.scenario.created_by().then_some(account.current_sign_in_at),
        };
        write_row(body, &row);
    })
}

/// Ties keep the order by id; who has no date comes last, whichever way the order runs.
fn sort_by(rows: &mut [&Participant], sort: &str, account: impl Fn(&Participant) -> Account) {
    let day = |one: &Participant| account(one).last_activity_on.map(|day| i64::from(day.0.to_julian_day()));
    let sign_in = |one: &Participant| account(one).current_sign_in_at.map(|at| at.0.unix_timestamp());
    let joined = |one: &Participant| Some(one.since.unix_timestamp());
    let level = |one: &Participant| Some(i64::from(one.level));
    let mut by = |key: &dyn Fn(&Participant) -> Option<i64>, sign: i64| {
        rows.sort_by_cached_key(|one| key(one).map_or(i64::MAX, |value| value.saturating_mul(sign)));
    };
    match sort {
        "access_level_asc" => by(&level, 1),
        "access_level_desc" => by(&level, -1),
        "last_joined" => by(&joined, -1),
        "oldest_joined" => by(&joined, 1),
        "recent_sign_in" => by(&sign_in, -1),
        "oldest_sign_in" => by(&sign_in, 1),
        "last_activity_on_asc" => by(&day, 1),
        "last_activity_on_desc" => by(&day, -1),
        name => {
            rows.sort_by_cached_key(|one| account(one).name);
            if name == "name_desc" {
                rows.reverse();
            }
        }
    }
}

#[derive(Serialize)]
struct MembershipRow {
    id: u64,
    source_id: u64,
    source_full_name: String,
    source_members_url: String,
    created_at: Instant,
    expires_at: Option<Day>,
    access_level: AccessLevel,
}

#[derive(Serialize)]
struct AccessLevel {
    string_value: &'static str,
    integer_value: u8,
    custom_role: Option<Role>,
}

#[derive(Serialize)]
struct Role {
    id: u64,
    name: &'static str,
}

/// The name of an access level, as GitLab writes it to people.
pub(crate) const fn level_name(level: u8) -> &'static str {
    match level {
        5 => "Minimal Access",
        10 => "Guest",
        15 => "Planner",
        20 => "Reporter",
        25 => "Security Manager",
        30 => "Developer",
        40 => "Maintainer",
        50 => "Owner",
        _ => "No access",
    }
}

/// `…/billable_members/:user_id/memberships`, or `/indirect` (16.11).
pub(super) fn memberships(asked: &Asked<'_>, target: &Target<'_>, user_id: u64, direct: bool) -> Answer {
    if target.subgroup.is_some() || !target.admin_group_member() {
        return bad_request();
    }
    let group = target.group;
    let population = &asked.instance.population;
    if population.place_of(user_id).is_none() {
        return answer::message(StatusCode::NOT_FOUND, "404 Not found");
    }
    let Some(one) = group.person(user_id).filter(|one| one.membership_type.is_some()) else {
        return answer::message(StatusCode::NOT_FOUND, "404 User Not Found");
    };
    let mut rows = one.memberships(&group.spec, population);
    rows.retain(|membership| membership.source.direct() == direct);
    rows.sort_by_key(|membership| membership.id);
    let listed = offset::list(asked.query, &rows, &|replaced| asked.link(&PAGES, replaced), |body, membership| {
        let (source_id, source_full_name) = group.source(membership.source);
        let path = source_full_name.to_lowercase().replace(" / ", "/").replace(' ', "-");
        let row = MembershipRow {
            id: membership.id,
            source_id,
            source_full_name,
            source_members_url: format!("{}/groups/{path}/-/group_members", population.external_url),
            created_at: Instant(membership.created_at),
            expires_at: membership.expires_at.map(Day),
            access_level: AccessLevel {
                string_value: level_name(membership.level),
                integer_value: membership.level,
                custom_role: membership.role.map(|role| Role { id: role.id, name: role.name }),
            },
        };
        write_row(body, &row);
    });
    listed.unwrap_or_else(|bad| bad_parameter(&bad))
}
