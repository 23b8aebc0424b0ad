//! The first page of a run: which GitLab this is, and what was bought.
//!
//! Guarantees: version, account and license are asked for at once; a missing right is told apart from a missing scope,
//! a Community Edition and an instance without a license.
//!
//! Refuses to go on without a license: GitLab then marks nobody as holding a seat, which would read as "all released".

use crate::configuration::settings::{IdentityLevel, Settings};
use crate::cursor::Place;
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::Client;
use crate::gitlab::endpoint::Endpoint;
use crate::gitlab::entities::{CurrentUser, License, Metadata};
use crate::gitlab::refusal::{Refusal, decode};
use crate::gitlab::scalars::Presence;
use crate::quoting::quoted;
use crate::record::{Batch, Capabilities, Capability, Entry, Progress, Source, Then, Warning};
use crate::seats;

/// Read version, account and license.
pub(super) fn read_page(client: &mut Client<'_>) -> Result<Batch, Failure> {
    let settings = client.settings();
    let clock = client.clock();
    let [metadata, user, license] = client.ask_all([&Endpoint::Metadata, &Endpoint::CurrentUser, &Endpoint::License]);
    let metadata = match decode::<Metadata>(metadata, clock) {
        Err(Refusal::NoSuchEndpoint) => {
            let version = client.ask(&Endpoint::Version);
            decode::<Metadata>(version, clock).map_err(|refusal| refusal.into_failure(&Endpoint::Version, settings))?
        }
        other => other.map_err(|refusal| refusal.into_failure(&Endpoint::Metadata, settings))?,
    };
    let user: CurrentUser =
        decode(user, clock).map_err(|refusal| refusal.into_failure(&Endpoint::CurrentUser, settings))?;
    let license = match decode::<Option<License>>(license, clock) {
        Ok(Some(license)) => license,
        Ok(None) => return Err(no_license()),
        Err(Refusal::NoSuchEndpoint) => return Err(community_edition()),
        Err(Refusal::NotAllowed) => return Err(not_allowed(&user, settings)),
        Err(refusal) => return Err(refusal.into_failure(&Endpoint::License, settings)),
    };

    let today = clock.today();
    let pool = seats::pool(&license, &settings.display_name(), today);
    let mut place = Place::at_first_user(settings.source_key(), pool.pool_id.clone());
    place.plan = license.plan.as_deref().map(quoted);
    place.release = metadata.version.as_deref().and_then(seats::release);
    place.allocated = license.active_users;
    let known = |is_known: bool| if is_known { Capability::Yes } else { Capability::No };
    let source = Source {
        source_key: settings.source_key(),
        display_name: settings.display_name(),
        deployment: settings.deployment,
        host_url: settings.base_url.to_string(),
        edition: Some(seats::edition(&metadata)),
        product_version: metadata.version,
        plan: license.plan.clone(),
        capabilities: Capabilities {
            totals: known(license.user_limit.is_some()),
            assignments: Capability::Yes,
            last_activity: Capability::Yes,
            expiry: known(license.expires_at != Presence::Absent),
            max_used: known(license.maximum_user_count.is_some()),
            add_ons: if settings.add_ons { Capability::Unknown } else { Capability::No },
            email: known(settings.identity == IdentityLevel::Full),
        },
    };
    let warnings = warnings(settings, &license, today);
    let entries = vec![Entry::Source(source), Entry::Pool(pool)];
    place.counts.add(&entries, &warnings);
    place.requests = client.sent();
    let next = place.to_text().map_err(|error| super::does_not_fit(error, &Endpoint::License))?;
    Ok(Batch {
        entries,
        warnings,
        progress: Progress { stage: "license", done: 1, expected: Some(1) },
        then: Then::Next(next),
    })
}

fn warnings(settings: &Settings, license: &License, today: time::Date) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if seats::is_expired(license, today) {
        let since = license.expires_at.given().map_or_else(String::new, |day| format!(" on {day}"));
        warnings.push(Warning {
            code: "license-expired",
            message: format!("The license of this GitLab ended{since}. GitLab switches paid features off after a grace period; renew it."),
            scope: Some(seats::pool_id(license)),
        });
    }
    if settings.add_ons {
        warnings.push(Warning {
            code: "add-ons-not-read",
            message: "This version of the plugin does not read add-on seats such as GitLab Duo; whether there are any is unknown.".to_owned(),
            scope: None,
        });
    }
    if settings.memberships {
        warnings.push(Warning {
            code: "memberships-not-applicable",
            message: "Role and date of a seat belong to groups of GitLab.com; a self-managed license has neither."
                .to_owned(),
            scope: None,
        });
    }
    warnings
}

fn no_license() -> Failure {
    Failure::NotFound(
        Explanation::new("No license is installed: GitLab counts no seats.")
            .hint("Activate a subscription in GitLab under Admin, Subscription, then repeat.")
            .at(Endpoint::License.name()),
    )
}

fn community_edition() -> Failure {
    Failure::NotFound(
        Explanation::new("This is a GitLab Community Edition, which has no license and no seats.")
            .hint("Enter the address of a GitLab Enterprise Edition.")
            .at(Endpoint::License.name()),
    )
}

/// GitLab answers the same 403 to everyone but an effective administrator; only `/user` tells the two cases apart.
fn not_allowed(user: &CurrentUser, settings: &Settings) -> Failure {
    let name = quoted(&user.username);
    let (missing, explanation) = if user.is_admin == Some(true) {
        (
            "admin_mode",
            Explanation::new(format!(
                "@{name} is an administrator, but this GitLab uses Admin Mode and the access token lacks the scope admin_mode."
            ))
            .hint(format!("Create a new token with that scope at {}", settings.admin_token_page())),
        )
    } else {
        (
            "administrator",
            Explanation::new(format!(
                "@{name} is not an administrator of this GitLab, and only administrators see seats."
            ))
            .hint("Have the role Administrator given to this user, or enter a token of an administrator."),
        )
    };
    Failure::Forbidden { missing: missing.to_owned(), explanation: explanation.at(Endpoint::License.name()) }
}
