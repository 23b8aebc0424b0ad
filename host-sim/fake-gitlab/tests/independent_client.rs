//! The stand-in as others see it: clients that were written against real instances, by others.
//!
//! | client | needs | found by |
//! | --- | --- | --- |
//! | python-gitlab | Python with the package `python-gitlab` | `PYTHON`, another interpreter than `python3` |
//! | gitbeaker | Node 20 with the package `@gitbeaker/rest` | `tests/node/node_modules`, or the folder of that name in `GITBEAKER_NODE_MODULES` |
//!
//! Where one is missing its test says `skipped` and passes, unless `REQUIRE_EXTERNAL=1`.
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

use fake_gitlab::{FakeGitlab, Scenario, Truth};
use support::{on_a_fixed_day, own_links};
use tokio::process::Command;

const PYTHON_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/walk.py");
const NODE_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/node/walk.mjs");

/// A client, ready to be started.
#[derive(Debug, Clone)]
enum Client {
    /// By this interpreter.
    Python(String),
    Node,
}

/// Whether the command runs and succeeds; otherwise the test is skipped, or fails where nothing may be missing.
async fn there(mut probe: Command, what: &str) -> bool {
    if probe.output().await.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("REQUIRE_EXTERNAL").is_none_or(|value| value != "1"), "{what} not found");
    eprintln!("skipped: {what} not found");
    false
}

async fn python() -> Option<Client> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut probe = Command::new(&python);
    probe.args(["-c", "import gitlab"]);
    there(probe, "python-gitlab").await.then_some(Client::Python(python))
}

async fn node() -> Option<Client> {
    let mut probe = Command::new("node");
    probe.args([NODE_SCRIPT, "--probe"]);
    there(probe, "gitbeaker").await.then_some(Client::Node)
}

/// One walk, as the scenario's own caller.
async fn walk(client: &Client, gitlab: &FakeGitlab, scenario: Scenario, expected: &Path) -> Output {
    let mut command = match client {
        Client::Python(python) => {
            let mut command = Command::new(python);
            command.args([PYTHON_SCRIPT, &gitlab.base_url(), scenario.caller()]);
            command
        }
        Client::Node => {
            let mut command = Command::new("node");
            command.args([NODE_SCRIPT, &gitlab.base_url()]).env("GITLAB_TOKEN", scenario.caller());
            command
        }
    };
    command.arg(expected).output().await.unwrap()
}

fn written(name: &str, truth: &Truth) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&path, truth.to_json().to_string()).unwrap();
    path
}

async fn finds_what_is_true_in_every_scenario(client: &Client, name: &str) {
    // Hostile data is none that these clients can hold: ids beyond 2⁵³ are not exact in JavaScript, and keys are null that
    // no GitLab has null.
    for scenario in Scenario::ALL.into_iter().filter(|scenario| !scenario.hostile()) {
        let gitlab = fake_gitlab::start(own_links(on_a_fixed_day(scenario, 230))).await.unwrap();
        let expected = written(&format!("{name}-{scenario}"), gitlab.truth());
        let output = walk(client, &gitlab, scenario, &expected).await;
        assert!(output.status.success(), "{scenario}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
async fn python_gitlab_finds_what_is_true_in_every_scenario() {
    let Some(client) = python().await else { return };
    finds_what_is_true_in_every_scenario(&client, "python").await;
}

#[tokio::test]
async fn gitbeaker_finds_what_is_true_in_every_scenario() {
    let Some(client) = node().await else { return };
    finds_what_is_true_in_every_scenario(&client, "node").await;
}

/// What a client says of a truth that is none; it must fail.
async fn said(client: &Client, name: &str, scenario: Scenario, falsify: impl FnOnce(&mut Truth)) -> String {
    let gitlab = fake_gitlab::start(own_links(on_a_fixed_day(scenario, 230))).await.unwrap();
    let mut truth = gitlab.truth().clone();
    falsify(&mut truth);
    let output = walk(client, &gitlab, scenario, &written(name, &truth)).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_walk_that_finds_something_else_says_what_and_fails() {
    let Some(client) = python().await else { return };
    let mut removed = 0;
    let said = said(&client, "python-untrue", Scenario::SelfManagedPremium, |truth| {
        removed = truth.users.remove(100).id;
        truth.users[0].using_license_seat = Some(false);
    })
    .await;
    assert!(said.contains("account 1 using_license_seat: expected False, found True"), "{said}");
    assert!(said.contains(&format!("accounts that should not be there: expected [], found [{removed}]")), "{said}");
}

/// What a client must name, and the falsehood that makes it do so.
type Falsehood = (&'static str, fn(&mut Truth));

/// Things that are told of groups: each alone, so that none hides behind another.
const FALSIFIED: [Falsehood; 6] = [
    ("membership_type", |truth| truth.groups[1].billable[0].membership_type = "group_invite"),
    ("is_using_seat", |truth| {
        let seat = &mut truth.groups[1].members[3].is_using_seat;
        *seat = seat.map(|seat| !seat);
    }),
    ("access_level", |truth| truth.groups[1].members[4].access_level = 27),
    ("memberships", |truth| truth.groups[1].billable[1].memberships[0].id += 1),
    ("billable members: ids", |truth| drop(truth.groups[0].billable.remove(2))),
    ("seats_in_use", |truth| truth.groups[0].subscription.as_mut().unwrap().seats_in_use = Some(1)),
];

#[tokio::test]
async fn each_client_notices_what_is_untrue_of_groups() {
    for client in [python().await, node().await].into_iter().flatten() {
        for (what, falsify) in FALSIFIED {
            let name = format!("{}-untrue-{}", matches!(client, Client::Node), what.replace([' ', ':'], "-"));
            let said = said(&client, &name, Scenario::GitlabCom, falsify).await;
            assert!(said.contains(what), "{client:?} {what}: {said}");
        }
    }
}
