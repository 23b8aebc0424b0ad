//! `GET /groups/:id/members/all` and `/members`.
//!
//! `all` covers the group itself, the groups above it and the groups invited to it, never subgroups and projects: who is
//! only there is missing. Rows are in the order of member ids, which is not that of accounts. Any member may read them.

use serde::Serialize;

use super::{Asked, Target, bad_parameter, write_row};
use crate::answer::Answer;
use crate::calendar::{Day, Instant};
use crate::entity::Basic;
use crate::groups::{Membership, Participant, Source};
use crate::offset;
use crate::query::BadParameter;

const PAGES: [(&str, &str); 2] = [("page", "1"), ("per_page", "20")];

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    basic: Basic<'a>,
    access_level: u8,
    created_at: Instant,
    expires_at: Option<Day>,
    /// Owners of groups on GitLab.com.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_saml_identity: Option<Option<u64>>,
    /// Owners, of accounts that their group manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// On request.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_using_seat: Option<bool>,
    /// Enterprise code.
    #[serde(skip_serializing_if = "Option::is_none")]
    membership_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_role: Option<Option<Role>>,
}

#[derive(Serialize)]
struct Role {
    id: u64,
    group_id: u64,
    name: &'static str,
    description: Option<&'static str>,
    base_access_level: u8,
    read_code: bool,
    admin_vulnerability: bool,
}

/// The members of a group; `all`: with those of other groups that reach it.
pub(super) fn list(asked: &Asked<'_>, target: &Target<'_>, all: bool) -> Answer {
    try_list(asked, target, all).unwrap_or_else(|bad| bad_parameter(&bad))
}

/// The membership by which somebody is in what is asked for: the highest, where there are several.
fn membership(asked: &Asked<'_>, target: &Target<'_>, one: &Participant, all: bool) -> Option<Membership> {
    let reaches = |source: Source| match (&target.subgroup, source) {
        (None, Source::Group) => true,
        (None, source) => all && source.of_group(),
        // Memberships in subgroups are in the first.
        (Some(subgroup), Source::Subgroup) => subgroup.id == target.group.spec.id + 1,
        (Some(_), source) => all && source.of_group(),
    };
    let memberships = one.memberships(&target.group.spec, &asked.instance.population);
    let mut found = memberships.into_iter().filter(|membership| reaches(membership.source));
    // A membership in the group itself goes before one by invitation; a subgroup's goes before a lower one above it.
    let first = found.next()?;
    Some(found.rfind(|other| other.level > first.level).unwrap_or(first))
}

fn try_list(asked: &Asked<'_>, target: &Target<'_>, all: bool) -> Result<Answer, BadParameter> {
    let query = asked.query;
    let population = &asked.instance.population;
    let scenario = population.scenario;
    let enterprise = scenario.enterprise();
    let group = target.group;
    let state = if enterprise { query.one_of("state", &["awaiting", "active"], "")? } else { "" };
    let seats = enterprise && query.flag("show_seat_info")?;
    let mut ids = Vec::new();
    for text in query.all("user_ids[]").iter().chain(query.all("user_ids")) {
        for id in text.split(',') {
            ids.push(id.trim().parse::<u64>().map_err(|_| BadParameter("user_ids is invalid".to_owned()))?);
        }
    }
    let search = query.get("query").map(str::to_lowercase);
    let found = |one: &Participant| {
        let membership = membership(asked, target, one, all)?;
        let wanted = (ids.is_empty() || ids.contains(&one.user_id))
            && (state.is_empty() || (state == "awaiting") == membership.awaiting)
            && search.as_ref().is_none_or(|wanted| {
                let account = population.account(one.place);
                account.name.to_lowercase().contains(wanted) || account.username.to_lowercase().contains(wanted)
            });
        wanted.then_some((*one, membership))
    };
    let mut rows: Vec<(Participant, Membership)> = match target.subgroup {
        None => group.members.iter().filter_map(|place| found(group.people.get(*place)?)).collect(),
        Some(_) => group.people.iter().filter_map(found).collect(),
    };
    if target.subgroup.is_some() {
        rows.sort_by_key(|(_, membership)| membership.id);
    }
    let owner_on_gitlab_com = scenario.gitlab_com() && target.owner();
    offset::list(query, &rows, &|replaced| asked.link(&PAGES, replaced), |body, (one, membership)| {
        let account = population.account(one.place);
        let managed = owner_on_gitlab_com && group.enterprise_user(&account, population);
        let role = membership.role.map(|role| Role {
            id: role.id,
            group_id: group.spec.id,
            name: role.name,
            description: None,
            base_access_level: role.base,
            read_code: true,
            admin_vulnerability: role.occupies_seat,
        });
        let row = Row {
            basic: Basic::of(&account, population),
            access_level: membership.level,
            created_at: Instant(membership.created_at),
            expires_at: membership.expires_at.map(Day),
            group_saml_identity: owner_on_gitlab_com.then_some(None),
            email: managed.then_some(account.email.as_str()),
            is_using_seat: group.is_using_seat(one, population).filter(|_| seats),
            membership_state: enterprise.then_some(if membership.awaiting { "awaiting" } else { "active" }),
            member_role: (scenario.gitlab_com()).then_some(role),
        };
        write_row(body, &row);
    })
}
