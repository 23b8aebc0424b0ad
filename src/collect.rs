//! One page of a run.
//!
//! Guarantees: a call is a function of its settings, its cursor and the answers; the first page has the source and the
//! pool, each later one a page of accounts with their assignments; the last one has the sum. A list that ended early,
//! looped or repeated rows makes the run partial, with a warning that says where.
//!
//! Refuses GitLab.com, whose seats are counted for groups, which this version does not read; and everything that is
//! not a full administrator's view of an instance with a license. Better no number than a wrong one.

use crate::configuration::Configuration;
use crate::configuration::settings::{Deployment, Settings};
use crate::cursor::{BadCursor, Place, Stage};
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::{Client, Credential};
use crate::gitlab::endpoint::Endpoint;
use crate::record::Batch;
use crate::transport::Transport;

mod accounts;
mod license;

/// Why GitLab.com is refused, for `test` and `collect` alike.
pub const ONLY_SELF_MANAGED: &str =
    "This version of the plugin reads self-managed GitLab instances only, and these settings are for GitLab.com.";

/// What to do about [`ONLY_SELF_MANAGED`].
pub const ENTER_AN_INSTANCE: &str = "Enter the address of a self-managed or Dedicated instance.";

/// Why a list without anybody is not believed, for `test` and `collect` alike.
pub const EMPTY_LIST: &str = "GitLab's list of users is empty, although the token's user must be in it.";

/// What to do about [`EMPTY_LIST`].
pub const MEND_EMPTY_LIST: &str = "Check that the token's user is an administrator, and that no proxy or filter before GitLab changes answers; then repeat.";

/// Rows asked for at once. GitLab's maximum; it computes the seat flag row by row, so that smaller pages gain nothing.
pub const ROWS_PER_PAGE: u8 = 100;

/// Read one page: the first without a cursor.
///
/// # Errors
/// The failure that tells the caller what to do; see [`Failure`].
pub fn collect(
    configuration: &Configuration,
    credential: &Credential,
    cursor: Option<&str>,
    transport: &mut dyn Transport,
    clock: &dyn crate::clock::Clock,
) -> Result<Batch, Failure> {
    let settings = settings(configuration)?;
    let place = cursor.map(|text| Place::from_text(text, &configuration.source_key)).transpose().map_err(bad_cursor)?;
    let mut client = Client::new(&settings, credential, transport, clock);
    match place {
        None => license::read_page(&mut client),
        Some(place) => match place.stage {
            Stage::Users => accounts::read_page(&mut client, place),
        },
    }
}

fn settings(configuration: &Configuration) -> Result<Settings, Failure> {
    let settings = configuration.settings().map_err(|error| {
        Failure::InvalidConfiguration(
            Explanation::new(error.to_string()).hint("Open the settings of this source and save them again."),
        )
    })?;
    match settings.deployment {
        Deployment::SelfManaged => Ok(settings),
        Deployment::GitlabCom => {
            Err(Failure::InvalidConfiguration(Explanation::new(ONLY_SELF_MANAGED).hint(ENTER_AN_INSTANCE)))
        }
    }
}

fn bad_cursor(error: BadCursor) -> Failure {
    Failure::InvalidCursor(Explanation::new(error.to_string()).hint("Start the collection again from the beginning."))
}

/// GitLab wants more remembered than a cursor holds; 4 KiB is forty times what it uses.
fn does_not_fit(error: BadCursor, endpoint: &Endpoint) -> Failure {
    Failure::Malformed {
        why: "a cursor for the next page that is far longer than GitLab's".to_owned(),
        explanation: Explanation::new(error.to_string())
            .hint("Check whether a proxy changes answers; otherwise report this with the version of GitLab.")
            .at(endpoint.name()),
    }
}

#[cfg(test)]
mod tests;
