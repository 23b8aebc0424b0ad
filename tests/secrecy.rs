//! The token is nowhere but on the wire.
//!
//! The token of the stand-in's administrator is the canary. Each search has its counterpart that finds something, since
//! a search that cannot find proves nothing.

use std::collections::HashSet;
use std::sync::Arc;

use fake_gitlab::{Options, Tokens};
use host_sim::contract::{Configuration, Credential, FieldValue, Input};
use host_sim::egress::{Access, Client, Injection, Network, Secret};
use host_sim::engine::{Engine, EngineOptions, Plugin};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};

use crate::support::listener::Listener;
use crate::support::{self, Cli, StandIn, component};

const CANARY: &str = Tokens::ADMINISTRATOR;

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Enough of the canary to be no accident. An allocator writes over the first bytes of what it takes back, so that the
/// whole is not to be expected even where the guest had it.
const TRACE: usize = 16;

/// The canary as it is, or what is left of it, and as it would stand in the usual encodings.
fn holds_canary(bytes: &[u8]) -> bool {
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let reversed: String = CANARY.chars().rev().collect();
    // Without its first and last bytes, which base64 mixes with their neighbours.
    let base64 = "bHBhdC1zdGFuZC1pbi1hZG1pbmlzdHJhdG9y";
    let spellings = [CANARY.as_bytes(), hex.as_bytes(), reversed.as_bytes(), base64.as_bytes()];
    let utf16: Vec<u8> = CANARY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let traces: HashSet<&[u8]> = spellings.iter().flat_map(|text| text.windows(TRACE)).collect();
    bytes.windows(TRACE).any(|window| traces.contains(window))
        || bytes.windows(utf16.len()).any(|window| window == utf16)
}

pub async fn load(options: EngineOptions) -> (Engine, Plugin) {
    let engine = Engine::new(Limits::default(), options).unwrap();
    let plugin = engine.load(&std::fs::read(component()).unwrap()).unwrap();
    (engine, plugin)
}

pub async fn configure(plugin: &Plugin, url: &str) -> Configuration {
    let values = [
        FieldValue { key: "host_url".to_owned(), value: Input::Text(url.to_owned()) },
        FieldValue { key: "token".to_owned(), value: Input::SecretSet },
    ];
    plugin.configure(&values).await.result.unwrap().unwrap()
}

/// A network that grants `origin` by GET and POST, with the canary.
pub fn network(origin: &str) -> Network {
    let policy = NetworkPolicy { loopback: true, private: false };
    let grant = Grant::of(&[origin.to_owned(), format!("POST {origin}")], &[Origin::of_url(origin).unwrap()]).unwrap();
    let injection = Injection::new("authorization", "Bearer ", Secret::new(CANARY.to_owned()).unwrap()).unwrap();
    Network {
        client: Arc::new(Client::new(&Limits::default(), policy, None).unwrap()),
        access: Access { grant, injection: Some(injection) },
    }
}

#[test]
fn not_in_the_guests_memory() {
    let stand_in = StandIn::start(Options { users: 350, ..Options::default() });
    let url = stand_in.url();
    stand_in.runtime.block_on(async {
        let (_engine, plugin) = load(EngineOptions { core_dump: true, ..EngineOptions::default() }).await;
        let config = configure(&plugin, &url).await;
        let network = network(&url);
        let mut cursor = None;
        let (mut pages, mut users) = (0, 0);
        loop {
            let call = plugin.collect_then_dump(&network, &config, &Credential::Injected, cursor.as_ref()).await;
            let (batch, memory) = call.result.unwrap();
            assert!(!holds_canary(&memory), "page {pages}");
            // The dump is the memory of this very call: it holds what the call sent and read.
            assert!(contains(&memory, "gitlab-seats/"), "page {pages}");
            let batch = batch.unwrap();
            let read: Vec<&str> = batch
                .entries
                .iter()
                .filter_map(|entry| {
                    if let host_sim::contract::Entry::User(user) = entry { Some(user.username.as_str()) } else { None }
                })
                .collect();
            assert!(pages == 0 || read.iter().any(|name| contains(&memory, name)), "page {pages}: {read:?}");
            users += read.len();
            pages += 1;
            match batch.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!((pages, users), (2, 350));
        // The counterpart: a guest that is given the token has it in its memory. Many times over, since what was freed
        // at the end of the call may be in use again.
        let given = Credential::Value([CANARY; 64].concat());
        let (_, memory) = plugin.collect_then_dump(&network, &config, &given, None).await.result.unwrap();
        assert!(holds_canary(&memory));
    });
    // And it did go out with every request.
    let sent = format!("Bearer {CANARY}");
    assert!(stand_in.gitlab.requests().iter().all(|request| request.header("authorization") == Some(&sent)));
}

#[test]
fn not_in_any_output() {
    let mut faults = support::lasting("users", 3, "error-500");
    faults.extend(support::lasting("license", 3, "html-502"));
    let stand_in = StandIn::start(Options { users: 350, faults, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    let loud = ["--trace", "--bill"];

    let test = Cli::source("test", &stand_in.url(), CANARY).args(loud).run();
    let failed = Cli::source("collect", &stand_in.url(), CANARY).args(loud).args(support::ONE_AT_ONCE);
    let failed = failed.arg("--resume").arg(&resume).run();
    failed.assert_code(1);
    let place = std::fs::read(&resume).unwrap();
    let upstream = Cli::source("collect", &stand_in.url(), CANARY).args(loud).run();
    upstream.assert_code(1);
    let resumed = Cli::source("collect", &stand_in.url(), CANARY)
        .args(loud)
        .args(support::ONE_AT_ONCE)
        .arg("--resume")
        .arg(&resume)
        .run();
    resumed.assert_code(0);
    let json = Cli::source("test", &stand_in.url(), CANARY).args(["--json", "--bill", "--trace"]).run();

    assert!(!holds_canary(&place), "resume file");
    assert!(contains(&place, "cursor"));
    for (name, ran) in
        [("test", test), ("failed", failed), ("upstream", upstream), ("resumed", resumed), ("json", json)]
    {
        assert!(ran.stderr.contains("/api/v4/"), "{name}: the trace is on");
        assert!(!holds_canary(ran.stdout.as_bytes()), "{name}: stdout");
        assert!(!holds_canary(ran.stderr.as_bytes()), "{name}: stderr");
    }
}

#[test]
fn not_even_when_the_server_echoes_it() {
    let body = format!("{{\"message\":\"403 Forbidden - Your token {CANARY} has been blocked.\"}}");
    let length = body.len();
    let echo = Listener::answering(format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ));
    for command in ["test", "collect"] {
        let ran = Cli::source(command, &echo.url(), CANARY).args(["--trace", "--bill"]).run();
        ran.assert_code(1);
        assert!(!holds_canary(ran.stdout.as_bytes()), "{}", ran.stdout);
        assert!(!holds_canary(ran.stderr.as_bytes()), "{}", ran.stderr);
        // The words did come through, with the token masked before the plugin saw them.
        assert!(ran.stderr.contains(&format!("Your token {}", "*".repeat(CANARY.len()))), "{}", ran.stderr);
    }
}

/// A server that puts the token it was sent into every answer: into names, headers, and the cursor that a resume file
/// keeps. It used to arrive in records and resume files.
#[test]
fn not_in_records_and_resume_files_that_a_server_echoes_it_into() {
    let stand_in = StandIn::start(Options { users: 250, ..Options::default() });
    let echo = crate::support::echo::Echo::start(&stand_in, "\"username\":\"", "x-next-cursor: ", CANARY);
    let folder = tempfile::tempdir().unwrap();
    let resume = folder.path().join("place");
    let ran = Cli::source("collect", &echo.url(), CANARY).arg("--resume").arg(&resume).run();
    assert!(ran.stdout.contains("\"username\":\"**********"), "the echo did come through: {}", ran.stdout);
    assert!(!holds_canary(ran.stdout.as_bytes()), "{}", ran.stdout);
    assert!(!holds_canary(ran.stderr.as_bytes()), "{}", ran.stderr);
    let place = std::fs::read(&resume).unwrap();
    assert!(contains(&place, "**********") && !holds_canary(&place), "{}", String::from_utf8_lossy(&place));
}

#[test]
fn not_taken_from_the_command_line() {
    for args in [
        vec!["collect", "--url", "https://gitlab.example.com", "--token", CANARY],
        vec!["collect", "--url", "https://gitlab.example.com"],
        vec!["collect", "--url", "https://gitlab.example.com", "--token-stdin", "--token-env", "X"],
    ] {
        Cli::new(args).run().assert_code(2);
    }
    let ran = Cli::source("collect", "https://gitlab.example.com", CANARY).args(["--set", "token=glpat-x"]).run();
    ran.assert_code(2);
    assert!(ran.stderr.contains("token is a secret and is not taken from the command line"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("glpat-x"), "{}", ran.stderr);
}

#[test]
fn taken_from_standard_input_or_a_file() {
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    let cli = |stdin: bool| {
        let cli = Cli::new(["test", "--url", &stand_in.url(), "--allow-loopback", "--plugin"]).arg(component());
        if stdin {
            cli.arg("--token-stdin").stdin(std::fs::File::open(&file).unwrap().into())
        } else {
            cli.arg("--token-file").arg(&file)
        }
    };
    cli(true).run().assert_code(0);
    cli(false).run().assert_code(0);
}

#[test]
fn not_even_where_it_was_entered_in_the_wrong_place() {
    let ran =
        Cli::source("collect", "https://gitlab.example.com", CANARY).args(["--set", &format!("{CANARY}=1")]).run();
    ran.assert_code(2);
    assert!(!holds_canary(ran.stderr.as_bytes()), "{}", ran.stderr);
    assert!(ran.stderr.contains("[secret]"), "what was typed is repeated: {}", ran.stderr);
}
