//! The first page of a run: which GitLab this is, and what the caller may read of it.
//!
//! Guarantees: the source comes first, with what this run can tell; a missing right is told apart from a missing scope, a
//! Community Edition and an instance without a license. Where there are no seats, accounts are read and nobody is said
//! to hold or to have lost one.
//!
//! Refuses to go on where nothing of seats can be read at all, with the role or scope that would do.

use super::group::{self, Known, LIST_STAGE, add_ons_not_read, has_add_ons, take_list, take_purchases};
use super::{Page, fail, learned, users};
use crate::configuration::settings::{IdentityLevel, Settings};
use crate::cursor::{Place, Stage};
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::{Client, UNANSWERED};
use crate::gitlab::endpoint::Endpoint;
use crate::gitlab::entities::{CurrentUser, License, Metadata, Purchase};
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::{Refusal, decode};
use crate::gitlab::scalars::Presence;
use crate::paging::Walk;
use crate::quoting::quoted;
use crate::record::{Capabilities, Capability, Entry, Source};
use crate::seats::{self, AddOnPlace};
use crate::survey::{self, For, Found, GROUPS_PER_PAGE, GUEST, Identity, Licensing, MAINTAINER, OWNER};

/// Why GitLab.com tells nothing, for `test` and `collect` alike.
pub const NO_GROUP: &str =
    "The token's user is neither Owner nor Maintainer of any top-level group, so that GitLab shows no seats.";

/// What to do about [`NO_GROUP`].
pub const BE_AN_OWNER: &str = "Ask an Owner of the top-level group that pays for the seats to give this user the role Owner (in the group, under Manage, Members), or enter the token of an Owner.";

/// Why an instance is not read as groups, for `test` and `collect` alike.
pub const NOT_GITLAB_COM: &str = "This is a self-managed GitLab, whose license covers the whole instance; by group, its seats are counted by other rules.";

/// What to do about [`NOT_GITLAB_COM`].
pub const CHOOSE_SELF_MANAGED: &str =
    "Choose self-managed as the deployment in the settings of this source, and enter the token of an administrator.";

/// Why a group that the settings name cannot be read, for `test` and `collect` alike.
pub fn unknown_group(group: &str, user: &CurrentUser) -> Explanation {
    Explanation::new(format!("GitLab knows no group {}, or hides it from @{}.", quoted(group), quoted(&user.username)))
        .hint("Check the path of the group as it stands in its address, and that the token's user is a member of it.")
}

/// What GitLab leaves out of the list of users for auditors, and not for custom roles; which of the two somebody is cannot
/// be told.
const AUDITORS_MISS: &str = "The token's user is no effective administrator. GitLab leaves blocked and banned accounts out for auditors; they hold no seat.";

pub(super) fn open(client: &mut Client<'_>, page: &mut Page) -> Result<Place, Failure> {
    if survey::is_gitlab_com(client.settings()) { open_groups(client, page) } else { open_instance(client, page) }
}

/// Version and user, as far as they were asked for.
fn version_and_user(
    Identity { metadata, user, .. }: Identity,
    settings: &Settings,
) -> Result<(Metadata, Option<CurrentUser>), Failure> {
    let metadata = metadata.map_err(|refusal| fail(refusal, &Endpoint::Metadata, settings))?;
    let user = user.transpose().map_err(|refusal| fail(refusal, &Endpoint::CurrentUser, settings))?;
    Ok((metadata, user))
}

const fn known(is_known: bool) -> Capability {
    if is_known { Capability::Yes } else { Capability::No }
}

fn open_instance(client: &mut Client<'_>, page: &mut Page) -> Result<Place, Failure> {
    let settings = client.settings();
    let found = survey::instance(client, For::Collect);
    let has_full_rows = found.has_full_rows();
    let stopped = found.is_stopped_by_admin_mode();
    let release = found.identity.release();
    let licensing = found.licensing.map_err(|refusal| fail(refusal, &Endpoint::License, settings))?;
    let (metadata, user) = version_and_user(found.identity, settings)?;
    if let Some(Err(refusal)) = found.row
        && !matches!(refusal, Refusal::NotAllowed | Refusal::Scope(_))
    {
        return Err(fail(refusal, &Endpoint::NewestUser, settings));
    }

    let stage = if has_full_rows { Stage::Users } else { Stage::SeenUsers };
    let mut place = Place::new(settings.source_key(), stage);
    place.release = release;
    place.unknown_fields = Optional::lacking(release).0;
    place.unknown_of_holders = place.unknown_fields;
    hidden_version(&metadata, page);
    page.entries.push(Entry::Source(source(settings, metadata, &licensing, has_full_rows)));
    match &licensing {
        Licensing::Read(license) => with_license(client, license, &mut place, page),
        Licensing::Hidden(license) => {
            let unread = License::default();
            with_license(client, license.as_ref().unwrap_or(&unread), &mut place, page);
            let is_whole = has_full_rows && license.is_some();
            hidden(user.as_ref(), stopped, has_full_rows, is_whole, settings, page);
        }
        Licensing::None => page.warn(
            "no-license",
            "No license is installed: GitLab counts no seats. Accounts and their activity are delivered without any.",
            None,
        ),
        Licensing::Community => page.warn(
            "community-edition",
            "This is a GitLab Community Edition, which has no license and no seats. Accounts and their activity are delivered without any.",
            None,
        ),
    }
    let sells = matches!(licensing, Licensing::Read(_) | Licensing::Hidden(_));
    let (purchases, accounts) = found.beside.map_or((None, None), |beside| (beside.purchases, Some(beside.accounts)));
    if settings.add_ons && sells {
        let may_know = matches!(licensing, Licensing::Read(_));
        let could = read_add_ons(client, purchases, may_know, &mut place, page)?;
        if let Some(Entry::Source(source)) = page.entries.first_mut() {
            source.capabilities.add_ons = could;
        }
    }
    if settings.memberships {
        page.warn(
            "memberships-not-applicable",
            "Role and date of a seat belong to groups of GitLab.com; a self-managed license has neither.",
            None,
        );
    }
    if !has_full_rows {
        place.whole = false;
        if !sells {
            page.warn(
                "accounts-not-all",
                "The token's user is no administrator: GitLab shows neither blocked accounts nor addresses. An administrator's token would do.",
                None,
            );
        } else {
            // Where members are listed, everybody is told of each whether they use a seat.
            place.role = GUEST;
            place.groups = Some(Walk::by_number(GROUPS_PER_PAGE));
        }
    }
    if let Some(found) = accounts.filter(|_| has_full_rows) {
        users::take_first(client, found, &mut place, page);
    }
    Ok(place)
}

fn hidden_version(metadata: &Metadata, page: &mut Page) {
    if metadata.version.is_none() {
        page.warn(
            "version-not-read",
            "GitLab does not tell its version, or something before it hides it: it is read as a recent one, and what it lacks may be missing here.",
            None,
        );
    }
}

fn with_license(client: &Client<'_>, license: &License, place: &mut Place, page: &mut Page) {
    let settings = client.settings();
    let today = client.clock().today();
    let pool = seats::license_pool(license, &settings.display_name(), today);
    place.pool_id = Some(pool.pool_id.clone());
    // The rules of a plan explain nothing any more once the license has ended.
    place.plan = license.plan.as_deref().filter(|_| !seats::is_expired(license, today)).map(quoted);
    place.allocated = license.active_users;
    if seats::is_expired(license, today) {
        let since = license.expires_at.given().map_or_else(String::new, |day| format!(" on {day}"));
        page.warn(
            "license-expired",
            format!("The license of this GitLab ended{since}. GitLab switches paid features off after a grace period; renew it."),
            Some(pool.pool_id.clone()),
        );
    }
    page.entries.push(Entry::Pool(pool));
}

/// The add-ons, if they have not come.
fn read_add_ons(
    client: &mut Client<'_>,
    came: Option<Vec<Purchase>>,
    may_know: bool,
    place: &mut Place,
    page: &mut Page,
) -> Result<Capability, Failure> {
    let settings = client.settings();
    if !has_add_ons(place) {
        add_ons_not_read("GitLab tells since version 16.7.", page);
        return Ok(Capability::No);
    }
    let mut optional = Optional(place.unknown_fields);
    let purchases = came.map_or_else(|| queries::ask_purchases(client, &mut optional, None, None), Ok);
    learned(optional, "add-ons", &mut place.unknown_fields, page);
    let name = settings.display_name();
    let scope = AddOnPlace { group: None, name: &name };
    let could = take_purchases(purchases, scope, may_know, place, page, settings)?;
    Ok(if could { Capability::Yes } else { Capability::Unknown })
}

fn source(settings: &Settings, metadata: Metadata, licensing: &Licensing, has_full_rows: bool) -> Source {
    let (license, has_seats) = match licensing {
        Licensing::Read(license) => (Some(license), true),
        Licensing::Hidden(license) => (license.as_ref(), true),
        Licensing::None | Licensing::Community => (None, false),
    };
    let lower_bound = if has_full_rows { Capability::Yes } else { Capability::Unknown };
    Source {
        source_key: settings.source_key(),
        display_name: settings.display_name(),
        deployment: settings.deployment,
        host_url: settings.base_url.to_string(),
        edition: Some(seats::edition(&metadata, !matches!(licensing, Licensing::Community))),
        product_version: metadata.version,
        plan: license.and_then(|license| license.plan.clone()),
        capabilities: Capabilities {
            totals: known(license.is_some_and(|license| license.user_limit.is_some())),
            assignments: if has_seats { lower_bound } else { Capability::No },
            last_activity: Capability::Yes,
            expiry: known(license.is_some_and(|license| license.expires_at != Presence::Absent)),
            max_used: known(license.is_some_and(|license| license.maximum_user_count.is_some())),
            add_ons: Capability::No,
            email: known(has_full_rows && settings.identity == IdentityLevel::Full),
        },
    }
}

/// GitLab answers the same 403 to everyone but an effective administrator; only `/user` tells who Admin Mode stops.
fn hidden(
    user: Option<&CurrentUser>,
    stopped: bool,
    has_full_rows: bool,
    is_whole: bool,
    settings: &Settings,
    page: &mut Page,
) {
    let name = user.map_or_else(|| "The token's user".to_owned(), |user| format!("@{}", quoted(&user.username)));
    if has_full_rows {
        page.warn("accounts-not-all", AUDITORS_MISS, None);
    }
    let (who, remedy) = if stopped {
        (
            format!(
                "{name} is an administrator, but this GitLab uses Admin Mode and the access token lacks the scope admin_mode"
            ),
            format!("Create a new token with that scope at {}", settings.admin_token_page()),
        )
    } else if user.is_some_and(|user| user.is_admin == Some(true)) {
        (
            format!("{name} is an administrator, and GitLab refuses the license all the same (403)"),
            "Have the address restrictions of GitLab and of what stands before it checked.".to_owned(),
        )
    } else {
        (format!("{name} is not an administrator of this GitLab"), "An administrator's token would do.".to_owned())
    };
    if has_full_rows {
        if !is_whole {
            page.warn(
                "totals-not-read",
                format!("{who}, so that GitLab does not tell how many seats were bought. Who holds one is read in full. {remedy}"),
                None,
            );
        }
    } else {
        page.warn(
            "lower-bound",
            format!("{who}, so that GitLab does not show all who hold a seat. What follows is a lower bound. {remedy}"),
            None,
        );
    }
}

fn open_groups(client: &mut Client<'_>, page: &mut Page) -> Result<Place, Failure> {
    page.stage = LIST_STAGE;
    let settings = client.settings();
    let found = survey::groups(client, For::Collect);
    let release = found.identity.release();
    let (metadata, user) = version_and_user(found.identity, settings)?;
    let mut place = Place::new(settings.source_key(), Stage::Groups);
    place.release = release;
    place.unknown_fields = Optional::lacking(release).0;
    place.unknown_of_holders = place.unknown_fields;
    let asked =
        settings.group.as_ref().map_or_else(|| survey::first_groups(OWNER), |group| Endpoint::Namespace(group.clone()));
    let groups = found.found.map_err(|refusal| match (&settings.group, &user, refusal) {
        (Some(group), Some(user), Refusal::NotFound) => Failure::NotFound(unknown_group(group, user).at(asked.name())),
        (_, _, refusal) => fail(refusal, &asked, settings),
    })?;
    let mut named = None;
    match groups {
        Found::Named(namespace) => {
            if !survey::is_top_level(&namespace) {
                return Err(Failure::InvalidConfiguration(survey::not_top_level(&namespace)));
            }
            if seats::is_of_an_instance(&namespace) {
                return Err(Failure::InvalidConfiguration(Explanation::new(NOT_GITLAB_COM).hint(CHOOSE_SELF_MANAGED)));
            }
            // What was not asked for is asked for by the next call.
            let subscription = found.subscription.unwrap_or_else(|| decode(UNANSWERED, client.clock()));
            let known = Known { namespace, subscription };
            place.role = if known.is_owned() { OWNER } else { MAINTAINER };
            named = Some(known);
        }
        Found::Listed { role, groups, answer, .. } => {
            place.role = role;
            let tells_all = survey::tells_all(&groups);
            let walk = Walk::by_number(GROUPS_PER_PAGE);
            take_list(&survey::first_groups(role), walk, &answer, groups, &mut place, page)?;
            place.others_unseen = role == OWNER && tells_all && place.groups.is_none();
        }
        Found::Nothing => {
            return Err(Failure::Forbidden {
                missing: "Owner".to_owned(),
                explanation: Explanation::new(NO_GROUP).hint(BE_AN_OWNER),
            });
        }
    }
    hidden_version(&metadata, page);
    let is_owner = place.role == OWNER;
    let told = if is_owner { Capability::Yes } else { Capability::No };
    page.entries.push(Entry::Source(Source {
        source_key: settings.source_key(),
        display_name: settings.display_name(),
        deployment: settings.deployment,
        host_url: settings.base_url.to_string(),
        product_version: metadata.version,
        edition: Some("EE"),
        // Each group has its own.
        plan: None,
        capabilities: Capabilities {
            totals: told,
            assignments: if is_owner { Capability::Yes } else { Capability::Unknown },
            last_activity: Capability::Yes,
            expiry: told,
            max_used: told,
            add_ons: match (settings.add_ons, is_owner) {
                (true, true) => Capability::Yes,
                (true, false) => Capability::Unknown,
                (false, _) => Capability::No,
            },
            // Of an enterprise's own people only.
            email: if settings.identity == IdentityLevel::Full { Capability::Unknown } else { Capability::No },
        },
    }));
    if let Some(known) = named {
        group::read_of(client, known, &mut place, page);
    }
    Ok(place)
}
