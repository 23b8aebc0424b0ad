//! Tenants beside each other in one process: what one does, the others do not notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fake_gitlab::{Options, Tokens};
use host_sim::contract::{Configuration, Credential};
use host_sim::engine::{Engine, EngineOptions};
use host_sim::policy::limits::{Limits, Mode};

use crate::support::guests::{Attacked, components, tight, told};
use crate::support::listener::Listener;
use crate::support::{Cli, StandIn, runtime};

const NOWHERE: &str = "http://127.0.0.1:9";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// More calls than there are instances, all of one tenant, each as long as its wall clock allows: another tenant's call
/// used to fail for want of an instance.
#[test]
fn a_slow_tenant_does_not_take_all_instances() {
    runtime().block_on(async {
        let server = Listener::answering(OK);
        let limits = Limits { wall: Duration::from_secs(3), ..tight() };
        let slow = Arc::new(Attacked::new("sleeper", NOWHERE, limits.clone()));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let slow = Arc::clone(&slow);
            calls.spawn(async move { slow.page("").await.bill.queued });
        }
        tokio::task::yield_now().await;
        let started = Instant::now();
        let other = Attacked::new("honest", &server.url(), limits.clone());
        assert_eq!(told(&other.page("").await), ["200 2"]);
        assert!(started.elapsed() < limits.wall, "{:?}", started.elapsed());
        // The slow tenant's own calls come one after another, a few at once.
        let mut queued = 0;
        for _ in 0..limits.calls * 2 {
            queued += usize::from(calls.join_next().await.unwrap().unwrap() >= limits.wall / 2);
        }
        assert_eq!(queued, limits.calls);
        calls.shutdown().await;
    });
}

/// As many slow calls as there are instances, of tenants that each have no more than they may: a newcomer's first call used to
/// wait for one of them to end. In an engine of its own, since there is no room for others meanwhile.
#[test]
fn many_slow_tenants_do_not_keep_a_newcomer_out() {
    runtime().block_on(async {
        let server = Listener::answering(OK);
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let load = |name: &str| engine.load(&components()[name]).unwrap();
        let (sleeper, honest) = (load("sleeper"), load("honest"));
        let limits = Limits { wall: Duration::from_secs(5), ..tight() };
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 / limits.calls {
            let slow = Arc::new(Attacked::of(&engine, [&sleeper, &honest], NOWHERE, limits.clone()));
            for _ in 0..limits.calls {
                let slow = Arc::clone(&slow);
                calls.spawn(async move { slow.page("").await.bill.queued });
            }
        }
        tokio::task::yield_now().await;
        for _ in 0..4 {
            let newcomer = Attacked::of(&engine, [&honest, &honest], &server.url(), limits.clone());
            let call = newcomer.page("").await;
            assert_eq!(told(&call), ["200 2"]);
            assert!(call.bill.queued < Duration::from_secs(1), "{:?}", call.bill.queued);
        }
        assert!(calls.try_join_next().is_none(), "all of this was while they held what they can");
        // Of the 64, up to 16 waited; fewer where tenants came whose first call it was when 48 were taken.
        let queued = calls.join_all().await.into_iter().filter(|queued| *queued >= limits.wall / 2).count();
        assert!((12..=16).contains(&queued), "{queued}");
    });
}

#[test]
fn a_tenant_that_computes_gets_no_more_than_its_share() {
    runtime().block_on(async {
        // Long enough for the share to show, and never over for the other.
        let greedy = Limits { cpu: Duration::from_secs(2), wall: Duration::from_secs(4), ..Limits::default() };
        let greedy = Arc::new(Attacked::new("endless_loop", NOWHERE, greedy));
        let waiting = Limits { wall: Duration::from_secs(4), ..Limits::default() };
        let others: Vec<_> = (0..19).map(|_| Arc::new(Attacked::new("sleeper", NOWHERE, waiting.clone()))).collect();
        let mut calls = tokio::task::JoinSet::new();
        for other in others {
            calls.spawn(async move { drop(other.page("").await) });
        }
        tokio::task::yield_now().await;
        let call = greedy.page("").await;
        let processors = f64::from(u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap());
        let share = call.bill.busy.as_secs_f64() / call.bill.wall.as_secs_f64();
        let fair = processors / 20.0;
        assert!(share < fair * 1.5 + 0.05, "{share} of {fair}: {:?}", call.bill);
        calls.shutdown().await;
    });
}

#[test]
fn a_budget_of_a_minute_is_spent_by_what_was_sent() {
    runtime().block_on(async {
        let server = Listener::answering(OK);
        let mut limits = Limits { requests_per_minute: 60, ..tight() };
        limits.set_mode("requests_per_minute", Mode::Warn).unwrap();
        let tenant = Attacked::new("million_requests", &server.url(), limits);
        let passed = async |mode: &str| {
            let call = tenant.page(mode).await;
            assert!(call.result.is_ok());
            call.bill.limits_passed.contains_key("requests_per_minute")
        };
        assert!(!passed("one-by-one 50").await);
        assert!(!passed("one-by-one 50").await, "ten were left when it began");
        assert!(passed("one-by-one 1").await);
        // Another tenant has a budget of its own.
        let other = Attacked::new("million_requests", &server.url(), tenant.limits.clone());
        assert!(!other.page("one-by-one 1").await.bill.limits_passed.contains_key("requests_per_minute"));
    });
}

#[test]
fn connections_are_a_tenants_own() {
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    stand_in.runtime.block_on(async {
        let [one, other] = [(); 2].map(|()| Attacked::new("honest", &stand_in.url(), tight()));
        let opened = async |tenant: &Attacked| tenant.page("").await.bill.connections_opened;
        assert_eq!((opened(&one).await, opened(&one).await), (1, 0), "the second call finds the connection open");
        assert_eq!(opened(&other).await, 1, "and another tenant's does not");
        assert_eq!(stand_in.gitlab.connections(), 2);
    });
}

/// Instances are pooled: what one call had in memory must not be there for the next that gets its place.
#[test]
fn nothing_of_one_tenant_is_in_the_memory_of_another() {
    const MARK: &str = "glpat-of-tenant-a-Zk7Qp2";
    runtime().block_on(async {
        let [one, other] = [(); 2].map(|()| Attacked::new("honest", NOWHERE, tight()));
        let holds = async |tenant: &Attacked, credential: &Credential, config: &Configuration| {
            let call = tenant.plugin.collect_then_dump(&tenant.network, config, credential, None).await;
            call.result.unwrap().1.windows(MARK.len()).any(|window| window == MARK.as_bytes())
        };
        let given = Credential::Value([MARK; 200].concat());
        for _ in 0..8 {
            assert!(holds(&one, &given, &one.config("")).await, "the search finds what is there");
            assert!(!holds(&other, &Credential::Injected, &other.config("")).await);
        }
    });
}

#[test]
fn a_limits_file_counts_for_a_tenant() {
    let stand_in = StandIn::start(Options { users: 50, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    let run = |command: &str, text: &str| {
        std::fs::write(&file, text).unwrap();
        let ran = Cli::source(command, &stand_in.url(), Tokens::ADMINISTRATOR).arg("--bill").arg("--limits").arg(&file);
        ran.run()
    };
    for command in ["test", "collect"] {
        run(command, "requests = 200").assert_code(0);
        let ran = run(command, "requests = 1");
        ran.assert_code(1);
        let words = "the limit requests = 1 of one call is used up";
        assert!(ran.stdout.contains(words) || ran.stderr.contains(words), "{} {}", ran.stdout, ran.stderr);
        let ran = run(command, "requests = { value = 1, mode = \"warn\" }");
        ran.assert_code(0);
        let words = "limit passed, warned   requests, ";
        assert!(ran.stdout.contains(words) || ran.stderr.contains(words), "{} {}", ran.stdout, ran.stderr);
        let ran = run(command, "memory_bytes.mode = \"warn\"");
        ran.assert_code(2);
        assert!(ran.stderr.contains("the limit memory_bytes can only be enforced"), "{}", ran.stderr);
    }
    std::fs::write(&file, "cpu = 7").unwrap();
    let ran = Cli::new(["limits", "--limits"]).arg(&file).run();
    ran.assert_code(0);
    assert!(ran.stdout.lines().any(|line| line.split_whitespace().take(3).eq(["cpu", "7", "ms"])), "{}", ran.stdout);
}

/// Small, for its form: the figures of a few moments on a machine that runs tests are no judgement.
#[test]
fn isolation_is_measured_and_judged() {
    let small = ["--tenants", "2", "--users", "20", "--rounds", "1", "--collections", "1"];
    let folder = tempfile::tempdir().unwrap();
    let bench = |only: &[&str]| {
        let only = only.iter().flat_map(|name| ["--only", name]);
        Cli::new(["bench", "isolation", "--json", "--out"]).arg(folder.path()).args(only).args(small).run()
    };
    let ran = bench(&["sleeper", "tls-silent", "two-lengths"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(std::fs::read_to_string(folder.path().join("isolation.json")).unwrap(), ran.stdout);
    let plot = std::fs::read_to_string(folder.path().join("isolation.svg")).unwrap();
    assert!(plot.contains("server: two-lengths") && plot.contains("≤ 1.50"), "{plot}");
    assert_eq!(ran.code, Some(if report["passed"] == true { 0 } else { 1 }), "{}", ran.stderr);
    let attacks = report["attacks"].as_array().unwrap();
    let names: Vec<_> = attacks.iter().map(|attack| attack["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["sleeper", "sleeper naps", "two-lengths", "tls-silent"]);
    let ends = [
        ("guest", "limit wall = 2000 ms"),
        ("guest", "limit wall = 2000 ms"),
        ("server", "failure: the answer is not HTTP: invalid content-length parsed"),
        ("server", "limit wall = 2000 ms (no connection within 1 s)"),
    ];
    for (attack, (family, ended)) in attacks.iter().zip(ends) {
        assert_eq!((&attack["family"], &attack["ended"]), (&family.into(), &ended.into()));
        assert_eq!((&attack["within_limits"], &attack["same_records"]), (&true.into(), &true.into()));
        let ratio = attack["ratio_worst"].as_f64().unwrap();
        assert!(ratio > 0.0);
        // Once, or twice as many rounds each time; never again after a ratio within the bound.
        let (measurements, rounds) = (attack["measurements"].as_u64().unwrap(), attack["rounds"].as_u64().unwrap());
        assert_eq!(rounds, 1 << (measurements - 1));
        assert!(ratio <= 1.5 || measurements == 3, "{attack}");
        assert!(attack["calls"].as_u64().unwrap() >= 4, "as many at once as the tenant may have");
    }
    bench(&["nothing-of-this-name"]).assert_code(2);
}
