//! A recorded run can be replayed without the network: the same bytes come out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fake_gitlab::{Options, Scenario, Tokens};
use host_sim::egress::{Client, Recorder, Replay, Tape};
use host_sim::engine::{Engine, EngineOptions};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use serde_json::Value;

use crate::secrecy::{configure, network};
use crate::support::echo::Echo;
use crate::support::{ANY_TOKEN, Cli, Ran, StandIn, component};

/// `command` from a recording, without a token.
fn replay(command: &str, url: &str, recording: &Path, more: &[&str]) -> Ran {
    let cli = Cli::new([command, "--url", url, "--plugin"]).arg(component());
    cli.args(more).arg("--replay").arg(recording).run()
}

/// The lines of a recording.
fn lines(recording: &Path) -> Vec<Value> {
    fs::read_to_string(recording).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_same_bytes_come_out_in_every_form_and_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    for (scenario, users, more) in [
        (Scenario::Duo, 350, &["--bill"][..]),
        (Scenario::GitlabCom, 150, &["--set", "memberships=true"][..]),
        (Scenario::GitlabComMaintainer, 60, &[][..]),
    ] {
        let stand_in = StandIn::start(Options { scenario, users, ..Options::default() });
        let url = stand_in.url();
        let deployment = format!("deployment={}", scenario.deployment());
        let more = [more, &["--set", deployment.as_str()]].concat();
        let collect = || Cli::source("collect", &url, scenario.caller()).args(&more);
        let recorded = collect().arg("--record").arg(&recording).run();
        assert!(matches!(recorded.code, Some(0 | 3)), "{scenario:?}: {}", recorded.stderr);
        let table = collect().args(["--format", "table"]).run();
        let tested = folder.path().join("tested");
        let test = Cli::source("test", &url, scenario.caller()).args(["--set", &deployment, "--record"]);
        let test = test.arg(&tested).run();
        let StandIn { gitlab, runtime } = stand_in;
        runtime.block_on(gitlab.shutdown());

        for _ in 0..2 {
            let replayed = replay("collect", &url, &recording, &more);
            assert_eq!(replayed.code, recorded.code, "{scenario:?}: {}", replayed.stderr);
            assert_eq!(replayed.stdout, recorded.stdout, "{scenario:?}");
        }
        let replayed = replay("collect", &url, &recording, &[&more[..], &["--format", "table"]].concat());
        assert_eq!(replayed.stdout, table.stdout, "{scenario:?}");
        let replayed = replay("test", &url, &tested, &["--set", &deployment]);
        assert_eq!((replayed.code, &replayed.stdout), (test.code, &test.stdout), "{scenario:?}: {}", replayed.stderr);
    }
}

/// Waits, failed attempts and answers that broke off are part of a run, and pass at once.
#[test]
fn faults_are_replayed_and_waits_pass_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let faults = ["users@2=rate-limit-text", "users@4=cut", "license@1=html-502"];
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let stand_in = StandIn::start(Options { users: 800, faults, ..Options::default() });
    let url = stand_in.url();
    let started = Instant::now();
    let recorded = Cli::source("collect", &url, Tokens::ADMINISTRATOR).arg("--record").arg(&recording).run();
    let recording_took = started.elapsed();
    recorded.assert_code(0);
    drop(stand_in);
    // One answer broke off after its head, in the middle of the body.
    let cut = |line: &&Value| line["status"] == 200 && line["ended"]["failed"]["code"] == "connection-terminated";
    assert_eq!(lines(&recording).iter().filter(cut).count(), 1);

    let started = Instant::now();
    let replayed = replay("collect", &url, &recording, &["--bill"]);
    let replay_took = started.elapsed();
    assert_eq!(replayed.assert_code(0).stdout, recorded.stdout);
    for seen in ["GET /api/v4/users 429", "GET /api/v4/license 502", "0 opened"] {
        assert!(replayed.stderr.contains(seen), "{seen}: {}", replayed.stderr);
    }
    eprintln!("recorded in {recording_took:?}, replayed in {replay_took:?}");
    // Half a second for the license, and one for what was sent away.
    assert!(recording_took > Duration::from_millis(1_500) && replay_took < recording_took / 2);
}

/// A tenant's budgets are waited for between calls, for minutes here; on the clock of a replay that takes no time.
#[test]
fn a_replay_within_a_tenants_limits_waits_for_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let stand_in = StandIn::start(Options { users: 350, ..Options::default() });
    let url = stand_in.url();
    let recorded = Cli::source("collect", &url, Tokens::ADMINISTRATOR).arg("--record").arg(at("recording")).run();
    recorded.assert_code(0);
    drop(stand_in);
    let replay = |limits: &str| {
        fs::write(at("limits"), limits).unwrap();
        let file = at("limits");
        replay("collect", &url, &at("recording"), &["--bill", "--limits", file.to_str().unwrap()])
    };
    let started = Instant::now();
    let replayed = replay("requests_per_minute = 2\ncpu_per_minute = 20\ncalls = 1\nin_flight = 1");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(replayed.assert_code(0).stdout, recorded.stdout);
    // These were the waits: without them, the budgets are passed in call after call.
    let mode = |name: &str| format!("{name} = {{ value = 1, mode = \"warn\" }}\n");
    let replayed = replay(&[mode("requests_per_minute"), mode("cpu_per_minute")].concat());
    assert_eq!(replayed.assert_code(0).stdout, recorded.stdout);
    for name in ["requests_per_minute", "cpu_per_minute"] {
        assert!(replayed.stderr.contains(&format!("limit passed, warned   {name}, ")), "{}", replayed.stderr);
    }
}

#[test]
fn a_run_that_failed_fails_again_with_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let faults = vec!["users@2+=error-500".parse().unwrap()];
    let stand_in = StandIn::start(Options { users: 350, faults, ..Options::default() });
    let url = stand_in.url();
    let recorded = Cli::source("collect", &url, Tokens::ADMINISTRATOR).arg("--record").arg(&recording).run();
    recorded.assert_code(1);
    drop(stand_in);
    let replayed = replay("collect", &url, &recording, &[]);
    assert_eq!((replayed.code, &replayed.stdout), (Some(1), &recorded.stdout));
    assert_eq!(replayed.stderr, recorded.stderr);
    // What the host saw on the network, too.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nowhere}");
    let recorded = Cli::source("collect", &url, Tokens::ADMINISTRATOR).arg("--record").arg(&recording).run();
    assert!(recorded.stderr.contains("nothing listens at that port"), "{}", recorded.stderr);
    let replayed = replay("collect", &url, &recording, &[]);
    assert_eq!((replayed.code, replayed.stderr), (Some(1), recorded.stderr));
}

/// A call that a limit ended while an answer was awaited ends at the same limit, without the wait.
#[test]
fn an_answer_that_never_came_does_not_come_on_replay() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let policy = NetworkPolicy { loopback: true, private: false };
    let faults = vec!["license@1=hang".parse().unwrap()];
    let stand_in = StandIn::start(Options { users: 30, faults, ..Options::default() });
    let url = stand_in.url();
    let wall = Duration::from_secs(2);
    let call = async |tape: Tape| {
        let limits = Limits { wall, ..Limits::default() };
        let engine = Engine::new(limits.clone(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&fs::read(component()).unwrap()).unwrap();
        let config = configure(&plugin, &url).await;
        let mut network = network(&url);
        network.client = Arc::new(Client::new(&limits, policy, None).unwrap().with_tape(tape));
        let started = Instant::now();
        (plugin.collect(&network, &config, None).await.result.unwrap_err().to_string(), started.elapsed())
    };
    let recorder = Arc::new(Recorder::create(&recording, policy, 1 << 30).unwrap());
    let (recorded, _) = stand_in.runtime.block_on(call(Tape::Record(Arc::clone(&recorder))));
    recorder.finish().unwrap();
    assert_eq!(recorded, "the plugin passed the limit wall = 2000 ms");
    assert_eq!(lines(&recording).iter().filter(|line| line["ended"] == "unanswered").count(), 1);
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let replay = Arc::new(Replay::open(&recording).unwrap());
    let (replayed, took) = paused.block_on(call(Tape::Replay(Arc::clone(&replay))));
    assert_eq!((replayed, replay.missing()), (recorded, vec![]));
    assert!(took < wall, "{took:?}");
}

/// A run that cannot be recorded any more ends, and says which limit it was; the same for its output.
#[test]
fn a_run_ends_with_its_recording_or_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let stand_in = StandIn::start(Options { users: 650, ..Options::default() });
    let run = |limits: &str| {
        fs::write(at("limits.toml"), limits).unwrap();
        let cli = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR).arg("--limits").arg(at("limits.toml"));
        cli.arg("--record").arg(at("recording")).arg("--out").arg(at("out")).run()
    };
    run("").assert_code(0);
    let (recording, out) = (fs::metadata(at("recording")).unwrap().len(), fs::metadata(at("out")).unwrap().len());
    let whole = stand_in.gitlab.request_count();
    for (limit, bytes) in [("recording_bytes", recording), ("output_bytes", out)] {
        fs::remove_file(at("recording")).unwrap();
        fs::remove_file(at("out")).unwrap();
        let before = stand_in.gitlab.request_count();
        let ran = run(&format!("{limit} = {}", bytes / 2));
        ran.assert_code(1);
        let words = format!("cannot be written: it would be larger than the limit {limit} = {}", bytes / 2);
        assert!(ran.stderr.contains(&words), "{}", ran.stderr);
        assert!(stand_in.gitlab.request_count() - before < whole, "it went on to the end");
        assert!(!at("out").exists());
        run(&format!("{limit} = {}", bytes + 10_000)).assert_code(0);
    }
}

/// A plugin may cope with the loss of an answer; a replay may not.
#[test]
fn a_request_that_was_not_recorded_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let stand_in = StandIn::start(Options { users: 250, ..Options::default() });
    let url = stand_in.url();
    let recorded = Cli::source("collect", &url, Tokens::ADMINISTRATOR).arg("--record").arg(at("recording")).run();
    recorded.assert_code(0);
    // One exchange less, and the count set right: as if it had never been.
    let mut text = lines(&at("recording"));
    let users = |line: &Value| line["url"].as_str().is_some_and(|url| url.contains("/api/v4/users?"));
    let place = text.iter().rposition(users).unwrap();
    let asked = format!("GET {}", text.remove(place)["url"].as_str().unwrap());
    let end = text.last_mut().unwrap();
    end["exchanges"] = (end["exchanges"].as_u64().unwrap() - 1).into();
    let text: String = text.iter().map(|line| format!("{line}\n")).collect();
    fs::write(at("less"), text).unwrap();
    let replayed = replay("collect", &url, &at("less"), &["--out", at("result").to_str().unwrap()]);
    replayed.assert_code(1);
    let cause = replayed.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(cause.starts_with(&format!("error: the recording has no answer to {asked}")), "{cause}");
    assert!(!at("result").exists());
    for (command, url, more) in [("collect", "http://127.0.0.1:1", &[][..]), ("test", "http://127.0.0.1:1", &[][..])] {
        let replayed = replay(command, url, &at("recording"), more);
        replayed.assert_code(1);
        let cause = format!("error: the recording has no answer to GET {url}/api/v4/");
        assert!(replayed.stderr.contains(&cause), "{command} {more:?}: {}", replayed.stderr);
    }
}

#[test]
fn the_file_is_private_and_holds_no_credential() {
    let stand_in = StandIn::start(Options { users: 250, ..Options::default() });
    let echo = Echo::start(&stand_in, "\"username\":\"", "x-next-cursor: ", Tokens::ADMINISTRATOR);
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    fs::write(&recording, "an older file that all may read").unwrap();
    fs::set_permissions(&recording, fs::Permissions::from_mode(0o644)).unwrap();
    let cli = Cli::source("collect", &echo.url(), Tokens::ADMINISTRATOR).arg("--record").arg(&recording);
    cli.args(["--trace"]).run();
    assert_eq!(fs::metadata(&recording).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside it");
    let text = fs::read_to_string(&recording).unwrap();
    assert!(text.contains("\"username\\\":\\\"**********"), "the echo did come through: {text}");
    assert!(!text.contains("glpat-"), "{text}");
    for line in lines(&recording) {
        for (name, _) in line["headers"].as_array().into_iter().flatten().map(|pair| (&pair[0], &pair[1])) {
            assert!(!["authorization", "set-cookie"].contains(&name.as_str().unwrap()));
        }
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let url = stand_in.url();
    Cli::source("test", &url, Tokens::ADMINISTRATOR).arg("--record").arg(at("whole")).run().assert_code(0);
    let whole = fs::read_to_string(at("whole")).unwrap();
    let (first, rest) = whole.split_once('\n').unwrap();
    let without_end = whole.trim_end().rsplit_once('\n').unwrap().0;
    let path = at("changed");
    let name = path.display();
    for (text, words) in [
        (without_end.to_owned() + "\n", format!("the recording {name} is not whole")),
        (whole[..whole.len() - 5].to_owned(), format!("the recording {name} is not whole")),
        (String::new(), format!("the recording {name} is not whole")),
        (rest.to_owned(), format!("{name} is no recording: line 1: it is not the line that belongs here")),
        (whole.clone() + first + "\n", "it comes after the last".to_owned()),
        ("glpat-x\n".to_owned(), format!("{name} is no recording: line 1: expected value")),
        (
            "{\"type\":\"recording\",\"format\":3,\"colour\":\"red\"}\n".to_owned(),
            format!("the recording {name} has the form 3, and this host reads 2"),
        ),
    ] {
        fs::write(&path, text).unwrap();
        let ran = replay("test", &url, &path, &[]);
        assert!(ran.assert_code(2).stderr.contains(&words), "{words}: {}", ran.stderr);
    }
    let ran = replay("test", &url, &at("nothing"), &[]);
    assert!(ran.assert_code(2).stderr.contains("cannot be read"), "{}", ran.stderr);
    let ran = Cli::source("test", &url, ANY_TOKEN).arg("--record").arg(at("nowhere/at/all")).run();
    assert!(ran.assert_code(2).stderr.contains("cannot be written"), "{}", ran.stderr);
    // A replay takes no token, and is not recorded; a part of a run is no run.
    Cli::source("test", &url, ANY_TOKEN).arg("--replay").arg(at("whole")).run().assert_code(2);
    let both = Cli::new(["collect", "--url", &url, "--record"]).arg(at("x")).arg("--replay").arg(at("whole")).run();
    both.assert_code(2);
    let resumed = Cli::source("collect", &url, ANY_TOKEN).arg("--record").arg(at("x")).arg("--resume").arg(at("y"));
    resumed.run().assert_code(2);
}
