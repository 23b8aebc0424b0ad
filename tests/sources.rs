//! What the sources themselves must hold to.

use std::path::{Path, PathBuf};

/// Every Rust file of the workspace.
fn sources() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> = ["src", "host-sim", "tests"].iter().map(|name| workspace.join(name)).collect();
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

#[test]
fn one_place_does_what_the_compiler_cannot_check() {
    let found: Vec<(PathBuf, usize)> = sources()
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap().lines().map(uses).sum()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let [(path, 1)] = &found[..] else { panic!("{found:?}") };
    assert!(path.ends_with("host-sim/src/code_cache.rs"), "{}", path.display());
    let text = std::fs::read_to_string(path).unwrap();
    let place = text.lines().position(|line| uses(line) > 0).unwrap();
    let reason: Vec<&str> = text.lines().take(place).collect();
    assert!(reason.iter().rev().take_while(|line| line.trim().starts_with("//")).any(|line| line.contains("SAFETY: ")));
}

#[test]
fn the_lint_is_on_in_every_package() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(workspace.join(path)).unwrap();
    assert!(read("Cargo.toml").contains(&format!("\n{}_code = \"deny\"\n", ["un", "safe"].concat())));
    for package in ["Cargo.toml", "host-sim/Cargo.toml", "host-sim/fake-gitlab/Cargo.toml"] {
        assert!(read(package).contains("\n[lints]\nworkspace = true"), "{package}");
    }
}
