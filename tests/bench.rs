//! `bench collect` and `bench tenants`: small runs, for their form and that figures come from the run. Of a few moments on a machine
//! that runs tests, none is a judgement.

use fake_gitlab::{Options, Scenario, Tokens};
use serde_json::Value;

use crate::support::{Cli, Ran, StandIn, component};

/// A bench with the built component, as JSON, and beside it the files that it wrote.
#[track_caller]
fn bench(name: &str, file: &str, args: &[&str]) -> (Value, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let ran = Cli::new(["bench", name, "--json", "--plugin"])
        .arg(component())
        .arg("--out")
        .arg(folder.path())
        .args(args)
        .env("USERS", Tokens::ADMINISTRATOR)
        .env("GROUP", Scenario::GitlabComOpensource.caller())
        .run();
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{:?} {}", ran.code, ran.stderr));
    let written = std::fs::read_to_string(folder.path().join(format!("{file}.json"))).unwrap();
    assert_eq!(written, ran.stdout);
    let plot = std::fs::read_to_string(folder.path().join(format!("{file}.svg"))).unwrap();
    for figure in document["figures"].as_array().unwrap() {
        let what = figure["what"].as_str().unwrap();
        let begin: String = what.chars().take(20).collect();
        assert!(plot.contains(&begin), "{what}");
        // The exit code is of the bounds, and of nothing else.
        let (value, bound) = (figure["value"].as_f64().unwrap(), &figure["bound"]);
        let holds = bound["at_most"].as_f64().is_none_or(|most| value <= most)
            && bound["at_least"].as_f64().is_none_or(|least| value >= least);
        assert_eq!(figure["standing"] != "broken", holds, "{figure}");
    }
    let broken = document["figures"].as_array().unwrap().iter().any(|figure| figure["standing"] == "broken");
    assert_eq!((ran.code, &document["passed"]), (Some(i32::from(broken)), &(!broken).into()));
    (document, ran)
}

fn figure<'a>(document: &'a Value, name: &str) -> &'a Value {
    let figures = document["figures"].as_array().unwrap();
    figures.iter().find(|figure| figure["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"))
}

fn value(document: &Value, name: &str) -> f64 {
    figure(document, name)["value"].as_f64().unwrap_or_else(|| panic!("{name}: {document}"))
}

/// Names and bounds.
fn outline(document: &Value) -> String {
    let line = |figure: &Value| format!("{} {} {}\n", figure["name"], figure["unit"], figure["bound"]);
    document["figures"].as_array().unwrap().iter().map(line).collect::<String>().replace('"', "")
}

#[test]
fn two_lists_are_read_at_once_and_held_to_their_bounds() {
    let (document, _) =
        bench("collect", "collect", &["--rows", "1000", "--latency-ms", "5", "--rounds", "2", "--concurrency", "3"]);
    insta::assert_snapshot!(outline(&document), @r"
    wall_ms ms null
    limit_ms ms null
    ratio_to_limit ratio {at_most:1.3}
    ratio_to_pages ratio null
    requests count null
    share_429 share {at_most:0.01}
    connections count {at_most:3.0}
    guest_peak_bytes bytes {at_most:16777216.0}
    host_peak_bytes bytes null
    rows_per_second per_second null
    cpu_us_per_page us null
    ");
    let settings = &document["settings"];
    assert_eq!(
        (&settings["in_flight"], &settings["latency_ms"], &settings["rounds"]),
        (&3.into(), &5.into(), &2.into())
    );
    let rows = settings["rows"].as_f64().unwrap();
    assert!((1_000.0..1_050.0).contains(&rows), "{settings}");
    let requests = value(&document, "requests");
    // A hundred rows a page, and what comes before the first.
    assert!(requests > rows / 100.0 && requests < 60.0, "{requests}");
    let limit = value(&document, "limit_ms");
    assert!((limit - (requests / 3.0).ceil() * 5.0).abs() < 1e-9, "{limit} {requests}");
    let wall = figure(&document, "wall_ms")["samples"].as_array().unwrap();
    assert!(wall.len() == 2 && wall.iter().all(|wall| wall.as_f64().unwrap() >= limit), "{wall:?} {limit}");
    assert!(value(&document, "connections") >= 1.0, "{document}");
    assert!(value(&document, "guest_peak_bytes") > 65_536.0 && value(&document, "cpu_us_per_page") > 0.0);
    assert!((value(&document, "share_429")).abs() < 1e-9);
}

/// What is asked beside the pages is little in a long reading of these two lists alone, and more in any other.
#[test]
fn long_lists_are_held_to_the_pages_that_they_have() {
    let members = ["--set", "members=false"];
    for (rows, settings, bound) in [("10000", &members[..], true), ("10000", &[], false), ("900", &members[..], false)]
    {
        let args = [&["--rows", rows, "--latency-ms", "1", "--rounds", "1"][..], settings].concat();
        let (document, _) = bench("collect", "collect", &args);
        assert_eq!(figure(&document, "ratio_to_pages")["bound"]["at_most"] == 1.3, bound, "{rows} {settings:?}");
    }
}

#[test]
fn without_latency_there_is_no_limit_to_compare_with() {
    let small = ["--rows", "600", "--latency-ms", "0", "--rounds", "1", "--concurrency", "2", "--rate-limit", "10000"];
    let (document, _) = bench("collect", "collect", &small);
    assert_eq!(document["settings"]["rate_limit"], 10_000);
    assert!(!outline(&document).contains("ratio_to_limit"), "there is no latency");
}

/// What a script that has started its own servers gets: one reading of each, and all records.
#[test]
fn servers_of_somebody_else_are_read_once_into_a_file() {
    let users = StandIn::start(Options { users: 230, ..Options::default() });
    let scenario = Scenario::GitlabComOpensource;
    let group = StandIn::start(Options { scenario, users: 200, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("records.ndjson");
    let (document, _) = bench(
        "collect",
        "collect",
        &[
            "--users-server",
            &users.url(),
            "--users-token-env",
            "USERS",
            "--group-server",
            &group.url(),
            "--group-token-env",
            "GROUP",
            "--group",
            &group.gitlab.truth().groups[0].full_path,
            "--records",
            records.to_str().unwrap(),
        ],
    );
    insta::assert_snapshot!(outline(&document), @r"
    wall_ms ms null
    users count null
    seats count null
    requests count null
    limited count null
    connections count null
    guest_peak_bytes bytes null
    host_peak_bytes bytes null
    process_peak_bytes bytes null
    users_per_second per_second null
    cpu_us_per_page us null
    ");
    let records: Vec<Value> =
        std::fs::read_to_string(&records).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).count();
    assert_eq!((of("source"), of("summary")), (2, 2));
    assert_eq!(value(&document, "users"), of("user") as f64);
    let seats = records.iter().filter(|record| record["consumes_seat"] == true).count();
    assert_eq!(value(&document, "seats"), seats as f64);
    let truth = users.gitlab.truth().counts;
    let billable = group.gitlab.truth().groups[0].billable_members_count;
    assert_eq!(value(&document, "seats"), (truth.using_license_seat.unwrap() + billable) as f64);
    assert_eq!(value(&document, "requests"), (users.gitlab.request_count() + group.gitlab.request_count()) as f64);
    assert_eq!(value(&document, "connections"), (users.gitlab.connections() + group.gitlab.connections()) as f64);
    assert!(value(&document, "process_peak_bytes") >= value(&document, "host_peak_bytes"));
    assert!(value(&document, "host_peak_bytes") > value(&document, "guest_peak_bytes"));
}

#[test]
fn memory_is_compared_between_numbers_of_people() {
    let (document, _) = bench("collect", "flat", &["--flat", "--sizes", "300,1200"]);
    insta::assert_snapshot!(outline(&document), @r"
    guest_peak_bytes_300 bytes {at_most:16777216.0}
    host_peak_bytes_300 bytes null
    wall_ms_300 ms null
    per_second_300 per_second null
    guest_peak_bytes_1200 bytes {at_most:16777216.0}
    host_peak_bytes_1200 bytes null
    wall_ms_1200 ms null
    per_second_1200 per_second null
    guest_spread_bytes bytes {at_most:65536.0}
    host_growth ratio {at_most:1.1}
    people count null
    ");
    let [few, many] = [300, 1_200].map(|users| value(&document, &format!("host_peak_bytes_{users}")));
    assert!((value(&document, "host_growth") - many / few).abs() < 1e-9);
    let [few, many] = [300, 1_200].map(|users| value(&document, &format!("guest_peak_bytes_{users}")));
    assert!((value(&document, "guest_spread_bytes") - (many - few).abs()).abs() < 1e-9);
    assert!((value(&document, "people") - 1_500.0).abs() < 1e-9);
}

#[test]
fn many_tenants_are_read_at_once() {
    let (document, _) =
        bench("tenants", "tenants", &["--tenants", "12", "--users", "120", "--latency-ms", "1", "--rounds", "2"]);
    insta::assert_snapshot!(outline(&document), @r"
    wall_ms ms null
    ideal_ms ms null
    ratio_to_ideal ratio {at_least:0.8}
    slowest_to_median ratio {at_most:3.0}
    host_peak_bytes bytes {at_most:536870912.0}
    guest_peak_bytes bytes {at_most:16777216.0}
    requests count null
    connections count null
    rows_per_second per_second null
    host_cpu_ms_per_tenant ms null
    stand_in_cpu_ms_per_tenant ms null
    ");
    assert_eq!(document["settings"]["tenants"], 12);
    let [wall, ideal, ratio] =
        ["wall_ms", "ideal_ms", "ratio_to_ideal"].map(|name| figure(&document, name)["samples"].clone());
    for round in 0..2 {
        let [wall, ideal, ratio] = [&wall, &ideal, &ratio].map(|samples| samples[round].as_f64().unwrap());
        assert!((ideal / wall - ratio).abs() < 1e-9 && ratio > 0.0, "{document}");
    }
    // Each tenant asks at least for its pages, its license and who it is.
    assert!(value(&document, "requests") >= 12.0 * 4.0, "{document}");
    assert!(value(&document, "slowest_to_median") >= 1.0);
}

#[test]
fn what_cannot_be_measured_is_told_before() {
    let refused = |args: &[&str], code, words: &str| {
        let ran = Cli::new(["bench"])
            .args(args)
            .arg("--plugin")
            .arg(component())
            .env("EMPTY", "")
            .env("UNKNOWN", "glpat-of-nobody-0000")
            .run();
        ran.assert_code(code);
        assert!(ran.stderr.contains(words) && ran.stdout.is_empty(), "{args:?}: {} {}", ran.stdout, ran.stderr);
    };
    refused(&["collect", "--flat", "--rows", "1000"], 2, "cannot be used with");
    refused(&["collect", "--users-server", "http://127.0.0.1:9"], 2, "--users-token-env");
    let server = ["--users-server", "http://127.0.0.1:9", "--users-token-env"];
    refused(&[&["collect"], &server[..], &["NO_SUCH_VARIABLE"]].concat(), 2, "NO_SUCH_VARIABLE has no token");
    refused(&[&["collect"], &server[..], &["EMPTY"]].concat(), 2, "the token in EMPTY is none");
    refused(&["collect", "--concurrency", "65"], 2, "65");
    refused(&["tenants", "--tenants", "0"], 2, "0");
    refused(&["collect", "--records", "/dev/null/records"], 2, "/dev/null/records cannot be written");
    let nobody = StandIn::start(Options { users: 30, ..Options::default() });
    let wrong = ["collect", "--users-server", &nobody.url(), "--users-token-env", "UNKNOWN"];
    refused(&wrong, 1, "the collection of an honest tenant failed");
}
