//! Budgets of figures that are exact: `tests/budgets.toml`.
//!
//! Guarantees: a figure that is more than [`SLACK`] over its budget fails with figure, budget and percentage, and one that is as
//! much under it fails, too, since a budget that is not lowered lets the next change take back what was won. With
//! `BUDGETS=write` in the environment the file gets the figures instead.

use std::path::PathBuf;

use toml::Table;

/// How far a figure may be from its budget: a twentieth.
const SLACK: f64 = 0.05;

/// What to do about it.
const TAKE: &str = "BUDGETS=write cargo test -p host-sim --test system --test allocations -- budgets";

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/budgets.toml")
}

/// Whether the file is to be written.
pub fn writes() -> bool {
    std::env::var("BUDGETS").is_ok_and(|what| what == "write")
}

/// The file as it is.
pub fn table() -> Table {
    std::fs::read_to_string(file()).unwrap().parse().unwrap()
}

/// What is wrong with a figure, in words; nothing if it is as it should be.
pub fn verdict(name: &str, figure: f64, budget: f64) -> Option<String> {
    let (over, slack) = (figure - budget, SLACK * budget);
    let percent = 100.0 * over / budget;
    if over > slack {
        Some(format!(
            "{name} is {figure}, {percent:+.1} % of its budget {budget}: find out why, or raise it by `{TAKE}`"
        ))
    } else if over < -slack {
        Some(format!("{name} is {figure}, {percent:+.1} % of its budget {budget}: lower it by `{TAKE}`"))
    } else {
        None
    }
}

/// Holds figures to their budgets, or writes them down.
pub fn hold(figures: &[(&str, f64)]) {
    if writes() {
        return write(&figures.iter().map(|(name, figure)| (*name, figure.to_string())).collect::<Vec<_>>());
    }
    let table = table();
    let budget = |name: &str| {
        let value = &table.get(name).unwrap_or_else(|| panic!("{name} has no budget: `{TAKE}`"));
        value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)).unwrap()
    };
    for (name, figure) in figures {
        eprintln!("{name}: {figure}, budget {}", budget(name));
    }
    let wrong: Vec<_> = figures.iter().filter_map(|(name, figure)| verdict(name, *figure, budget(name))).collect();
    let by = table["compiler"].as_str().unwrap();
    assert!(wrong.is_empty(), "{}\nthe budgets were taken with {by}", wrong.join("\n"));
}

/// Replaces lines, each by its key; what is said beside them stays.
pub fn write(values: &[(&str, String)]) {
    let old = std::fs::read_to_string(file()).unwrap();
    let new = old.lines().map(|line| {
        let found = values.iter().find(|(name, _)| line.starts_with(&format!("{name} = ")));
        found.map_or_else(|| line.to_owned(), |(name, value)| format!("{name} = {value}"))
    });
    let new: Vec<String> = new.collect();
    for (name, _) in values {
        assert!(new.iter().any(|line| line.starts_with(&format!("{name} = "))), "{name} is not in the file");
    }
    std::fs::write(file(), new.join("\n") + "\n").unwrap();
}
