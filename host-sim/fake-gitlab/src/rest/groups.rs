//! `GET /groups` and `GET /groups/:id`.
//!
//! The list is of the groups that the caller is in, or of all to administrators and auditors; without a token it is of
//! public groups, of which there are none. The page of one group shows `runners_token` to its Owners.

use http::StatusCode;
use serde::Serialize;

use super::{Asked, Target, bad_parameter, write_row};
use crate::answer::{self, Answer};
use crate::calendar::Instant;
use crate::groups::OWNER;
use crate::offset;
use crate::query::BadParameter;
use crate::random::{Purpose, draw};
use crate::token::{Need, Rank, Refusal};

/// What the endpoint fills in and echoes in `Link` when a request does not say.
const DEFAULTS: [(&str, &str); 9] = [
    ("all_available", "true"),
    ("order_by", "name"),
    ("owned", "false"),
    ("page", "1"),
    ("per_page", "20"),
    ("sort", "asc"),
    ("statistics", "false"),
    ("top_level_only", "false"),
    ("with_custom_attributes", "false"),
];

#[derive(Serialize)]
struct Row {
    id: u64,
    web_url: String,
    name: String,
    path: String,
    description: &'static str,
    visibility: &'static str,
    share_with_group_lock: bool,
    require_two_factor_authentication: bool,
    two_factor_grace_period: u64,
    project_creation_level: &'static str,
    auto_devops_enabled: Option<bool>,
    subgroup_creation_level: &'static str,
    emails_disabled: bool,
    mentions_disabled: Option<bool>,
    lfs_enabled: bool,
    avatar_url: Option<String>,
    request_access_enabled: bool,
    full_name: String,
    full_path: String,
    created_at: Instant,
    parent_id: Option<u64>,
    /// Recent versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<bool>,
    /// Enterprise code.
    #[serde(skip_serializing_if = "Option::is_none")]
    marked_for_deletion_on: Option<Option<&'static str>>,
    /// The page of one group, for its Owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    runners_token: Option<String>,
}

fn row(asked: &Asked<'_>, target: &Target<'_>) -> Row {
    let population = &asked.instance.population;
    let scenario = population.scenario;
    let spec = &target.group.spec;
    let (name, full_name, path) = match &target.subgroup {
        None => (spec.name, spec.name.to_owned(), spec.path),
        Some(subgroup) => (subgroup.name, format!("{} / {}", spec.name, subgroup.name), subgroup.path),
    };
    let full_path = target.full_path();
    Row {
        id: target.id(),
        web_url: format!("{}/groups/{full_path}", population.external_url),
        name: name.to_owned(),
        path: path.to_owned(),
        description: "",
        visibility: "private",
        share_with_group_lock: false,
        require_two_factor_authentication: false,
        two_factor_grace_period: 48,
        project_creation_level: "developer",
        auto_devops_enabled: None,
        subgroup_creation_level: "maintainer",
        emails_disabled: false,
        mentions_disabled: None,
        lfs_enabled: true,
        avatar_url: None,
        request_access_enabled: true,
        full_name,
        full_path,
        created_at: Instant::at(population.first_day().saturating_sub(time::Duration::days(2_100)), 34_211_907),
        parent_id: target.subgroup.as_ref().map(|_| spec.id),
        organization_id: scenario.at_least(17, 0).then_some(1),
        archived: scenario.at_least(18, 0).then_some(false),
        marked_for_deletion_on: scenario.enterprise().then_some(None),
        runners_token: None,
    }
}

/// `GET /groups/:id`.
pub(super) fn show(asked: &Asked<'_>, target: &Target<'_>) -> Answer {
    let secret = draw(asked.instance.options.seed, target.id(), Purpose::Profile);
    let runners_token = target.owner().then(|| format!("GR1348941{secret:016x}"));
    let mut body = Vec::new();
    write_row(&mut body, &Row { runners_token, ..row(asked, target) });
    answer::json(StatusCode::OK, body)
}

/// `GET /groups`.
pub(super) fn list(asked: &Asked<'_>) -> Result<Answer, Box<Answer>> {
    let token = match asked.admit(Need::ReadApi) {
        Ok(token) => Some(token),
        Err(Refusal::Missing) => None,
        Err(refusal) => return Err(Box::new(answer::refused(refusal))),
    };
    let mut targets = Vec::new();
    if let Some(token) = token {
        let rank = asked.rank(token);
        for group in &asked.instance.groups().all {
            let level = group.access(token.user_id, &asked.instance.population);
            if level.is_some() || matches!(rank, Rank::Administrator | Rank::Auditor) {
                targets.push(Target { group, subgroup: None, level, rank });
                let subgroups = group.subgroups().into_iter();
                targets.extend(subgroups.map(|subgroup| Target { group, subgroup: Some(subgroup), level, rank }));
            }
        }
    }
    page(asked, targets).map_err(|bad| Box::new(bad_parameter(&bad)))
}

fn page(asked: &Asked<'_>, mut targets: Vec<Target<'_>>) -> Result<Answer, BadParameter> {
    let query = asked.query;
    let owned = query.flag("owned")?;
    let top_level_only = query.flag("top_level_only")?;
    let members_only = query.get("all_available").is_some() && !query.flag("all_available")?;
    let least = query.integer("min_access_level")?;
    let archived = query.flag("archived")?;
    let search = query.get("search").map(str::to_lowercase);
    let order_by = query.one_of("order_by", &["name", "path", "id", "similarity"], "name")?;
    let ascending = query.one_of("sort", &["asc", "desc"], "asc")? == "asc";
    targets.retain(|target| {
        // Rights of an administrator are no membership.
        let level = target.level.map(i64::from);
        (!owned || target.level == Some(OWNER))
            && (!top_level_only || target.subgroup.is_none())
            && (!members_only || level.is_some())
            && least.is_none_or(|least| level.is_some_and(|level| level >= least))
            && !archived
            && search.as_ref().is_none_or(|wanted| {
                let row = row(asked, target);
                row.name.to_lowercase().contains(wanted) || row.full_path.to_lowercase().contains(wanted)
            })
    });
    targets.sort_by_cached_key(|target| {
        let row = row(asked, target);
        let text = match order_by {
            "id" => String::new(),
            "path" => row.path,
            _ => row.name,
        };
        (text, row.id)
    });
    if !ascending {
        targets.reverse();
    }
    offset::list(query, &targets, &|replaced| asked.link(&DEFAULTS, replaced), |body, target| {
        write_row(body, &row(asked, target));
    })
}
