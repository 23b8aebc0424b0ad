//! One call of a run: a page of a list, or several that follow on each other.
//!
//! Guarantees: a call is a function of its settings, its cursor and the answers. The first page has the source; a pool
//! comes before the assignments that name it; the last page has the sum. A list that ended early, looped or shifted, a
//! group that could not be read, and a right that ended in the middle make the run partial, with a warning that says
//! what and where.
//!
//! Refuses to pass a part for the whole: what a caller who is no administrator or owner may see is a lower bound and
//! called so; without any right to seats the run fails and names the role that would do.
//!
//! ```text
//! instance   opening ─► Users ─► Holders*                                 administrator, auditor
//!            opening ─► SeenUsers ─► Holders* ─► Members (each group)     anybody else: a lower bound
//! GitLab.com opening ─► Group ─► Others ─► Billable ─► Holders* ─► next   owner
//!            opening ─► Group ─► Members ─► SeenMembers ─► next           maintainer: a lower bound
//! ```
//!
//! What the opening has read already is left out: the first accounts of an instance, and the group that the settings name.

use crate::configuration::Configuration;
use crate::configuration::settings::Settings;
use crate::cursor::{BadCursor, Place, Stage};
use crate::failure::{Explanation, Failure};
use crate::gitlab::client::{Client, Credential};
use crate::gitlab::endpoint::Endpoint;
use crate::gitlab::graphql;
use crate::gitlab::queries::Optional;
use crate::gitlab::refusal::Refusal;
use crate::paging::Walk;
use crate::record::{Batch, Entry, Progress, Summary, Then, Warning};
use crate::transport::Transport;

mod ahead;
mod billable;
mod endings;
mod group;
mod holders;
mod members;
mod opening;
pub use opening::{BE_AN_OWNER, CHOOSE_SELF_MANAGED, NO_GROUP, NOT_GITLAB_COM, unknown_group};
mod seen;
mod users;

/// Why a list without anybody is not believed, for `test` and `collect` alike.
pub const EMPTY_LIST: &str = "GitLab's list of users is empty, although the token's user must be in it.";

/// What to do about [`EMPTY_LIST`].
pub const MEND_EMPTY_LIST: &str = "Check that the token's user is an administrator, and that no proxy or filter before GitLab changes answers; then repeat.";

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
    let settings = configuration.settings().map_err(|error| {
        Failure::InvalidConfiguration(
            Explanation::new(error.to_string()).hint("Open the settings of this source and save them again."),
        )
    })?;
    let place = cursor.map(|text| Place::from_text(text, &configuration.source_key)).transpose().map_err(bad_cursor)?;
    let pace = place.as_ref().map(|place| place.pace.clone()).unwrap_or_default();
    let mut client = Client::at_pace(&settings, credential, transport, clock, pace);
    let mut page = Page::new("license");
    let mut place = match place {
        None => opening::open(&mut client, &mut page)?,
        Some(mut place) => {
            client.wait_for_window().map_err(wait)?;
            let read = step(&mut client, &mut place, &mut page);
            read.or_else(|failure| endings::kept(failure, &mut place, &mut page))?;
            place
        }
    };
    place.pace = client.pace();
    page.finish(place, client.sent())
}

fn step(client: &mut Client<'_>, place: &mut Place, page: &mut Page) -> Result<(), Failure> {
    match place.stage {
        Stage::Users => users::read(client, place, page),
        Stage::SeenUsers => seen::read_users(client, place, page),
        Stage::Groups => group::list(client, place, page),
        Stage::Group => group::read(client, place, page),
        Stage::Billable => billable::read(client, place, page),
        Stage::Others => members::read_others(client, place, page),
        Stage::Members => members::read_all(client, place, page),
        Stage::SeenMembers => seen::read_members(client, place, page),
        Stage::Holders => holders::read(client, place, page),
        Stage::End => Ok(()),
    }
}

/// What one call brings together.
struct Page {
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
    stage: &'static str,
    /// Rows of the list that is read.
    done: Option<u64>,
    expected: Option<u64>,
    /// Whether something is wrong with a page that was taken.
    doubtful: bool,
}

impl Page {
    const fn new(stage: &'static str) -> Self {
        Self { entries: Vec::new(), warnings: Vec::new(), stage, done: None, expected: None, doubtful: false }
    }

    fn warn(&mut self, code: &'static str, message: impl Into<String>, scope: Option<String>) {
        self.warnings.push(Warning { code, message: message.into(), scope });
    }

    fn finish(self, mut place: Place, sent: u64) -> Result<Batch, Failure> {
        place.counts.add(&self.entries, &self.warnings);
        place.requests = place.requests.saturating_add(sent);
        // Where no list is read, one thing was to be read.
        let done = self.done.unwrap_or(1);
        let expected = self.expected.or(self.done.is_none().then_some(1));
        let then = if place.stage == Stage::End {
            Then::End(Summary { complete: place.whole, counts: place.counts, requests: place.requests })
        } else {
            Then::Next(place.to_text().map_err(does_not_fit)?)
        };
        Ok(Batch {
            entries: self.entries,
            warnings: self.warnings,
            progress: Progress { stage: self.stage, done, expected },
            then,
        })
    }
}

/// Go on with what comes after the list that was read.
fn leave(place: &mut Place) {
    let has_path = place.group.as_ref().is_some_and(|group| !group.path.is_empty());
    let next = match place.stage {
        Stage::Others => Some(billable::start(place)),
        Stage::Members if has_path => Some((Stage::SeenMembers, Walk::default())),
        // Add-ons are those of the group that is read, or of the instance.
        Stage::Group | Stage::Groups | Stage::End => None,
        _ if place.add_ons.is_empty() => None,
        _ => Some((Stage::Holders, Walk::default())),
    };
    if let Some((stage, walk)) = next {
        place.turn_to(stage, walk);
    } else if !place.queue.is_empty() {
        place.turn_to(Stage::Group, Walk::default());
    } else if place.groups.is_some() {
        place.turn_to(Stage::Groups, Walk::default());
    } else {
        place.turn_to(Stage::End, Walk::default());
    }
}

/// The server would send the next request away, by its own count or by what it did before.
fn wait(seconds: u32) -> Failure {
    Failure::RateLimited {
        retry_after: Some(seconds),
        explanation: Explanation::new(format!(
            "GitLab takes so many requests in a time and no more; the next one in {seconds} s."
        ))
        .hint("Wait and repeat; a token of a user that nothing else uses is never in anybody's way."),
    }
}

fn bad_cursor(error: BadCursor) -> Failure {
    Failure::InvalidCursor(Explanation::new(error.to_string()).hint("Start the collection again from the beginning."))
}

/// GitLab wants more remembered than a cursor holds; 4 KiB is many times what it uses.
fn does_not_fit(error: BadCursor) -> Failure {
    Failure::Malformed {
        why: "a cursor for the next page that is far longer than GitLab's".to_owned(),
        explanation: Explanation::new(error.to_string())
            .hint("Check whether a proxy changes answers; otherwise report this with the version of GitLab."),
    }
}

/// Whether a refusal says that this caller may not read this, and not that GitLab is in trouble: then something else
/// can be read all the same.
pub const fn is_no_right(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotAllowed
            | Refusal::NotFound
            | Refusal::NoSuchEndpoint
            | Refusal::Permission(_)
            | Refusal::Scope(_)
            | Refusal::Unexpected(400 | 403 | 404 | 422, _)
    )
}

/// Remember what this GitLab's GraphQL turned out to lack in `what`, and say it once.
fn learned(optional: Optional, what: &str, known: &mut u32, page: &mut Page) {
    let lacks: Vec<&str> = optional.since(Optional(*known)).collect();
    if !lacks.is_empty() {
        page.warn(
            "fields-not-known",
            format!("This GitLab does not know {} of {what}; what that would tell is missing.", lacks.join(", ")),
            Some(graphql::NAME.to_owned()),
        );
    }
    *known = optional.0;
}

/// Whether the rest of a run is read without this list, which makes it partial.
const fn can_be_left(refusal: &Refusal) -> bool {
    is_no_right(refusal) || refusal.is_of_one_thing()
}

fn fail_query(refusal: Refusal, settings: &Settings) -> Failure {
    refusal.into_failure_at(graphql::NAME, settings)
}

fn fail(refusal: Refusal, endpoint: &Endpoint, settings: &Settings) -> Failure {
    refusal.into_failure(endpoint, settings)
}

#[cfg(test)]
mod tests;
