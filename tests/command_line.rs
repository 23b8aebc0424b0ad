//! Names, flags and outputs that others rely on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use fake_gitlab::{Options, Scenario, Tokens};
use serde_json::Value;

use crate::support::{Cli, StandIn, component};

#[test]
fn every_command_has_help() {
    let all = Cli::new(["--help"]).run();
    all.assert_code(0);
    for command in ["demo", "build", "inspect", "test", "collect", "secret", "fake-gitlab", "limits", "bench"] {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command}: {}", all.stdout);
        let help = Cli::new([command, "--help"]).run();
        help.assert_code(0);
        assert!(help.stdout.contains("Usage: cargo sim"), "{}", help.stdout);
    }
    Cli::new(Vec::<&str>::new()).run().assert_code(2);
    Cli::new(["nothing"]).run().assert_code(2);
}

#[test]
fn options_that_scripts_use_are_there() {
    let help = |command: &str| Cli::new([command, "--help"]).run().stdout;
    let both = [
        "--url <URL>",
        "--token-env <NAME>",
        "--token-file <FILE>",
        "--token-stdin",
        "--token-sealed <FILE>",
        "--key-file <FILE>",
        "--key-env <NAME>",
        "--tenant <NAME>",
        "--set <KEY=VALUE>",
        "--plugin <FILE>",
        "--allow-loopback",
        "--allow-private-network",
        "--ca-file <FILE>",
        "--max-concurrency <N>",
        "--limits <FILE>",
        "--verify-key <FILE>",
        "--signature <FILE>",
        "--no-cache",
        "--record <FILE>",
        "--replay <FILE>",
        "--trace",
        "--bill",
        "--json",
    ];
    let stand_in = [
        "--scenario <NAME>",
        "--users <N>",
        "--port <P>",
        "--latency-ms <L>",
        "--rate-limit <R>",
        "--fault <FAULT>",
        "--own-links",
        "--truth <FILE>",
        "--counts",
    ];
    for (command, options) in [
        ("test", &both[..]),
        ("collect", &both[..]),
        ("collect", &["--format <FORMAT>", "--out <FILE>", "--resume <FILE>"][..]),
        ("build", &["--out <FILE>", "--example <NAME>"][..]),
        ("inspect", &["--json", "[FILE]"][..]),
        ("fake-gitlab", &stand_in[..]),
    ] {
        let help = help(command);
        for option in options {
            assert!(help.contains(option), "{command} {option}:\n{help}");
        }
    }
}

#[test]
fn inspect_says_what_a_plugin_is() {
    let ran = Cli::new(["inspect", "--json"]).arg(component()).run();
    ran.assert_code(0);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["contract"], "license-broker:plugin/connector@0.1.0");
    assert_eq!(found["id"], "gitlab-seats");
    assert_eq!(found["vendor"], "GitLab");
    assert_eq!(found["size"], std::fs::metadata(component()).unwrap().len());
    assert_eq!(found["credential"]["header_name"], "authorization");
    assert_eq!(found["imports"].as_array().unwrap().len(), 7);
    let keys: Vec<&str> =
        found["fields"].as_array().unwrap().iter().map(|field| field["key"].as_str().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "host_url",
            "token",
            "group",
            "deployment",
            "members",
            "memberships",
            "add_ons",
            "identity",
            "max_concurrency"
        ]
    );
    let text = Cli::new(["inspect"]).arg(component()).run();
    for word in keys.into_iter().chain([found["sha256"].as_str().unwrap(), "wasi:io/poll@0.2.12"]) {
        assert!(text.assert_code(0).stdout.contains(word), "{word}: {}", text.stdout);
    }
}

#[test]
fn limits_are_listed_both_ways() {
    let text = Cli::new(["limits"]).run();
    insta::assert_snapshot!("limits", text.stdout);
    let help = Cli::new(["limits", "--help"]).run().stdout;
    let json = Cli::new(["limits", "--json"]).run();
    let json: Value = serde_json::from_str(&json.assert_code(0).stdout).unwrap();
    let lines: Vec<&str> = text.assert_code(0).stdout.lines().collect();
    assert_eq!(lines.len(), json.as_object().unwrap().len());
    for line in lines {
        let mut words = line.split_whitespace();
        let (name, value) = (words.next().unwrap(), words.next().unwrap());
        assert_eq!(json[name]["value"].to_string(), value, "{line}");
        // The help tells what it holds for, where that is not a call.
        let of = json[name]["of"].as_str().unwrap();
        let told = help.lines().map(str::trim).filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let told: Vec<_> = told.map(str::trim).filter(|of| !of.starts_with('=')).collect();
        assert_eq!(told, if of == "call" { vec![] } else { vec![of] }, "{name}");
    }
}

#[test]
fn the_stand_in_lists_its_scenarios() {
    let ran = Cli::new(["fake-gitlab", "--list"]).run();
    ran.assert_code(0);
    for scenario in Scenario::ALL {
        assert!(ran.stdout.contains(scenario.name()), "{}", ran.stdout);
    }
    for word in ["users", "rate-limit-text", "repeat-cursor", Tokens::EXPIRED] {
        assert!(ran.stdout.contains(word), "{}", ran.stdout);
    }
    Cli::new(["fake-gitlab", "--scenario", "nothing"]).run().assert_code(2);
    Cli::new(["fake-gitlab", "--users", "0"]).run().assert_code(2);
}

#[test]
fn the_stand_in_tells_its_counts_and_its_truth_to_who_measures() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    let mut child = Cli::new(["fake-gitlab", "--users", "12", "--port", "0", "--own-links", "--counts", "--truth"])
        .arg(&truth)
        .stdin(Stdio::piped())
        .spawn();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.next().unwrap();
    lines.by_ref().find(|line| line == "Ctrl-C ends it").unwrap();
    let mut counts = || {
        writeln!(input).unwrap();
        let json: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        ["requests", "connections", "most_in_flight"].map(|key| json[key].as_u64().unwrap())
    };
    assert_eq!(counts(), [0, 0, 0]);
    let answer = {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let path = "/api/v4/users?per_page=2&exclude_internal=true&without_project_bots=true";
        let token = Tokens::ADMINISTRATOR;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nPRIVATE-TOKEN: {token}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let link = answer.lines().find(|line| line.starts_with("link: ")).unwrap();
    assert!(link.contains(&format!("<{url}/api/v4/users?")), "{link}");
    assert_eq!(counts(), [1, 1, 1]);
    assert_eq!(counts(), [1, 1, 0]);
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    assert_eq!(truth["users"].as_array().unwrap().len(), 12);
    drop(input);
    assert_eq!(lines.next().unwrap(), "1 requests on 1 connections");
    assert!(child.wait().unwrap().success());
    let nowhere = folder.path().join("none").join("truth.json");
    Cli::new(["fake-gitlab", "--port", "0", "--truth"]).arg(nowhere).run().assert_code(2);
}

#[test]
fn build_prints_size_digest_and_imports() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plugin.wasm");
    let ran = Cli::new(["build", "--out"]).arg(&out).run();
    ran.assert_code(0);
    let bytes = std::fs::read(&out).unwrap();
    assert!(ran.stdout.contains(&format!("({} bytes)", bytes.len())), "{}", ran.stdout);
    assert!(ran.stdout.contains(&host_sim::admission::Digest::of(&bytes).to_string()), "{}", ran.stdout);
    assert!(ran.stdout.contains("wasi:http/outgoing-handler@0.2.12"), "{}", ran.stdout);
    assert_eq!(bytes, std::fs::read(component()).unwrap(), "two builds have one digest");
    let ran = Cli::new(["build", "--json", "--out"]).arg(&out).run();
    let built: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
    assert_eq!(built["path"], out.to_str().unwrap());
    assert_eq!(built["size"], bytes.len());
    assert_eq!(built["sha256"], host_sim::admission::Digest::of(&bytes).to_string());
    assert_eq!(built["imports"].as_array().unwrap().len(), 7);
}

/// A closed or full standard error used to end the program with a panic.
#[test]
fn nobody_has_to_listen() {
    let stand_in = StandIn::start(Options { users: 150, ..Options::default() });
    let full = || -> std::process::Stdio { std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into() };
    let loud = ["--trace", "--bill"];
    let ran = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).args(loud).stderr(full()).run();
    ran.assert_code(0);
    // But a result that cannot be written is no success.
    for cli in [
        Cli::source("test", &stand_in.url(), Tokens::ADMINISTRATOR),
        Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR),
        Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).args(["--format", "table"]),
        Cli::new(["inspect"]).arg(component()),
        Cli::new(["limits"]),
    ] {
        let ran = cli.stdout(full()).run();
        ran.assert_code(1);
        assert!(ran.stderr.contains("error: the output cannot be written"), "{}", ran.stderr);
    }
}

#[test]
fn a_result_takes_its_place_as_a_file_should() {
    use std::os::unix::fs::PermissionsExt as _;
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let collect =
        |out: &str| Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).arg("--out").arg(at(out)).run();
    // A private file stays private.
    std::fs::write(at("private"), "").unwrap();
    std::fs::set_permissions(at("private"), std::fs::Permissions::from_mode(0o600)).unwrap();
    collect("private").assert_code(0);
    assert_eq!(std::fs::metadata(at("private")).unwrap().permissions().mode() & 0o777, 0o600);
    // A link stays a link.
    std::fs::write(at("target"), "").unwrap();
    std::os::unix::fs::symlink(at("target"), at("link")).unwrap();
    collect("link").assert_code(0);
    assert!(std::fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert_eq!(std::fs::read(at("target")).unwrap(), std::fs::read(at("private")).unwrap());
    let cli = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).arg("--out").arg(at("link"));
    cli.arg("--resume").arg(at("place")).run().assert_code(0);
    assert!(std::fs::symlink_metadata(at("link")).unwrap().is_symlink());
    // A device is written to; a folder is refused before anything is asked.
    let before = stand_in.gitlab.request_count();
    std::fs::create_dir(at("folder")).unwrap();
    collect("folder").assert_code(2);
    assert_eq!(stand_in.gitlab.request_count(), before);
    let ran = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).args(["--out", "/dev/stdout"]).run();
    ran.assert_code(0);
    assert_eq!(ran.stdout.as_bytes(), std::fs::read(at("private")).unwrap());
}
