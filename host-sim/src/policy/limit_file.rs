//! Limits of one tenant, from a file in TOML: what differs from the defaults, and nothing else.
//!
//! ```toml
//! # In the unit that `host-sim limits` prints.
//! memory_bytes = 33554432
//! cpu = 5000
//! requests = { value = 500, mode = "warn" }
//! batch_entries = { mode = "warn" }
//! ```
//!
//! Refuses what it does not know: a name that is no limit, a number beyond the limit's range, a mode that is none, `warn` where the limit must hold. A
//! mistake in a file that is meant to protect is not passed over.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::limits::{LimitError, Limits, Mode};

/// Longest file that is read, bytes.
const LONGEST: u64 = 64 * 1024;

/// Why a file gives no limits.
#[derive(Debug, thiserror::Error)]
#[error("the limits file {}: {fault}", path.display())]
pub struct LimitFileError {
    path: PathBuf,
    fault: Fault,
}

/// What is wrong with a text of limits.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is longer than any list of limits.
    #[error("it has more than {LONGEST} bytes")]
    TooLong,
    /// It is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A limit cannot be what it says.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A value is of another form.
    #[error("{name} must be {expected}")]
    Form {
        /// Where.
        name: String,
        /// What would do.
        expected: &'static str,
    },
}

/// The defaults with what `path` says in their place.
///
/// # Errors
/// [`LimitFileError`], which names the file and what is wrong.
pub fn read(path: &Path) -> Result<Limits, LimitFileError> {
    let fail = |fault| LimitFileError { path: path.to_owned(), fault };
    let text = text(path).map_err(fail)?;
    parse(&text).map_err(fail)
}

fn text(path: &Path) -> Result<String, Fault> {
    use std::io::Read as _;

    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= LONGEST) { Ok(text) } else { Err(Fault::TooLong) }
}

/// The defaults with what `text` says in their place.
///
/// # Errors
/// [`Fault`].
pub fn parse(text: &str) -> Result<Limits, Fault> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| Fault::Syntax(error.message().to_owned()))?;
    let mut limits = Limits::default();
    for (name, value) in &table {
        match value {
            Value::Table(parts) => {
                for (part, value) in parts {
                    let place = format!("{name}.{part}");
                    match part.as_str() {
                        "value" => limits.set(name, number(&place, value)?)?,
                        "mode" => limits.set_mode(name, mode(&place, value)?)?,
                        _ => return Err(Fault::Form { name: place, expected: "one of value and mode" }),
                    }
                }
                if parts.is_empty() {
                    return Err(Fault::Form { name: name.clone(), expected: "a number, or a table of value and mode" });
                }
            }
            value => limits.set(name, number(name, value)?)?,
        }
    }
    Ok(limits)
}

fn number(name: &str, value: &Value) -> Result<u64, Fault> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| Fault::Form { name: name.to_owned(), expected: "a whole number that is not negative" })
}

fn mode(name: &str, value: &Value) -> Result<Mode, Fault> {
    match value.as_str() {
        Some("enforce") => Ok(Mode::Enforce),
        Some("warn") => Ok(Mode::Warn),
        _ => Err(Fault::Form { name: name.to_owned(), expected: "\"enforce\" or \"warn\"" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::{LONGEST, parse, read};
    use crate::policy::limits::Limits;

    #[test]
    fn what_a_file_says_replaces_the_default_and_nothing_else() {
        let limits =
            parse("cpu = 5000 # ms\nrequests = { value = 500, mode = \"warn\" }\n[text_bytes]\nmode = \"warn\"")
                .unwrap();
        assert_eq!((limits.cpu, limits.requests), (Duration::from_secs(5), 500));
        assert!(limits.only_warns("requests") && limits.only_warns("text_bytes"));
        let changed: Vec<_> = limits
            .lines()
            .into_iter()
            .zip(Limits::default().lines())
            .filter(|(line, default)| line != default)
            .map(|(line, _)| line.name)
            .collect();
        assert_eq!(changed, ["cpu", "requests", "text_bytes"]);
        assert_eq!(parse("").unwrap(), Limits::default());
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, words) in [
            ("memory = 1", "there is no limit memory"),
            ("memory_bytes = -1", "memory_bytes must be a whole number that is not negative"),
            ("memory_bytes = \"64 MiB\"", "memory_bytes must be a whole number"),
            ("requests = 4294967296", "the limit requests cannot be 4294967296: it is from 0 to 4294967295"),
            (
                "in_flight = 4611686018427387904",
                "the limit in_flight cannot be 4611686018427387904: it is from 1 to 1000",
            ),
            ("in_flight = 0", "the limit in_flight cannot be 0"),
            ("calls = 0", "the limit calls cannot be 0"),
            ("requests_per_minute = 0", "the limit requests_per_minute cannot be 0"),
            ("response_headers = 100000", "the limit response_headers cannot be 100000: it is from 1 to 10000"),
            ("requests = { value = 1, modus = \"warn\" }", "requests.modus must be one of value and mode"),
            ("requests = { mode = \"off\" }", "requests.mode must be \"enforce\" or \"warn\""),
            ("requests = {}", "requests must be a number, or a table of value and mode"),
            (
                "memory_bytes.mode = \"warn\"",
                "the limit memory_bytes can only be enforced: it keeps this process alive",
            ),
            ("cpu.mode = \"warn\"", "the limit cpu can only be enforced: without it one tenant takes"),
            ("requests = 1\nrequests = 2", "duplicate key"),
            ("requests", ""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.toml");
        let error = read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the limits file {}: cannot be read", path.display())), "{error}");
        let filled = |bytes: usize| format!("requests = 7 #{}", " ".repeat(bytes - 14));
        std::fs::write(&path, filled(usize::try_from(LONGEST).unwrap())).unwrap();
        assert_eq!(read(&path).unwrap().requests, 7);
        std::fs::write(&path, filled(usize::try_from(LONGEST).unwrap() + 1)).unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("it has more than 65536 bytes"));
    }
}
