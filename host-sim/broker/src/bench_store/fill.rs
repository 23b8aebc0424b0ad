//! The store.
//!
//! | of it | is |
//! | --- | --- |
//! | sources | three, with 14, 5 and 1 of 20 people, each with two base pools and one add-on, read daily for [`DAYS`] days |
//! | people | one for each assignment asked for; 7 % were never active, of 5 % nobody can tell; those of the smallest source come last by every name |
//! | seats | one base seat each (2 % do not count, 0.5 % have none), 5 % an add-on |
//! | past | 5 % held another seat and left it, 4 % were called otherwise, 5 % had another role |
//! | activity | bits of days in four months; the counts of days are their sums |
//! | terms | one pool's has ended, one is a trial, one tells nothing of what was bought |

use rusqlite::{Transaction, params};
use time::{Date, OffsetDateTime};

use crate::calendar::{day_text, instant_text};
use crate::store::audit::Act;
use crate::store::sources::Entered;
use crate::store::tenants::Identity;
use crate::store::{Store, StoreError};
use crate::view::days_before;

/// Daily runs of each source.
pub(super) const DAYS: u32 = 30;

const SOURCES: [(&str, &str); 3] = [
    ("https://one.example.com", "GitLab One"),
    ("https://two.example.com", "GitLab Two"),
    ("https://three.example.com", "Jira"),
];

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Filled {
    /// Seats that are held now.
    pub seats: i64,
    /// Accounts.
    pub people: i64,
    /// Months of activity of an account.
    pub activity_months: i64,
    /// Entries of the ledger.
    pub events: i64,
}

/// Adds the tenant `tenant` with at least `assignments` seats, as read daily until `now`.
///
/// # Errors
/// [`StoreError::Exists`] tenant.
pub fn fill(store: &Store, tenant: &str, now: OffsetDateTime, assignments: u32) -> Result<Filled, StoreError> {
    let act = Act { actor: "bench", now };
    let tenant_no = store.add_tenant(act, tenant, Identity::Full, None)?.tenant_no;
    let mut sources = Vec::new();
    for (source_key, display_name) in SOURCES {
        let entered = Entered {
            source_key,
            display_name,
            vendor: if display_name == "Jira" { "Atlassian" } else { "GitLab" },
            plugin: "bench",
            entered: "{}",
            configuration: "{}",
        };
        let source_no = store.add_source(act, tenant, &entered, "")?.source_no;
        store.note_test(act, tenant, source_no, "{}", true)?;
        store.save_source(act, tenant, source_no)?;
        sources.push(store.approve_source(act, tenant, source_no)?.0.source_no);
    }
    store.write(|transaction| {
        transaction.execute_batch(SCRATCH)?;
        for (place, source_no) in (0_i64..).zip(&sources) {
            runs(transaction, place, *source_no, now)?;
            pools(transaction, place, *source_no, tenant_no, now.date())?;
        }
        people(transaction, tenant_no, now.date(), assignments)?;
        seats(transaction, now.date())?;
        past(transaction)?;
        activity(transaction, now.date())?;
        figures(transaction)?;
        let count = |sql: &str| transaction.query_row(sql, [], |row| row.get(0));
        let filled = Filled {
            seats: count("SELECT count(*) FROM seat WHERE consumes_seat IS NOT 0")?,
            people: count("SELECT count(*) FROM person")?,
            activity_months: count("SELECT count(*) FROM activity_month")?,
            events: count("SELECT count(*) FROM seat_event")?,
        };
        transaction.execute_batch("DROP TABLE temp.who; DROP TABLE temp.day; DROP TABLE temp.offer;")?;
        Ok(filled)
    })
}

/// `who` has a few numbers of each person by chance, `day` the runs, `offer` the pools by place.
const SCRATCH: &str = "
    CREATE TEMP TABLE who (i INTEGER PRIMARY KEY, place INTEGER, h INTEGER, g INTEGER);
    CREATE TEMP TABLE day (place INTEGER, nth INTEGER, run_no INTEGER, taken_on TEXT, PRIMARY KEY (place, nth)) WITHOUT ROWID;
    CREATE TEMP TABLE offer (place INTEGER, nth INTEGER, pool_no INTEGER, PRIMARY KEY (place, nth)) WITHOUT ROWID;";

fn runs(transaction: &Transaction<'_>, place: i64, source_no: i64, now: OffsetDateTime) -> Result<(), StoreError> {
    for nth in 0..DAYS {
        let started = now - time::Duration::days(i64::from(DAYS - 1 - nth));
        let day = day_text(started.date());
        transaction.execute(
            "INSERT INTO run (source_no, cause, state, started_at, taken_on, ended_at, pages)
             VALUES (?1, 'schedule', 'complete', ?2, ?3, ?2, 1)",
            params![source_no, instant_text(started), day],
        )?;
        let run_no = transaction.last_insert_rowid();
        transaction.execute("INSERT INTO temp.day VALUES (?1, ?2, ?3, ?4)", params![place, nth, run_no, day])?;
        transaction.execute(
            "UPDATE source SET snapshot_run = ?2, state = 'active', next_run_at = NULL,
             facts = json_object('product_version', '19.' || ?3 || '.0') WHERE source_no = ?1",
            params![source_no, run_no, place],
        )?;
    }
    Ok(())
}

fn pools(
    transaction: &Transaction<'_>,
    place: i64,
    source_no: i64,
    tenant_no: i64,
    today: Date,
) -> Result<(), StoreError> {
    for (nth, feature, kind) in
        [(0, "Premium seat", "base"), (1, "Ultimate seat", "base"), (2, "Duo Pro seat", "add-on")]
    {
        transaction.execute(
            "INSERT INTO pool (source_no, tenant_no, pool_id, scope_id, scope_name, product, feature, kind, license_type, unit)
             VALUES (?1, ?2, ?3, 'instance', 'The instance', ?4, ?5, ?6, 'named-user', 'seat')",
            params![source_no, tenant_no, format!("pool-{nth}"), if place == 2 { "Jira" } else { "GitLab" }, feature, kind],
        )?;
        let pool_no = transaction.last_insert_rowid();
        transaction.execute("INSERT INTO temp.offer VALUES (?1, ?2, ?3)", params![place, nth, pool_no])?;
        let ended = (place, nth) == (2, 1);
        let term_end = if ended { days_before(today, 10) } else { today + time::Duration::days(100 + 10 * place) };
        transaction.execute(
            "INSERT INTO pool_figures (pool_no, run_no, unlimited, term_start, term_end, is_trial, holders, consuming)
             SELECT ?1, run_no, 0, ?3, ?4, ?5, 0, 0 FROM temp.day WHERE place = ?2",
            params![pool_no, place, day_text(days_before(term_end, 364)), day_text(term_end), (place, nth) == (1, 2)],
        )?;
        if nth == 0 {
            transaction.execute("INSERT INTO price VALUES (?1, ?2, 'EUR')", params![pool_no, 30_000])?;
        }
    }
    Ok(())
}

fn people(transaction: &Transaction<'_>, tenant_no: i64, today: Date, count: u32) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO temp.who
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         SELECT i, CASE (i - 1) * 20 / ?1 WHEN 19 THEN 2 WHEN 14 THEN 1 WHEN 15 THEN 1 WHEN 16 THEN 1 WHEN 17 THEN 1 WHEN 18 THEN 1 ELSE 0 END, (i * 2654435761) % 4294967296 / 1024, ((i * 40503 + 7) % 4294967296) * 22695477 % 4294967296 / 2048 FROM n",
        [count],
    )?;
    transaction.execute(
        "INSERT INTO person (source_no, tenant_no, user_id, username, display_name, email, email_kind, identities, account_state,
             account_state_raw, account_kind, created_at, activity, last_activity_on, last_sign_in_at, first_seen_on, from_run)
         SELECT r.source_no, ?1, 'u' || w.i, name || w.i, iif(h % 10 = 0 AND w.place < 2, NULL, iif(w.place = 2, 'Other', 'Family') || (h % 5000) || ', ' || name),
                iif(g % 12 = 0 AND w.place < 2, NULL, name || w.i || '@example.com'), 'primary', '[]', 'active', 'active', 'human',
                date(?2, -(g % 2000) || ' days') || 'T08:00:00Z',
                CASE WHEN h % 100 < 7 THEN 'never' WHEN h % 100 < 12 THEN 'not-readable' ELSE 'known' END,
                iif(h % 100 < 12, NULL, date(?2, -iif(g % 5 = 0, g % 400, g % 40) || ' days')),
                iif(h % 100 < 12 OR h % 3 = 0, NULL, date(?2, -(g % 400) || ' days') || 'T10:00:00Z'),
                d.taken_on, d.run_no
         FROM (SELECT *, 'user.' || iif(place = 2, 'zz', substr('abcdefghijklmnopqrstuvwxyz', 1 + h % 26, 1)) || '.' AS name FROM temp.who) w
         JOIN temp.day d ON d.place = w.place AND d.nth = 0 JOIN run r ON r.run_no = d.run_no ORDER BY w.i",
        params![tenant_no, day_text(today)],
    )?;
    // People of this store alone have a number, in order.
    transaction.execute(
        "UPDATE person SET activity = 'not-readable' WHERE tenant_no = ?1 AND person_no % 997 = 0",
        [tenant_no],
    )?;
    Ok(())
}

/// A person's number is `i` and what the others of the store have before.
const WHO: &str =
    "temp.who w JOIN person p ON p.source_no = (SELECT r.source_no FROM temp.day x JOIN run r USING (run_no)
     WHERE x.place = w.place AND x.nth = 0) AND p.user_id = 'u' || w.i";

fn seats(transaction: &Transaction<'_>, today: Date) -> Result<(), StoreError> {
    for (add_on, which) in [(false, "i % 200 <> 0"), (true, "i % 20 = 0")] {
        transaction.execute(
            &format!(
                "INSERT INTO seat (pool_no, person_no, consumes_seat, non_consuming_reason, role, via, reclaimable,
                     assigned_on, ends_on, last_activity_on, held_from_run, first_seen_on, end_on, from_run)
                 SELECT o.pool_no, p.person_no, CASE WHEN g % 50 = 1 THEN 0 WHEN g % 33 = 0 THEN NULL ELSE 1 END,
                        iif(g % 50 = 1, 'guest', NULL),
                        CASE h % 6 WHEN 0 THEN NULL WHEN 1 THEN 'owner' WHEN 2 THEN 'maintainer' WHEN 3 THEN 'guest'
                             ELSE 'developer' END,
                        'direct', h % 2, iif(h % 5 < 2, NULL, date(?1, -(g % 1500) || ' days')),
                        iif(g % 30 = 0, date(?1, (h % 300 - 50) || ' days'), NULL),
                        iif(?2 AND h % 2 = 0, date(?1, -(h % 200) || ' days'), NULL),
                        d.run_no, d.taken_on,
                        min(coalesce(iif(g % 30 = 0, date(?1, (h % 300 - 50) || ' days'), NULL), f.term_end), f.term_end), d.run_no
                 FROM {WHO}
                 JOIN temp.offer o ON o.place = w.place AND o.nth = iif(?2, 2, h % 4 = 0)
                 JOIN temp.day d ON d.place = w.place AND d.nth = iif(h % 20 = 5, g % {DAYS}, 0)
                 JOIN pool_figures f ON f.pool_no = o.pool_no AND f.run_no = d.run_no
                 WHERE {which} ORDER BY w.i"
            ),
            params![day_text(today), add_on],
        )?;
    }
    transaction.execute(
        "INSERT INTO seat_event (run_no, pool_no, person_no, kind, on_day)
         SELECT s.held_from_run, s.pool_no, s.person_no, iif(d.nth = 0, 'found', 'taken'), s.first_seen_on
         FROM seat s JOIN temp.offer o USING (pool_no) JOIN temp.day d ON d.place = o.place AND d.run_no = s.held_from_run
         WHERE s.consumes_seat IS NOT 0",
        [],
    )?;
    Ok(())
}

fn past(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    // Found in the first snapshot and left later: in the base pool that they do not hold now.
    transaction.execute(
        &format!(
            "INSERT INTO seat_past (pool_no, person_no, from_run, to_run, consumes_seat, via, held_from_run, first_seen_on, left_on)
             SELECT o.pool_no, p.person_no, d.run_no, e.run_no, 1, 'direct', d.run_no, d.taken_on, e.taken_on
             FROM {WHO} JOIN temp.offer o ON o.place = w.place AND o.nth = (h % 4 <> 0)
             JOIN temp.day d ON d.place = w.place AND d.nth = 0
             JOIN temp.day e ON e.place = w.place AND e.nth = 1 + g % ({DAYS} - 1)
             WHERE i % 20 = 7 ORDER BY w.i"
        ),
        [],
    )?;
    transaction.execute_batch(
        "INSERT INTO seat_event (run_no, pool_no, person_no, kind, on_day)
         SELECT from_run, pool_no, person_no, 'found', first_seen_on FROM seat_past WHERE left_on IS NOT NULL;
         INSERT INTO seat_event (run_no, pool_no, person_no, kind, on_day)
         SELECT to_run, pool_no, person_no, 'left', left_on FROM seat_past WHERE left_on IS NOT NULL;",
    )?;
    let reads_differently = format!("FROM {WHO} JOIN temp.day e ON e.place = w.place AND e.nth = 1 + g % ({DAYS} - 1)");
    transaction.execute(
        &format!(
            "INSERT INTO seat_past (pool_no, person_no, from_run, to_run, consumes_seat, role, via, reclaimable, assigned_on, ends_on,
                 held_from_run, first_seen_on)
             SELECT s.pool_no, s.person_no, s.from_run, e.run_no, s.consumes_seat, 'reporter', s.via, s.reclaimable, s.assigned_on,
                 s.ends_on, s.held_from_run, s.first_seen_on
             {reads_differently} JOIN seat s ON s.person_no = p.person_no WHERE i % 20 = 3 AND e.run_no > s.from_run"
        ),
        [],
    )?;
    transaction.execute_batch(
        "UPDATE seat SET from_run = (SELECT max(q.to_run) FROM seat_past q WHERE q.pool_no = seat.pool_no AND q.person_no = seat.person_no)
         WHERE EXISTS (SELECT 1 FROM seat_past q WHERE q.pool_no = seat.pool_no AND q.person_no = seat.person_no);",
    )?;
    transaction.execute(
        &format!(
            "INSERT INTO person_past (person_no, from_run, to_run, username, email_kind, identities, account_state, account_state_raw,
                 account_kind, created_at, activity)
             SELECT p.person_no, p.from_run, e.run_no, 'former.' || i, 'none', '[]', 'active', 'active', 'human', p.created_at, p.activity
             {reads_differently} WHERE i % 25 = 4"
        ),
        [],
    )?;
    transaction.execute_batch(
        "UPDATE person SET from_run = (SELECT q.to_run FROM person_past q WHERE q.person_no = person.person_no)
         WHERE person_no IN (SELECT person_no FROM person_past);",
    )?;
    Ok(())
}

fn activity(transaction: &Transaction<'_>, today: Date) -> Result<(), StoreError> {
    let month = i64::from(today.year()) * 12 + i64::from(u8::from(today.month())) - 1;
    // The current month has no days to come.
    let so_far = (1_i64 << today.day()) - 1;
    for back in 0..4 {
        transaction.execute(
            &format!(
                "INSERT INTO activity_month (person_no, pool_no, month, days)
                 SELECT p.person_no, 0, ?1, ((h * (?2 + 3) + g) % 268435456) & ?3
                 FROM {WHO} WHERE p.activity = 'known' AND ((h * (?2 + 3) + g) % 268435456) & ?3 <> 0 AND (h + ?2) % 8 <> 0
                 ORDER BY w.i"
            ),
            params![month - back, back, if back == 0 { so_far } else { (1 << 28) - 1 }],
        )?;
    }
    let sums: Vec<_> = (0..31).map(|bit| format!("sum((days >> {bit}) & 1)")).collect();
    let mut statement = transaction.prepare(&format!(
        "SELECT p.source_no, a.month, {} FROM activity_month a JOIN person p USING (person_no) GROUP BY 1, 2",
        sums.join(", ")
    ))?;
    let mut insert = transaction.prepare("INSERT OR REPLACE INTO activity_count VALUES (?1, 0, ?2, ?3)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (source_no, month): (i64, i64) = (row.get(0)?, row.get(1)?);
        for bit in 0..31 {
            let people: i64 = row.get(usize::try_from(bit + 2).unwrap_or(2))?;
            if people > 0 {
                let day = format!("{:04}-{:02}-{:02}", month / 12, month % 12 + 1, bit + 1);
                insert.execute(params![source_no, day, people])?;
            }
        }
    }
    Ok(())
}

/// Holders by the ledger, and the vendor's figures near them.
fn figures(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "UPDATE pool_figures SET holders = moved.held, consuming = moved.held, allocated = moved.held,
             entitled = iif(pool_figures.pool_no % 9 = 5, NULL, moved.held + moved.held / 50),
             max_allocated = moved.held + moved.held / 40
         FROM (SELECT pool_no, run_no, sum(change) OVER (PARTITION BY pool_no ORDER BY run_no) AS held
               FROM (SELECT f.pool_no, f.run_no, coalesce(e.change, 0) AS change
                     FROM pool_figures f LEFT JOIN
                          (SELECT pool_no, run_no, sum(iif(kind = 'left', -1, 1)) AS change FROM seat_event GROUP BY 1, 2) e
                          ON e.pool_no = f.pool_no AND e.run_no = f.run_no
                     WHERE f.pool_no IN (SELECT pool_no FROM temp.offer))) moved
         WHERE moved.pool_no = pool_figures.pool_no AND moved.run_no = pool_figures.run_no;",
    )?;
    Ok(())
}
