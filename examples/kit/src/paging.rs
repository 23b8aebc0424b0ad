//! Batches of a list that one call can hold.
//!
//! Nothing is kept between calls, so that each reads the list again. A cursor says how far the run is and which list it was:
//! when it has changed in between, a run of two halves would miss people or have them twice, and is refused instead.

use crate::connector::{Batch, Completeness, Counts, Entry, Failure, Progress, Summary, Warning};
use crate::failure::say;

/// Entries after which a batch ends: less than half of what hosts take, so that the last group may be large.
const PAGE: usize = 4_000;

/// A whole list.
#[derive(Debug)]
pub struct List {
    /// Source and pools, for the first batch.
    pub head: Vec<Entry>,
    /// Entries that belong into one batch: a user, and the assignments of this user.
    pub groups: Vec<Vec<Entry>>,
    /// For the first batch.
    pub warnings: Vec<Warning>,
    /// Another for another list.
    pub digest: u64,
}

impl List {
    /// The batch after `cursor`. Every batch costs one request.
    ///
    /// # Errors
    /// [`Failure::InvalidCursor`] when it is of another list.
    pub fn batch(self, cursor: Option<&str>) -> Result<Batch, Failure> {
        let changed = || Failure::InvalidCursor(say("The list has changed during the run.", "Collect it again."));
        // Batches so far, and groups in them.
        let (before, done) = match cursor {
            None => (0, 0),
            Some(cursor) => {
                read(cursor, self.digest).filter(|(_, done)| *done < self.groups.len()).ok_or_else(changed)?
            }
        };
        let requests = before + 1;
        let expected = self.groups.len();
        let all = || self.head.iter().chain(self.groups.iter().flatten());
        let count = |test: fn(&Entry) -> bool| u64::try_from(all().filter(|entry| test(entry)).count()).unwrap_or(0);
        let counts = Counts {
            sources: count(|entry| matches!(entry, Entry::Source(_))),
            pools: count(|entry| matches!(entry, Entry::Pool(_))),
            users: count(|entry| matches!(entry, Entry::User(_))),
            assignments: count(|entry| matches!(entry, Entry::Assignment(_))),
            warnings: u64::try_from(self.warnings.len()).unwrap_or(0),
        };
        let (mut entries, warnings) = if before == 0 { (self.head, self.warnings) } else { (Vec::new(), Vec::new()) };
        let mut done = done;
        for group in self.groups.into_iter().skip(done) {
            if entries.len() >= PAGE {
                break;
            }
            entries.extend(group);
            done += 1;
        }
        let more = done < expected;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Batch {
            entries,
            warnings,
            progress: Progress { stage: "people".to_owned(), done: number(done), expected: Some(number(expected)) },
            next: more.then(|| format!("{requests}:{done}:{:016x}", self.digest)),
            summary: (!more).then_some(Summary { completeness: Completeness::Complete, counts, requests }),
        })
    }
}

fn read(cursor: &str, digest: u64) -> Option<(u64, usize)> {
    let mut parts = cursor.split(':');
    let (before, done) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let same = u64::from_str_radix(parts.next()?, 16).is_ok_and(|other| other == digest);
    (same && before > 0 && parts.next().is_none()).then_some((before, done))
}
