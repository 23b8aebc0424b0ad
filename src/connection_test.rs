//! *Test connection*: would a collection succeed, and if not, what has to be changed?
//!
//! Guarantees: a few requests; one check for each question, in a fixed order; after the first failure the rest is
//! `skipped`, since its answers would mislead; each warning and failure says what to do. A token that is valid and
//! cannot read seats is a failure, also where a collection would bring a lower bound.
//!
//! Refuses to pass on what it has not seen: the last checks read a row as `collect` would, because GitLab answers 200
//! with less in it to those who may not.
//!
//! | check | asks |
//! | --- | --- |
//! | `address` | is this GitLab's API? |
//! | `token` | is the token accepted? |
//! | `version` | is the version known and recent enough, and what does it lack? |
//! | `token-scopes` | do the scopes reach? |
//! | `token-expiry` | how long does the token last? |
//! | `role` | is its user an effective administrator, or an owner of groups? |
//! | `license` | what is bought, until when? |
//! | `seats` | does GitLab say who holds a seat? |
//! | `add-ons` | which add-ons are there? |

use crate::clock::Clock;
use crate::configuration::Configuration;
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::client::{Client, Credential};
use crate::survey;
use crate::transport::Transport;

mod add_ons;
mod checks;
mod groups;
mod instance;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not tried, because an earlier check failed.
    Skipped,
    /// As it should be.
    Pass,
    /// Works; something will be missing, or end soon.
    Warn,
    /// Collecting would fail, or bring a lower bound only.
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

/// Ask a few questions and judge the answers.
#[must_use]
pub fn test(
    configuration: &Configuration,
    credential: &Credential,
    transport: &mut dyn Transport,
    clock: &dyn Clock,
) -> Report {
    let mut report = Report { outcome: Status::Pass, checks: Vec::new() };
    match configuration.settings() {
        Ok(settings) => run(&settings, &mut Client::new(&settings, credential, transport, clock), &mut report),
        Err(error) => {
            let explanation =
                Explanation::new(error.to_string()).hint("Open the settings of this source and save them again.");
            report.check("configuration", "The settings are readable", || Finding::Fail(explanation));
        }
    }
    report
}

fn run(settings: &Settings, client: &mut Client<'_>, report: &mut Report) {
    if survey::is_gitlab_com(settings) {
        groups::check(settings, client, report);
    } else {
        instance::check(settings, client, report);
    }
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
