//! What the sources themselves must hold to.

use std::path::{Path, PathBuf};

/// Every Rust file of the workspace.
fn sources() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> =
        ["src", "host-sim", "tests", "examples"].iter().map(|name| workspace.join(name)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().unwrap().to_str().unwrap() {
                "target" | "node_modules" => {}
                _ if path.is_dir() => folders.push(path),
                name if name.ends_with(".rs") => files.push(path),
                _ => {}
            }
        }
    }
    files
}

/// The word as code: not in a comment, nor as a part of another word. In two pieces, or this file would hold it.
fn uses(line: &str) -> usize {
    let word = ["un", "safe"].concat();
    let code = line.split("//").next().unwrap_or_default();
    code.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|found| *found == word)
        .count()
}

/// The files in which the word is used, and how often. The hostile guests are asked for apart: they are no part of the
/// workspace, and run in the sandbox alone.
fn found(guests: bool) -> Vec<(PathBuf, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/guests");
    sources()
        .into_iter()
        .filter(|path| path.starts_with(&folder) == guests)
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap().lines().map(uses).sum()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Whether there is a reason in the comment above each line that uses the word.
fn is_explained(text: &str) -> bool {
    text.lines().enumerate().filter(|(_, line)| uses(line) > 0).all(|(place, _)| {
        let above: Vec<&str> = text.lines().take(place).collect();
        above.iter().rev().take_while(|line| line.trim().starts_with("//")).any(|line| line.contains("SAFETY: "))
    })
}

#[test]
fn one_place_does_what_the_compiler_cannot_check() {
    let found = found(false);
    let [(path, 1)] = &found[..] else { panic!("{found:?}") };
    assert!(path.ends_with("host-sim/src/code_cache.rs"), "{}", path.display());
    assert!(is_explained(&std::fs::read_to_string(path).unwrap()));
}

/// Some do on purpose what only the sandbox stops. Each says so, once for its file, or the lint would refuse it.
#[test]
fn a_guest_that_does_what_the_compiler_cannot_check_says_why() {
    let found = found(true);
    assert!(!found.is_empty(), "or this test looks in the wrong place");
    for (path, _) in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let attribute = format!("\n#![expect({}_code, reason = \"", ["un", "safe"].concat());
        assert_eq!(text.matches(&attribute).count(), 1, "{}", path.display());
        assert!(is_explained(&text), "{}", path.display());
    }
}

#[test]
fn the_lint_is_on_in_every_package() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(workspace.join(path)).unwrap();
    assert!(read("Cargo.toml").contains(&format!("\n{}_code = \"deny\"\n", ["un", "safe"].concat())));
    assert!(read("tests/guests/Cargo.toml").contains(&format!("\n{}_code = \"deny\"\n", ["un", "safe"].concat())));
    assert!(read("examples/Cargo.toml").contains(&format!("\n{}_code = \"deny\"\n", ["un", "safe"].concat())));
    for package in [
        "Cargo.toml",
        "host-sim/Cargo.toml",
        "host-sim/fake-gitlab/Cargo.toml",
        "examples/kit/Cargo.toml",
        "examples/csv-seats/Cargo.toml",
    ] {
        assert!(read(package).contains("\n[lints]\nworkspace = true"), "{package}");
    }
}
