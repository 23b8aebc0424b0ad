//! *Test connection* by one check: that what a collection reads can be read.

use crate::connector::{Check, CheckStatus, Failure, TestReport, Warning};
use crate::failure;

/// What was found, in a sentence, and what is missing in it; or why there is nothing.
#[must_use]
pub fn of(title: &str, found: Result<(String, Vec<Warning>), Failure>) -> TestReport {
    let (status, detail, hint) = match found {
        Ok((found, warnings)) if warnings.is_empty() => (CheckStatus::Pass, found, None),
        Ok((found, warnings)) => {
            let detail = warnings.into_iter().fold(found, |detail, warning| format!("{detail} {}", warning.message));
            (CheckStatus::Warn, detail, Some("Add what is missing.".to_owned()))
        }
        Err(failed) => {
            let words = failure::words(failed);
            (CheckStatus::Fail, words.message, words.hint)
        }
    };
    let check = Check { id: "read".to_owned(), title: title.to_owned(), status, detail, hint };
    TestReport { outcome: check.status, checks: vec![check] }
}
