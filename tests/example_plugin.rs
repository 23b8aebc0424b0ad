//! The plugin to copy, `examples/csv-seats`: built, loaded and run as any other, against a server made here.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use host_sim::contract::{
    Batch, Configuration, Entry, Failure, FieldProblem, FieldValue, Input, ProblemKind, Rejection, explanation,
};
use host_sim::egress::{Access, Injection, Network, Secret};
use host_sim::engine::{Engine, EngineOptions, Plugin};
use host_sim::plugin_build::examples;
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};
use host_sim::tenant::Tenant;
use serde_json::{Value, json};

use crate::support::csv_seats::built;
use crate::support::listener::Listener;
use crate::support::tls::TlsFront;
use crate::support::{Cli, Ran, TOKEN, runtime};

const SECRET: &str = "csv-secret-5Tq9Lw";

const FILE: &str = "\u{feff}user_id,username,email,feature,entitled,assigned_on,last_activity_on,team\r\n\
    18,\"mei, ops\",,Editor,20,2026-02-01,,x\r\n\
    17,dana,,Viewer,,,2026-03-05,\"a \"\"b\"\"\"\r\n\
    17,dana,dana@example.test,Editor,20,2026-01-07,2026-03-02,x\r\n\
    ,,,Renderer,4,,,\r\n";

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

fn file(text: &str) -> Listener {
    Listener::answering(answer("200 OK", "Content-Type: text/csv\r\n", text))
}

fn run(command: &str, url: &str) -> Cli {
    Cli::new([command, "--url", url, "--token-env", TOKEN, "--allow-loopback"])
        .arg("--plugin")
        .arg(&built().path)
        .env(TOKEN, SECRET)
}

fn of_type<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["type"] == kind).collect()
}

/// What `fields` say, and of all else that it is null, empty, or one of the words for unknown.
fn assert_says(record: &Value, fields: &Value) {
    for (key, value) in record.as_object().unwrap() {
        match fields.get(key) {
            Some(expected) => assert_eq!(value, expected, "{key} of {record}"),
            None => {
                let unknown =
                    [json!(null), json!([]), json!(""), json!("unknown"), json!("other"), json!("none"), json!(false)];
                assert!(unknown.contains(value), "{key} of {record}");
            }
        }
    }
    assert!(fields.as_object().unwrap().keys().all(|key| record.get(key).is_some()), "{record}");
}

#[test]
fn it_is_short_small_and_asks_for_little() {
    assert_eq!(examples().unwrap(), ["csv-seats"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/csv-seats/src");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let lines: usize = files.iter().map(|file| std::fs::read_to_string(file).unwrap().lines().count()).sum();
    assert!(files.len() == 2 && lines > 100, "or this test looks in the wrong place");
    assert!(lines < 200, "{lines} lines");
    let manifest = &built().manifest;
    assert!(manifest.size < 256 * 1024, "{} bytes", manifest.size);
    let imports = manifest.imports.iter().map(|import| import.split('@').next().unwrap().to_owned());
    let imports: Vec<String> = imports.collect();
    let expected = [
        "wasi:clocks/monotonic-clock",
        "wasi:http/outgoing-handler",
        "wasi:http/types",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
    ];
    assert_eq!(imports.iter().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), expected.into());
}

#[test]
fn build_makes_it_by_name_and_knows_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.wasm");
    let ran = Cli::new(["build", "--example", "csv-seats", "--out"]).arg(&out).run();
    ran.assert_code(0);
    assert!(ran.stdout.contains(&format!("sha256     {}", built().manifest.sha256)), "{}", ran.stdout);
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&built().path).unwrap());
    for name in ["kit", "../examples/csv-seats", "gitlab-seats", ""] {
        let ran = Cli::new(["build", "--example", name, "--out"]).arg(folder.path().join("no.wasm")).run();
        ran.assert_code(2);
        assert_eq!(ran.stderr, format!("error: there is no example `{name}`\nhint: there are: csv-seats\n"));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let said = Cli::new(["inspect"]).arg(&out).run();
    said.assert_code(0);
    for words in ["csv-seats", "address", "token", "License"] {
        assert!(said.stdout.to_lowercase().contains(&words.to_lowercase()), "{words}: {}", said.stdout);
    }
}

#[test]
fn it_delivers_what_the_file_says_over_tls_and_the_token_is_the_hosts_to_send() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Listener::choosing(move |head| {
        seen.lock().unwrap().push(head.to_lowercase());
        let known = head.to_lowercase().contains(&format!("\r\nauthorization: bearer {SECRET}\r\n").to_lowercase());
        if known { answer("200 OK", "", FILE) } else { answer("401 Unauthorized", "", "") }
    });
    let runtime = runtime();
    let front = TlsFront::before(server.address, &runtime, "127.0.0.1");
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    front.write_authority(&authority);
    let url = format!("{}/export/seats.csv", front.url());
    let run = |command: &str| -> Ran { run(command, &url).arg("--ca-file").arg(&authority).run() };
    let tested = run("test");
    tested.assert_code(0);
    assert!(tested.stdout.contains("2 people, 3 features."), "{}", tested.stdout);
    let ran = run("collect");
    ran.assert_code(0);
    let records = ran.records();
    let kinds: Vec<&str> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..4], ["source", "pool", "pool", "pool"]);

    let yes = |yes: &[&str], no: &[&str]| -> Value {
        let of = |names: &[&str], word: &str| -> Vec<(String, Value)> {
            names.iter().map(|name| ((*name).to_owned(), json!(word))).collect()
        };
        let unknown = of(&["expiry", "max_used", "add_ons"], "unknown");
        Value::Object(of(yes, "yes").into_iter().chain(of(no, "no")).chain(unknown).collect())
    };
    let source = json!({
        "type": "source", "source_key": url, "host_url": url, "display_name": url.split_once("://").unwrap().1, "vendor": "CSV",
        "deployment": "self-managed", "capabilities": yes(&["totals", "assignments", "last_activity", "email"], &[]),
    });
    assert_says(&records[0], &source);
    for (pool, (feature, entitled)) in of_type(&records, "pool").into_iter().zip([
        ("Editor", json!(20)),
        ("Renderer", json!(4)),
        ("Viewer", json!(null)),
    ]) {
        assert_says(
            pool,
            &json!({
                "type": "pool", "pool_id": feature, "scope_id": feature, "scope_name": feature, "product": feature, "feature": feature,
                "kind": "base", "license_type": "named-user", "unit": "seat", "entitled": entitled,
            }),
        );
    }
    let users = of_type(&records, "user");
    assert_eq!(users.len(), 2);
    assert_says(
        users[0],
        &json!({
            "type": "user", "user_id": "17", "username": "dana", "email": "dana@example.test", "email_kind": "primary",
            "last_activity_on": "2026-03-05", "activity": "known",
        }),
    );
    assert_says(users[1], &json!({ "type": "user", "user_id": "18", "username": "mei, ops", "activity": "never" }));
    let held = of_type(&records, "assignment");
    for (seat, (user, feature, since, used)) in held.iter().zip([
        ("17", "Viewer", json!(null), json!("2026-03-05")),
        ("17", "Editor", json!("2026-01-07"), json!("2026-03-02")),
        ("18", "Editor", json!("2026-02-01"), json!(null)),
    ]) {
        assert_says(
            seat,
            &json!({
                "type": "assignment", "pool_id": feature, "user_id": user, "consumes_seat": true, "assigned_on": since,
                "last_activity_on": used,
            }),
        );
    }
    assert_eq!((held.len(), of_type(&records, "warning").len()), (3, 0));
    let counts = json!({ "source": 1, "pool": 3, "user": 2, "assignment": 3, "warning": 0 });
    let summary = of_type(&records, "summary")[0];
    assert_eq!(
        (&summary["completeness"], &summary["counts"], &summary["requests"]),
        (&json!("complete"), &counts, &json!(1))
    );

    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| head.starts_with("get /export/seats.csv http/1.1\r\n")), "{heads:?}");
    assert!(![&tested, &ran].iter().any(|ran| format!("{}{}", ran.stdout, ran.stderr).contains(SECRET)));
}

#[test]
fn a_column_that_is_missing_is_not_readable_rather_than_never() {
    let server = file("feature,username,user_id\nEditor,dana,17\n");
    let url = format!("{}/seats.csv", server.url());
    let ran = run("collect", &url).run();
    ran.assert_code(0);
    let records = ran.records();
    let capabilities = &of_type(&records, "source")[0]["capabilities"];
    for (name, word) in
        [("totals", "no"), ("last_activity", "no"), ("email", "no"), ("assignments", "yes"), ("expiry", "unknown")]
    {
        assert_eq!(capabilities[name], word, "{name}");
    }
    assert_eq!(of_type(&records, "pool")[0]["entitled"], json!(null));
    assert_says(
        of_type(&records, "user")[0],
        &json!({
            "type": "user", "user_id": "17", "username": "dana", "activity": "not-readable",
        }),
    );
    let warned: Vec<&Value> = of_type(&records, "warning").into_iter().map(|warning| &warning["scope"]).collect();
    assert_eq!(warned, ["entitled", "last_activity_on"]);
    let tested = run("test", &url).arg("--json").run();
    tested.assert_code(0);
    let report: Value = serde_json::from_str(&tested.stdout).unwrap();
    assert_eq!(report["outcome"], "warn");
    let detail = report["checks"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("1 people, 1 features. There is no column entitled: "), "{detail}");
    assert!(report["checks"][0]["hint"].is_string());
}

fn plugin() -> &'static (Engine, Plugin) {
    static PLUGIN: OnceLock<(Engine, Plugin)> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&std::fs::read(&built().path).unwrap()).unwrap();
        (engine, plugin)
    })
}

fn text(key: &str, value: &str) -> FieldValue {
    FieldValue { key: key.to_owned(), value: Input::Text(value.to_owned()) }
}

fn secret(key: &str) -> FieldValue {
    FieldValue { key: key.to_owned(), value: Input::SecretSet }
}

async fn configured(url: &str) -> Configuration {
    plugin().1.configure(&[text("address", url), secret("token")]).await.result.unwrap().unwrap()
}

/// What is granted to a configuration.
fn network(config: &Configuration) -> Network {
    let policy = NetworkPolicy { loopback: true, private: false };
    let tenant = Tenant::new(&plugin().0, Limits::default(), policy, None).unwrap();
    let typed = Origin::of_url(&config.settings).unwrap();
    let injection = Injection::new("authorization", "Bearer ", Secret::new(SECRET.to_owned()).unwrap()).unwrap();
    tenant.network(Access { grant: Grant::of(&config.allowed_origins, &[typed]).unwrap(), injection: Some(injection) })
}

async fn collect(config: &Configuration, network: &Network, cursor: Option<&str>) -> Result<Batch, Failure> {
    plugin().1.collect(network, config, cursor.map(str::to_owned).as_ref()).await.result.unwrap()
}

/// How collecting fails, which is how testing does.
async fn failure_of(url: &str) -> Failure {
    let config = configured(url).await;
    let network = network(&config);
    let failure = collect(&config, &network, None).await.unwrap_err();
    let report = plugin().1.test(&network, &config).await.result.unwrap();
    let check = &report.checks[0];
    let words = explanation(&failure);
    assert_eq!((&check.detail, &check.hint), (&words.message, &words.hint), "{failure:?}");
    assert!(format!("{:?}", report.outcome).ends_with("Fail") && words.hint.is_some());
    failure
}

#[test]
fn each_failure_has_its_class() {
    let class = |failure: &Failure| match failure {
        Failure::Unauthorized(failure) if failure.reason == Rejection::Rejected => "unauthorized",
        Failure::Forbidden(failure) if failure.missing == "read" => "forbidden",
        Failure::NotFound(_) => "not-found",
        Failure::RateLimited(failure) if failure.retry_after == Some(7) => "rate-limited in 7 s",
        Failure::RateLimited(failure) if failure.retry_after.is_none() => "rate-limited",
        Failure::Upstream(failure) if failure.status == 503 => "upstream 503",
        Failure::Malformed(failure) if failure.why == "status 302" => "malformed: status 302",
        Failure::Malformed(failure) if failure.why == "status 204" => "malformed: status 204",
        Failure::Malformed(failure) if failure.why == "more than 8388608 bytes" => "malformed: size",
        Failure::Unreachable(_) => "unreachable",
        Failure::Tls(_) => "tls",
        Failure::DeniedByHost(_) => "denied-by-host",
        _ => "another",
    };
    let mut cut = answer("200 OK", "", FILE);
    cut.truncate(cut.len() - 10);
    let large = "x".repeat((8 << 20) + 1);
    let runtime = runtime();
    for (answer, expected) in [
        (answer("401 Unauthorized", "", ""), "unauthorized"),
        (answer("403 Forbidden", "", ""), "forbidden"),
        (answer("404 Not Found", "", ""), "not-found"),
        (answer("410 Gone", "", ""), "not-found"),
        (answer("429 Too Many Requests", "Retry-After: 7\r\n", ""), "rate-limited in 7 s"),
        (answer("429 Too Many Requests", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", ""), "rate-limited"),
        (answer("503 Service Unavailable", "", FILE), "upstream 503"),
        (answer("302 Found", "Location: https://elsewhere.example/\r\n", FILE), "malformed: status 302"),
        (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(), "malformed: status 204"),
        (answer("200 OK", "", &large), "malformed: size"),
        (cut, "unreachable"),
        (Vec::new(), "unreachable"),
    ] {
        let server = Listener::answering(answer);
        let failure = runtime.block_on(failure_of(&format!("{}/seats.csv", server.url())));
        assert_eq!(class(&failure), expected, "{failure:?}");
    }
    let server = file(FILE);
    let front = TlsFront::before(server.address, &runtime, "127.0.0.1");
    let untrusted = runtime.block_on(failure_of(&format!("{}/seats.csv", front.url())));
    assert_eq!((class(&untrusted), server.connections()), ("tls", 0), "{untrusted:?}");
    // Settings that lead beside the one file which was granted, as of a plugin that was broken into.
    let granted = file(FILE);
    let beside = runtime.block_on(async {
        let mut config = configured(&format!("{}/seats.csv", granted.url())).await;
        let network = network(&config);
        assert!(collect(&config, &network, None).await.is_ok());
        config.settings = format!("{}/others.csv", granted.url());
        collect(&config, &network, None).await.unwrap_err()
    });
    assert_eq!((class(&beside), granted.connections()), ("denied-by-host", 1), "{beside:?}");
    let foreign = runtime.block_on(async {
        let config = configured(&format!("{}/seats.csv", granted.url())).await;
        let settings = Configuration { settings: "{}".to_owned(), ..config.clone() };
        collect(&settings, &network(&config), None).await.unwrap_err()
    });
    assert!(matches!(foreign, Failure::InvalidConfiguration(_)), "{foreign:?}");
}

#[test]
fn a_wrong_line_fails_the_run_with_its_number_and_nothing_of_it() {
    let header = "user_id,username,feature,entitled,last_activity_on,assigned_on\n";
    let line = |line: &str| format!("{header}1,dana,Editor,20,2026-03-01,\n{line}\n2,mei,Editor,,,\n");
    let name = "line 3: the user has another name, or this feature, on an earlier line";
    let runtime = runtime();
    for (text, why) in [
        (line("SECRET,x,Editor"), "line 3: not a line of this CSV".to_owned()),
        (line("SECRET,x,,,,"), "line 3: feature is empty".to_owned()),
        (line("SECRET,,Editor,,,"), "line 3: one of user_id and username is empty".to_owned()),
        (line(",SECRET,Editor,,,"), "line 3: one of user_id and username is empty".to_owned()),
        (line("3,x,Editor,SECRET,,"), "line 3: entitled is no whole number".to_owned()),
        (line("3,x,Editor,-1,,"), "line 3: entitled is no whole number".to_owned()),
        (line("3,x,Editor,21,,"), "line 3: entitled is another than on an earlier line".to_owned()),
        (line("3,x,Editor,,SECRET,"), "line 3: last_activity_on is no day".to_owned()),
        (line("3,x,Editor,,2026-02-30,"), "line 3: last_activity_on is no day".to_owned()),
        (line("3,x,Editor,,,01.02.2026"), "line 3: assigned_on is no day".to_owned()),
        (line("1,dana,Editor,,,"), name.to_owned()),
        (line("1,SECRET,Viewer,,,"), name.to_owned()),
        // An export with semicolons, a page where somebody should sign in, nothing at all.
        (header.replace(',', ";"), "line 1: there is no column user_id".to_owned()),
        ("<!DOCTYPE html>\n<p>SECRET</p>\n".to_owned(), "line 1: there is no column user_id".to_owned()),
        (header.replace("feature", "product"), "line 1: there is no column feature".to_owned()),
        (String::new(), "line 1: there is no column user_id".to_owned()),
    ] {
        let server = file(&text);
        let failure = runtime.block_on(failure_of(&format!("{}/seats.csv", server.url())));
        let Failure::Malformed(malformed) = failure else { panic!("{text}: {failure:?}") };
        assert_eq!(malformed.why, why, "{text}");
        assert!(!format!("{malformed:?}").contains("SECRET"), "{malformed:?}");
    }
    let latin = [answer("200 OK", "", &line("3,?,Editor,,,"))].concat();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
    let failure = runtime.block_on(failure_of(&format!("{}/seats.csv", Listener::answering(latin).url())));
    assert!(
        matches!(&failure, Failure::Malformed(failure) if failure.why == "line 3: not a line of this CSV"),
        "{failure:?}"
    );
    let ran = run("collect", &format!("{}/seats.csv", file(&line("3,x,Editor,many,,")).url())).run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("line 3: entitled is no whole number"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
}

/// A file of so many people, each with two features.
fn many(people: usize) -> String {
    let line = |id: usize| format!("{id:05},u{id},Editor,2026-03-01\n{id:05},u{id},Viewer,\n");
    ["user_id,username,feature,last_activity_on\n".to_owned()].into_iter().chain((0..people).map(line)).collect()
}

#[test]
fn a_large_file_comes_in_batches_and_one_that_changes_is_not_taken_in_halves() {
    let server = file(&many(5_000));
    let ran = run("collect", &format!("{}/seats.csv", server.url())).run();
    ran.assert_code(0);
    let records = ran.records();
    let ids: std::collections::BTreeSet<&str> =
        of_type(&records, "user").iter().map(|user| user["user_id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), of_type(&records, "assignment").len()), (5_000, 10_000));
    // 4,000 entries and a little: three for each person.
    assert_eq!((of_type(&records, "summary")[0]["requests"].as_u64(), server.connections()), (Some(4), 4));

    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let changing = Listener::choosing(move |_| {
        answer("200 OK", "", &many(3_000 + usize::from(count.fetch_add(1, Ordering::SeqCst) == 1)))
    });
    runtime().block_on(async {
        let config = configured(&format!("{}/seats.csv", changing.url())).await;
        let network = network(&config);
        let first = collect(&config, &network, None).await.unwrap();
        let next = first.next.clone().unwrap();
        assert!(first.summary.is_none() && matches!(first.entries[0], Entry::Source(_)), "{:?}", first.progress);
        let changed = collect(&config, &network, Some(&next)).await.unwrap_err();
        assert!(matches!(changed, Failure::InvalidCursor(_)), "{changed:?}");
        // As it was again: the run goes on where it was.
        let second = collect(&config, &network, Some(&next)).await.unwrap();
        assert!(matches!(&second.entries[0], Entry::User(user) if user.user_id == "01333"), "{:?}", second.entries[0]);
        for cursor in
            ["", "1", "1:2:", "0:0:0", "1:99999:0", &format!("{next}:1"), &next.replacen("1:", "0:", 1), "1:1:zz"]
        {
            let refused = collect(&config, &network, Some(cursor)).await.unwrap_err();
            assert!(matches!(refused, Failure::InvalidCursor(_)), "{cursor}: {refused:?}");
        }
    });
}

#[test]
fn what_is_entered_is_parsed_and_all_problems_are_named() {
    let configure = async |values: &[FieldValue]| plugin().1.configure(values).await.result.unwrap();
    runtime().block_on(async {
        for (typed, key) in [
            ("https://licenses.example.com/a/seats.csv", "https://licenses.example.com/a/seats.csv"),
            (" HTTPS://Licenses.Example.com:443/A/seats.csv\n", "https://licenses.example.com/A/seats.csv"),
            ("licenses.example.com/seats.csv", "https://licenses.example.com/seats.csv"),
            ("https://licenses.example.com:8443/", "https://licenses.example.com:8443/"),
        ] {
            let config = configure(&[text("address", typed), secret("token")]).await.unwrap();
            assert_eq!((config.source_key.as_str(), config.settings.as_str()), (key, key), "{typed}");
            assert_eq!(
                (config.allowed_origins, config.display_name.as_str()),
                (vec![key.to_owned()], &key[8..]),
                "{typed}"
            );
        }
        for typed in [
            "",
            "https://",
            "https:///seats.csv",
            "https://licenses.example.com",
            "ftp://licenses.example.com/seats.csv",
            "https://dana:pw@licenses.example.com/seats.csv",
            "https://licenses.example.com/seats.csv?token=1",
            "https://licenses.example.com/seats.csv#a",
            "https://licenses.example.com\\@other.example/seats.csv",
            "https://licenses.example.com/my seats.csv",
            "https://bücher.example/seats.csv",
        ] {
            let problems = configure(&[text("address", typed), secret("token")]).await.unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), ["address"], "{typed}");
        }
        let problems = configure(&[secret("address"), text("token", "x"), text("other", "x")]).await.unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["address", "token", "other"]);
        let problems = configure(&[]).await.unwrap_err();
        let missing = |problem: &FieldProblem| problem.kind == ProblemKind::Missing;
        assert!(problems.len() == 2 && problems.iter().all(missing), "{problems:?}");
    });
}
