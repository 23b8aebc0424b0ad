//! *Allocation*: who holds what, from which source, since when and until when.
//!
//! One row for each seat of an approved source that is held: whoever consumes none by the vendor's verdict is not shown, and
//! where there is no verdict, the assignment counts.
//!
//! | column | is |
//! | --- | --- |
//! | `allocation_start` | the day of the assignment; where the source does not tell it, the day of the first snapshot with it, and `start_is_first_seen` |
//! | `allocation_end` | the earlier of the assignment's end and the end of the pool's term; of a stretch that is over, the day of the first snapshot without it, and `obsolete` |
//! | `version` | of the product, as the source tells it now; it has no history |
//!
//! Guarantees: a page follows the one before by the last row's key, not by counting rows, so that rows that come and go
//! neither repeat nor hide others. What cannot be told apart by the sort is ordered by person and pool, and empty values
//! come first. Searches find text as it is written, without regard to case; `%` and `_` are letters as others.
//!
//! Refuses a cursor of another sort, and of a pool that is not there any more.

mod plan;
#[cfg(test)]
mod tests;

use rusqlite::types::Value as Sql;
use serde::{Deserialize, Serialize};
use time::Date;

use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{At, Filter, View};
use plan::Plan;

/// Most rows of one page.
pub const LARGEST_PAGE: u32 = 10_000;

/// What a column is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "named after the columns")]
pub enum Sort {
    #[default]
    User,
    DisplayName,
    Email,
    AllocationStart,
    AllocationEnd,
    Role,
    Server,
    SourceNo,
    Vendor,
    Product,
    Feature,
    Version,
    LicenseType,
    StartIsFirstSeen,
    ConsumesSeat,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::User,
        Self::DisplayName,
        Self::Email,
        Self::AllocationStart,
        Self::AllocationEnd,
        Self::Role,
        Self::Server,
        Self::SourceNo,
        Self::Vendor,
        Self::Product,
        Self::Feature,
        Self::Version,
        Self::LicenseType,
        Self::StartIsFirstSeen,
        Self::ConsumesSeat,
    ];

    /// The column's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::DisplayName => "display_name",
            Self::Email => "email",
            Self::AllocationStart => "allocation_start",
            Self::AllocationEnd => "allocation_end",
            Self::Role => "role",
            Self::Server => "server",
            Self::SourceNo => "source_no",
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Feature => "feature",
            Self::Version => "version",
            Self::LicenseType => "license_type",
            Self::StartIsFirstSeen => "start_is_first_seen",
            Self::ConsumesSeat => "consumes_seat",
        }
    }

    /// The sort by the column of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

/// Days, both ends included; none: open. A row without the day is in no range that has an end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    /// Not before this day.
    pub from: Option<Date>,
    /// Not after this day.
    pub to: Option<Date>,
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Of which sources and pools.
    pub filter: Filter,
    /// A part of the user's name, display name or e-mail address.
    pub user: Option<String>,
    /// When the allocation starts.
    pub start: Days,
    /// When it ends.
    pub end: Days,
    /// Whether stretches that are over are shown, too.
    pub obsolete: bool,
    /// By which column.
    pub sort: Sort,
    /// From the last to the first.
    pub descending: bool,
    /// A moment of the past; none: now.
    pub at: Option<At>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allocated {
    /// The source's name for people.
    pub server: String,
    /// The source's number.
    pub source_no: i64,
    /// Who sells it.
    pub vendor: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The product's version.
    pub version: Option<String>,
    /// `named-user` and the like.
    pub license_type: String,
    /// Login name, or what stands for it.
    pub user: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// `YYYY-MM-DD`.
    pub allocation_start: String,
    /// Whether that is the day of the first snapshot, for want of a better one.
    pub start_is_first_seen: bool,
    /// `YYYY-MM-DD`; none: it is not known to end.
    pub allocation_end: Option<String>,
    /// The vendor's name of the role.
    pub role: Option<String>,
    /// The vendor's verdict: yes, or none.
    pub consumes_seat: Option<bool>,
    /// Whether it is over.
    pub obsolete: bool,
}

impl Row for Allocated {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("source_no", Kind::Integer),
        column("vendor", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("version", Kind::Text),
        column("license_type", Kind::Text),
        column("user", Kind::Text),
        column("display_name", Kind::Text),
        column("email", Kind::Text),
        column("allocation_start", Kind::Day),
        column("start_is_first_seen", Kind::Boolean),
        column("allocation_end", Kind::Day),
        column("role", Kind::Text),
        column("consumes_seat", Kind::Boolean),
        column("obsolete", Kind::Boolean),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.server.as_str().into(),
            self.source_no.into(),
            self.vendor.as_str().into(),
            self.product.as_str().into(),
            self.feature.as_str().into(),
            self.version.clone().into(),
            self.license_type.as_str().into(),
            self.user.as_str().into(),
            self.display_name.clone().into(),
            self.email.clone().into(),
            self.allocation_start.as_str().into(),
            self.start_is_first_seen.into(),
            self.allocation_end.clone().into(),
            self.role.clone().into(),
            self.consumes_seat.into(),
            self.obsolete.into(),
        ]
    }
}

/// Some of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// In the order asked for.
    pub rows: Vec<Allocated>,
    /// Where the next page begins; none: this is the last.
    pub next: Option<String>,
    /// All rows that were asked for, whatever the page.
    pub total: u64,
}

/// The last row of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    sort: Sort,
    descending: bool,
    key: String,
    person_no: i64,
    pool_no: i64,
    from_run: i64,
}

/// Up to `most` rows, after the page that gave `after`.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot; [`StoreError::Invalid`] for a page of none or of more than [`LARGEST_PAGE`]
/// rows, and for a cursor that does not fit.
pub fn page(store: &Store, tenant: &str, query: &Query, most: u32, after: Option<&str>) -> Result<Page, StoreError> {
    if most == 0 || most > LARGEST_PAGE {
        return Err(StoreError::Invalid { what: "the page", why: format!("1 to {LARGEST_PAGE} rows, not {most}") });
    }
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let plan = Plan::of(&view, query)?;
    let cursor = after.map(|text| parse(query, text)).transpose()?;
    let mut rows = Vec::new();
    let mut last = None;
    let mut more = false;
    plan.run(cursor.as_ref(), Some(most.saturating_add(1)), |row, cursor| {
        more = rows.len() >= usize::try_from(most).unwrap_or(usize::MAX);
        if !more {
            rows.push(row);
            last = Some(cursor);
        }
        Ok::<(), StoreError>(())
    })?;
    let next = if more { last.and_then(|cursor| serde_json::to_string(&cursor).ok()) } else { None };
    Ok(Page { rows, next, total: plan.total()? })
}

/// Every row, in the order asked for, one by one. Returns how many.
///
/// # Errors
/// [`StoreError`], and those of `act`, after which no further row is read.
pub fn each<E: From<StoreError>>(
    store: &Store,
    tenant: &str,
    query: &Query,
    mut act: impl FnMut(Allocated) -> Result<(), E>,
) -> Result<u64, E> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let plan = Plan::of(&view, query)?;
    let mut count = 0;
    plan.run(None, None, |row, _| {
        count += 1;
        act(row)
    })?;
    Ok(count)
}

/// How SQLite goes about the first page, as `EXPLAIN QUERY PLAN` tells it: one step a line.
///
/// # Errors
/// [`StoreError`].
pub fn explain(store: &Store, tenant: &str, query: &Query) -> Result<Vec<String>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    Plan::of(&view, query)?.explain()
}

fn parse(query: &Query, text: &str) -> Result<Cursor, StoreError> {
    let cursor: Option<Cursor> = serde_json::from_str(text).ok();
    cursor.filter(|cursor| (cursor.sort, cursor.descending) == (query.sort, query.descending)).ok_or_else(|| {
        StoreError::Invalid { what: "the cursor", why: "it is not of a page in this order; begin again".to_owned() }
    })
}

fn text(day: Option<Date>) -> Sql {
    day.map_or(Sql::Null, |day| Sql::Text(crate::calendar::day_text(day)))
}
