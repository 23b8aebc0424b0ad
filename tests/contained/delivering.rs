//! Guests that deliver too much, or what is not true.

use std::time::{Duration, Instant};

use host_sim::collection::CollectionError;
use host_sim::policy::limits::Limits;
use host_sim::policy::limits::Mode;

use crate::support::guests::{Attacked, CANARY, components, edge, passed, tight};
use crate::support::{Cli, TOKEN};

const NOWHERE: &str = "http://127.0.0.1:9";

pub async fn huge_result() {
    let attacked = Attacked::new("huge_result", NOWHERE, tight());
    for mode in ["", "entries"] {
        assert_eq!(passed(&attacked.page(mode).await), ("hostcall_bytes", "16777216 bytes"), "{mode}");
        attacked.assert_honest_works().await;
    }
    // Byte for byte: what is counted beside the text is the same whatever the limit.
    let beside = async |hostcall_bytes: usize| {
        let attacked = Attacked::new("huge_result", NOWHERE, Limits { hostcall_bytes, ..tight() });
        let holds = async |bytes: usize| {
            let call = attacked.page(&format!("text {bytes}")).await;
            assert!(call.result.is_ok() || passed(&call).0 == "hostcall_bytes");
            call.result.is_ok()
        };
        hostcall_bytes - edge(0, hostcall_bytes + 1, holds).await
    };
    let few = beside(10_000).await;
    assert_eq!(few, beside(100_000).await);

    let run = async |mode: &str, limits: Limits| Attacked::new("huge_result", NOWHERE, limits).run(mode).await;
    for (mode, limits, limit) in [
        ("entries", Limits { batch_entries: 500, ..tight() }, "batch_entries = 500"),
        ("text", Limits { text_bytes: 500, ..tight() }, "text_bytes = 500"),
    ] {
        // The users have no id, so that a batch within its limit is refused for that.
        let beyond = run(&format!("{mode} 501"), limits.clone()).await.0;
        let words = contract(&beyond);
        assert!(words.ends_with(&format!("over the limit {limit}")), "{words}");
        let within = run(&format!("{mode} 500"), limits).await.0;
        match mode {
            "text" => assert!(within.is_ok(), "{within:?}"),
            _ => assert_eq!(contract(&within), "user.user_id is empty"),
        }
    }
    let mut warns = Limits { text_bytes: 500, ..tight() };
    warns.set_mode("text_bytes", Mode::Warn).unwrap();
    let (result, bill) = run("text 501", warns).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(bill.limits_passed.into_iter().collect::<Vec<_>>(), [("text_bytes", 1)]);
}

pub async fn wrong_records() {
    let attacked = Attacked::new("wrong_records", NOWHERE, tight());
    for (mode, words) in [
        ("unknown-pool", "an assignment in pool nowhere, which is not before it"),
        ("unknown-user", "an assignment of user 2, who is not before it in its batch"),
        ("empty-id", "user.user_id is empty"),
        ("no-day", "pool.term_end is `2026-02-30`, which is no day"),
        ("day-of-another-form", "assignment.assigned_on is `26-2-3`, which is no day"),
        ("no-instant", "user.created_at is `yesterday`, which is no moment in UTC"),
        ("instant-without-zone", "user.last_sign_in_at is `2026-02-03T06:41:10`, which is no moment in UTC"),
        ("long-text", "a text of 5242880 bytes, over the limit text_bytes = 65536"),
        ("another-source", "a source that does not come first, or comes again"),
        ("neither", "a batch without next and summary"),
        ("both", "a batch with both next and summary"),
        ("long-cursor", "a cursor of 4097 bytes, over the limit cursor_bytes = 4096"),
    ] {
        assert_eq!(contract(&attacked.run(mode).await.0), words, "{mode}");
    }
    let absurd = attacked.run("absurd-summary").await.0;
    let words = contract(&absurd);
    assert!(words.starts_with("a summary that counts "), "{words}");
    for mode in ["", "absurd-counts", "absurd-progress", "control-characters", "longest-cursor"] {
        assert!(attacked.run(mode).await.0.is_ok(), "{mode}");
    }
    attacked.assert_honest_works().await;
    nothing_steers_who_reads_it();
}

/// Absurd and steering records, where a person reads them.
fn nothing_steers_who_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("wrong_records.wasm");
    std::fs::write(&component, &components()["wrong_records"]).unwrap();
    for mode in ["absurd-counts", "absurd-progress", "control-characters"] {
        for format in ["table", "csv", "ndjson"] {
            let ran = Cli::new(["collect", "--url", NOWHERE, "--token-env", TOKEN, "--allow-loopback", "--bill"])
                .args(["--format", format, "--set", &format!("mode={mode}"), "--plugin"])
                .arg(&component)
                .env(TOKEN, CANARY)
                .run();
            ran.assert_code(0);
            let steers = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
            // JSON writes control characters as escapes; marks of direction are letters there.
            let found = ran.stdout.chars().find(|character| steers(*character) && format != "ndjson");
            assert_eq!(found, None, "{mode} {format}: {:?}", ran.stdout);
            assert_eq!(ran.stderr.chars().find(|character| steers(*character)), None, "{mode}: {:?}", ran.stderr);
        }
    }
}

pub async fn endless_paging() {
    let attacked = Attacked::new("endless_paging", NOWHERE, Limits { batches: 50, ..tight() });
    assert_eq!(contract(&attacked.run("same").await.0), "a batch that leads back to itself");
    for mode in ["circle", "", "51"] {
        let (result, bill) = attacked.run(mode).await;
        assert_eq!(result.unwrap_err().to_string(), "the plugin passed the limit batches = 50", "{mode}");
        assert_eq!(bill.calls, 51);
        attacked.assert_honest_works().await;
    }
    assert!(attacked.run("50").await.0.is_ok());
    let limits = |milliseconds| Limits { collection_wall: Duration::from_millis(milliseconds), ..tight() };
    let started = Instant::now();
    let (result, bill) = Attacked::new("endless_paging", NOWHERE, limits(700)).run("").await;
    assert_eq!(result.unwrap_err().to_string(), "the plugin passed the limit collection_wall = 700 ms");
    assert!((700..1_700).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert!(bill.calls > 1 && bill.collection_ms >= 700.0 && bill.batches > 0, "{bill:?}");
    let mut warns = limits(1);
    warns.set_mode("collection_wall", Mode::Warn).unwrap();
    let (result, bill) = Attacked::new("endless_paging", NOWHERE, warns).run("50").await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(bill.limits_passed.into_iter().collect::<Vec<_>>(), [("collection_wall", 1)]);
}

#[track_caller]
fn contract<T: std::fmt::Debug>(result: &Result<T, CollectionError>) -> &str {
    match result {
        Err(CollectionError::Contract(words)) => words,
        other => panic!("the contract was not broken: {other:?}"),
    }
}
