//! `report`.

use std::os::unix::fs::DirBuilderExt as _;

use broker::reports::unused;
use broker::store::Store;
use broker::view::At;
use fake_gitlab::Options;
use serde_json::{Value, json};

use super::{Broker, approved, shape, today};
use crate::support::{StandIn, records};

/// The line of the source's base pool, as words.
fn pool_line<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let (_, part) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{heading}: {text}"));
    part.lines().nth(2).unwrap().split_whitespace().collect()
}

#[test]
fn reports_are_called_by_their_names() {
    let broker = approved();
    let help = broker.says(&["report", "--help"]);
    for (report, name) in [
        ("activity", "User activity trends"),
        ("unused", "Expired or unused licenses"),
        ("ledger", "Seat ledger"),
        ("sizing", "Right-sizing and cost"),
    ] {
        assert!(help.contains(name), "{help}");
        assert!(broker.says(&["report", report]).starts_with(name));
        assert_eq!(broker.json(&["report", report])["report"], name);
    }
}

#[test]
fn documents_keep_their_shape() {
    let broker = approved();
    let of = |args: &[&str]| serde_json::to_string(&shape(&broker.json(args))).unwrap();
    insta::assert_snapshot!(of(&["report", "activity", "--from", "2000-01-01"]), @r#"{"days":[{"accounts":"number","day":"text","feature":"none","server":"text","source_no":"number"}],"from":"text","next":"number","pools":[{"allocated":"number","allocated_percent":"number","day":"text","entitled":"number","feature":"text","holders":"number","max_allocated":"number","product":"text","run_no":"number","scope":"text","server":"text","unlimited":"yes or no"}],"report":"text","rows":[{"display_name":"text","email":"text","observed_days":"number","server":"text","source_no":"number","user":"text"}],"to":"text","total":"number"}"#);
    insta::assert_snapshot!(of(&["report", "unused", "--reason", "inactive", "--limit", "1"]), @r#"{"grace":"number","next":"number","pools":[{"active":"number","add_on_without_base":"number","assignment_ended":"number","expired_or_unused":"number","feature":"text","holders":"number","inactive":"number","never_active":"number","new":"number","pool_no":"number","product":"text","reclaimable":"number","scope":"text","server":"text","term_ended":"number","unknown":"number"}],"report":"text","rows":[{"days":"number","display_name":"text","email":"text","evidence_on":"text","feature":"text","product":"text","reason":"text","removable":"none","scope":"text","server":"text","user":"text","vendor":"text"}],"threshold":"number","today":"text","total":"number"}"#);
    insta::assert_snapshot!(of(&["report", "ledger"]), @r#"{"balances":[{"closing":"number","feature":"text","found":"number","kept_from":"none","left":"number","opening":"number","product":"text","scope":"text","server":"text","taken":"number"}],"from":"text","next":"number","report":"text","rows":[{"display_name":"text","email":"text","feature":"text","kind":"text","on_day":"text","product":"text","scope":"text","server":"text","user":"text"}],"to":"text","total":"number"}"#);
    insta::assert_snapshot!(of(&["report", "sizing"]), @r#"{"grace":"number","next":"none","report":"text","rows":[{"active":"number","active_in_window":"number","allocated":"number","allocated_percent":"number","bought_cents":"none","currency":"none","entitled":"number","feature":"text","forecast_cents":"none","forecast_over":"none","forecast_peak":"none","free":"number","holders":"number","max_allocated":"number","needed":"number","new":"number","over_now":"number","over_term":"number","pool_id":"text","price_cents":"none","product":"text","reclaimable":"number","saving_cents":"none","scope":"text","server":"text","source_no":"number","term_end":"text","unknown":"number","unlimited":"yes or no","unused":"number","unused_percent":"number","utilisation_percent":"number"}],"threshold":"number","today":"text","total":"number","window":"number"}"#);
}

#[test]
fn unused_tells_reason_and_evidence_of_each_seat() {
    let broker = approved();
    let document = broker.json(&["report", "unused", "--limit", "10000"]);
    let rows = document["rows"].as_array().unwrap();
    let count = |reason: &str| rows.iter().filter(|row| row["reason"] == reason).count();
    for (reason, key) in [("inactive", "inactive"), ("never-active", "never_active"), ("unknown", "unknown")] {
        let summed: u64 = document["pools"].as_array().unwrap().iter().map(|pool| pool[key].as_u64().unwrap()).sum();
        assert_eq!(summed, count(reason) as u64, "{reason}");
        let alone = broker.json(&["report", "unused", "--reason", reason]);
        assert_eq!(alone["total"], count(reason), "{reason}");
    }
    assert!(count("inactive") > 0 && count("never-active") > 0);
    for row in rows {
        if row["reason"] == "inactive" {
            assert!(row["days"].as_i64().unwrap() > 90 && row["evidence_on"].as_str().unwrap().len() == 10, "{row}");
        }
    }
    // The same, however it is asked for.
    let lines = records(&broker.says(&["report", "unused", "--format", "ndjson"]));
    assert_eq!(&lines, rows);
    let (mut paged, mut after) = (Vec::new(), 0);
    loop {
        let page = broker.json(&["report", "unused", "--limit", "7", "--after", &after.to_string()]);
        paged.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_u64() else { break };
        after = next;
    }
    assert_eq!(&paged, rows);
    let text = broker.says(&["report", "unused", "--limit", "3"]);
    let first = &rows[0];
    for key in ["user", "reason", "evidence_on"] {
        assert!(text.contains(first[key].as_str().unwrap()), "{key}: {text}");
    }
    assert!(text.contains(&format!("3 of {} rows; the next with --after 3", rows.len())), "{text}");
    let fewer =
        |threshold: &str| broker.json(&["report", "unused", "--threshold", threshold])["total"].as_u64().unwrap();
    let counts = ["30", "60", "90", "120", "400"].map(fewer);
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] > counts[4], "{counts:?}");
}

#[test]
fn the_ledger_opens_and_closes() {
    let broker = approved();
    let document = broker.json(&["report", "ledger"]);
    let balance = &document["balances"][0];
    assert_eq!((&balance["opening"], &balance["found"]), (&Value::from(0), &balance["closing"]));
    assert_eq!(document["total"], balance["closing"], "one pool, each seat found");
    assert_eq!(document["to"], today());
    let words = pool_line(&broker.says(&["report", "ledger"]), "By pool").join(" ");
    assert!(words.ends_with(&format!("0 {0} 0 0 {0}", balance["closing"])), "{words}");
    let before = broker.json(&["report", "ledger", "--from", "2020-01-01", "--to", "2020-12-31"]);
    assert_eq!((&before["balances"], &before["total"]), (&serde_json::json!([]), &Value::from(0)));
}

#[test]
fn trends_count_accounts_and_rank_them() {
    let broker = approved();
    let document = broker.json(&["report", "activity", "--days", "3650", "--limit", "10000"]);
    let of_all = |list: &str, key: &str| -> i64 {
        document[list].as_array().unwrap().iter().map(|row| row[key].as_i64().unwrap()).sum()
    };
    assert!(of_all("rows", "observed_days") > 0);
    assert_eq!(of_all("days", "accounts"), of_all("rows", "observed_days"));
    assert_eq!(document["pools"][0]["day"], today());
    for (part, list) in [("days", "days"), ("ranking", "rows"), ("pools", "pools")] {
        let lines =
            records(&broker.says(&["report", "activity", "--days", "3650", "--part", part, "--format", "ndjson"]));
        assert_eq!(&lines, document[list].as_array().unwrap(), "{part}");
    }
    let ranking = broker.file("ranking.parquet");
    broker.cli(&["report", "activity", "--part", "ranking", "--out"]).arg(&ranking).run().assert_code(0);
    assert!(std::fs::read(ranking).unwrap().starts_with(b"PAR1"));
}

#[test]
fn a_price_makes_costs() {
    let stand_in = StandIn::start(Options { users: 12, ..Options::default() });
    let broker = Broker::new();
    broker.save(&stand_in);
    broker.says(&["source", "approve", "1"]);
    let pool = || broker.json(&["report", "sizing"])["rows"][0].clone();
    let before = pool();
    assert_eq!([&before["price_cents"], &before["saving_cents"], &before["forecast_peak"]], [&Value::Null; 3]);
    let text = broker.says(&["report", "sizing"]);
    assert!(text.contains("report price set"), "{text}");
    assert!(text.split_once("\nCost of").unwrap().1.contains("unknown"), "{text}");
    let id = before["pool_id"].as_str().unwrap();
    let set = broker.json(&["report", "price", "set", "1", id, "228.50", "EUR"]);
    assert_eq!(
        set,
        serde_json::json!({ "source_no": 1, "pool_id": id, "price": { "cents": 22_850, "currency": "EUR" } })
    );
    let after = pool();
    let reclaimable = after["reclaimable"].as_i64().unwrap();
    assert_eq!(after["saving_cents"], reclaimable * 22_850);
    assert!(broker.says(&["report", "sizing"]).contains("228.50 EUR"));
    assert!(broker.says(&["export", "audit"]).contains("set-price"));
    assert!(broker.says(&["report", "price", "clear", "1", id]).contains("no price"));
    assert_eq!(pool(), before);
    for (args, word) in [
        (&["set", "1", "no-such", "1", "EUR"][..], "report sizing"),
        (&["set", "1", id, "1", "euro"], "three capital letters"),
        (&["set", "7", id, "1", "EUR"], "source list"),
        (&["set", "1", id, "1000000.01", "EUR"], "the price"),
        (&["clear", "1", "no-such"], "report sizing"),
    ] {
        let words = broker.refuses(2, &[&["report", "price"], args].concat());
        assert!(words.contains(word), "{words}");
    }
    broker.run(&["report", "price", "set", "1", id, "1,50", "EUR"]).assert_code(2);
}

#[test]
fn before_approval_reports_are_empty() {
    let broker = Broker::new();
    for report in ["activity", "unused", "ledger", "sizing"] {
        let ran = broker.run(&["report", report]);
        ran.assert_code(0);
        assert!(
            ran.stderr.contains("source add") && ran.stdout.contains("0 of 0 rows"),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        let document = broker.json(&["report", report]);
        assert_eq!((&document["rows"], &document["total"]), (&serde_json::json!([]), &Value::from(0)));
        assert_eq!(broker.says(&["report", report, "--format", "csv"]).lines().count(), 1);
    }
}

#[test]
fn a_report_is_of_any_day_and_mistakes_have_hints() {
    let broker = approved();
    for report in ["activity", "unused", "ledger", "sizing"] {
        let now = broker.says(&["report", report]);
        assert_eq!(broker.says(&["report", report, "--at", "1"]), now, "{report}");
        assert_eq!(broker.says(&["report", report, "--at", &today()]), now, "{report}");
        assert!(broker.refuses(2, &["report", report, "--at", "2020-01-01"]).contains("export runs"));
        assert!(broker.refuses(2, &["report", report, "--format", "csv", "--after", "5"]).contains("leave them out"));
    }
    let words = broker.refuses(2, &["report", "ledger", "--from", "2026-04-02", "--to", "2026-04-01"]);
    assert!(words.contains("end before it begins"), "{words}");
    assert!(broker.refuses(2, &["report", "ledger", "--part", "balances"]).contains("--format csv"));
    assert!(broker.run(&["report", "unused", "--reason", "lazy"]).assert_code(2).stderr.contains("never-active"));
}

/// A store with thirty days of runs.
fn with_a_past() -> (Broker, Store) {
    let broker = Broker::new();
    std::fs::DirBuilder::new().mode(0o700).create(broker.file("data")).unwrap();
    let store = Store::open(&broker.file("data").join("broker.sqlite")).unwrap();
    broker::bench_store::fill(&store, "acme", time::OffsetDateTime::now_utc(), 2_000).unwrap();
    (broker, store)
}

/// Of the past, today is the day of then: an account that was active a week before was no idler.
#[test]
fn the_past_is_judged_by_its_own_day() {
    let (broker, store) = with_a_past();
    let then = time::OffsetDateTime::now_utc().date() - time::Duration::days(20);
    let day = broker::calendar::day_text(then);
    let ask = |at: &str, args: &[&str]| broker.json(&[args, &["--tenant", "acme", "--at", at]].concat());
    let query = unused::Query { at: Some(At::Day(then)), ..unused::Query::default() };
    let expected = json!(unused::summary(&store, "acme", &query, then).unwrap());
    let document = ask(&day, &["report", "unused", "--limit", "5"]);
    assert_eq!((&document["pools"], &document["today"]), (&expected, &json!(day)));
    let now = broker.json(&["report", "unused", "--tenant", "acme"]);
    assert_ne!(now["pools"], expected, "or the test shows nothing");
    // By the number of a run it is the same; of several sources, runs of one day may lie behind it.
    let runs = records(&broker.says(&["export", "runs", "--tenant", "acme", "--format", "ndjson"]));
    let last =
        runs.iter().filter(|run| run["taken_on"] == day.as_str()).max_by_key(|run| run["run_no"].as_i64()).unwrap();
    assert_eq!(ask(&last["run_no"].to_string(), &["report", "unused"])["today"], day);
    for report in ["activity", "ledger"] {
        let document = ask(&day, &["report", report, "--days", "7"]);
        let from = broker::calendar::day_text(then - time::Duration::days(6));
        assert_eq!((&document["from"], &document["to"]), (&json!(from), &json!(day)), "{report}");
    }
    let held =
        |rows: &[Value]| rows.iter().map(|row| row["user"].to_string()).collect::<std::collections::BTreeSet<_>>();
    let of =
        |args: &[&str]| held(&records(&broker.says(&[args, &["--tenant", "acme", "--format", "ndjson"]].concat())));
    assert_eq!(of(&["allocation", "--at", &day]), of(&["export", "allocation", "--at", &day]));
    assert_ne!(of(&["allocation", "--at", &day]), of(&["allocation"]));
    let over = broker.says(&[
        "allocation",
        "--tenant",
        "acme",
        "--include-obsolete",
        "--sort",
        "allocation_end",
        "--limit",
        "10000",
    ]);
    assert!(over.contains(" (over)") && !over.contains("\u{1b}"), "an allocation that is over is marked");
}
