//! Killed at any moment, and run again: nothing is lost, and nothing half-written is taken for whole.

use std::io::Read as _;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use fake_gitlab::{Options, Tokens};
use serde_json::Value;

use crate::support::{self, ANY_TOKEN, Cli, StandIn, expected};

const USERS: u32 = 650;
/// License, version and add-ons together, seven pages of users, and who is the newest.
const REQUESTS: u64 = 10;

fn stand_in() -> StandIn {
    // Slow enough that a kill between two pages finds the run between these pages.
    StandIn::start(Options { users: USERS, latency: Duration::from_millis(15), ..Options::default() })
}

fn collect(stand_in: &StandIn, resume: &Path) -> Cli {
    Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).arg("--resume").arg(resume)
}

/// SIGKILL, once `moment` has come or the run has ended.
fn kill_when(child: &mut Child, mut moment: impl FnMut() -> bool) {
    while !moment() && child.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    // Too late is no error: then the run was whole.
    let _ = child.kill();
}

fn assert_whole(stand_in: &StandIn, mut found: Vec<Value>, context: &str) {
    let expected = expected::records(stand_in.gitlab.truth(), &stand_in.url());
    assert!(found.last().is_some_and(|record| record["type"] == "summary"), "{context}: no summary");
    // A page that was written, but not yet noted when the kill came, is delivered twice: the union counts.
    let mut seen = std::collections::HashSet::new();
    found.retain(|record| seen.insert(record.to_string()));
    assert_eq!(found, expected, "{context}");
}

#[test]
fn to_standard_output_the_union_is_whole() {
    for kill_at in 1..=REQUESTS {
        let stand_in = stand_in();
        let folder = tempfile::tempdir().unwrap();
        let resume = folder.path().join("place");
        // To a file, not to a pipe: nobody would read the pipe, and the run would stand still when it is full.
        let printed = folder.path().join("first");
        let mut child = collect(&stand_in, &resume).stdout(std::fs::File::create(&printed).unwrap().into()).spawn();
        kill_when(&mut child, || stand_in.gitlab.request_count() >= kill_at);
        child.wait().unwrap();
        let first = std::fs::read_to_string(&printed).unwrap();
        let second = collect(&stand_in, &resume).run();
        second.assert_code(0);
        assert!(!resume.exists(), "a run that ended leaves no place to go on from");
        let mut found = support::records(&first);
        found.extend(second.records());
        assert_whole(&stand_in, found, &format!("killed at request {kill_at}"));
    }
}

#[test]
fn after_every_byte_count_of_output_the_union_is_whole() {
    let stand_in = StandIn::start(Options { users: USERS, ..Options::default() });
    for bytes in [1, 300, 1_500, 40_000, 65_000, 66_000, 200_000, 300_000] {
        let folder = tempfile::tempdir().unwrap();
        let resume = folder.path().join("place");
        let mut child = collect(&stand_in, &resume).spawn();
        // The pipe holds 64 KiB: the run stands still in the middle of a page until it is read, or killed.
        let mut first = vec![0; bytes];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut first).unwrap();
        child.kill().unwrap();
        out.read_to_end(&mut first).unwrap();
        child.wait().unwrap();
        let second = collect(&stand_in, &resume).run();
        second.assert_code(0);
        let mut found = support::records(std::str::from_utf8(&first).unwrap());
        found.extend(second.records());
        if found.iter().filter(|record| record["type"] == "summary").count() > 0 {
            assert_whole(&stand_in, found, &format!("killed after {bytes} bytes"));
        } else {
            panic!("no summary after {bytes} bytes");
        }
    }
}

#[test]
fn to_a_file_the_second_run_completes_the_first_exactly() {
    for kill_at in 1..=REQUESTS {
        let stand_in = stand_in();
        let folder = tempfile::tempdir().unwrap();
        let (resume, out) = (folder.path().join("place"), folder.path().join("seats.ndjson"));
        let mut child = collect(&stand_in, &resume).arg("--out").arg(&out).spawn();
        kill_when(&mut child, || stand_in.gitlab.request_count() >= kill_at);
        child.wait().unwrap();
        let whole = out.exists();
        assert!(!whole || kill_at == REQUESTS, "the file appears only when it is whole");
        let second = collect(&stand_in, &resume).arg("--out").arg(&out).run();
        second.assert_code(0);
        let text = std::fs::read_to_string(&out).unwrap();
        let found = support::records(&text);
        // Exactly: in a file, a page that was written twice stands there once.
        expected::assert_same(&found, &expected::records(stand_in.gitlab.truth(), &stand_in.url()));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["seats.ndjson"], "killed at {kill_at}");
    }
}

#[test]
fn many_kills_in_a_row_still_end_whole() {
    let stand_in = stand_in();
    let folder = tempfile::tempdir().unwrap();
    let (resume, out) = (folder.path().join("place"), folder.path().join("seats.ndjson"));
    let mut kills = 0;
    for _ in 0..40 {
        let before = stand_in.gitlab.request_count();
        let mut child = collect(&stand_in, &resume).args(support::ONE_AT_ONCE).arg("--out").arg(&out).spawn();
        // The sixth request is the first that can only come after a noted page.
        kill_when(&mut child, || stand_in.gitlab.request_count() >= before + 6);
        child.wait().unwrap();
        if out.exists() {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "the run was killed {kills} times");
    let found = support::records(&std::fs::read_to_string(&out).unwrap());
    expected::assert_same(&found, &expected::records(stand_in.gitlab.truth(), &stand_in.url()));
}

#[test]
fn an_interrupt_says_how_to_go_on_and_leaves_nothing_half_written() {
    let stand_in =
        StandIn::start(Options { users: USERS, faults: vec!["users@3=hang".parse().unwrap()], ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("seats.json");
    let mut child = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR)
        .args(["--format", "json", "--out"])
        .arg(&out)
        .spawn();
    while stand_in.gitlab.request_count() < 7 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let ran = support::Ran::from(child.wait_with_output().unwrap());
    ran.assert_code(1);
    assert_eq!(
        ran.stderr,
        "error: interrupted\nhint: nothing was written; with --resume FILE a run can go on where it stopped\n"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_resume_file_of_another_source_or_output_is_refused() {
    let faults = support::lasting("users", 2, "error-500");
    let stand_in = StandIn::start(Options { users: USERS, faults, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    collect(&stand_in, &resume).args(support::ONE_AT_ONCE).run().assert_code(1);
    let place = std::fs::read(&resume).unwrap();

    let other = StandIn::start(Options::default());
    for (cli, words) in [
        (collect(&other, &resume), "belongs to another source"),
        (
            collect(&stand_in, &resume).args(support::ONE_AT_ONCE).args(["--set", "identity=username"]),
            "belongs to another configuration",
        ),
        (
            collect(&stand_in, &resume).args(support::ONE_AT_ONCE).arg("--out").arg(folder.path().join("x")),
            "belongs to another output",
        ),
    ] {
        let ran = cli.run();
        ran.assert_code(2);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert_eq!(std::fs::read(&resume).unwrap(), place, "the place is kept");
    }
    // And the right one still goes on.
    let ran = collect(&stand_in, &resume).args(support::ONE_AT_ONCE).run();
    ran.assert_code(0);
    assert_eq!(ran.records().last().unwrap()["counts"]["user"], USERS);
}

/// The resume file is removed when the run has ended: named as the output, it used to take the result with it.
#[test]
fn one_file_cannot_be_output_and_resume_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("seats");
    let link = folder.path().join("link");
    std::fs::write(&out, "").unwrap();
    std::os::unix::fs::symlink(&out, &link).unwrap();
    for resume in [out.clone(), folder.path().join("seats.part"), folder.path().join(".").join("seats"), link] {
        let ran =
            Cli::source("collect", "http://127.0.0.1:1", ANY_TOKEN).arg("--out").arg(&out).arg("--resume").arg(&resume);
        let ran = ran.run();
        ran.assert_code(2);
        assert!(ran.stderr.contains("cannot be both output and resume file"), "{}", ran.stderr);
    }
}

/// Two runs on one resume file used to write over each other, and the first said that all was well.
#[test]
fn a_second_run_on_the_same_resume_file_is_refused() {
    let faults = vec!["users@2=hang".parse().unwrap()];
    let stand_in = StandIn::start(Options { users: USERS, faults, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let (resume, out) = (folder.path().join("place"), folder.path().join("seats"));
    let mut first = collect(&stand_in, &resume).arg("--out").arg(&out).spawn();
    while stand_in.gitlab.request_count() < 6 && first.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let second = collect(&stand_in, &resume).arg("--out").arg(&out).run();
    second.assert_code(2);
    assert!(second.stderr.contains("another run is using the resume file"), "{}", second.stderr);
    // Killed, the first lets go, and the next goes on.
    first.kill().unwrap();
    first.wait().unwrap();
    collect(&stand_in, &resume).arg("--out").arg(&out).run().assert_code(0);
    let found = support::records(&std::fs::read_to_string(&out).unwrap());
    expected::assert_same(&found, &expected::records(stand_in.gitlab.truth(), &stand_in.url()));
}

/// A kill between the last page and the end of the process: at each step of finishing, a second run ends well.
#[test]
fn a_kill_while_finishing_is_finished_by_the_next_run() {
    let stand_in = StandIn::start(Options { users: USERS, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let (resume, out) = (folder.path().join("place"), folder.path().join("seats"));
    let part = folder.path().join("seats.part");
    let run = || collect(&stand_in, &resume).arg("--out").arg(&out).run();
    run().assert_code(0);
    let whole = std::fs::read(&out).unwrap();
    // What a run notes before the file takes its name.
    let config = serde_json::json!({
        "format": 1, "source_key": format!("{}#instance", stand_in.url()), "settings": settings(&stand_in),
        "output": out.display().to_string(), "place": { "done": { "partial": false } }, "output_bytes": null,
    });
    std::fs::write(&resume, config.to_string()).unwrap();
    // Killed after the name was given.
    let before = stand_in.gitlab.request_count();
    run().assert_code(0);
    assert_eq!(std::fs::read(&out).unwrap(), whole);
    assert!(!resume.exists());
    // Killed before.
    std::fs::write(&resume, config.to_string()).unwrap();
    std::fs::rename(&out, &part).unwrap();
    run().assert_code(0);
    assert_eq!(std::fs::read(&out).unwrap(), whole);
    assert!(!resume.exists() && !part.exists());
    assert_eq!(stand_in.gitlab.request_count(), before, "nothing was read again");
    // Neither is there: somebody took it away.
    std::fs::write(&resume, config.to_string()).unwrap();
    std::fs::remove_file(&out).unwrap();
    let ran = run();
    ran.assert_code(2);
    assert!(
        ran.stderr.contains("what the resume file") && ran.stderr.contains("to start from the beginning"),
        "{}",
        ran.stderr
    );
}

/// The settings that a checkpoint of this stand-in holds.
fn settings(stand_in: &StandIn) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    let faults = vec!["users@*=html".parse().unwrap()];
    let failing = StandIn::start(Options { users: USERS, faults, ..Options::default() });
    collect(&failing, &resume).run().assert_code(1);
    let text = std::fs::read_to_string(&resume).unwrap().replace(&failing.url(), &stand_in.url());
    let checkpoint: Value = serde_json::from_str(&text).unwrap();
    checkpoint["settings"].clone()
}

#[test]
fn an_unfinished_file_of_somebody_else_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("seats.part");
    std::fs::write(&part, "precious").unwrap();
    let ran = Cli::source("collect", "http://127.0.0.1:1", ANY_TOKEN)
        .arg("--out")
        .arg(folder.path().join("seats"))
        .arg("--resume")
        .arg(folder.path().join("place"))
        .run();
    ran.assert_code(2);
    assert!(ran.stderr.contains("seats.part exists"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&part).unwrap(), "precious");
}

/// Standing still in a write to a pipe that nobody reads, it used to ignore Ctrl-C.
#[test]
fn an_interrupt_ends_a_run_that_nobody_reads() {
    let stand_in = StandIn::start(Options { users: 5_000, ..Options::default() });
    let mut child = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).spawn();
    // The second page of users is asked for when the first stands in the pipe, which it fills: the second cannot.
    while stand_in.gitlab.request_count() < 6 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    // Nothing is read meanwhile.
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// A disk that is full, as far as writing is concerned.
#[cfg(target_os = "linux")]
#[test]
fn a_page_that_could_not_be_written_is_not_noted() {
    let stand_in = StandIn::start(Options { users: 120, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = support::Ran::from(collect(&stand_in, &resume).stdout(full.into()).spawn().wait_with_output().unwrap());
    ran.assert_code(1);
    assert!(ran.stderr.contains("the output cannot be written"), "{}", ran.stderr);
    assert!(!resume.exists(), "the next run would begin after a page that nobody has");
}

#[test]
fn documents_do_not_go_on_in_the_middle() {
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    for format in ["json", "csv", "table"] {
        let cli =
            Cli::source("collect", "https://gitlab.example.com", ANY_TOKEN).args(["--format", format, "--resume"]);
        let ran = cli.arg(&resume).run();
        ran.assert_code(2);
        assert!(ran.stderr.contains("--resume works with --format ndjson only"), "{}", ran.stderr);
        assert!(!resume.exists());
    }
}

#[test]
fn a_termination_is_an_interrupt() {
    let stand_in =
        StandIn::start(Options { users: USERS, faults: vec!["users@3=hang".parse().unwrap()], ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let (resume, out) = (folder.path().join("place"), folder.path().join("seats.ndjson"));
    let mut child = collect(&stand_in, &resume).arg("--out").arg(&out).spawn();
    while stand_in.gitlab.request_count() < 7 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let terminated = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    let ran = support::Ran::from(child.wait_with_output().unwrap());
    ran.assert_code(1);
    assert_eq!(ran.stderr, "error: interrupted\nhint: run the same command again to go on where it stopped\n");
    assert!(resume.exists() && !out.exists());
}
