//! Every row of the threat table points to a mechanism and to a test that are there.

use std::collections::HashSet;
use std::path::Path;

use host_sim::policy::limits::Limits;

const HEAD: [&str; 4] = ["threat", "mechanism", "file", "test"];

/// The rows of all tables that count, with their line numbers.
fn rows(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut rows = Vec::new();
    let mut counts = false;
    for (number, line) in text.lines().enumerate() {
        let Some(line) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            counts = false;
            continue;
        };
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells == HEAD {
            counts = true;
        } else if counts && !cells.iter().all(|cell| cell.starts_with("---")) {
            rows.push((number + 1, cells));
        }
    }
    rows
}

/// What stands between backquotes in a cell.
fn pointers(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether a file of the tree has a test of this name, one that is run: no helper, nothing ignored, and not only a comment.
/// Or a function that `contained!` makes a test of, in a file below `tests/contained`.
fn has_test(path: &str, text: &str, name: &str, contained: &[(String, String)]) -> bool {
    let in_macro = |module: &str| contained.iter().any(|(of, test)| of == module && test == name);
    let module = path.strip_prefix("tests/contained/").and_then(|file| file.strip_suffix(".rs"));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(number, line)| {
        let declares = ["fn ", "async fn ", "pub fn ", "pub async fn "]
            .iter()
            .filter_map(|begin| line.strip_prefix(begin)?.strip_prefix(name))
            .any(|rest| rest.starts_with('('));
        if !declares {
            return false;
        }
        let attributes: Vec<&str> = lines[..number]
            .iter()
            .rev()
            .copied()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
            .filter(|line| line.starts_with("#["))
            .collect();
        let is_test = |line: &&str| **line == *"#[test]" || line.starts_with("#[tokio::test");
        let runs = !attributes.iter().any(|line| line.starts_with("#[ignore") || line.contains(", ignore"));
        runs && (attributes.iter().any(is_test) || module.is_some_and(in_macro))
    })
}

/// Module and name of each test in the list of `contained!`.
fn contained(text: &str) -> Vec<(String, String)> {
    let list = text.split_once("\ncontained! {\n").and_then(|(_, rest)| rest.split_once("\n}")).unwrap_or_default().0;
    list.split(';')
        .filter_map(|line| line.trim().split_once(':'))
        .flat_map(|(module, names)| names.split(',').map(|name| (module.to_owned(), name.trim().to_owned())))
        .collect()
}

/// What is wrong with a table of threats, read from `root`.
fn faults(text: &str, root: &Path) -> Vec<String> {
    let contained = contained(&std::fs::read_to_string(root.join("tests/contained.rs")).unwrap_or_default());
    let mut faults = Vec::new();
    let mut threats = HashSet::new();
    for (line, cells) in rows(text) {
        let mut fault = |what: String| faults.push(format!("SECURITY.md:{line}: {what}"));
        let [threat, mechanism, file, test] = cells[..] else {
            fault(format!("{} cells instead of 4", cells.len()));
            continue;
        };
        if threat.is_empty() || mechanism.is_empty() {
            fault("an empty cell".to_owned());
        }
        if !threats.insert(threat) {
            fault(format!("`{threat}` is there twice"));
        }
        let (files, tests) = (pointers(file), pointers(test));
        if files.is_empty() || tests.is_empty() {
            fault("no file or no test in backquotes".to_owned());
        }
        for path in files {
            if !root.join(path).is_file() {
                fault(format!("there is no file {path}"));
            }
        }
        for pointer in tests {
            let Some((path, name)) = pointer.split_once("::") else {
                fault(format!("`{pointer}` is not path::name"));
                continue;
            };
            match std::fs::read_to_string(root.join(path)) {
                Ok(text) if has_test(path, &text, name, &contained) => {}
                Ok(_) => fault(format!("there is no test {name} in {path} that is run")),
                Err(_) => fault(format!("there is no file {path}")),
            }
        }
    }
    faults
}

#[test]
fn every_threat_points_to_a_mechanism_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let count = rows(&text).len();
    assert!(count >= 25, "only {count} rows were found");
    let faults = faults(&text, root);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The names of a kind that no mechanism or threat of the table has in backquotes.
fn without_row<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let rows = rows(text);
    let named: HashSet<&str> =
        rows.iter().flat_map(|(_, cells)| cells.iter().take(2)).flat_map(|cell| pointers(cell)).collect();
    names.into_iter().filter(|name| !named.contains(name)).collect()
}

#[test]
fn every_hostile_guest_and_every_limit_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut guests: Vec<String> = std::fs::read_dir(root.join("tests/guests/src/bin"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "honest")
        .collect();
    guests.sort_unstable();
    assert!(guests.len() >= 15, "or this test looks in the wrong place");
    assert_eq!(without_row(&text, guests.iter().map(String::as_str)), Vec::<&str>::new());
    let limits = Limits::default().lines();
    assert_eq!(without_row(&text, limits.iter().map(|line| line.name)), Vec::<&str>::new());
    // One that stands only in a path, or in no row at all, is missed.
    let table = "`a`\n| threat | mechanism | file | test |\n|---|---|---|---|\n| `b` | `c` | `d` | `e` |";
    assert_eq!(without_row(table, ["a", "b", "c", "d", "e"]), ["a", "d", "e"]);
}

#[test]
fn what_is_gone_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "a.rs",
        "// fn gone()\n#[test]\nfn there() {}\n\nfn helper() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n\n\
         #[tokio::test(flavor = \"current_thread\")]\n// A word.\n#[allow(unused)]\nasync fn there_too() {}\n\
         #[cfg(test)]\nfn another_helper() {}\n",
    );
    write(
        "tests/contained.rs",
        "macro_rules! contained {\n}\n\ncontained! {\n    b: one,\n        two;\n    c: three;\n}\n",
    );
    write("tests/contained/b.rs", "pub async fn one() {}\npub async fn two() {}\npub async fn three() {}\n");
    let found =
        |row: &str| faults(&format!("| threat | mechanism | file | test |\n|---|---|---|---|\n{row}\n"), folder.path());
    assert_eq!(found("| t | m | `a.rs` | `a.rs::there`, `a.rs::there_too` |"), Vec::<String>::new());
    let both = "`tests/contained/b.rs::one`, `tests/contained/b.rs::two`";
    assert_eq!(found(&format!("| t | m | `a.rs` | {both} |")), Vec::<String>::new());
    for (row, words) in [
        ("| t | m | `b.rs` | `a.rs::there` |", "there is no file b.rs"),
        ("| t | m | `a.rs` | `b.rs::there` |", "there is no file b.rs"),
        ("| t | m | `a.rs` | `a.rs::gone` |", "there is no test gone in a.rs that is run"),
        ("| t | m | `a.rs` | `a.rs::helper` |", "there is no test helper in a.rs that is run"),
        ("| t | m | `a.rs` | `a.rs::another_helper` |", "there is no test another_helper in a.rs that is run"),
        ("| t | m | `a.rs` | `a.rs::ignored` |", "there is no test ignored in a.rs that is run"),
        (
            "| t | m | `a.rs` | `tests/contained/b.rs::three` |",
            "there is no test three in tests/contained/b.rs that is run",
        ),
        ("| t | m | `a.rs` | `a.rs::the` |", "there is no test the in a.rs that is run"),
        ("| t | m | `a.rs` | `there` |", "`there` is not path::name"),
        ("| t | m | a.rs | `a.rs::there` |", "no file or no test in backquotes"),
        ("| t | m | `a.rs` | later |", "no file or no test in backquotes"),
        ("| t |  | `a.rs` | `a.rs::there` |", "an empty cell"),
        ("| t | m | `a.rs::there` |", "3 cells instead of 4"),
        ("| t | m | `a.rs` | `a.rs::there` |\n| t | n | `a.rs` | `a.rs::there` |", "`t` is there twice"),
    ] {
        let found = found(row);
        assert!(found.len() == 1 && found[0].ends_with(words), "{row}: {found:?}");
    }
    // A table with another head is no table of threats.
    assert!(rows("| a | b | c | d |\n|---|---|---|---|\n| t | m | f | x |").is_empty());
}
