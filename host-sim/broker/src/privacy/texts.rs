//! A name that stands in texts for people: what plugins warn of, why runs failed, what tests said, alerts about both.
//!
//! The contract has no people of a source in them, but the owner of a token is one, too. A name is replaced where it
//! stands as a word of its own, in prose alone: ids and states keep theirs.

use rusqlite::{Transaction, params};
use serde_json::Value;

use crate::store::StoreError;

/// Columns of prose: table, column, and which rows are of the source.
const PROSE: [(&str, &str, &str); 6] = [
    ("run_warning", "message", OF_RUN),
    ("run_warning", "scope", OF_RUN),
    ("run", "failure_message", OF_SOURCE),
    ("run", "failure_hint", OF_SOURCE),
    ("source", "trouble", OF_SOURCE),
    ("alert", "message", OF_SOURCE),
];

/// Columns of JSON that has prose in it.
const JSON: [(&str, &str); 2] = [("source", "report"), ("alert", "evidence")];

/// Where prose is in it.
const PROSE_KEYS: [&str; 3] = ["detail", "hint", "trouble"];

const OF_SOURCE: &str = "source_no = ?1";
const OF_RUN: &str = "run_no IN (SELECT run_no FROM run WHERE source_no = ?1)";

/// Puts `mark` in the place of each of `names` in the texts of a source.
pub(super) fn withhold(
    transaction: &Transaction<'_>,
    source_no: i64,
    names: &[String],
    mark: &str,
) -> Result<(), StoreError> {
    for (table, column, whose) in PROSE {
        rewrite(transaction, table, column, whose, source_no, |text| without(text, names, mark))?;
    }
    for (table, column) in JSON {
        rewrite(transaction, table, column, OF_SOURCE, source_no, |text| {
            let mut value: Value = serde_json::from_str(text).ok()?;
            walk(&mut value, names, mark).then(|| value.to_string())
        })?;
    }
    Ok(())
}

/// Changes the texts of a column, equal ones at once.
fn rewrite(
    transaction: &Transaction<'_>,
    table: &str,
    column: &str,
    whose: &str,
    source_no: i64,
    change: impl Fn(&str) -> Option<String>,
) -> Result<(), StoreError> {
    let texts: Vec<String> = transaction
        .prepare(&format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL AND {whose}"))?
        .query_map([source_no], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for text in texts {
        if let Some(changed) = change(&text) {
            let sql = format!("UPDATE {table} SET {column} = ?3 WHERE {column} = ?2 AND {whose}");
            transaction.execute(&sql, params![source_no, text, changed])?;
        }
    }
    Ok(())
}

fn walk(value: &mut Value, names: &[String], mark: &str) -> bool {
    let mut changed = false;
    match value {
        Value::Array(values) => {
            for value in values {
                changed |= walk(value, names, mark);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if PROSE_KEYS.contains(&key.as_str()) => {
                        if let Some(clean) = without(text, names, mark) {
                            *text = clean;
                            changed = true;
                        }
                    }
                    value => changed |= walk(value, names, mark),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    changed
}

/// The text with the names replaced; none: it has none of them.
fn without(text: &str, names: &[String], mark: &str) -> Option<String> {
    let mut clean = text.to_owned();
    for name in names {
        clean = replaced(&clean, name, mark);
    }
    (clean != text).then_some(clean)
}

fn replaced(text: &str, name: &str, mark: &str) -> String {
    if name.is_empty() {
        return text.to_owned();
    }
    let (mut clean, mut rest, mut before) = (String::new(), text, String::new());
    while let Some(place) = rest.find(name) {
        let (head, tail) = (rest.get(..place).unwrap_or_default(), rest.get(place + name.len()..).unwrap_or_default());
        before.push_str(head);
        clean.push_str(head);
        let whole = !goes_on(before.chars().rev()) && !goes_on(tail.chars());
        clean.push_str(if whole { mark } else { name });
        before.push_str(name);
        rest = tail;
    }
    clean.push_str(rest);
    clean
}

/// Whether a name goes on there. A full stop or hyphen belongs to it only where more follows.
fn goes_on(mut symbols: impl Iterator<Item = char>) -> bool {
    match symbols.next() {
        Some('.' | '-') => symbols.next().is_some_and(char::is_alphanumeric),
        Some(symbol) => symbol.is_alphanumeric() || symbol == '_',
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{replaced, walk};

    #[test]
    fn names_are_words_of_their_own() {
        for (text, expected) in [
            ("ben", "X"),
            ("The token of @ben.", "The token of @X."),
            ("ben, ben and (ben)", "X, X and (X)"),
            ("benben ben ben2 _ben", "benben X ben2 _ben"),
            ("ben.smith ben-1 o-ben", "ben.smith ben-1 o-ben"),
            ("ben- ben. ben", "X- X. X"),
            ("bén ben ünben", "bén X ünben"),
            ("", ""),
        ] {
            assert_eq!(replaced(text, "ben", "X"), expected, "{text}");
        }
        assert_eq!(replaced("a", "", "X"), "a");
    }

    #[test]
    fn of_json_prose_alone_is_changed() {
        let names = ["token".to_owned(), "Ben".to_owned()];
        let mut value =
            json!({"outcome": "token", "checks": [{"id": "token", "status": "pass", "detail": "the token of Ben"}]});
        assert!(walk(&mut value, &names, "X"));
        let expected =
            json!({"outcome": "token", "checks": [{"id": "token", "status": "pass", "detail": "the X of X"}]});
        assert_eq!(value, expected);
        assert!(!walk(&mut json!({"id": "token"}), &names, "X"));
    }
}
