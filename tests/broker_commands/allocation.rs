//! `allocation`.

use fake_gitlab::Options;
use serde_json::Value;

use super::{Broker, approved, shape, today};
use crate::support::{StandIn, records};

#[test]
fn a_page_is_for_people() {
    let broker = approved();
    let text = broker.says(&["allocation"]);
    let lines: Vec<&str> = text.lines().collect();
    let total = broker.json(&["allocation"])["total"].as_u64().unwrap();
    assert!(total > 100, "more than a page: {total}");
    assert!(lines[0].starts_with(" Server") && lines[0].ends_with("End"), "{}", lines[0]);
    assert_eq!(lines.iter().filter(|line| line.contains("named-user")).count(), 100);
    assert!(text.contains(&format!("{} (first seen)", today())), "{text}");
    assert!(lines[lines.len() - 2].starts_with(&format!("100 of {total} rows; the next with --after ")), "{text}");
    assert_eq!(lines[lines.len() - 1], "more at once with --limit N, all with --format csv");
    let all = broker.says(&["allocation", "--limit", "10000"]);
    assert!(all.ends_with(&format!("\n{total} of {total} rows\n")), "{all}");
}

#[test]
fn pages_follow_each_other_to_the_last() {
    let broker = approved();
    let page = broker.json(&["allocation", "--limit", "1", "--search", "a"]);
    insta::assert_snapshot!(serde_json::to_string(&shape(&page)).unwrap(), @r#"{"next":"text","rows":[{"allocation_end":"text","allocation_start":"text","consumes_seat":"yes or no","display_name":"text","email":"text","feature":"text","license_type":"text","obsolete":"yes or no","product":"text","role":"none","server":"text","source_no":"number","start_is_first_seen":"yes or no","user":"text","vendor":"text","version":"text"}],"total":"number"}"#);
    for sort in ["user", "user:desc", "allocation_start:desc", "feature:asc"] {
        let (mut users, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut args = vec!["allocation", "--sort", sort, "--limit", "47"];
            args.extend(after.as_deref().into_iter().flat_map(|cursor| ["--after", cursor]));
            let page = broker.json(&args);
            users.extend(page["rows"].as_array().unwrap().clone());
            match &page["next"] {
                Value::String(next) => after = Some(next.clone()),
                _ => break,
            }
        }
        let every = records(&broker.says(&["allocation", "--sort", sort, "--format", "ndjson"]));
        assert_eq!(users, every, "{sort}");
    }
}

#[test]
fn filters_leave_what_they_say() {
    let broker = approved();
    let every = records(&broker.says(&["allocation", "--format", "ndjson"]));
    let first = &every[0];
    let text = |key: &str| first[key].as_str().unwrap();
    let count = |args: &[&str]| {
        let page = broker.json(&[&["allocation"], args].concat());
        usize::try_from(page["total"].as_u64().unwrap()).unwrap()
    };
    for (option, key) in [
        ("--server", "server"),
        ("--vendor", "vendor"),
        ("--product", "product"),
        ("--feature", "feature"),
        ("--license-type", "license_type"),
    ] {
        let matching = every.iter().filter(|row| row[key] == first[key]).count();
        assert_eq!(count(&[option, text(key)]), matching, "{option}");
        assert_eq!(count(&[option, "no such"]), 0, "{option}");
    }
    assert_eq!(count(&["--source", "1"]), every.len());
    assert_eq!(count(&["--source", "2"]), 0);
    assert_eq!(count(&["--start-from", &today()]) + count(&["--start-to", "1999-12-31"]), every.len());
    assert_eq!(count(&["--end-to", "1999-12-31"]), 0);
    assert_eq!(
        count(&["--end-from", "1999-12-31"]),
        every.iter().filter(|row| row["allocation_end"] != Value::Null).count()
    );
    let found = broker.json(&["allocation", "--search", &text("user").to_uppercase()]);
    assert!(found["rows"].as_array().unwrap().contains(first));
    assert_eq!(count(&["--include-obsolete"]), every.len(), "nothing is over yet");
}

#[test]
fn nothing_is_shown_before_approval() {
    let broker = Broker::new();
    for (args, next) in [(&["allocation"][..], "source add"), (&["allocation", "--json"][..], "source add")] {
        let ran = broker.run(args);
        ran.assert_code(0);
        assert!(ran.stderr.contains(next), "{}", ran.stderr);
    }
    let stand_in = StandIn::start(Options { users: 5, ..Options::default() });
    broker.save(&stand_in);
    let ran = broker.run(&["allocation"]);
    ran.assert_code(0);
    assert!(
        ran.stderr.contains("no source is approved yet") && ran.stderr.contains("source pending"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("Server") && ran.stdout.ends_with("\n0 of 0 rows\n"), "{}", ran.stdout);
    let page = broker.json(&["allocation"]);
    assert_eq!(page, serde_json::json!({ "rows": [], "total": 0, "next": null }));
    assert!(broker.refuses(2, &["allocation", "--at", &today()]).contains("no snapshot"));
    broker.says(&["source", "approve", "1", "--no-run"]);
    let ran = broker.run(&["allocation"]);
    ran.assert_code(0);
    assert!(ran.stderr.contains("source run"), "{}", ran.stderr);
    broker.says(&["source", "run", "1"]);
    assert!(broker.run(&["allocation"]).stderr.is_empty());
}

#[test]
fn the_past_is_as_it_was() {
    let broker = approved();
    let now = broker.says(&["allocation", "--format", "csv"]);
    for at in [today(), "1".to_owned(), "2999-12-31".to_owned()] {
        assert_eq!(broker.says(&["allocation", "--format", "csv", "--at", &at]), now, "{at}");
    }
    for (at, name) in [("2020-01-01", "of 2020-01-01 or before"), ("77", "77")] {
        let words = broker.refuses(2, &["allocation", "--at", at]);
        assert!(words.contains(&format!("there is no snapshot {name}")) && words.contains("export runs"), "{words}");
    }
}

#[test]
fn wrong_usage_is_said_with_a_hint() {
    let broker = approved();
    for (args, word) in [
        (&["--after", "#"][..], "`next` of the page before"),
        (&["--after", "e30"], "begin again"),
        (&["--format", "csv", "--limit", "5"], "leave them out"),
        (&["--out", "seats.doc"], "add --format"),
        (&["--format", "csv", "--out", "/"], "check the path"),
        (&["--tenant", "nobody"], "tenant list"),
    ] {
        let words = broker.refuses(2, &[&["allocation"], args].concat());
        assert!(words.contains(word), "{words}");
    }
    // clap says these in its own way.
    for (args, word) in [
        (&["--sort", "shoe_size"][..], "allocation_start"),
        (&["--sort", "user:up"], "COLUMN:desc"),
        (&["--at", "yesterday"], "the number of a run"),
        (&["--limit", "0"], "1..=10000"),
        (&["--json", "--format", "csv"], "cannot be used with"),
        (&["--start-from", "2026-02-30"], "expected a day"),
    ] {
        let ran = broker.run(&[&["allocation"], args].concat());
        ran.assert_code(2);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
    }
}
