//! Rows with typed columns: what is shown, exported and compared is one thing.
//!
//! Every table that people see implements [`Row`]; the ways out of the broker (terminal, CSV, JSON, Parquet) know rows and
//! nothing of what stands in them.

use serde::Serialize;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no.
    Boolean,
    /// `YYYY-MM-DD`, in UTC.
    Day,
    /// RFC 3339, in UTC.
    Instant,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, `snake_case`; the same in every form.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A value. Every column may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Unknown, or none.
    Null,
    /// Of a column of the kind text, day or instant.
    Text(String),
    /// Of a column of the kind integer.
    Integer(i64),
    /// Of a column of the kind boolean.
    Boolean(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Boolean(flag)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a table.
pub trait Row {
    /// The table's columns, in order.
    const COLUMNS: &'static [Column];

    /// The row's values, one for each column, of its kind or null.
    fn values(&self) -> Vec<Value>;
}

/// Short for a column in a table's list.
#[must_use]
pub const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}
