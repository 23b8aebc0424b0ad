//! The checks of groups of GitLab.com.

use super::{Finding, Report, add_ons, checks};
use crate::collect::is_no_right;
use crate::collect::{BE_AN_OWNER, CHOOSE_SELF_MANAGED, NO_GROUP, NOT_GITLAB_COM, unknown_group};
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::{Endpoint, Window};
use crate::gitlab::entities::{Namespace, PersonRow, Subscription};
use crate::gitlab::refusal::{Refusal, decode};
use crate::quoting::quoted;
use crate::seats;
use crate::survey::{self, For, Found, GROUPS_PER_PAGE, Groups, OWNER, path};

/// What the first group tells.
struct First {
    namespace: Result<Namespace, Refusal>,
    subscription: Result<Subscription, Refusal>,
    holders: Result<Vec<PersonRow>, Refusal>,
}

pub(super) fn check(settings: &Settings, client: &mut Client<'_>, report: &mut Report) {
    let found = survey::groups(client, For::Test);
    let group = match &found.found {
        Ok(Found::Named(group)) => Some(group),
        Ok(Found::Listed { groups, .. }) => groups.first(),
        Ok(Found::Nothing) | Err(_) => None,
    };
    let first = group.map(|group| ask(client, group));
    let today = client.clock().today();
    let more = found.found.as_ref().err();
    checks::identity(&found.identity, more, settings, today, report);
    report.check("role", "The token's user is an Owner of a group", || role(&found, first.as_ref(), settings));
    let Some((group, first)) = group.zip(first) else { return };
    report.check("license", "The group's subscription can be read", || license(&first, settings, client));
    report.check("seats", "The list of seats can be read", || holders(&first, settings));
    let release = found.identity.release();
    report.check("add-ons", "Add-on seats can be read", || {
        add_ons::check(client, settings, Some(group), release, first.subscription.is_ok())
    });
}

fn ask(client: &mut Client<'_>, group: &Namespace) -> First {
    let clock = client.clock();
    let namespace = Endpoint::Namespace(group.id.as_str().to_owned());
    let subscription = Endpoint::Subscription(group.id.as_str().to_owned());
    let holders = Endpoint::BillableMembers { group: group.id.clone(), window: Window { number: 1, size: 1 } };
    let [namespace, subscription, holders] = client.ask_all([&namespace, &subscription, &holders]);
    First {
        namespace: decode(namespace, clock),
        subscription: decode(subscription, clock),
        holders: decode(holders, clock),
    }
}

fn role(found: &Groups, first: Option<&First>, settings: &Settings) -> Finding {
    let user = match found.identity.user() {
        Ok(user) => user,
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let name = quoted(&user.username);
    let lower_bound =
        "A collection brings a lower bound: the members of the group, and what GitLab says of the seat of each.";
    match &found.found {
        Err(refusal) => Finding::Fail(match (&settings.group, refusal) {
            (Some(group), Refusal::NotFound) => unknown_group(group, user),
            _ => refusal.explanation(settings),
        }),
        Ok(Found::Nothing) => Finding::Fail(Explanation::new(NO_GROUP).hint(BE_AN_OWNER)),
        Ok(Found::Named(group)) if !survey::is_top_level(group) => Finding::Fail(survey::not_top_level(group)),
        Ok(Found::Named(group)) => {
            let told = |found: &Namespace| found.plan.is_some();
            let trouble =
                first.and_then(|first| first.subscription.as_ref().err().filter(|refusal| !is_no_right(refusal)));
            if first.is_some_and(|first| first.subscription.is_ok() || first.namespace.as_ref().is_ok_and(told)) {
                Finding::Pass(format!("@{name} is an Owner of {}.", path(group)))
            } else if let Some(refusal) = trouble {
                Finding::Fail(refusal.explanation(settings))
            } else {
                Finding::Fail(
                    Explanation::new(format!(
                        "@{name} is no Owner of {}, and only Owners see all seats. {lower_bound}",
                        path(group)
                    ))
                    .hint(BE_AN_OWNER),
                )
            }
        }
        Ok(Found::Listed { role, groups, left_out, .. }) => {
            let many = if groups.len() >= usize::from(GROUPS_PER_PAGE) { "at least " } else { "" };
            let (count, paths) = (groups.len(), groups.iter().take(5).map(path).collect::<Vec<_>>().join(", "));
            let noun = if count == 1 { "group" } else { "groups" };
            let more = if count > 5 { " and others" } else { "" };
            let looked_at = if count > 1 { " The checks below look at the first; a collection reads all." } else { "" };
            if *role == OWNER && left_out.is_empty() {
                return Finding::Pass(format!(
                    "@{name} is an Owner of {many}{count} top-level {noun}: {paths}{more}.{looked_at}"
                ));
            }
            if *role == OWNER {
                return Finding::Warn(
                    Explanation::new(format!(
                        "@{name} is an Owner of {many}{count} top-level {noun}: {paths}{more}.{looked_at} {}",
                        survey::left_out(left_out)
                    ))
                    .hint("If seats of these are wanted, too, ask an Owner of each to make this user one (in the group, under Manage, Members)."),
                );
            }
            Finding::Fail(
                Explanation::new(format!(
                    "@{name} is a Maintainer of {many}{count} top-level {noun} ({paths}{more}) and Owner of none; only Owners see all seats. {lower_bound}"
                ))
                .hint(BE_AN_OWNER),
            )
        }
    }
}

/// In words: what the first group has.
fn license(first: &First, settings: &Settings, client: &Client<'_>) -> Finding {
    let namespace = match &first.namespace {
        Ok(namespace) if seats::is_of_an_instance(namespace) => {
            return Finding::Fail(Explanation::new(NOT_GITLAB_COM).hint(CHOOSE_SELF_MANAGED));
        }
        Ok(namespace) => namespace,
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let subscription = match &first.subscription {
        Ok(subscription) => subscription,
        Err(refusal) => {
            return Finding::Warn(
                Explanation::new(format!(
                    "How many seats were bought for {} cannot be read: {}",
                    path(namespace),
                    refusal.explanation(settings).message
                ))
                .hint("Ask GitLab's support why an Owner cannot read the subscription; seats in use are read all the same."),
            );
        }
    };
    let pool = seats::group_pool(namespace, Some(subscription), client.clock().today());
    let plan = pool.plan_code.as_deref().map_or_else(|| "a plan without a name".to_owned(), quoted);
    let bought = match pool.entitled {
        Some(bought) => format!("{bought} seats"),
        None if pool.unlimited => "no seats to be bought".to_owned(),
        None => "an unknown number of seats".to_owned(),
    };
    let used = pool.allocated.map_or_else(String::new, |used| format!(", {used} in use"));
    let over = pool
        .overage_term
        .filter(|over| *over > 0)
        .map_or_else(String::new, |over| format!(", {over} more than bought at the peak of the term"));
    let end = pool.term_end.map_or_else(|| "without an end".to_owned(), |day| format!("until {day}"));
    Finding::Pass(format!("{}: {plan}, {bought}{used}{over}, {end}.", pool.scope_name))
}

fn holders(first: &First, settings: &Settings) -> Finding {
    match &first.holders {
        Ok(rows) if rows.is_empty() => Finding::Warn(
            Explanation::new("GitLab's list of seats of this group is empty.")
                .hint("Check in GitLab, under Settings, Usage quotas, Seats, that nobody holds one."),
        ),
        Ok(_) => Finding::Pass("GitLab lists who holds a seat.".to_owned()),
        Err(Refusal::Unexpected(400, _)) => Finding::Fail(
            Explanation::new("GitLab does not let the token's user list who holds a seat.").hint(BE_AN_OWNER),
        ),
        Err(refusal) => Finding::Fail(refusal.explanation(settings)),
    }
}
