//! Stored tables, row by row: what there is, and what happened.
//!
//! | table | one row is | `at` |
//! | --- | --- | --- |
//! | `pools` | a pool with its figures | yes |
//! | `people` | an account | yes |
//! | `runs` | a run | |
//! | `events` | a seat found, taken or left | |
//! | `alerts` | an alert, open or cleared | |
//! | `audit` | what somebody did | |
//!
//! Everything of one export is of one moment of the store. Of a source is shown its newest snapshot, or with `at` the newest
//! of that day, or of that run, or before; a source that has none then is not shown. Names of sources and pools have no
//! history: they are those of now.
//!
//! Refuses sources that are not approved, and `at` where there are no snapshots.

mod log;
mod people;
mod pools;

use std::io::Write;

use rusqlite::Connection;

pub use self::log::{AlertRow, AuditRow, EventRow, RunRow};
pub use self::people::PersonRow;
pub use self::pools::PoolRow;
use super::{ExportError, Format, Writer};
use crate::store::{Store, StoreError, sources, tenants};
use crate::table::{Column, Row};
pub use crate::view::At;
use crate::view::{Filter, View};

/// What of a table is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Whose rows.
    pub tenant: &'a str,
    /// Of one source; none: of all.
    pub source_no: Option<i64>,
    /// None: now.
    pub at: Option<At>,
}

/// A stored table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// [`PoolRow`].
    Pools,
    /// [`PersonRow`].
    People,
    /// [`RunRow`].
    Runs,
    /// [`EventRow`].
    Events,
    /// [`AlertRow`].
    Alerts,
    /// [`AuditRow`].
    Audit,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Pools, Self::People, Self::Runs, Self::Events, Self::Alerts, Self::Audit];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pools => "pools",
            Self::People => "people",
            Self::Runs => "runs",
            Self::Events => "events",
            Self::Alerts => "alerts",
            Self::Audit => "audit",
        }
    }

    /// The table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Its columns, in order.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Pools => PoolRow::COLUMNS,
            Self::People => PersonRow::COLUMNS,
            Self::Runs => RunRow::COLUMNS,
            Self::Events => EventRow::COLUMNS,
            Self::Alerts => AlertRow::COLUMNS,
            Self::Audit => AuditRow::COLUMNS,
        }
    }

    /// Writes the table in one go.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export<W: Write + Send>(
        self,
        store: &Store,
        query: &Query<'_>,
        format: Format,
        out: W,
    ) -> Result<W, ExportError> {
        match self {
            Self::Pools => write::<PoolRow, W>(store, query, format, out),
            Self::People => write::<PersonRow, W>(store, query, format, out),
            Self::Runs => write::<RunRow, W>(store, query, format, out),
            Self::Events => write::<EventRow, W>(store, query, format, out),
            Self::Alerts => write::<AlertRow, W>(store, query, format, out),
            Self::Audit => write::<AuditRow, W>(store, query, format, out),
        }
    }
}

fn write<R: Stored, W: Write + Send>(
    store: &Store,
    query: &Query<'_>,
    format: Format,
    out: W,
) -> Result<W, ExportError> {
    let mut writer = Writer::of::<R>(format, out)?;
    R::each(store, query, |row| writer.row(&row))?;
    writer.finish()
}

/// A row of the store.
pub trait Stored: Row + Sized {
    /// Hands over the rows one by one.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant, source or snapshot; [`StoreError::Invalid`] for `at` where there are no snapshots; what
    /// `each` says.
    fn each(
        store: &Store,
        query: &Query<'_>,
        each: impl FnMut(Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError>;
}

/// A row whose columns are those of the query that reads it, in the same order: see [`prepared`].
macro_rules! stored_row {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty => $kind:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl crate::table::Row for $name {
            const COLUMNS: &'static [crate::table::Column] =
                &[$(crate::table::column(stringify!($field), crate::table::Kind::$kind),)*];

            fn values(&self) -> Vec<crate::table::Value> {
                vec![$(self.$field.clone().into(),)*]
            }
        }

        impl $name {
            fn of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                // By place: looking a million rows up by name takes seconds.
                let mut places = 0..;
                $(let $field = row.get(places.next().unwrap_or(usize::MAX))?;)*
                Ok(Self { $($field,)* })
            }
        }
    };
}
use stored_row;

/// The query of a table, if its columns are the table's.
fn prepared<'a, R: Row>(reader: &'a Connection, sql: &str) -> Result<rusqlite::Statement<'a>, StoreError> {
    let statement = reader.prepare(sql)?;
    if statement.column_names().into_iter().eq(R::COLUMNS.iter().map(|column| column.name)) {
        return Ok(statement);
    }
    Err(StoreError::Incoherent("a table's query has other columns than the table".to_owned()))
}

/// What was held at the moment that is asked for.
fn view(store: &Store, query: &Query<'_>) -> Result<View, StoreError> {
    let view = View::of(store, query.tenant, query.at, &Filter { source_no: query.source_no, ..Filter::default() })?;
    if let Some(source_no) = query.source_no {
        sources::by_no(&view.reader, query.tenant, source_no)?;
    }
    Ok(view)
}

/// A reader for a table that has no snapshots.
fn now(store: &Store, table: Table, query: &Query<'_>) -> Result<Connection, StoreError> {
    if query.at.is_some() {
        let why = format!("the table {} has no snapshots", table.name());
        return Err(StoreError::Invalid { what: "at", why });
    }
    let reader = store.reader()?;
    tenants::by_name(&reader, query.tenant)?;
    if let Some(source_no) = query.source_no {
        sources::by_no(&reader, query.tenant, source_no)?;
    }
    Ok(reader)
}

#[cfg(test)]
mod tests;
