//! *Test connection*: would a collection succeed, and if not, what has to be changed?
//!
//! Guarantees: two waves of requests, the second with one more for a GitLab before 15.2; one check for each
//! question, in a fixed order; after the first failure the rest is `skipped`, since its answers would mislead; each
//! warning and failure says what to do. A token that is valid and cannot read seats is a failure.
//!
//! Refuses to pass on what it has not seen: the last check reads a row as `collect` would, because GitLab answers 200
//! with less in it to those who may not.
//!
//! | check | asks |
//! | --- | --- |
//! | `address` | is this GitLab's API? |
//! | `token` | is the token accepted? |
//! | `version` | is the version known and recent enough? |
//! | `token-scopes` | do the scopes reach? |
//! | `token-expiry` | how long does the token last? |
//! | `role` | is its user an effective administrator? |
//! | `license` | what is bought, until when? |
//! | `seats` | does the list of users say who holds a seat? |

use crate::clock::Clock;
use crate::collect::{ENTER_AN_INSTANCE, ONLY_SELF_MANAGED};
use crate::configuration::Configuration;
use crate::configuration::settings::{Deployment, Settings};
use crate::failure::Explanation;
use crate::gitlab::client::{Client, Credential};
use crate::gitlab::endpoint::{Endpoint, Page};
use crate::gitlab::entities::{CurrentUser, License, Metadata, TokenSelf, UserRow};
use crate::gitlab::refusal::{Refusal, decode};
use crate::transport::Transport;

mod checks;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not tried, because an earlier check failed.
    Skipped,
    /// As it should be.
    Pass,
    /// Works; something will be missing, or end soon.
    Warn,
    /// Collecting would fail.
    Fail,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable name.
    pub id: &'static str,
    /// What was checked.
    pub title: &'static str,
    /// The verdict.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// What to do; with every `Warn` and `Fail`.
    pub hint: Option<String>,
}

/// The answer of *Test connection*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The worst status among the checks.
    pub outcome: Status,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

/// What one check found.
enum Finding {
    Pass(String),
    Warn(Explanation),
    Fail(Explanation),
}

/// What GitLab answered in the first wave.
struct Answers {
    metadata: Result<Metadata, Refusal>,
    user: Result<CurrentUser, Refusal>,
    token: Result<TokenSelf, Refusal>,
    license: Result<Option<License>, Refusal>,
}

/// The row that `collect` would start with.
const ONE_ROW: Endpoint = Endpoint::Users { page: Page::First, per_page: 1 };

/// Ask a few questions and judge the answers.
#[must_use]
pub fn test(
    configuration: &Configuration,
    credential: &Credential,
    transport: &mut dyn Transport,
    clock: &dyn Clock,
) -> Report {
    let settings = match configuration.settings() {
        Ok(settings) => settings,
        Err(error) => {
            let explanation =
                Explanation::new(error.to_string()).hint("Open the settings of this source and save them again.");
            return single("configuration", "The settings are readable", explanation);
        }
    };
    if settings.deployment == Deployment::GitlabCom {
        let explanation = Explanation::new(ONLY_SELF_MANAGED).hint(ENTER_AN_INSTANCE);
        return single("deployment", "The kind of GitLab is supported", explanation);
    }
    run(&settings, &mut Client::new(&settings, credential, transport, clock))
}

fn run(settings: &Settings, client: &mut Client<'_>) -> Report {
    let clock = client.clock();
    let today = clock.today();
    let [metadata, user, token, license] =
        client.ask_all([&Endpoint::Metadata, &Endpoint::CurrentUser, &Endpoint::TokenSelf, &Endpoint::License]);
    let mut answers = Answers {
        metadata: decode(metadata, clock),
        user: decode(user, clock),
        token: decode(token, clock),
        license: decode(license, clock),
    };
    // The second wave: the old version endpoint where there is no new one, and a row where there is hope for one.
    let needs_version = answers.metadata == Err(Refusal::NoSuchEndpoint);
    let can_read = answers.user.is_ok() && matches!(answers.license, Ok(Some(_)));
    let row = match (needs_version, can_read) {
        (true, true) => {
            let [version, row] = client.ask_all([&Endpoint::Version, &ONE_ROW]);
            answers.metadata = decode(version, clock);
            Some(row)
        }
        (true, false) => {
            answers.metadata = decode(client.ask(&Endpoint::Version), clock);
            None
        }
        (false, true) => Some(client.ask(&ONE_ROW)),
        (false, false) => None,
    };
    let row = row.map(|row| decode::<Vec<UserRow>>(row, clock));

    let mut report = Report { outcome: Status::Pass, checks: Vec::new() };
    report.check("address", "The address is that of a GitLab", || checks::address(&answers, settings));
    report.check("token", "The access token is accepted", || checks::token(&answers, settings));
    report.check("version", "The version of GitLab is supported", || checks::version(&answers, settings));
    report.check("token-scopes", "The token's scopes are sufficient", || checks::token_scopes(&answers, settings));
    report.check("token-expiry", "The token does not end soon", || checks::token_expiry(&answers, settings, today));
    report.check("role", "The token's user is an administrator", || checks::role(&answers, settings));
    report.check("license", "A license is installed and valid", || checks::license(&answers, settings, today));
    report.check("seats", "The list of users says who holds a seat", || checks::seats(row, settings));
    report
}

fn single(id: &'static str, title: &'static str, explanation: Explanation) -> Report {
    let mut report = Report { outcome: Status::Pass, checks: Vec::new() };
    report.check(id, title, || Finding::Fail(explanation));
    report
}

impl Report {
    fn check(&mut self, id: &'static str, title: &'static str, find: impl FnOnce() -> Finding) {
        let (status, detail, hint) = if self.outcome == Status::Fail {
            (Status::Skipped, "Not tried, because an earlier check failed.".to_owned(), None)
        } else {
            match find() {
                Finding::Pass(detail) => (Status::Pass, detail, None),
                Finding::Warn(explanation) => (Status::Warn, explanation.message, explanation.hint),
                Finding::Fail(explanation) => (Status::Fail, explanation.message, explanation.hint),
            }
        };
        self.outcome = self.outcome.max(status);
        self.checks.push(Check { id, title, status, detail, hint });
    }
}

#[cfg(test)]
mod tests;
