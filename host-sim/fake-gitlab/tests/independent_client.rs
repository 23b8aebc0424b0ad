//! The stand-in as python-gitlab sees it: a client that was written against real instances, by others.
//!
//! Needs Python with the package `python-gitlab`; the environment variable `PYTHON` names another interpreter than
//! `python3`. Without it the test says `skipped` and passes, unless `REQUIRE_EXTERNAL=1`.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a failed unwrap is a failed test, and a skipped one must say so"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use fake_gitlab::{FakeGitlab, Scenario, Tokens, Truth};
use support::{on_a_fixed_day, own_links};
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/walk.py");

/// The interpreter, if it has the package.
async fn python() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import gitlab"]).output().await;
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    assert!(std::env::var_os("REQUIRE_EXTERNAL").is_none_or(|value| value != "1"), "python-gitlab not found");
    eprintln!("skipped: python-gitlab not found");
    None
}

async fn walk(python: &str, gitlab: &FakeGitlab, expected: &Path) -> Output {
    let arguments = [&gitlab.base_url(), Tokens::ADMIN_MODE];
    Command::new(python).arg(SCRIPT).args(arguments).arg(expected).output().await.unwrap()
}

fn written(name: &str, truth: &Truth) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&path, truth.to_json().to_string()).unwrap();
    path
}

#[tokio::test]
async fn python_gitlab_finds_what_is_true_in_every_scenario() {
    let Some(python) = python().await else { return };
    for scenario in Scenario::ALL {
        let gitlab = fake_gitlab::start(own_links(on_a_fixed_day(scenario, 230))).await.unwrap();
        let output = walk(&python, &gitlab, &written(scenario.name(), gitlab.truth())).await;
        assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn a_walk_that_finds_something_else_says_what_and_fails() {
    let Some(python) = python().await else { return };
    let options = own_links(on_a_fixed_day(Scenario::SelfManagedPremium, 230));
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let mut truth = gitlab.truth().clone();
    let removed = truth.users.remove(100);
    truth.users[0].using_license_seat = Some(false);
    let output = walk(&python, &gitlab, &written("untrue", &truth)).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("account 1 using_license_seat: expected False, found True"), "{said}");
    assert!(
        said.contains(&format!("accounts that should not be there: expected [], found [{}]", removed.id)),
        "{said}"
    );
}
