//! What every command has: help with an example, `--json` where it prints a result, and for a mistake what helps.

use std::collections::BTreeSet;

use fake_gitlab::{Options, Tokens};
use serde_json::Value;

use super::Broker;
use crate::support::receiver::Receiver;
use crate::support::{Cli, Ran, StandIn, TOKEN, component};

/// Commands that print no result, or none that a program would read.
const WITHOUT_JSON: [(&str, &str); 4] = [
    ("demo", "a tour for people"),
    ("fake-gitlab", "runs until it is ended"),
    ("secret key", "writes a file"),
    ("secret seal", "its result is the sealed token, as it is"),
];

/// Its `--json` is about lines while it runs, until it is ended: the tests of `serve` read them.
const ENDLESS: &str = "serve";

/// The names of the commands below, as the help lists them.
fn below(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A description that goes on is indented further.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command with its help; those with others below, too.
fn commands() -> Vec<(String, String)> {
    let mut left = below(&Cli::new(["--help"]).run().stdout);
    let mut commands = Vec::new();
    while let Some(command) = left.pop() {
        let ran = Cli::new(command.split(' ')).arg("--help").run();
        ran.assert_code(0);
        left.extend(below(&ran.stdout).iter().map(|name| format!("{command} {name}")));
        commands.push((command, ran.stdout));
    }
    assert!(commands.len() > 40, "the help lists only {}", commands.len());
    commands
}

#[test]
fn every_command_has_an_example_and_json() {
    let mut missing = Vec::new();
    for (command, help) in commands() {
        let example = help.split_once("Example").is_some_and(|(_, rest)| {
            // One of this very command, or of one below it.
            rest.lines().any(|line| line.contains(&format!("cargo sim {command}")))
        });
        if !example {
            missing.push(format!("{command}: an example"));
        }
        let excused = WITHOUT_JSON.iter().any(|(name, _)| *name == command);
        if below(&help).is_empty() && excused == help.contains("--json") {
            missing.push(format!("{command}: --json, or no excuse for its absence"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A broker that is led through its life, command by command.
struct Life {
    broker: Broker,
    done: BTreeSet<String>,
    /// Mistakes that were tried.
    refused: usize,
}

impl Life {
    fn run(&self, command: &str, args: &[&str]) -> Ran {
        let args: Vec<_> = command.split(' ').chain(args.iter().copied()).chain(["--json"]).collect();
        self.broker
            .cli(&args)
            .env(TOKEN, Tokens::ADMINISTRATOR)
            .env("HOOK_KEY", "a-key-of-thirty-two-letters-or-so")
            .run()
    }

    /// What a command prints; 1 is the exit code of a bench whose bounds are broken, which a busy machine may do.
    #[track_caller]
    fn prints(&mut self, command: &str, args: &[&str]) -> Value {
        let ran = self.run(command, args);
        let bench = command.starts_with("bench ") && ran.code == Some(1);
        assert!(ran.code == Some(0) || bench, "{command} {args:?}: {:?} {}{}", ran.code, ran.stdout, ran.stderr);
        self.done.insert(command.to_owned());
        let document = serde_json::from_str(&ran.stdout);
        document.unwrap_or_else(|error| panic!("{command} {args:?}: {error}: {:?}", ran.stdout))
    }

    /// The same of the tenant `acme`, after it was asked of one who is not there.
    #[track_caller]
    fn of_acme(&mut self, command: &str, args: &[&str]) -> Value {
        self.refuses(command, &[args, &["--tenant", "nobody"]].concat());
        self.prints(command, &[args, &["--tenant", "acme"]].concat())
    }

    /// The same of a source, after it was asked of one that is not there, and of another tenant's.
    #[track_caller]
    fn of_source(&mut self, command: &str, source: &str, args: &[&str]) -> Value {
        for (source, tenant) in [("77", "acme"), (source, "other")] {
            self.refuses(command, &[&[source], args, &["--tenant", tenant]].concat());
        }
        self.of_acme(command, &[&[source], args].concat())
    }

    #[track_caller]
    fn refuses(&mut self, command: &str, args: &[&str]) {
        let ran = self.run(command, args);
        let told = ran.stderr.contains("error: ") && ran.stderr.contains("\nhint: ");
        assert!(
            ran.code == Some(2) && told && ran.stdout.is_empty(),
            "{command} {args:?}: {:?} {}{}",
            ran.code,
            ran.stdout,
            ran.stderr
        );
        self.refused += 1;
    }
}

#[test]
fn what_claims_json_prints_json_and_a_mistake_has_a_hint() {
    let stand_in = StandIn::start(Options { users: 30, ..Options::default() });
    let receiver = Receiver::start("200 OK");
    let mut life = Life { broker: Broker::new(), done: BTreeSet::new(), refused: 0 };
    let (url, plugin) = (stand_in.url(), component().to_str().unwrap());
    let entered = ["--url", &url, "--token-env", TOKEN, "--plugin", plugin];

    assert_eq!(life.prints("tenant add", &["acme", "--allow-loopback"])["name"], "acme");
    life.prints("tenant add", &["other", "--allow-loopback"]);
    life.refuses("tenant add", &["acme"]);
    assert_eq!(life.prints("tenant list", &[]).as_array().unwrap().len(), 2);
    life.refuses("tenant set", &["nobody", "--retention-days", "900"]);
    assert_eq!(life.prints("tenant set", &["acme", "--retention-days", "900"])["tenant"]["retention_days"], 900);

    for (source, number) in [("1", 1), ("2", 2)] {
        assert_eq!(life.of_acme("source add", &entered)["source_no"], number);
        assert_eq!(life.of_source("source test", source, &[])["source"]["state"], "tested");
        assert_eq!(life.of_source("source save", source, &[])["state"], "pending");
    }
    assert_eq!(life.of_acme("source pending", &[]).as_array().unwrap().len(), 2);
    assert_eq!(life.of_source("source approve", "1", &[])["run"]["state"], "complete");
    assert_eq!(life.of_source("source reject", "2", &[])["state"], "rejected");
    assert_eq!(life.of_acme("source list", &[]).as_array().unwrap().len(), 2);
    assert_eq!(life.of_source("source show", "1", &[])["source"]["source_no"], 1);
    life.of_source("source edit", "1", &["--token-env", TOKEN]);
    assert_eq!(life.of_source("source run", "1", &[])["run"]["cause"], "manual");
    assert_eq!(life.of_source("source every", "1", &["6h"])["interval_s"], 6 * 3_600);
    assert_eq!(life.of_source("source pause", "1", &[])["paused"], true);
    assert_eq!(life.of_source("source resume", "1", &[])["paused"], false);

    let held = life.of_acme("allocation", &[]);
    let user = held["rows"][0]["user"].as_str().unwrap().to_owned();
    let pools = life.of_acme("export", &["pools"]);
    let pool = pools[0]["pool_id"].as_str().unwrap().to_owned();
    // The log outlives tenants, so that one who is not there is no mistake.
    assert!(!life.prints("audit", &["--tenant", "acme"]).as_array().unwrap().is_empty());
    for command in ["alerts list", "alerts judge", "alerts deliveries", "alerts webhook list"] {
        life.of_acme(command, &[]);
    }
    let hook = ["--url", &receiver.url(), "--secret-env", "HOOK_KEY"];
    life.of_acme("alerts webhook add", &hook);
    for command in ["alerts webhook test", "alerts webhook remove"] {
        life.of_source(command, "1", &[]);
    }
    for report in ["activity", "unused", "ledger", "sizing"] {
        life.of_acme(&format!("report {report}"), &[]);
    }
    life.of_source("report price set", "1", &[&pool, "300.00", "EUR"]);
    life.of_source("report price clear", "1", &[&pool]);

    life.refuses("tenant retain", &["nobody"]);
    assert_eq!(life.prints("tenant retain", &["acme"])["tenant"]["name"], "acme");
    life.refuses("tenant erase", &["nobody", "--user", &user, "--yes"]);
    life.prints("tenant erase", &["acme", "--user", &user, "--yes"]);
    let gone = life.of_source("source remove", "1", &["--yes"]);
    assert_eq!((&gone["source_no"], &gone["tenant"]), (&1.into(), &"acme".into()));
    assert!(!gone["reaches"].as_array().unwrap().is_empty());
    life.refuses("source show", &["1", "--tenant", "acme"]);
    life.refuses("tenant remove", &["nobody", "--yes"]);
    let gone = life.prints("tenant remove", &["acme", "--yes"]);
    assert_eq!((&gone["name"], &gone["sources"]), (&"acme".into(), &1.into()));
    life.refuses("tenant remove", &["acme", "--yes"]);

    let out = life.broker.file("plugin.wasm");
    life.prints("build", &["--out", out.to_str().unwrap()]);
    life.prints("inspect", &[plugin]);
    life.refuses("inspect", &["no such file"]);
    life.prints("limits", &[]);
    life.prints("test", &[&entered[..], &["--allow-loopback"]].concat());
    life.prints("bench store", &["--assignments", "1000"]);
    let small = ["--only", "sleeper", "--tenants", "2", "--users", "20", "--rounds", "1", "--collections", "1"];
    life.prints("bench isolation", &small);
    // Their exit code is a verdict on this build and machine.
    for (command, small) in [
        ("bench instantiate", ["--calls", "5", "--starts", "1", "--rounds", "1"].as_slice()),
        ("bench page", &["--pages", "1", "--rounds", "1"]),
    ] {
        let ran = life.run(command, &[small, &["--plugin", plugin]].concat());
        assert!(
            serde_json::from_str::<Value>(&ran.stdout).unwrap()["passed"].is_boolean(),
            "{command}: {}",
            ran.stderr
        );
        life.done.insert(command.to_owned());
    }
    let small = ["--plugin", plugin, "--rounds", "1", "--latency-ms", "1"];
    assert_eq!(life.prints("bench collect", &[&small[..], &["--rows", "200"]].concat())["bench"], "collect");
    assert_eq!(life.prints("bench tenants", &[&small[..], &["--tenants", "2"]].concat())["bench"], "tenants");
    // Its records are lines; what `--json` is about is the bill.
    let ran = life.run("collect", &[&entered[..], &["--allow-loopback", "--bill"]].concat());
    assert!(ran.assert_code(0).stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(serde_json::from_str::<Value>(ran.stderr.trim()).unwrap().is_object(), "{}", ran.stderr);
    life.done.insert("collect".to_owned());

    let claimed = commands().into_iter().filter(|(_, help)| below(help).is_empty() && help.contains("--json"));
    let left: Vec<_> = claimed.map(|(command, _)| command).filter(|command| !life.done.contains(command)).collect();
    assert_eq!(left, [ENDLESS], "claims --json, and is not tried here");
    assert!(life.refused > 60, "{}", life.refused);
}
