//! Delivers what breaks the contract, one breach for each mode.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Entry, Failure};
use hostile::{Behaviour, honest};

struct WrongRecords;

/// Changes the batch of an honest plugin.
fn changed(mode: &str) -> Batch {
    let (mut source, mut pool, mut user, mut assignment) =
        (honest::source(), honest::pool(), honest::user(), honest::assignment());
    let text = |text: &str| Some(text.to_owned());
    match mode {
        "unknown-pool" => assignment.pool_id = "nowhere".to_owned(),
        "unknown-user" => assignment.user_id = "2".to_owned(),
        "empty-id" => user.user_id = String::new(),
        "absurd-counts" => {
            (pool.entitled, pool.allocated) = (Some(u64::MAX), Some(u64::MAX));
            (pool.overage_now, pool.overage_term, pool.max_allocated) =
                (Some(u64::MAX), Some(u64::MAX), Some(u64::MAX));
        }
        "control-characters" => {
            let steering = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\r\n=1+1\t";
            (user.username, user.display_name) = (steering.to_owned(), text(steering));
            (pool.feature, source.display_name) = (steering.to_owned(), steering.to_owned());
        }
        "no-day" => pool.term_end = text("2026-02-30"),
        "day-of-another-form" => assignment.assigned_on = text("26-2-3"),
        "no-instant" => user.created_at = text("yesterday"),
        "instant-without-zone" => user.last_sign_in_at = text("2026-02-03T06:41:10"),
        "long-text" => user.display_name = text(&"x".repeat(5 << 20)),
        "another-source" => {}
        _ => return counted(mode),
    }
    let mut entries = vec![Entry::Source(source), Entry::Pool(pool), Entry::User(user), Entry::Assignment(assignment)];
    if mode == "another-source" {
        entries.push(Entry::Source(honest::source()));
    }
    honest::last(entries)
}

/// Changes what stands around the entries.
fn counted(mode: &str) -> Batch {
    let mut batch = honest::last(honest::entries());
    match mode {
        "absurd-summary" => {
            if let Some(summary) = &mut batch.summary {
                summary.counts.users = u64::MAX;
            }
        }
        "absurd-progress" => (batch.progress.done, batch.progress.expected) = (u64::MAX, Some(0)),
        "neither" => batch.summary = None,
        "both" => batch.next = Some("more".to_owned()),
        "long-cursor" => (batch.next, batch.summary) = (Some("x".repeat(4097)), None),
        "longest-cursor" => (batch.next, batch.summary) = (Some("x".repeat(4096)), None),
        _ => {}
    }
    batch
}

impl Behaviour for WrongRecords {
    fn collect(config: Configuration, _: Credential, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        Ok(match cursor {
            None => changed(&config.settings),
            Some(_) => {
                let mut rest = honest::last(Vec::new());
                if let Some(summary) = &mut rest.summary {
                    let counts = &mut summary.counts;
                    (counts.sources, counts.pools, counts.users, counts.assignments) = (1, 1, 1, 1);
                }
                rest
            }
        })
    }
}

hostile::export!(WrongRecords);
