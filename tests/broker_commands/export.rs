//! `export`, and the files of `allocation`.

use std::process::Stdio;

use fake_gitlab::Options;

use super::{Broker, approved, today};
use crate::support::{StandIn, records};

const TABLES: [&str; 7] = ["allocation", "pools", "people", "runs", "events", "alerts", "audit"];

#[test]
fn every_table_in_every_form_says_the_same() {
    let broker = approved();
    for table in TABLES {
        let rows = records(&broker.says(&["export", table, "--format", "ndjson"]));
        assert!(!rows.is_empty(), "{table}");
        let array = broker.json(&["export", table]);
        assert_eq!(array.as_array().unwrap(), &rows, "{table}");
        assert_eq!(broker.says(&["export", table, "--format", "json"]), broker.says(&["export", table, "--json"]));
        let csv = broker.says(&["export", table]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        if let Some(first) = rows.first() {
            let mut names: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
            names.sort_unstable();
            assert!(names.iter().eq(first.as_object().unwrap().keys()), "{table}");
        }
        assert_eq!(reader.records().count(), rows.len(), "{table}");
        let file = broker.file(&format!("{table}.parquet"));
        let ran = broker.cli(&["export", table, "--out"]).arg(&file).run();
        ran.assert_code(0);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("is written"), "{}", ran.stderr);
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{table}");
    }
}

#[test]
fn an_export_is_of_any_snapshot() {
    let broker = approved();
    for table in ["allocation", "pools", "people"] {
        let now = broker.says(&["export", table]);
        assert_eq!(broker.says(&["export", table, "--at", "1"]), now, "{table}");
        assert_eq!(broker.says(&["export", table, "--at", &today(), "--source", "1"]), now, "{table}");
        assert!(broker.refuses(2, &["export", table, "--at", "2020-01-01", "--out", "x.csv"]).contains("export runs"));
    }
    let words = broker.refuses(2, &["export", "events", "--at", "1", "--out", "x.csv"]);
    assert!(words.contains("the table events has no snapshots"), "{words}");
    assert!(!std::path::Path::new("x.csv").exists());
}

#[test]
fn metrics_are_of_open_metrics() {
    let broker = approved();
    let text = broker.says(&["export", "metrics"]);
    assert!(text.starts_with("# TYPE ") && text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("license_seats_entitled{tenant=\"default\","), "{text}");
    assert_eq!(broker.says(&["export", "metrics", "--tenant", "default"]).lines().count(), text.lines().count());
    let file = broker.file("licenses.prom");
    broker.cli(&["export", "metrics", "--out"]).arg(&file).run().assert_code(0);
    assert!(std::fs::read_to_string(file).unwrap().ends_with("# EOF\n"));
    assert!(broker.refuses(2, &["export", "metrics", "--json"]).contains("export pools"));
    assert!(broker.refuses(2, &["export", "metrics", "--tenant", "nobody"]).contains("tenant list"));
}

#[test]
fn a_file_is_whole_or_not_there() {
    let broker = approved();
    let file = broker.file("seats.csv");
    std::fs::write(&file, "old").unwrap();
    let out = file.to_str().unwrap();
    broker.refuses(2, &["allocation", "--at", "77", "--out", out]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
    assert!(broker.says(&["allocation", "--out", out]).is_empty());
    let csv = std::fs::read_to_string(&file).unwrap();
    assert_eq!(csv, broker.says(&["allocation", "--format", "csv"]));
    assert_eq!(csv, broker.says(&["export", "allocation"]));
    assert_eq!(csv, broker.says(&["export", "allocation", "--format", "csv", "--out", "/dev/stdout"]));
    let page = broker.file("page.txt");
    broker.cli(&["allocation", "--out"]).arg(&page).run().assert_code(0);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), broker.says(&["allocation"]));
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = broker.cli(&["export", "people"]).stdout(full.into()).run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("error: the output cannot be written"), "{}", ran.stderr);
}

#[test]
fn who_stops_reading_is_no_mistake() {
    for form in ["csv", "ndjson", "json"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = approved().cli(&["export", "people", "--format", form]).stdout(Stdio::from(writer)).run();
        ran.assert_code(1);
        assert_eq!(ran.stderr, "", "{form}");
    }
}

#[test]
fn an_empty_store_has_empty_tables() {
    let broker = Broker::new();
    for table in TABLES {
        let ran = broker.run(&["export", table]);
        ran.assert_code(0);
        assert_eq!(ran.stdout.lines().count(), 1, "{table}: {}", ran.stdout);
        assert!(ran.stderr.contains("there is no source yet"), "{}", ran.stderr);
        assert_eq!(broker.json(&["export", table]), serde_json::json!([]), "{table}");
    }
    assert!(broker.says(&["export", "metrics"]).ends_with("# EOF\n"));
    assert!(broker.refuses(2, &["export", "runs", "--tenant", "acme"]).contains("tenant list"));
    let ran = broker.run(&["export", "shoes"]);
    ran.assert_code(2);
    assert!(ran.stderr.contains("metrics") && ran.stderr.contains("people"), "{}", ran.stderr);
    assert!(broker.refuses(2, &["export", "runs", "--out", "runs.txt"]).contains("add --format"));
}

/// `script` gives the command a terminal.
#[test]
fn parquet_is_nothing_for_a_terminal() {
    let broker = Broker::new();
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    broker.save(&stand_in);
    let data = broker.file("data");
    let program = env!("CARGO_BIN_EXE_host-sim");
    let on_terminal = |arguments: &str| {
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &format!("{program} {arguments}"), "/dev/null"]).env("HOST_SIM_DATA", &data);
        let output = script.stdin(Stdio::null()).output().expect("`script` of util-linux");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = on_terminal("export people --format parquet");
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--out FILE") && !text.contains("PAR1"), "{text}");
    let (code, text) = on_terminal("export people");
    assert!(code == Some(0) && text.contains("source_no,"), "{text}");
}
