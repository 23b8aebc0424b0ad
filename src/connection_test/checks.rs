//! The judgement behind each check of *Test connection*.
//!
//! Guarantees: each function looks at the answers and nothing else, and may rely on the checks before it not having
//! failed. What GitLab does not tell (scopes before 15.5, for one) is no failure: the later checks show whether it
//! matters.
//!
//! Refuses to call a right sufficient by its name alone: Admin Mode takes it away from an administrator.

use time::Date;

use super::{Answers, Finding};
use crate::collect::{EMPTY_LIST, MEND_EMPTY_LIST};
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::entities::UserRow;
use crate::gitlab::refusal::{Refusal, Stranger};
use crate::gitlab::scalars::Presence;
use crate::quoting::quoted;
use crate::seats;

/// A token that ends within so many days is worth a warning: two weeks leave room for a holiday.
const EARLY_DAYS: i64 = 14;

/// The first release with `using_license_seat`.
const FIRST_WITH_SEATS: (u16, u16) = (13, 5);

/// Whether GitLab's API answers. A refused token does answer; a web page, a redirect and silence do not.
pub(super) fn address(answers: &Answers, settings: &Settings) -> Finding {
    let base = &settings.base_url;
    match &answers.metadata {
        Ok(metadata) if metadata.version.is_some() => Finding::Pass(format!("GitLab answers at {base}.")),
        Ok(_) => {
            let stranger = Refusal::NotTheApi(Stranger::OtherContent("JSON of another service".to_owned()));
            Finding::Fail(stranger.explanation(settings))
        }
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
pub(super) fn token(answers: &Answers, settings: &Settings) -> Finding {
    match &answers.user {
        Ok(user) => Finding::Pass(format!("GitLab accepts the token of @{}.", quoted(&user.username))),
        // A token whose scopes are too small was recognised: the scopes have a check of their own.
        Err(Refusal::Scope(_) | Refusal::Permission(_)) => Finding::Pass("GitLab recognises the token.".to_owned()),
        Err(refusal) => Finding::Fail(refusal.explanation(settings)),
    }
}

pub(super) fn version(answers: &Answers, settings: &Settings) -> Finding {
    let metadata = match &answers.metadata {
        Ok(metadata) => metadata,
        Err(Refusal::Scope(_) | Refusal::Permission(_)) => {
            return Finding::Pass("The token may not read the version; see the next check.".to_owned());
        }
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let text = quoted(metadata.version.as_deref().unwrap_or_default());
    match seats::release(&text) {
        Some(release) if release < FIRST_WITH_SEATS => Finding::Fail(
            Explanation::new(format!("GitLab {text} does not say who holds a seat; 13.5 was the first to do so."))
                .hint("Upgrade GitLab."),
        ),
        Some(_) => Finding::Pass(format!("GitLab {text}.")),
        None => Finding::Warn(
            Explanation::new(format!(
                "GitLab names its version as \"{text}\", which is no version of GitLab known here."
            ))
            .hint("Check that the address is that of GitLab itself; seats are read all the same."),
        ),
    }
}

/// Whether the scopes reach. Only a 403 of GitLab's is proof; the list of scopes explains it.
pub(super) fn token_scopes(answers: &Answers, settings: &Settings) -> Finding {
    let refused = [answers.user.as_ref().err(), answers.metadata.as_ref().err(), answers.license.as_ref().err()];
    let too_small =
        refused.into_iter().flatten().find(|refusal| matches!(refusal, Refusal::Scope(_) | Refusal::Permission(_)));
    if let Some(refusal) = too_small {
        return Finding::Fail(refusal.explanation(settings));
    }
    let token = match &answers.token {
        Ok(token) => token,
        Err(Refusal::NoSuchEndpoint | Refusal::NotFound | Refusal::Unexpected(400, _)) => {
            return Finding::Pass(
                "This GitLab does not tell the scopes of such a token; the checks below show whether they reach."
                    .to_owned(),
            );
        }
        Err(refusal) => return Finding::Warn(refusal.explanation(settings)),
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
    let admin_mode =
        if has("admin_mode") { "" } else { " Without admin_mode, which only matters where Admin Mode is on." };
    Finding::Pass(format!("The token has the scopes {listed}.{writes}{admin_mode}"))
}

pub(super) fn token_expiry(answers: &Answers, settings: &Settings, today: Date) -> Finding {
    let day = match answers.token.as_ref().map(|token| token.expires_at) {
        Ok(Presence::Given(day)) => day,
        Ok(Presence::Null) => return Finding::Pass("The token has no end.".to_owned()),
        Ok(Presence::Absent) | Err(_) => return Finding::Pass("GitLab does not tell when the token ends.".to_owned()),
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

/// `/user` tells the role that an account has, `/license` whether it counts for this token.
pub(super) fn role(answers: &Answers, settings: &Settings) -> Finding {
    let user = match &answers.user {
        Ok(user) => user,
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let name = quoted(&user.username);
    if user.is_admin != Some(true) {
        return Finding::Fail(
            Explanation::new(format!(
                "@{name} is not an administrator of this GitLab, and only administrators see seats."
            ))
            .hint("Have the role Administrator given to this user, or enter the token of an administrator."),
        );
    }
    match &answers.license {
        Err(Refusal::NotAllowed) => Finding::Fail(
            Explanation::new(format!(
                "@{name} is an administrator, but this GitLab uses Admin Mode and the token lacks the scope admin_mode."
            ))
            .hint(format!("Create a new token with that scope at {}", settings.admin_token_page())),
        ),
        _ => Finding::Pass(format!("@{name} is an administrator.")),
    }
}

pub(super) fn license(answers: &Answers, settings: &Settings, today: Date) -> Finding {
    let license = match &answers.license {
        Ok(Some(license)) => license,
        Ok(None) => {
            return Finding::Fail(
                Explanation::new("No license installed: GitLab counts no seats.")
                    .hint("Activate a subscription in GitLab under Admin, Subscription, then test again."),
            );
        }
        Err(Refusal::NoSuchEndpoint) => {
            return Finding::Fail(
                Explanation::new("This is a GitLab Community Edition, which has no license and no seats.")
                    .hint("Enter the address of a GitLab Enterprise Edition."),
            );
        }
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let plan = license.plan.as_deref().map_or_else(|| "a plan without a name".to_owned(), quoted);
    let bought = match license.user_limit {
        Some(0) => "any number of seats".to_owned(),
        Some(limit) => format!("{limit} seats"),
        None => "an unknown number of seats".to_owned(),
    };
    let used = license.active_users.map_or_else(String::new, |used| format!(", {used} in use"));
    let end = match license.expires_at {
        Presence::Given(day) => format!("until {day}"),
        Presence::Null => "without an end".to_owned(),
        Presence::Absent => "for an unknown time".to_owned(),
    };
    if seats::is_expired(license, today) {
        return Finding::Warn(
            Explanation::new(format!("The license has expired: {plan}, {bought}{used}, {end}."))
                .hint("Renew the subscription; after a grace period GitLab switches paid features off."),
        );
    }
    Finding::Pass(format!("{plan}, {bought}{used}, {end}."))
}

/// A row of the list must have what only an effective administrator of an Enterprise Edition gets.
pub(super) fn seats(row: Option<Result<Vec<UserRow>, Refusal>>, settings: &Settings) -> Finding {
    let rows = match row {
        Some(Ok(rows)) => rows,
        Some(Err(refusal)) => return Finding::Fail(refusal.explanation(settings)),
        None => Vec::new(),
    };
    let Some(row) = rows.first() else {
        return Finding::Fail(Explanation::new(EMPTY_LIST).hint(MEND_EMPTY_LIST));
    };
    match seats::holds_seat(row) {
        Ok(_) => Finding::Pass("The list of users says for each account whether it holds a seat.".to_owned()),
        Err(cause @ seats::Downgraded::NotAdministrator) => Finding::Fail(
            Explanation::new(format!("{cause}, as it does for a token without the scope admin_mode."))
                .hint(format!("Create a new token with that scope at {}", settings.admin_token_page())),
        ),
        Err(cause @ seats::Downgraded::NoSeatFlag) => Finding::Fail(
            Explanation::new(format!("{cause}, as a Community Edition does."))
                .hint("Check that this is a GitLab Enterprise Edition, and that the token's user is an administrator."),
        ),
    }
}
