//! The judgement behind the checks that every GitLab gets.
//!
//! Guarantees: each function looks at the answers and nothing else, and may rely on the checks before it not having
//! failed. What GitLab does not tell (scopes before 15.5, for one) is no failure: the later checks show whether it
//! matters.
//!
//! Refuses to call a right sufficient by its name alone: Admin Mode takes it away from an administrator.

use time::Date;

use super::{Finding, Report};
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::refusal::Refusal;
use crate::gitlab::scalars::Presence;
use crate::gitlab::versions::{self, Feature, OLDEST_TESTED};
use crate::quoting::quoted;
use crate::survey::{self, Identity};

/// The checks of address, token and version. `more` is another answer that may show a scope that is too small.
pub(super) fn identity(
    found: &Identity,
    more: Option<&Refusal>,
    settings: &Settings,
    today: Date,
    report: &mut Report,
) {
    report.check("address", "The address is that of a GitLab", || address(found, settings));
    report.check("token", "The access token is accepted", || token(found, settings));
    report.check("version", "The version of GitLab is supported", || version(found, settings));
    report.check("token-scopes", "The token's scopes are sufficient", || token_scopes(found, more, settings));
    report.check("token-expiry", "The token does not end soon", || token_expiry(found, settings, today));
}

/// A token that ends within so many days is worth a warning: two weeks leave room for a holiday.
const EARLY_DAYS: i64 = 14;

/// Whether GitLab's API answers. A refused token does answer; a web page, a redirect and silence do not.
fn address(found: &Identity, settings: &Settings) -> Finding {
    let base = &settings.base_url;
    match &found.metadata {
        Ok(_) => Finding::Pass(format!("GitLab answers at {base}.")),
        Err(Refusal::NoSuchEndpoint | Refusal::NotFound) => Finding::Fail(
            Explanation::new(format!("{base} answers, but not as GitLab: it has no /api/v4/version."))
                .hint("Enter the address at which GitLab opens in a browser, with the path under which it is installed, if any."),
        ),
        Err(
            Refusal::Token(..) | Refusal::Scope(_) | Refusal::Permission(_) | Refusal::Account(_) | Refusal::NotAllowed,
        ) => Finding::Pass(format!("GitLab answers at {base}.")),
        Err(refusal) => Finding::Fail(refusal.explanation(settings)),
    }
}

/// Whether GitLab takes the token and lets its user in.
fn token(found: &Identity, settings: &Settings) -> Finding {
    match found.user() {
        Ok(user) => Finding::Pass(format!("GitLab accepts the token of @{}.", quoted(&user.username))),
        // A token whose scopes are too small was recognised: the scopes have a check of their own.
        Err(Refusal::Scope(_) | Refusal::Permission(_)) => Finding::Pass("GitLab recognises the token.".to_owned()),
        Err(refusal) => Finding::Fail(refusal.explanation(settings)),
    }
}

fn version(found: &Identity, settings: &Settings) -> Finding {
    let metadata = match &found.metadata {
        Ok(metadata) => metadata,
        Err(Refusal::Scope(_) | Refusal::Permission(_)) => {
            return Finding::Pass("The token may not read the version; see the next check.".to_owned());
        }
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let Some(version) = &metadata.version else {
        return Finding::Warn(
            Explanation::new("GitLab does not tell its version, or something before it hides it; seats are read as from a recent one.")
                .hint("Have /api/v4/metadata and /api/v4/version let through to the broker if the first collection lacks something."),
        );
    };
    let text = quoted(version);
    let Some(release) = versions::release(&text) else {
        return Finding::Warn(
            Explanation::new(format!(
                "GitLab names its version as \"{text}\", which is no version of GitLab known here."
            ))
            .hint("Check that the address is that of GitLab itself; seats are read all the same."),
        );
    };
    if !versions::has(Some(release), Feature::SeatFlag) {
        return Finding::Fail(
            Explanation::new(format!("GitLab {text} does not say who holds a seat; 13.5 was the first to do so."))
                .hint("Upgrade GitLab."),
        );
    }
    let missed: Vec<&str> = versions::missed(release).collect();
    let missed = if missed.is_empty() { String::new() } else { format!(" It does not tell {}.", missed.join(" and ")) };
    if release < OLDEST_TESTED {
        let (major, minor) = OLDEST_TESTED;
        return Finding::Warn(
            Explanation::new(format!("GitLab {text} is older than {major}.{minor}, the oldest version tried.{missed}"))
                .hint("Compare the numbers of the first collection with those in GitLab, or upgrade GitLab."),
        );
    }
    Finding::Pass(format!("GitLab {text}.{missed}"))
}

/// Whether the scopes reach. Only a 403 of GitLab's is proof; the list of scopes explains it.
fn token_scopes(found: &Identity, more: Option<&Refusal>, settings: &Settings) -> Finding {
    let refused = [found.user().err(), found.metadata.as_ref().err(), more];
    let too_small =
        refused.into_iter().flatten().find(|refusal| matches!(refusal, Refusal::Scope(_) | Refusal::Permission(_)));
    if let Some(refusal) = too_small {
        return Finding::Fail(refusal.explanation(settings));
    }
    let token = match &found.token {
        Some(Ok(token)) => token,
        None | Some(Err(Refusal::NoSuchEndpoint | Refusal::NotFound | Refusal::Unexpected(400, _))) => {
            return Finding::Pass(
                "This GitLab does not tell the scopes of such a token; the checks below show whether they reach."
                    .to_owned(),
            );
        }
        Some(Err(refusal)) => return Finding::Warn(refusal.explanation(settings)),
    };
    if token.granular == Some(true) {
        return Finding::Warn(
            Explanation::new("This is a fine-grained token, whose permissions are not told; the checks below show whether they reach.")
                .hint(format!("If one fails, create a classic token with read_api and read_user at {}", settings.token_page())),
        );
    }
    let Some(scopes) = &token.scopes else {
        return Finding::Pass(
            "GitLab does not tell the token's scopes; the checks below show whether they reach.".to_owned(),
        );
    };
    let has = |name: &str| scopes.iter().any(|scope| scope == name);
    let listed = scopes.iter().map(|scope| quoted(scope)).take(20).collect::<Vec<_>>().join(", ");
    if !has("read_api") && !has("api") {
        return Finding::Fail(
            Explanation::new(format!("The token has the scopes {listed} and lacks read_api."))
                .hint(format!("Create a new token with read_api and read_user at {}", settings.token_page())),
        );
    }
    let writes = if has("api") { " The scope api also allows changes, which this plugin never makes." } else { "" };
    let admin_mode = if has("admin_mode") || survey::is_gitlab_com(settings) {
        ""
    } else {
        " Without admin_mode, which only matters where Admin Mode is on."
    };
    Finding::Pass(format!("The token has the scopes {listed}.{writes}{admin_mode}"))
}

fn token_expiry(found: &Identity, settings: &Settings, today: Date) -> Finding {
    let told = found.token.as_ref().and_then(|token| token.as_ref().ok()).map(|token| token.expires_at);
    let day = match told {
        Some(Presence::Given(day)) => day,
        Some(Presence::Null) => return Finding::Pass("The token has no end.".to_owned()),
        Some(Presence::Absent) | None => return Finding::Pass("GitLab does not tell when the token ends.".to_owned()),
    };
    let days = (day.0 - today).whole_days();
    if days > EARLY_DAYS {
        return Finding::Pass(format!("The token is valid until {day}, for another {days} days."));
    }
    let left = match days {
        ..=0 => "today".to_owned(),
        1 => "in one day".to_owned(),
        days => format!("in {days} days"),
    };
    Finding::Warn(
        Explanation::new(format!("The token ends on {day}, {left}."))
            .hint(format!("Create a new token at {} and enter it here before that day.", settings.token_page())),
    )
}
