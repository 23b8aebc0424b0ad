//! Comma-separated values, for people with a spreadsheet.

use std::borrow::Cow;
use std::io::Write;

use super::ExportError;
use crate::table::{Column, Value};

/// A CSV file under way.
#[derive(Debug)]
pub(super) struct Csv<W: Write> {
    out: ::csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(columns: &[Column], out: W) -> Result<Self, ExportError> {
        let mut out = ::csv::Writer::from_writer(out);
        out.write_record(columns.iter().map(|column| column.name)).map_err(failed)?;
        Ok(Self { out })
    }

    pub(super) fn row(&mut self, values: &[Value]) -> Result<(), ExportError> {
        for value in values {
            match value {
                Value::Null => self.out.write_field(""),
                Value::Text(text) => self.out.write_field(defused(text).as_bytes()),
                Value::Integer(number) => self.out.write_field(number.to_string()),
                Value::Boolean(flag) => self.out.write_field(if *flag { "true" } else { "false" }),
            }
            .map_err(failed)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(failed)
    }

    pub(super) fn finish(self) -> Result<W, ExportError> {
        self.out.into_inner().map_err(|error| ExportError::Write(error.into_error()))
    }
}

/// What the file says stays what it is: a reader that has gone is no mistake.
fn failed(error: ::csv::Error) -> ExportError {
    ExportError::Write(match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        kind => std::io::Error::other(format!("{kind:?}")),
    })
}

/// The text as a cell that no spreadsheet takes for a formula: with an apostrophe in front, if one would.
///
/// | the text begins with | because |
/// | --- | --- |
/// | `=` `+` `-` `@`, or one of them in full width | a formula begins so; Japanese editions read the wide ones as such |
/// | TAB, CR or LF, after any apostrophes | what follows may land in a cell of its own |
/// | white space, invisible characters or quotes before one of these | they are dropped before the cell is read |
///
/// No two texts become the same: to read it back, drop one apostrophe where what follows would have got one. A day, which
/// begins with a digit, is never touched.
#[must_use]
pub fn defused(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn is_formula(text: &str) -> bool {
    if text.trim_start_matches('\'').starts_with(['\t', '\r', '\n']) {
        return true;
    }
    let dropped = |symbol: char| {
        symbol.is_whitespace()
            || symbol.is_control()
            || matches!(symbol, '"' | '\'' | '`' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}')
            || matches!(symbol, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{2018}'..='\u{201f}')
    };
    text.trim_start_matches(dropped)
        .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{2212}'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::{defused, is_formula};

    #[test]
    fn formulas_are_defused_and_nothing_else() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            " =1",
            "\u{a0}=1",
            "\"=1",
            "'=1",
            " \" '=1",
            "\u{feff}@a",
            "\u{200b}-2",
            "＝1",
            "＋1",
            "－1",
            "＠a",
            "=",
            "−1",
            "\u{0}=1",
            "\u{202e}=1",
            "'\r",
            "''\ta",
        ] {
            assert_eq!(defused(text), format!("'{text}"), "{text:?}");
        }
        for text in [
            "",
            "a=1",
            "anna",
            "1-1",
            "2026-03-01",
            "2026-03-01T12:00:00Z",
            "'anna'",
            "\"quoted\"",
            "ü",
            " a",
            "a@b.c",
            "#=1",
        ] {
            assert_eq!(defused(text), text, "{text:?}");
        }
    }

    /// Texts of what matters and what does not.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof!["[=+@\t\r\n \"'`,;a-]{0,6}", any::<String>(),]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_cell_begins_as_a_formula_and_none_is_lost(text in texts()) {
            let cell = defused(&text);
            if is_formula(&text) {
                prop_assert_eq!(cell.strip_prefix('\''), Some(text.as_str()));
            } else {
                prop_assert_eq!(cell.as_ref(), text.as_str());
            }
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            let back = cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(&cell);
            prop_assert_eq!(back, text.as_str());
        }

        #[test]
        fn what_is_written_is_read_back(rows in proptest::collection::vec((texts(), texts(), any::<i64>()), 0..6)) {
            use crate::table::{Column, Kind, Value, column};
            const COLUMNS: &[Column] =
                &[column("one", Kind::Text), column("two", Kind::Text), column("number", Kind::Integer)];
            let mut out = super::Csv::new(COLUMNS, Vec::new()).unwrap();
            for (one, two, number) in &rows {
                out.row(&[one.as_str().into(), two.as_str().into(), Value::Integer(*number)]).unwrap();
            }
            let bytes = out.finish().unwrap();
            let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
            let read: Vec<(String, String, i64)> = reader.deserialize().collect::<Result<_, _>>().unwrap();
            let expected: Vec<_> =
                rows.iter().map(|(one, two, number)| (defused(one).into_owned(), defused(two).into_owned(), *number)).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
