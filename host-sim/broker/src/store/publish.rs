//! A whole run as the new snapshot, in one transaction.
//!
//! Compares what was staged with what holds now, and writes the difference alone: what reads differently or is gone goes
//! into the past, with the first snapshot in which it did not hold any more. A seat that is there again after a gap is a
//! new stretch of holding it.
//!
//! | since the last snapshot | becomes |
//! | --- | --- |
//! | a seat is held that was not | an event `taken`; `found` in the first snapshot of its pool |
//! | a seat is not held that was | an event `left`, and a row of the past that ends on this day |
//! | a person, or how somebody holds a seat, reads differently | a row of the past |
//! | a day of activity that was not known | a bit in the person's month, and one more in the count of the day |
//!
//! Whoever consumes no seat by the vendor's verdict holds none; where there is no verdict, the assignment counts.

use rusqlite::{Transaction, named_params};

use super::StoreError;

/// The run that becomes a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Snapshot<'a> {
    pub(super) run_no: i64,
    pub(super) source_no: i64,
    pub(super) tenant_no: i64,
    /// The day of which it is.
    pub(super) day: &'a str,
}

/// What is told of a person and compared.
macro_rules! person_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "username, ",
            $prefix,
            "display_name, ",
            $prefix,
            "email, ",
            $prefix,
            "email_kind, ",
            $prefix,
            "identities, ",
            $prefix,
            "account_state, ",
            $prefix,
            "account_state_raw, ",
            $prefix,
            "account_kind, ",
            $prefix,
            "created_at, ",
            $prefix,
            "activity"
        )
    };
}

/// What is told of a seat and compared.
macro_rules! seat_columns {
    ($prefix:literal) => {
        concat!(
            $prefix,
            "consumes_seat, ",
            $prefix,
            "non_consuming_reason, ",
            $prefix,
            "role, ",
            $prefix,
            "via, ",
            $prefix,
            "reclaimable, ",
            $prefix,
            "assigned_on, ",
            $prefix,
            "ends_on"
        )
    };
}

/// New people, without days: those are entered with the activity.
const NEW_PEOPLE: &str = concat!(
    "INSERT INTO person (source_no, tenant_no, user_id, first_seen_on, from_run, erased, ",
    person_columns!(""),
    ")
     SELECT :source, :tenant, s.user_id, :day, :run,
            EXISTS (SELECT 1 FROM erased e WHERE e.tenant_no = :tenant AND e.mark = s.user_id), ",
    person_columns!("s."),
    "
     FROM stage_user s WHERE s.run_no = :run
       AND NOT EXISTS (SELECT 1 FROM person p WHERE p.source_no = :source AND p.user_id = s.user_id)"
);

/// The past of people who read differently now. Who was gone has it already.
const PEOPLE_BEFORE: &str = concat!(
    "INSERT INTO person_past (person_no, from_run, to_run, ",
    person_columns!(""),
    ")
     SELECT p.person_no, p.from_run, :run, ",
    person_columns!("p."),
    "
     FROM stage_user s CROSS JOIN person p ON p.source_no = :source AND p.user_id = s.user_id
     WHERE s.run_no = :run AND p.gone_run IS NULL AND (",
    person_columns!("p."),
    ") IS NOT (",
    person_columns!("s."),
    ")"
);

const PEOPLE_NOW: &str = concat!(
    "UPDATE person SET (",
    person_columns!(""),
    ", from_run, gone_run) = (",
    person_columns!("s."),
    ", :run, NULL)
     FROM stage_user s
     WHERE s.run_no = :run AND person.source_no = :source AND person.user_id = s.user_id
       AND (person.gone_run IS NOT NULL OR (",
    person_columns!("person."),
    ") IS NOT (",
    person_columns!("s."),
    "))"
);

const NOT_STAGED: &str = "p.source_no = :source AND p.gone_run IS NULL
     AND NOT EXISTS (SELECT 1 FROM stage_user s WHERE s.run_no = :run AND s.user_id = p.user_id)";

const POOLS: &str = "
    INSERT INTO pool (source_no, tenant_no, pool_id, scope_id, scope_name, product, feature, plan_code, kind, license_type, unit)
    SELECT :source, :tenant, pool_id, scope_id, scope_name, product, feature, plan_code, kind, license_type, unit
    FROM stage_pool WHERE run_no = :run
    ON CONFLICT (source_no, pool_id) DO UPDATE SET
      (scope_id, scope_name, product, feature, plan_code, kind, license_type, unit, gone_run) =
      (excluded.scope_id, excluded.scope_name, excluded.product, excluded.feature, excluded.plan_code, excluded.kind,
       excluded.license_type, excluded.unit, NULL)";

const POOLS_GONE: &str = "
    UPDATE pool SET gone_run = :run WHERE source_no = :source AND gone_run IS NULL
      AND NOT EXISTS (SELECT 1 FROM stage_pool s WHERE s.run_no = :run AND s.pool_id = pool.pool_id)";

/// Who holds what by this run, under the store's own numbers.
const SEATS_STAGED: &str = concat!(
    "INSERT INTO temp.now_seat SELECT l.pool_no, p.person_no, ",
    seat_columns!("s."),
    ", s.last_activity_on
     FROM stage_seat s
     JOIN person p ON p.source_no = :source AND p.user_id = s.user_id AND p.gone_run IS NULL
     JOIN pool l ON l.source_no = :source AND l.pool_id = s.pool_id AND l.gone_run IS NULL
     WHERE s.run_no = :run"
);

const NOW_SEAT: &str = "
    CREATE TEMP TABLE IF NOT EXISTS now_seat (
        pool_no INTEGER NOT NULL, person_no INTEGER NOT NULL, consumes_seat INTEGER, non_consuming_reason TEXT, role TEXT,
        via TEXT, reclaimable INTEGER, assigned_on TEXT, ends_on TEXT, last_activity_on TEXT,
        PRIMARY KEY (pool_no, person_no)) WITHOUT ROWID;
    DELETE FROM temp.now_seat;
    CREATE TEMP TABLE IF NOT EXISTS new_day (
        person_no INTEGER NOT NULL, pool_no INTEGER NOT NULL, day TEXT NOT NULL,
        PRIMARY KEY (person_no, pool_no, day)) WITHOUT ROWID;
    DELETE FROM temp.new_day;";

const TAKEN: &str = "
    INSERT INTO seat_event (run_no, pool_no, person_no, kind, on_day)
    SELECT :run, n.pool_no, n.person_no,
           iif(EXISTS (SELECT 1 FROM pool_figures f WHERE f.pool_no = n.pool_no), 'taken', 'found'), :day
    FROM temp.now_seat n LEFT JOIN seat o ON o.pool_no = n.pool_no AND o.person_no = n.person_no
    WHERE n.consumes_seat IS NOT 0 AND (o.pool_no IS NULL OR o.consumes_seat IS 0)";

const LEFT: &str = "
    INSERT INTO seat_event (run_no, pool_no, person_no, kind, on_day)
    SELECT :run, o.pool_no, o.person_no, 'left', :day
    FROM seat o LEFT JOIN temp.now_seat n ON n.pool_no = o.pool_no AND n.person_no = o.person_no
    WHERE o.pool_no IN (SELECT pool_no FROM pool WHERE source_no = :source)
      AND o.consumes_seat IS NOT 0 AND (n.pool_no IS NULL OR n.consumes_seat IS 0)";

const SEATS_BEFORE: &str = concat!(
    "INSERT INTO seat_past (pool_no, person_no, from_run, to_run, ",
    seat_columns!(""),
    ", held_from_run, first_seen_on, left_on)
     SELECT o.pool_no, o.person_no, o.from_run, :run, ",
    seat_columns!("o."),
    ", o.held_from_run, o.first_seen_on,
            iif(o.consumes_seat IS NOT 0 AND (n.pool_no IS NULL OR n.consumes_seat IS 0), :day, NULL)
     FROM seat o LEFT JOIN temp.now_seat n ON n.pool_no = o.pool_no AND n.person_no = o.person_no
     WHERE o.pool_no IN (SELECT pool_no FROM pool WHERE source_no = :source)
       AND (n.pool_no IS NULL OR (",
    seat_columns!("o."),
    ") IS NOT (",
    seat_columns!("n."),
    "))"
);

const SEATS_GONE: &str = "
    DELETE FROM seat WHERE pool_no IN (SELECT pool_no FROM pool WHERE source_no = :source)
      AND NOT EXISTS (SELECT 1 FROM temp.now_seat n WHERE n.pool_no = seat.pool_no AND n.person_no = seat.person_no)";

const SEATS_NOW: &str = concat!(
    "UPDATE seat SET (",
    seat_columns!(""),
    ", from_run, held_from_run, first_seen_on) = (",
    seat_columns!("n."),
    ", :run,
       iif(seat.consumes_seat IS 0 AND n.consumes_seat IS NOT 0, :run, seat.held_from_run),
       iif(seat.consumes_seat IS 0 AND n.consumes_seat IS NOT 0, :day, seat.first_seen_on))
     FROM temp.now_seat n
     WHERE n.pool_no = seat.pool_no AND n.person_no = seat.person_no
       AND (",
    seat_columns!("seat."),
    ") IS NOT (",
    seat_columns!("n."),
    ")"
);

const SEATS_NEW: &str = concat!(
    "INSERT INTO seat (pool_no, person_no, held_from_run, first_seen_on, from_run, ",
    seat_columns!(""),
    ")
     SELECT n.pool_no, n.person_no, :run, :day, :run, ",
    seat_columns!("n."),
    "
     FROM temp.now_seat n
     WHERE NOT EXISTS (SELECT 1 FROM seat o WHERE o.pool_no = n.pool_no AND o.person_no = n.person_no)"
);

const FIGURES: &str = "
    INSERT INTO pool_figures (pool_no, run_no, entitled, unlimited, allocated, max_allocated, overage_now, overage_term,
        term_start, term_end, is_trial, auto_renew, as_of, holders, consuming)
    SELECT l.pool_no, :run, s.entitled, s.unlimited, s.allocated, s.max_allocated, s.overage_now, s.overage_term, s.term_start,
        s.term_end, s.is_trial, s.auto_renew, s.as_of,
        (SELECT count(*) FROM seat h WHERE h.pool_no = l.pool_no AND h.consumes_seat IS NOT 0),
        (SELECT count(*) FROM seat h WHERE h.pool_no = l.pool_no AND h.consumes_seat IS 1)
    FROM stage_pool s JOIN pool l ON l.source_no = :source AND l.pool_id = s.pool_id WHERE s.run_no = :run";

/// When each seat ends: with the assignment or with the pool's term, whichever is earlier.
const ENDS: &str = "
    UPDATE seat SET end_on = min(coalesce(seat.ends_on, f.term_end), coalesce(f.term_end, seat.ends_on))
    FROM pool_figures f
    WHERE f.run_no = :run AND f.pool_no = seat.pool_no
      AND seat.end_on IS NOT min(coalesce(seat.ends_on, f.term_end), coalesce(f.term_end, seat.ends_on))";

/// Days later than the latest that is known; an earlier one was entered when it was the latest.
const DAYS_OF_ACCOUNTS: &str = "
    INSERT OR IGNORE INTO temp.new_day
    SELECT p.person_no, 0, s.last_activity_on FROM stage_user s JOIN person p ON p.source_no = :source AND p.user_id = s.user_id
    WHERE s.run_no = :run AND s.last_activity_on > coalesce(p.last_activity_on, '')
    UNION
    SELECT p.person_no, 0, substr(s.last_sign_in_at, 1, 10)
    FROM stage_user s JOIN person p ON p.source_no = :source AND p.user_id = s.user_id
    WHERE s.run_no = :run AND s.last_sign_in_at > coalesce(p.last_sign_in_at, '')";

const DAYS_OF_SEATS: &str = "
    INSERT OR IGNORE INTO temp.new_day
    SELECT n.person_no, n.pool_no, n.last_activity_on FROM temp.now_seat n JOIN seat o USING (pool_no, person_no)
    WHERE n.last_activity_on > coalesce(o.last_activity_on, '')";

const MONTH: &str = "(substr(d.day, 1, 4) * 12 + substr(d.day, 6, 2) - 1)";
const BIT: &str = "(1 << (substr(d.day, 9, 2) - 1))";

const LATEST_OF_ACCOUNTS: &str = "
    UPDATE person SET
      last_activity_on = max(coalesce(person.last_activity_on, s.last_activity_on), coalesce(s.last_activity_on, person.last_activity_on)),
      last_sign_in_at = max(coalesce(person.last_sign_in_at, s.last_sign_in_at), coalesce(s.last_sign_in_at, person.last_sign_in_at))
    FROM stage_user s
    WHERE s.run_no = :run AND person.source_no = :source AND person.user_id = s.user_id
      AND (s.last_activity_on > coalesce(person.last_activity_on, '') OR s.last_sign_in_at > coalesce(person.last_sign_in_at, ''))";

const LATEST_OF_SEATS: &str = "
    UPDATE seat SET last_activity_on = n.last_activity_on FROM temp.now_seat n
    WHERE n.pool_no = seat.pool_no AND n.person_no = seat.person_no AND n.last_activity_on > coalesce(seat.last_activity_on, '')";

impl Snapshot<'_> {
    /// Makes the staged run what holds now.
    ///
    /// # Errors
    /// [`StoreError::Incoherent`] when an assignment names nobody or nothing.
    pub(super) fn publish(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        transaction.execute_batch(NOW_SEAT)?;
        self.execute(transaction, NEW_PEOPLE)?;
        self.execute(transaction, PEOPLE_BEFORE)?;
        self.execute(transaction, PEOPLE_NOW)?;
        self.execute(
            transaction,
            &format!(
                concat!(
                    "INSERT INTO person_past (person_no, from_run, to_run, ",
                    person_columns!(""),
                    ") SELECT p.person_no, p.from_run, :run, ",
                    person_columns!("p."),
                    " FROM person p WHERE {}"
                ),
                NOT_STAGED
            ),
        )?;
        self.execute(transaction, &format!("UPDATE person AS p SET gone_run = :run WHERE {NOT_STAGED}"))?;
        self.execute(transaction, POOLS)?;
        self.execute(transaction, POOLS_GONE)?;
        self.stage_seats(transaction)?;
        self.execute(transaction, TAKEN)?;
        self.execute(transaction, LEFT)?;
        self.execute(transaction, SEATS_BEFORE)?;
        self.execute(transaction, SEATS_GONE)?;
        self.execute(transaction, SEATS_NOW)?;
        self.execute(transaction, SEATS_NEW)?;
        self.execute(transaction, FIGURES)?;
        self.execute(transaction, ENDS)?;
        self.activity(transaction)
    }

    /// Keeps the days of activity that a partial run has read, of people and seats that are known: they are true whatever
    /// else it missed.
    pub(super) fn keep_activity(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        transaction.execute_batch(NOW_SEAT)?;
        self.execute(transaction, SEATS_STAGED)?;
        self.activity(transaction)
    }

    fn stage_seats(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        let found = self.execute(transaction, SEATS_STAGED)?;
        let staged: usize = transaction.query_row(
            "SELECT count(*) FROM stage_seat WHERE run_no = :run",
            named_params! { ":run": self.run_no },
            |row| row.get(0),
        )?;
        if found == staged {
            return Ok(());
        }
        Err(StoreError::Incoherent(format!(
            "{} assignments name a user or a pool that was not delivered",
            staged - found
        )))
    }

    fn activity(self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        self.execute(transaction, DAYS_OF_ACCOUNTS)?;
        self.execute(transaction, DAYS_OF_SEATS)?;
        // A sign-in on a day that was known as one of activity is no new day.
        transaction.execute(
            &format!(
                "DELETE FROM temp.new_day AS d WHERE EXISTS (SELECT 1 FROM activity_month a
                 WHERE a.person_no = d.person_no AND a.pool_no = d.pool_no AND a.month = {MONTH} AND a.days & {BIT} <> 0)"
            ),
            [],
        )?;
        self.execute(
            transaction,
            "INSERT INTO activity_count (source_no, pool_no, day, people)
             SELECT :source, d.pool_no, d.day, count(*) FROM temp.new_day d GROUP BY d.pool_no, d.day
             ON CONFLICT (source_no, pool_no, day) DO UPDATE SET people = people + excluded.people",
        )?;
        transaction.execute(
            &format!(
                "INSERT INTO activity_month (person_no, pool_no, month, days)
                 SELECT d.person_no, d.pool_no, {MONTH}, sum({BIT}) FROM temp.new_day d GROUP BY 1, 2, 3
                 ON CONFLICT (person_no, pool_no, month) DO UPDATE SET days = days | excluded.days"
            ),
            [],
        )?;
        self.execute(transaction, LATEST_OF_ACCOUNTS)?;
        self.execute(transaction, LATEST_OF_SEATS)?;
        transaction.execute_batch("DELETE FROM temp.now_seat; DELETE FROM temp.new_day;")?;
        Ok(())
    }

    /// Runs one statement with those of the run's numbers that it names.
    fn execute(self, transaction: &Transaction<'_>, sql: &str) -> Result<usize, StoreError> {
        let mut statement = transaction.prepare(sql)?;
        let run: &dyn rusqlite::ToSql = &self.run_no;
        let all: [(&str, &dyn rusqlite::ToSql); 4] =
            [(":run", run), (":source", &self.source_no), (":tenant", &self.tenant_no), (":day", &self.day)];
        for (name, value) in all {
            if let Some(place) = statement.parameter_index(name)? {
                statement.raw_bind_parameter(place, value)?;
            }
        }
        Ok(statement.raw_execute()?)
    }
}
