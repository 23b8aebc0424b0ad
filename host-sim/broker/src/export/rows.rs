//! JSON: every value as it is.

use std::io::{self, Write};

use super::ExportError;
use crate::table::{Column, Value};

/// JSON objects under way.
#[derive(Debug)]
pub(super) struct Rows<W: Write> {
    out: W,
    array: bool,
    first: bool,
}

impl<W: Write> Rows<W> {
    /// One array of objects.
    pub(super) fn array(mut out: W) -> Result<Self, ExportError> {
        out.write_all(b"[")?;
        Ok(Self { out, array: true, first: true })
    }

    /// One object a line.
    pub(super) fn lines(out: W) -> Self {
        Self { out, array: false, first: true }
    }

    pub(super) fn row(&mut self, columns: &[Column], values: &[Value]) -> Result<(), ExportError> {
        if self.array {
            self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
        }
        self.first = false;
        // Not a map of serde_json, which would sort the keys.
        let mut before = b"{";
        for (column, value) in columns.iter().zip(values) {
            self.out.write_all(before)?;
            before = b",";
            serde_json::to_writer(&mut self.out, column.name).map_err(io::Error::from)?;
            self.out.write_all(b":")?;
            serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        }
        self.out.write_all(if self.array { b"}" } else { b"}\n" })?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, ExportError> {
        if self.array {
            self.out.write_all(if self.first { b"]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}
