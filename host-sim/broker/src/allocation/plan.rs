//! How a query is put to SQLite.
//!
//! | asked for | read |
//! | --- | --- |
//! | a page of what is held now | an index in the order of the sort for each pool or source, all at once, until the page is full |
//! | the same, where a filter leaves few rows | what the filter leaves, then sorted |
//! | stretches that are over, or the past | all rows of the pools, then sorted |
//!
//! Pools are few, so that their columns are sorted here and SQLite gets their ranks. What a person is sorted by stands with the
//! source: where few of a large source hold what a filter names, and all of them come late in the order, those before them are
//! gone through.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, params};

use super::{Allocated, Cursor, Days, Query, Sort, text};
use crate::store::StoreError;
use crate::view::{PoolAt, View};

/// Below this many rows, sorting is quicker than going along an index until a page is full.
const FEW: i64 = 10_000;

/// What is gone through first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    /// The index of the sort, of each pool or source.
    Order,
    /// The pools, and their seats in the order of people.
    Pools,
    /// People who were found.
    Found,
    /// Seats by their start.
    Start,
    /// Seats by their end.
    End,
    /// What is over, or was.
    Past,
}

/// How rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// By text of the person, with its index.
    Person(&'static str, &'static str),
    /// By text of the seat, with its index.
    Seat(&'static str, &'static str),
    /// By the rank of the pool, or of the pool and of what this says, with its index.
    Rank(Option<(&'static str, &'static str)>),
}

impl Key {
    fn of(sort: Sort) -> Self {
        match sort {
            Sort::User => Self::Person("p.username", "person_by_name"),
            Sort::DisplayName => Self::Person("coalesce(p.display_name, '')", "person_by_display_name"),
            Sort::Email => Self::Person("coalesce(p.email, '')", "person_by_email"),
            Sort::AllocationStart => Self::Seat("s.start_on", "seat_by_start"),
            Sort::AllocationEnd => Self::Seat("coalesce(s.end_on, '')", "seat_by_end"),
            Sort::Role => Self::Seat("coalesce(s.role, '')", "seat_by_role"),
            Sort::StartIsFirstSeen => Self::Rank(Some(("(s.assigned_on IS NULL)", "seat_by_first_seen"))),
            Sort::ConsumesSeat => Self::Rank(Some(("(s.consumes_seat IS 1)", "seat_by_verdict"))),
            Sort::Server
            | Sort::SourceNo
            | Sort::Vendor
            | Sort::Product
            | Sort::Feature
            | Sort::Version
            | Sort::LicenseType => Self::Rank(None),
        }
    }
}

/// The next row of a walk; the first in the order is the greatest.
struct Head {
    row: Allocated,
    cursor: Cursor,
    walk: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |head: &Self| (head.cursor.person_no, head.cursor.pool_no, head.cursor.from_run);
        // Text is compared by its bytes, as SQLite does.
        let order = self.cursor.key.cmp(&other.cursor.key).then_with(|| key(self).cmp(&key(other)));
        if self.cursor.descending { order } else { order.reverse() }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// A query, as it is put.
pub(super) struct Plan<'a> {
    view: &'a View,
    query: &'a Query,
    key: Key,
    driver: Driver,
    /// Rank, pool and flag.
    ranks: Vec<(i64, i64, Option<bool>)>,
    holders: i64,
}

impl<'a> Plan<'a> {
    pub(super) fn of(view: &'a View, query: &'a Query) -> Result<Self, StoreError> {
        let key = Key::of(query.sort);
        let holders = view.present().map(|(_, figures)| figures.holders).sum();
        let mut plan = Self { view, query, key, driver: Driver::Order, ranks: ranks(&view.pools, query), holders };
        plan.choose()?;
        plan.driver = if query.obsolete || view.historic { Driver::Past } else { plan.quickest()? };
        Ok(plan)
    }

    /// Rows in order, at most `most`, after the cursor.
    pub(super) fn run<E: From<StoreError>>(
        &self,
        after: Option<&Cursor>,
        most: Option<u32>,
        mut act: impl FnMut(Allocated, Cursor) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = self.sql(after.is_some(), self.driver);
        let mut statements = Vec::new();
        for walk in self.walks() {
            let mut statement = self.view.reader.prepare(&sql).map_err(StoreError::from)?;
            self.bind(&mut statement, walk, after, most)?;
            statements.push(statement);
        }
        let mut walks: Vec<_> = statements.iter_mut().map(rusqlite::Statement::raw_query).collect();
        let mut heads = BinaryHeap::with_capacity(walks.len());
        for (walk, rows) in walks.iter_mut().enumerate() {
            heads.extend(self.head(walk, rows)?);
        }
        let mut left = most.unwrap_or(u32::MAX);
        while left > 0
            && let Some(Head { row, cursor, walk }) = heads.pop()
        {
            act(row, cursor)?;
            if most.is_some() {
                left -= 1;
            }
            if let Some(rows) = walks.get_mut(walk) {
                heads.extend(self.head(walk, rows)?);
            }
        }
        Ok(())
    }

    /// The pools or sources that are gone through side by side; one of no meaning, where all is in one.
    fn walks(&self) -> Vec<i64> {
        let pools = self.view.pools.iter();
        match (self.driver, self.key) {
            (Driver::Order, Key::Person(..)) => {
                pools.map(|pool| pool.source_no).collect::<BTreeSet<_>>().into_iter().collect()
            }
            (Driver::Order, Key::Seat(..)) => pools.map(|pool| pool.pool_no).collect(),
            _ => vec![0],
        }
    }

    fn head(&self, walk: usize, rows: &mut rusqlite::Rows<'_>) -> Result<Option<Head>, StoreError> {
        while let Some(row) = rows.next()? {
            if let Some((row, cursor)) = self.row(row)? {
                return Ok(Some(Head { row, cursor, walk }));
            }
        }
        Ok(None)
    }

    /// How many rows there are on all pages.
    pub(super) fn total(&self) -> Result<u64, StoreError> {
        let total: i64 = if self.driver != Driver::Past && !self.narrowed() {
            self.holders
        } else {
            let driver = match self.driver {
                Driver::Order if self.query.user.is_some() => Driver::Found,
                Driver::Order => Driver::Pools,
                driver => driver,
            };
            let sql = format!("SELECT count(*) FROM {}", self.tail(driver));
            let mut statement = self.view.reader.prepare(&sql)?;
            self.bind(&mut statement, 0, None, None)?;
            let mut rows = statement.raw_query();
            rows.next()?.map_or(Ok(0), |row| row.get(0))?
        };
        Ok(u64::try_from(total).unwrap_or(0))
    }

    pub(super) fn explain(&self) -> Result<Vec<String>, StoreError> {
        let sql = format!("EXPLAIN QUERY PLAN {}", self.sql(false, self.driver));
        let mut statement = self.view.reader.prepare(&sql)?;
        self.bind(&mut statement, 0, None, Some(100))?;
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get(3)?);
        }
        Ok(steps)
    }

    /// Whether rows are left out by what stands in them, not in their pools.
    fn narrowed(&self) -> bool {
        self.query.user.is_some() || self.query.start != Days::default() || self.query.end != Days::default()
    }

    /// Writes down which pools were asked for, and who was found.
    fn choose(&self) -> Result<(), StoreError> {
        let reader = &self.view.reader;
        reader.execute_batch(
            "CREATE TEMP TABLE chosen (rank INTEGER PRIMARY KEY, pool_no INTEGER NOT NULL, flag INTEGER, run_no INTEGER NOT NULL,
                 term_end TEXT);
             CREATE INDEX temp.chosen_by_pool ON chosen (pool_no, flag);
             CREATE TEMP TABLE found (person_no INTEGER PRIMARY KEY);",
        )?;
        let mut insert = reader.prepare("INSERT INTO temp.chosen VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for (rank, pool_no, flag) in &self.ranks {
            if let Some(pool) = self.view.pool(*pool_no) {
                let term_end = pool.figures.as_ref().and_then(|figures| figures.term_end.as_deref());
                insert.execute(params![rank, pool_no, flag, pool.run_no, term_end])?;
            }
        }
        if let Some(wanted) = &self.query.user {
            search(reader, wanted)?;
        }
        Ok(())
    }

    fn quickest(&self) -> Result<Driver, StoreError> {
        let mut ways = vec![(self.holders, Driver::Pools)];
        if self.query.user.is_some() {
            ways.push((self.find()?, Driver::Found));
        }
        for (days, driver, key, index) in [
            (self.query.start, Driver::Start, "s.start_on", "seat_by_start"),
            (self.query.end, Driver::End, "coalesce(s.end_on, '')", "seat_by_end"),
        ] {
            if days != Days::default() {
                let few: i64 = self.view.reader.query_row(
                    &format!(
                        "SELECT count(*) FROM (SELECT 1 FROM temp.chosen c CROSS JOIN seat s INDEXED BY {index} ON s.pool_no = c.pool_no
                         WHERE c.flag IS NOT 1 AND s.consumes_seat IS NOT 0
                           AND {key} >= coalesce(?1, '0') AND {key} <= coalesce(?2, '9999-12-31')
                         LIMIT {})",
                        FEW + 1
                    ),
                    params![text(days.from), text(days.to)],
                    |row| row.get(0),
                )?;
                ways.push((few, driver));
            }
        }
        let fewest = ways.into_iter().min_by_key(|(rows, _)| *rows);
        Ok(match fewest {
            Some((rows, driver)) if rows <= FEW => driver,
            _ => Driver::Order,
        })
    }

    /// Writes down who is found. Returns how many.
    fn find(&self) -> Result<i64, StoreError> {
        let mut found = 0;
        for source in &self.view.sources {
            let people = self.view.reader.execute(
                "INSERT INTO temp.found SELECT p.person_no FROM person p
                 WHERE p.source_no = ?1 AND finds(p.username, p.display_name, p.email)",
                [source.source_no],
            )?;
            found += i64::try_from(people).unwrap_or(i64::MAX);
        }
        Ok(found)
    }

    fn sql(&self, after: bool, driver: Driver) -> String {
        let name = |column: &str| self.as_it_was(column);
        let direction = if self.query.descending { "DESC" } else { "ASC" };
        let past = driver == Driver::Past;
        let stretch = if past { "s.from_run" } else { "0" };
        let way = if self.query.descending { '<' } else { '>' };
        let person = if matches!(self.key, Key::Person(..)) { "p.person_no" } else { "s.person_no" };
        // Of the index that is in order.
        let pool =
            if driver == Driver::Order && matches!(self.key, Key::Person(..)) { "o.pool_no" } else { "s.pool_no" };
        let (seek, order) = match self.key {
            Key::Rank(_) => (
                format!(
                    "c.rank >= :rank AND s.person_no >= iif(c.rank = :rank, :person, 0)
                     AND (c.rank, s.person_no, {stretch}) > (:rank, :person, :run)"
                ),
                format!("c.rank, s.person_no{}", if past { ", s.from_run" } else { "" }),
            ),
            Key::Person(..) | Key::Seat(..) => {
                let key = self.text_key();
                (
                    format!(
                        "({key}, {person}) {way}= (:key, :person) AND ({key}, {person}, {pool}, {stretch}) {way} (:key, :person, :pool, :run)"
                    ),
                    format!(
                        "{key} {direction}, {person} {direction}, {pool} {direction}{}",
                        if past { format!(", s.from_run {direction}") } else { String::new() }
                    ),
                )
            }
        };
        format!(
            "SELECT s.pool_no, s.person_no, {stretch}, {}, {}, {}, s.start_on, s.assigned_on IS NULL, s.end_on, s.role,
                    s.consumes_seat, {}
             FROM {}{} ORDER BY {order} LIMIT coalesce(:most, -1)",
            name("username"),
            name("display_name"),
            name("email"),
            if past { "s.left_on IS NOT NULL" } else { "0" },
            self.tail(driver),
            if after { format!(" AND {seek}") } else { String::new() },
        )
    }

    /// What a person was called then.
    fn as_it_was(&self, column: &str) -> String {
        if self.view.historic {
            format!("iif(q.person_no IS NULL, p.{column}, q.{column})")
        } else {
            format!("p.{column}")
        }
    }

    fn text_key(&self) -> String {
        match (self.query.sort, self.key) {
            (Sort::User, _) => self.as_it_was("username"),
            (Sort::DisplayName, _) => format!("coalesce({}, '')", self.as_it_was("display_name")),
            (Sort::Email, _) => format!("coalesce({}, '')", self.as_it_was("email")),
            (_, Key::Person(key, _) | Key::Seat(key, _)) => key.to_owned(),
            (_, Key::Rank(_)) => String::new(),
        }
    }

    /// From where, joined and filtered.
    fn tail(&self, driver: Driver) -> String {
        const CHOSEN: &str = "CROSS JOIN temp.chosen c ON c.pool_no = s.pool_no";
        const PERSON: &str = "CROSS JOIN person p ON p.person_no = s.person_no";
        let along = |index| {
            format!("temp.chosen c CROSS JOIN seat s INDEXED BY {index} ON s.pool_no = c.pool_no {PERSON} WHERE 1")
        };
        let mut tail = match (driver, self.key) {
            // Whoever holds none of the pools costs a look into an index, and no row.
            (Driver::Order, Key::Person(_, index)) => format!(
                "person p INDEXED BY {index} CROSS JOIN seat o INDEXED BY seat_of_person ON o.person_no = p.person_no
                 CROSS JOIN temp.chosen c ON c.pool_no = o.pool_no
                 CROSS JOIN seat s ON s.pool_no = o.pool_no AND s.person_no = o.person_no WHERE p.source_no = :walk"
            ),
            (Driver::Order, Key::Seat(_, index)) => {
                format!("seat s INDEXED BY {index} {CHOSEN} {PERSON} WHERE s.pool_no = :walk")
            }
            (Driver::Order | Driver::Pools, Key::Rank(Some((_, index)))) => along(index),
            (Driver::Order, Key::Rank(None)) | (Driver::Pools, _) => {
                format!("temp.chosen c CROSS JOIN seat s ON s.pool_no = c.pool_no {PERSON} WHERE 1")
            }
            (Driver::Found, _) => {
                format!("temp.found f CROSS JOIN seat s ON s.person_no = f.person_no {CHOSEN} {PERSON} WHERE 1")
            }
            (Driver::Start, _) => along("seat_by_start"),
            (Driver::End, _) => along("seat_by_end"),
            (Driver::Past, _) => self.past(),
        };
        tail.push_str(" AND s.consumes_seat IS NOT 0");
        if let Key::Rank(Some((flag, _))) = self.key {
            // With the plus, for an index of what is computed is not looked up by a column that converts.
            tail.push_str(&format!(" AND {flag} = +c.flag"));
        }
        if self.query.user.is_some() && driver != Driver::Found {
            let [name, display, email] = ["username", "display_name", "email"].map(|column| self.as_it_was(column));
            tail.push_str(&format!(" AND finds({name}, {display}, {email})"));
        }
        for (days, key, from, to) in [
            (self.query.start, "s.start_on", ":start_from", ":start_to"),
            (self.query.end, "coalesce(s.end_on, '')", ":end_from", ":end_to"),
        ] {
            if days != Days::default() {
                tail.push_str(&format!(
                    " AND {key} >= coalesce({from}, '0') AND {key} <= coalesce({to}, '9999-12-31')"
                ));
            }
        }
        tail
    }

    fn past(&self) -> String {
        const COLUMNS: &str = "s.pool_no, s.person_no, s.from_run, s.consumes_seat, s.role, s.assigned_on, coalesce(s.assigned_on, s.first_seen_on) AS start_on";
        const ENDS: &str =
            "min(coalesce(s.ends_on, c.term_end), coalesce(c.term_end, s.ends_on)) AS end_on, NULL AS left_on";
        // With a flag, a pool is chosen twice.
        const OF: &str = "FROM (SELECT DISTINCT pool_no, run_no, term_end FROM temp.chosen) c CROSS JOIN";
        let over = if self.query.obsolete {
            format!(
                " UNION ALL SELECT {COLUMNS}, s.left_on AS end_on, s.left_on {OF} seat_past s ON s.pool_no = c.pool_no
                  WHERE s.left_on IS NOT NULL AND s.to_run <= c.run_no"
            )
        } else {
            String::new()
        };
        let person_past = if self.view.historic {
            "LEFT JOIN person_past q ON q.person_no = s.person_no AND q.from_run <= c.run_no AND q.to_run > c.run_no"
        } else {
            ""
        };
        format!(
            "(SELECT {COLUMNS}, {ENDS} {OF} seat s ON s.pool_no = c.pool_no WHERE s.from_run <= c.run_no
              UNION ALL
              SELECT {COLUMNS}, {ENDS} {OF} seat_past s ON s.pool_no = c.pool_no
              WHERE s.from_run <= c.run_no AND s.to_run > c.run_no{over}) s
             CROSS JOIN temp.chosen c ON c.pool_no = s.pool_no CROSS JOIN person p ON p.person_no = s.person_no {person_past}
             WHERE 1"
        )
    }

    fn bind(
        &self,
        statement: &mut rusqlite::Statement<'_>,
        walk: i64,
        after: Option<&Cursor>,
        most: Option<u32>,
    ) -> Result<(), StoreError> {
        let mut values = vec![
            (":walk", Sql::Integer(walk)),
            (":most", most.map_or(Sql::Null, |most| Sql::Integer(most.into()))),
            (":start_from", text(self.query.start.from)),
            (":start_to", text(self.query.start.to)),
            (":end_from", text(self.query.end.from)),
            (":end_to", text(self.query.end.to)),
        ];
        if let Some(cursor) = after {
            values.extend([
                (":key", Sql::Text(cursor.key.clone())),
                (":person", Sql::Integer(cursor.person_no)),
                (":pool", Sql::Integer(cursor.pool_no)),
                (":run", Sql::Integer(cursor.from_run)),
            ]);
            if let Key::Rank(_) = self.key {
                let flag = cursor.key.parse().ok();
                let rank = self.ranks.iter().find(|(_, pool, is)| (*pool, *is) == (cursor.pool_no, flag)).ok_or_else(
                    || StoreError::Invalid {
                        what: "the cursor",
                        why: "its pool is not there any more; begin again".to_owned(),
                    },
                )?;
                values.push((":rank", Sql::Integer(rank.0)));
            }
        }
        for (name, value) in values {
            if let Some(place) = statement.parameter_index(name)? {
                statement.raw_bind_parameter(place, value)?;
            }
        }
        Ok(())
    }

    fn row(&self, row: &rusqlite::Row<'_>) -> Result<Option<(Allocated, Cursor)>, StoreError> {
        let pool_no = row.get(0)?;
        let Some(pool) = self.view.pool(pool_no) else { return Ok(None) };
        let allocated = Allocated {
            server: pool.server.clone(),
            source_no: pool.source_no,
            vendor: pool.vendor.clone(),
            product: pool.product.clone(),
            feature: pool.feature.clone(),
            version: pool.version.clone(),
            license_type: pool.license_type.clone(),
            user: row.get(3)?,
            display_name: row.get(4)?,
            email: row.get(5)?,
            allocation_start: row.get(6)?,
            start_is_first_seen: row.get(7)?,
            allocation_end: row.get(8)?,
            role: row.get(9)?,
            consumes_seat: row.get(10)?,
            obsolete: row.get(11)?,
        };
        let key = match self.query.sort {
            Sort::User => allocated.user.clone(),
            Sort::DisplayName => allocated.display_name.clone().unwrap_or_default(),
            Sort::Email => allocated.email.clone().unwrap_or_default(),
            Sort::AllocationStart => allocated.allocation_start.clone(),
            Sort::AllocationEnd => allocated.allocation_end.clone().unwrap_or_default(),
            Sort::Role => allocated.role.clone().unwrap_or_default(),
            Sort::StartIsFirstSeen => allocated.start_is_first_seen.to_string(),
            Sort::ConsumesSeat => (allocated.consumes_seat == Some(true)).to_string(),
            _ => String::new(),
        };
        let cursor = Cursor {
            sort: self.query.sort,
            descending: self.query.descending,
            key,
            person_no: row.get(1)?,
            pool_no,
            from_run: row.get(2)?,
        };
        Ok(Some((allocated, cursor)))
    }
}

/// The pools in the order of the sort; twice, where it is by a flag of the seat.
fn ranks(pools: &[PoolAt], query: &Query) -> Vec<(i64, i64, Option<bool>)> {
    let key = |pool: &PoolAt| match query.sort {
        Sort::Server => pool.server.clone(),
        Sort::Vendor => pool.vendor.clone(),
        Sort::Product => pool.product.clone(),
        Sort::Feature => pool.feature.clone(),
        Sort::Version => pool.version.clone().unwrap_or_default(),
        Sort::LicenseType => pool.license_type.clone(),
        Sort::SourceNo => format!("{:020}", pool.source_no),
        _ => String::new(),
    };
    let flags: &[Option<bool>] = match Key::of(query.sort) {
        Key::Rank(Some(_)) => &[Some(false), Some(true)],
        _ => &[None],
    };
    let mut order: Vec<_> =
        flags.iter().flat_map(|flag| pools.iter().map(move |pool| ((*flag, key(pool)), pool.pool_no))).collect();
    order.sort_by(|(a, a_no), (b, b_no)| {
        let by_key = if query.descending { b.cmp(a) } else { a.cmp(b) };
        by_key.then(a_no.cmp(b_no))
    });
    (0..).zip(order).map(|(rank, ((flag, _), pool_no))| (rank, pool_no, flag)).collect()
}

/// Gives the connection `finds(text, …)`: whether one of the texts has the wanted one in it, without regard to case.
fn search(connection: &Connection, wanted: &str) -> Result<(), StoreError> {
    let wanted = wanted.to_lowercase();
    connection.create_scalar_function(
        "finds",
        -1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        move |context| {
            Ok((0..context.len()).any(|place| match context.get_raw(place) {
                ValueRef::Text(bytes) => has(bytes, &wanted),
                _ => false,
            }))
        },
    )?;
    Ok(())
}

/// Whether the text has `wanted`, which is in lower case, in it.
fn has(text: &[u8], wanted: &str) -> bool {
    let Some(first) = wanted.as_bytes().first() else { return true };
    if text.is_ascii() {
        return text.windows(wanted.len()).any(|part| {
            part.first().is_some_and(|byte| byte.to_ascii_lowercase() == *first)
                && part.eq_ignore_ascii_case(wanted.as_bytes())
        });
    }
    String::from_utf8_lossy(text).to_lowercase().contains(wanted)
}
