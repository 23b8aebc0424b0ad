//! What a person gets wrong: one line of cause, one of hint, the right exit code, and nothing half-written.
//!
//! The words are pinned in `snapshots/`: whoever changes one reads it there as the administrator would.

use std::fmt::Write as _;
use std::net::TcpListener;

use fake_gitlab::{Options, Scenario, Tokens};

use crate::support::listener::Listener;
use crate::support::tls::TlsFront;
use crate::support::{ANY_TOKEN, Cli, StandIn};

/// One mistake.
struct Mistake {
    name: &'static str,
    url: String,
    token: &'static str,
    code: i32,
    settings: &'static [&'static str],
}

/// The settings of a source on GitLab.com.
const COM: &[&str] = &["--set", "deployment=gitlab-com"];
const COM_GROUP: &[&str] = &["--set", "deployment=gitlab-com", "--set", "group=nothing"];

fn html(status: &str, body: &str) -> Listener {
    let length = body.len();
    Listener::answering(format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

#[test]
fn each_mistake_has_a_cause_a_hint_and_a_code() {
    let start = |scenario| StandIn::start(Options { scenario, users: 60, ..Options::default() });
    let premium = start(Scenario::SelfManagedPremium);
    let empty = start(Scenario::GitlabComEmpty);
    let developer = start(Scenario::GitlabComDeveloper);
    let tls = TlsFront::start(&premium, "127.0.0.1");
    let page = html("200 OK", "<!DOCTYPE html><title>Sign in</title>");
    let challenge = html("403 Forbidden", "<title>Just a moment...</title>Checking your browser");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let good = Tokens::ADMINISTRATOR;
    let mistake = |name, url: &str, token, code| Mistake { name, url: url.to_owned(), token, code, settings: &[] };
    let com = |name, url: &str, token, settings| Mistake { settings, ..mistake(name, url, token, 1) };
    let mistakes = [
        mistake("another scheme", "ftp://gitlab.example.com", good, 2),
        mistake("a password in the URL", "https://root:hunter2@gitlab.example.com", good, 2),
        mistake("no host", "https://", good, 2),
        mistake("a name that only looks encoded", "https://xn--a.example", good, 2),
        mistake("a blank inside", "https://gitlab example.com", good, 2),
        mistake("no such host", "https://gitlab.invalid", good, 1),
        mistake("refused connection", &closed, good, 1),
        mistake("untrusted certificate", &tls.url(), good, 1),
        mistake("HTML page", &page.url(), good, 1),
        mistake("challenge page", &challenge.url(), good, 1),
        mistake("wrong path", &format!("{}/nowhere", premium.url()), good, 1),
        mistake("unknown token", &premium.url(), "glpat-mistyped", 1),
        mistake("expired token", &premium.url(), Tokens::EXPIRED, 1),
        mistake("revoked token", &premium.url(), Tokens::REVOKED, 1),
        mistake("missing scope", &premium.url(), Tokens::USER_SCOPE, 1),
        mistake("blocked account", &premium.url(), Tokens::BLOCKED, 1),
        com("in no group of GitLab.com", &empty.url(), Tokens::STRANGER, COM),
        com("Developer on GitLab.com", &developer.url(), Tokens::MEMBER, COM),
        com("no such group on GitLab.com", &developer.url(), Tokens::OWNER, COM_GROUP),
        Mistake { code: 2, ..com("an instance taken for GitLab.com", &premium.url(), good, COM) },
    ];
    let ports = [
        (premium.gitlab.address().port(), "PORT"),
        (empty.gitlab.address().port(), "PORT"),
        (developer.gitlab.address().port(), "PORT"),
        (tls.address.port(), "PORT"),
        (page.address.port(), "PORT"),
        (challenge.address.port(), "PORT"),
    ];
    let mut told = String::new();
    for mistake in &mistakes {
        for command in ["test", "collect"] {
            let folder = tempfile::tempdir().unwrap();
            let mut cli = Cli::source(command, &mistake.url, mistake.token).args(mistake.settings);
            if command == "collect" {
                cli = cli.arg("--out").arg(folder.path().join("seats.ndjson"));
            }
            let ran = cli.run();
            let context = format!("{command}, {}:\n{}{}", mistake.name, ran.stdout, ran.stderr);
            // What is well-formed and wrong is found out by *Test connection*, which runs and fails.
            let code = if mistake.settings == COM && command == "test" { 1 } else { mistake.code };
            assert_eq!(ran.code, Some(code), "{context}");
            let lines: Vec<&str> = ran.stderr.lines().collect();
            assert_eq!(lines.len(), 2, "{context}");
            assert!(lines[0].starts_with("error: ") && lines[0].len() > 20, "{context}");
            assert!(lines[1].starts_with("hint: ") && lines[1].len() > 16, "{context}");
            assert!(!ran.stderr.contains("hunter2"), "{context}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{context}");
            if command == "collect" {
                assert_eq!(ran.stdout, "", "{context}");
            }
            let mut text = ran.stderr.replace(closed.rsplit(':').next().unwrap(), "PORT");
            for (port, name) in ports {
                text = text.replace(&port.to_string(), name);
            }
            writeln!(told, "{}, {command} ({code})\n{text}", mistake.name).unwrap();
        }
    }
    insta::assert_snapshot!("mistakes", told);
}

#[test]
fn tokens_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let (empty, two) = (file("empty", "\n"), file("two", "glpat-one\nglpat-two\n"));
    // One character fewer than is taken.
    let short = file("short", "glpat-x\n");
    let large = file("large", &"glpat".repeat(20_000));
    for (args, words) in [
        (["--token-env", "SURELY_UNSET"], "the environment variable SURELY_UNSET is not set"),
        (["--token-file", "/nonexistent/token"], "no token can be read from /nonexistent/token"),
        (["--token-file", empty.as_str()], "the token is empty"),
        (["--token-file", two.as_str()], "the token contains blanks or line breaks"),
        (
            ["--token-file", short.as_str()],
            "the token has fewer than 8 characters\nhint: the whole token belongs there",
        ),
        (["--token-file", large.as_str()], "it has more than 65536 bytes"),
    ] {
        let ran = Cli::new(["test", "--url", "https://gitlab.example.com"]).args(args).run();
        ran.assert_code(2);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
        assert!(!ran.stderr.contains("glpat"), "{}", ran.stderr);
    }
}

#[test]
fn settings_that_are_none() {
    for (setting, words) in [
        ("colour=red", "colour"),
        ("deployment=moon", "deployment"),
        ("max_concurrency=0", "max_concurrency"),
        ("max_concurrency=many", "max_concurrency"),
        ("memberships=perhaps", "memberships"),
        ("group=acme", "group"),
        ("host_url=https://b.example", "host_url is given twice"),
    ] {
        let ran = Cli::source("collect", "https://gitlab.example.com", ANY_TOKEN).args(["--set", setting]).run();
        ran.assert_code(2);
        assert!(ran.stderr.contains(words), "{setting}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 2, "{setting}: {}", ran.stderr);
    }
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    for (file, code, words) in
        [("/nonexistent.wasm", 2, "cannot be read"), (module.to_str().unwrap(), 1, "not a WebAssembly component")]
    {
        let ran = Cli::new(["inspect", file]).run();
        ran.assert_code(code);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran =
        Cli::source("collect", "https://gitlab.example.com", ANY_TOKEN).args(["--out", "/nonexistent/seats"]).run();
    ran.assert_code(2);
    assert!(ran.stderr.contains("/nonexistent/seats cannot be written"), "{}", ran.stderr);
    let ran = Cli::source("collect", "https://gitlab.example.com", ANY_TOKEN).args(["--ca-file", "/nonexistent"]).run();
    ran.assert_code(2);
    assert!(ran.stderr.contains("the CA file /nonexistent cannot be read"), "{}", ran.stderr);
}
