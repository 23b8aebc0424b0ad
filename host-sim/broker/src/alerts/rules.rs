//! What is true of a source, and worth an alert.
//!
//! | kind | is true | not |
//! | --- | --- | --- |
//! | `utilisation` | in use, by the vendor's count, is 90 % of what was bought or more | where either is unknown, or there is no limit |
//! | `overage` | more is in use than was bought: by the vendor's figure, else by the difference | |
//! | `term-ending` | the term's last day is today or within 30 days | |
//! | `term-ended` | the term's last day is over; on the day itself it still counts | |
//! | `token-expiring` | the last Test connection has the check `token-expiry` as `warn` or `fail` | when another credential was entered since |
//! | `source-failing` | the source is `problem` or `unreachable`, and two runs in a row were not good, or the first of them is more than an hour ago | while it is paused: nobody reads it |
//! | `sudden-drop` | holders of a pool fell by more than 10, and by more than 20 %, between the two newest complete snapshots | |
//!
//! All but the last three rest on the newest complete snapshot, `term-…` on it and on the day.
//!
//! A run that fails alone raises nothing: the next one mostly goes well. What is open stays so until a good run or a pause.
//!
//! # A reserved check
//!
//! The id `token-expiry` in a plugin's test report is reserved: whoever reports it says by `warn` or `fail` that the credential
//! ends within 14 days or has ended, in `detail` on which day, and in `hint` how to get another. How long it lasts is known
//! only to the plugin, so that the 14 days are its own; the host has the test repeated daily.
//!
//! `pass` alone says that the credential lasts. A report without the check, or with it as `skipped`, says nothing: the token is
//! refused by now, or the server is away. What is open then stays open.

use serde::Deserialize;
use serde_json::{Value, json};
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use crate::calendar::{day_of, parse_instant};
use crate::headroom::{Pool, Source};

/// The check by which a plugin says that the credential ends soon.
pub const TOKEN_CHECK: &str = "token-expiry";

/// How long a source may fail once before that is told of. Retries follow within minutes, unless the service forbids them.
const FAILING: Duration = Duration::HOUR;

/// From which figures on an alert is raised. One set for each tenant, if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Percent of what was bought that is in use. 90: time enough to buy more.
    pub utilisation_percent: u32,
    /// Days before a term ends. 30: an order takes its time.
    pub term_days: u32,
    /// Holders that may be lost from one snapshot to the next. 10: a small team leaves now and then.
    pub drop_seats: u32,
    /// The same in percent of the holders before. 20: in a big company ten leave every day. Both must be passed.
    pub drop_percent: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { utilisation_percent: 90, term_days: 30, drop_seats: 10, drop_percent: 20 }
    }
}

/// What an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nearly all is in use.
    Utilisation,
    /// More is in use than was bought.
    Overage,
    /// The term ends soon.
    TermEnding,
    /// The term is over.
    TermEnded,
    /// The credential ends soon.
    TokenExpiring,
    /// The source is not read well.
    SourceFailing,
    /// Many holders are gone at once.
    SuddenDrop,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Utilisation,
        Self::Overage,
        Self::TermEnding,
        Self::TermEnded,
        Self::TokenExpiring,
        Self::SourceFailing,
        Self::SuddenDrop,
    ];

    /// The name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utilisation => "utilisation",
            Self::Overage => "overage",
            Self::TermEnding => "term-ending",
            Self::TermEnded => "term-ended",
            Self::TokenExpiring => "token-expiring",
            Self::SourceFailing => "source-failing",
            Self::SuddenDrop => "sudden-drop",
        }
    }
}

/// Something that is true now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) pool_no: Option<i64>,
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) evidence: Value,
}

/// What is known of a source.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// All that is true.
    pub(super) found: Vec<Found>,
    /// Of what about the source nobody can tell whether it is true.
    pub(super) untold: Option<Kind>,
}

/// All that is known of a source at this moment.
pub(super) fn judge(source: &Source, now: OffsetDateTime, thresholds: &Thresholds) -> Judgement {
    let today = now.to_offset(UtcOffset::UTC).date();
    let mut all: Vec<Found> = failing(source, now).into_iter().collect();
    let mut untold = None;
    match token(source) {
        Token::Ends(found) => all.push(found),
        Token::Untold => untold = Some(Kind::TokenExpiring),
        Token::Lasts => (),
    }
    for pool in &source.pools {
        let of_pool = [
            utilisation(source, pool, thresholds),
            overage(source, pool),
            term(source, pool, today, thresholds),
            drop(source, pool, thresholds),
        ];
        all.extend(of_pool.into_iter().flatten());
    }
    Judgement { found: all, untold }
}

fn failing(source: &Source, now: OffsetDateTime) -> Option<Found> {
    if source.paused || source.state == "active" {
        return None;
    }
    let since = source.failing_since.as_deref().and_then(parse_instant);
    if source.failures < 2 && since.is_none_or(|since| now - since <= FAILING) {
        return None;
    }
    let trouble = source.trouble.as_deref().unwrap_or("the last run did not read it well");
    Some(Found {
        pool_no: None,
        kind: Kind::SourceFailing,
        message: format!("{} is {}: {trouble}", source.display_name, source.state),
        evidence: json!({
            "state": source.state, "trouble": source.trouble, "failed_runs": source.failures,
            "failing_since": source.failing_since, "snapshot_on": source.snapshot_on,
        }),
    })
}

/// Of a test report what is needed here; the rest is the host's.
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    id: String,
    status: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    hint: Option<String>,
}

/// What the last Test connection says of the credential.
enum Token {
    Ends(Found),
    /// It is good, or another than the one that was tested.
    Lasts,
    Untold,
}

fn token(source: &Source) -> Token {
    let Some(report) = source.report.as_deref() else { return Token::Lasts };
    let Ok(report) = serde_json::from_str::<Report>(report) else { return Token::Untold };
    let mut checks: Vec<_> = report.checks.into_iter().filter(|check| check.id == TOKEN_CHECK).collect();
    let Some(place) = checks.iter().position(|check| matches!(check.status.as_str(), "warn" | "fail")) else {
        let lasts = checks.iter().any(|check| check.status == "pass");
        return if lasts { Token::Lasts } else { Token::Untold };
    };
    let check = checks.swap_remove(place);
    let detail = check.detail.as_deref().unwrap_or("the credential ends soon");
    Token::Ends(Found {
        pool_no: None,
        kind: Kind::TokenExpiring,
        message: format!("{}: {detail}", source.display_name),
        evidence: json!({
            "check": check.id, "status": check.status, "detail": check.detail, "hint": check.hint,
            "tested_at": source.tested_at,
        }),
    })
}

fn utilisation(source: &Source, pool: &Pool, thresholds: &Thresholds) -> Option<Found> {
    let (allocated, entitled) = pool.used()?;
    let (part, whole) = (i128::from(allocated) * 100, i128::from(entitled));
    if entitled <= 0 || part < whole * i128::from(thresholds.utilisation_percent) {
        return None;
    }
    let percent = part / whole;
    Some(Found {
        pool_no: Some(pool.pool_no),
        kind: Kind::Utilisation,
        message: format!("{}: {allocated} of {entitled} seats are in use, {percent} %", named(source, pool)),
        evidence: json!({
            "allocated": allocated, "entitled": entitled, "free": pool.free(), "percent": i64::try_from(percent).ok(),
            "threshold_percent": thresholds.utilisation_percent, "snapshot_on": source.snapshot_on,
        }),
    })
}

fn overage(source: &Source, pool: &Pool) -> Option<Found> {
    let over = pool.over().filter(|over| *over > 0)?;
    Some(Found {
        pool_no: Some(pool.pool_no),
        kind: Kind::Overage,
        message: format!("{}: {over} more seats are in use than were bought", named(source, pool)),
        evidence: json!({
            "over": over, "allocated": pool.allocated, "entitled": pool.entitled, "overage_term": pool.overage_term,
            "snapshot_on": source.snapshot_on,
        }),
    })
}

fn term(source: &Source, pool: &Pool, today: Date, thresholds: &Thresholds) -> Option<Found> {
    let end = pool.term_end.as_deref()?;
    let days = (day_of(end)? - today).whole_days();
    if days > i64::from(thresholds.term_days) {
        return None;
    }
    let renews = if pool.auto_renew == Some(true) { "; it renews by itself" } else { "" };
    let (kind, when) = match days {
        ..0 => (Kind::TermEnded, format!("ended on {end}")),
        0 => (Kind::TermEnding, "ends today".to_owned()),
        1 => (Kind::TermEnding, format!("ends tomorrow, on {end}")),
        days => (Kind::TermEnding, format!("ends in {days} days, on {end}")),
    };
    Some(Found {
        pool_no: Some(pool.pool_no),
        kind,
        message: format!("{}: the term {when}{renews}", named(source, pool)),
        evidence: json!({
            "term_end": end, "days": days, "auto_renew": pool.auto_renew, "snapshot_on": source.snapshot_on,
        }),
    })
}

fn drop(source: &Source, pool: &Pool, thresholds: &Thresholds) -> Option<Found> {
    let (before, before_on) = pool.before.as_ref()?;
    let lost = before.saturating_sub(pool.holders);
    let percent = i128::from(*before) * i128::from(thresholds.drop_percent);
    if lost <= i64::from(thresholds.drop_seats) || i128::from(lost) * 100 <= percent {
        return None;
    }
    Some(Found {
        pool_no: Some(pool.pool_no),
        kind: Kind::SuddenDrop,
        message: format!(
            "{}: {lost} of {before} holders are gone since {before_on}; see that the source still tells all of them",
            named(source, pool)
        ),
        evidence: json!({
            "holders": pool.holders, "before": before, "before_on": before_on, "snapshot_on": source.snapshot_on,
        }),
    })
}

fn named(source: &Source, pool: &Pool) -> String {
    format!("{} ({}) of {}", pool.feature, pool.scope_name, source.display_name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use time::macros::datetime;

    use super::{Kind, Thresholds, judge};
    use crate::headroom::{Pool, Source};

    fn source() -> Source {
        Source {
            tenant: "acme".to_owned(),
            source_no: 1,
            source_key: "key".to_owned(),
            display_name: "GitLab".to_owned(),
            vendor: "GitLab".to_owned(),
            state: "active".to_owned(),
            paused: false,
            trouble: None,
            failures: 0,
            failing_since: None,
            report: None,
            tested_at: Some("2026-02-28T12:00:00Z".to_owned()),
            snapshot_at: Some("2026-03-01T12:00:00Z".to_owned()),
            snapshot_on: Some("2026-03-01".to_owned()),
            pools: vec![],
        }
    }

    fn kinds(source: &Source) -> Vec<Kind> {
        let judged = judge(source, datetime!(2026-03-01 12:00 UTC), &Thresholds::default());
        judged.found.into_iter().map(|found| found.kind).collect()
    }

    fn of_pool(pool: Pool) -> Vec<Kind> {
        kinds(&Source { pools: vec![pool], ..source() })
    }

    #[test]
    fn utilisation_and_overage() {
        use Kind::{Overage, Utilisation};
        let pool = |allocated, entitled| Pool { allocated, entitled, ..Pool::default() };
        for (pool, expected) in [
            (pool(Some(89), Some(100)), vec![]),
            (pool(Some(90), Some(100)), vec![Utilisation]),
            (pool(Some(899), Some(1000)), vec![]),
            (pool(Some(100), Some(100)), vec![Utilisation]),
            (pool(Some(101), Some(100)), vec![Utilisation, Overage]),
            (pool(Some(9), Some(9)), vec![Utilisation]),
            (pool(None, Some(100)), vec![]),
            (pool(Some(100), None), vec![]),
            (pool(Some(0), Some(0)), vec![]),
            (pool(Some(1), Some(0)), vec![Overage]),
            (Pool { unlimited: true, ..pool(Some(101), Some(100)) }, vec![]),
            (Pool { overage_now: Some(3), ..pool(None, None) }, vec![Overage]),
            (Pool { overage_now: Some(0), ..pool(Some(101), Some(100)) }, vec![Utilisation]),
            (Pool { overage_term: Some(3), ..pool(Some(1), Some(100)) }, vec![]),
            (pool(Some(i64::MAX), Some(i64::MAX)), vec![Utilisation]),
        ] {
            assert_eq!(of_pool(pool.clone()), expected, "{pool:?}");
        }
    }

    #[test]
    fn terms_end_with_their_last_day() {
        for (end, expected) in [
            (Some("2026-04-01"), vec![]),
            (Some("2026-03-31"), vec![Kind::TermEnding]),
            (Some("2026-03-02"), vec![Kind::TermEnding]),
            (Some("2026-03-01"), vec![Kind::TermEnding]),
            (Some("2026-02-28"), vec![Kind::TermEnded]),
            (Some("2019-01-01"), vec![Kind::TermEnded]),
            (None, vec![]),
        ] {
            let pool = Pool { term_end: end.map(str::to_owned), ..Pool::default() };
            assert_eq!(of_pool(pool), expected, "{end:?}");
        }
    }

    #[test]
    fn a_drop_is_more_than_ten_and_more_than_a_fifth() {
        for (before, holders, expected) in [
            (20, 10, false),
            (20, 9, true),
            (50, 40, false),
            (50, 39, true),
            (100, 80, false),
            (100, 79, true),
            (1000, 800, false),
            (1000, 799, true),
            (11, 0, true),
            (10, 0, false),
            (10, 1000, false),
        ] {
            let pool = Pool { holders, before: Some((before, "2026-02-28".to_owned())), ..Pool::default() };
            assert_eq!(of_pool(pool) == [Kind::SuddenDrop], expected, "{before} {holders}");
        }
        assert_eq!(of_pool(Pool { holders: 0, ..Pool::default() }), [], "nothing to compare with");
    }

    #[test]
    fn tokens_and_failing_sources() {
        let report = |id: &str, status: &str| {
            format!(
                r#"{{"outcome":"pass","checks":[{{"id":"address","status":"warn"}},{{"id":"{id}","status":"{status}","detail":"ends on 2026-03-09"}}]}}"#
            )
        };
        for (text, expected, untold) in [
            (Some(report("token-expiry", "warn")), vec![Kind::TokenExpiring], None),
            (Some(report("token-expiry", "fail")), vec![Kind::TokenExpiring], None),
            (Some(report("token-expiry", "pass")), vec![], None),
            (Some(report("token-expiry", "skipped")), vec![], Some(Kind::TokenExpiring)),
            (Some(report("token", "fail")), vec![], Some(Kind::TokenExpiring)),
            (Some("{}".to_owned()), vec![], Some(Kind::TokenExpiring)),
            (Some("no report".to_owned()), vec![], Some(Kind::TokenExpiring)),
            (None, vec![], None),
        ] {
            let source = Source { report: text.clone(), ..source() };
            assert_eq!(kinds(&source), expected, "{text:?}");
            let judged = judge(&source, datetime!(2026-03-01 12:00 UTC), &Thresholds::default());
            assert_eq!(judged.untold, untold, "{text:?}");
        }
        for (state, paused, failures, since, expected) in [
            ("active", false, 0, None, false),
            ("problem", false, 1, Some("2026-03-01T11:59:00Z"), false),
            ("problem", false, 1, Some("2026-03-01T11:00:00Z"), false),
            ("problem", false, 1, Some("2026-03-01T10:59:59Z"), true),
            ("problem", false, 2, Some("2026-03-01T11:59:00Z"), true),
            ("unreachable", false, 2, None, true),
            ("unreachable", false, 1, None, false),
            ("unreachable", true, 9, Some("2026-02-01T10:59:59Z"), false),
        ] {
            let (state, failing_since) = (state.to_owned(), since.map(str::to_owned));
            let source = Source { state, paused, failures, failing_since, ..source() };
            assert_eq!(kinds(&source) == [Kind::SourceFailing], expected, "{source:?}");
        }
    }

    #[test]
    fn thresholds_are_a_tenants_own() {
        let pool = Pool {
            allocated: Some(50),
            entitled: Some(100),
            term_end: Some("2026-05-01".to_owned()),
            holders: 5,
            before: Some((8, "2026-02-28".to_owned())),
            ..Pool::default()
        };
        let thresholds = Thresholds { utilisation_percent: 50, term_days: 61, drop_seats: 2, drop_percent: 10 };
        let source = Source { pools: vec![pool], ..source() };
        let found = judge(&source, datetime!(2026-03-01 12:00 UTC), &thresholds).found;
        let kinds: Vec<_> = found.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [Kind::Utilisation, Kind::TermEnding, Kind::SuddenDrop]);
        assert!(found.iter().all(|found| found.evidence["snapshot_on"] == "2026-03-01"), "{found:?}");
        assert_eq!(found.first().unwrap().evidence["percent"], 50);
    }
}
