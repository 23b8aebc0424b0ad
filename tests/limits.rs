//! Each limit that the real component can meet: what is within it passes, what is one beyond does not, and the limit is
//! named.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fake_gitlab::{Options, Tokens};
use host_sim::bill::Bill;
use host_sim::collection::{Collection, CollectionError, Observer, PageSink};
use host_sim::contract::{Batch, Configuration, Failure, Progress, Summary};
use host_sim::egress::{Access, Client, DenialCode, Injection, Network, Secret};
use host_sim::engine::{CallError, CallOutcome, Engine, EngineOptions, Plugin};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};

use crate::secrecy::configure;
use crate::support::listener::Listener;
use crate::support::{StandIn, component, lasting, lasting_for};

const LOOPBACK: NetworkPolicy = NetworkPolicy { loopback: true, private: false };

/// Parses settings, with an engine of its own: a limit under test is to strike where it is meant to.
fn parser() -> &'static Plugin {
    static PARSER: OnceLock<(Engine, Plugin)> = OnceLock::new();
    let start = || {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&std::fs::read(component()).unwrap()).unwrap();
        (engine, plugin)
    };
    &PARSER.get_or_init(start).1
}

/// A source at `url`, as far as limits let it be one.
struct Tenant {
    limits: Limits,
    plugin: Plugin,
    network: Network,
    config: Configuration,
    _engine: Engine,
}

impl Tenant {
    async fn new(url: &str, limits: Limits) -> Self {
        Self::with_policy(url, limits, LOOPBACK).await
    }

    async fn with_policy(url: &str, limits: Limits, policy: NetworkPolicy) -> Self {
        let bytes = std::fs::read(component()).unwrap();
        let config = configure(parser(), url).await;
        let engine = Engine::new(limits.clone(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&bytes).unwrap();
        let injection =
            Injection::new("authorization", "Bearer ", Secret::new(Tokens::ADMINISTRATOR.to_owned()).unwrap()).unwrap();
        let network = Network {
            client: Arc::new(Client::new(&limits, policy, None).unwrap()),
            access: Access {
                grant: Grant::of(&config.allowed_origins, &[Origin::of_url(url).unwrap()]).unwrap(),
                injection: Some(injection),
            },
        };
        Self { limits, plugin, network, config, _engine: engine }
    }

    async fn page(&self, cursor: Option<&String>) -> CallOutcome<Result<Batch, Failure>> {
        self.plugin.collect(&self.network, &self.config, cursor).await
    }

    async fn run(&self, limits: &Limits) -> (Result<Summary, CollectionError>, Pages, Bill) {
        let (mut pages, mut bill) = (Pages::default(), Bill::default());
        let mut waits = Waits(pages.waits.clone());
        let collection = Collection { plugin: &self.plugin, network: &self.network, config: &self.config, limits };
        let result = collection.run(None, &mut pages, &mut waits, &mut bill).await;
        (result, pages, bill)
    }
}

fn stand_in(options: Options) -> StandIn {
    StandIn::start(Options { users: 250, ..options })
}

/// The limit that a call passed.
#[track_caller]
fn passed<T: std::fmt::Debug>(call: &CallOutcome<T>) -> &'static str {
    match &call.result {
        Err(CallError::Limit { name, .. }) => name,
        other => panic!("no limit: {other:?}"),
    }
}

/// What the host has to say against each request of a call.
fn errors<T>(call: &CallOutcome<T>) -> Vec<&str> {
    call.bill.requests.iter().map(|request| request.error.as_deref().unwrap_or_default()).collect()
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";

#[test]
fn requests() {
    let stand_in = stand_in(Options::default());
    crate::support::runtime().block_on(async {
        // The opening takes two; without the first page of accounts, which the third is for, it does.
        let call = Tenant::new(&stand_in.url(), Limits { requests: 2, ..Limits::default() }).await.page(None).await;
        assert!(call.result.unwrap().is_ok());
        let call = Tenant::new(&stand_in.url(), Limits { requests: 1, ..Limits::default() }).await.page(None).await;
        assert!(matches!(call.result, Ok(Err(Failure::DeniedByHost(_)))), "{:?}", call.result);
        assert_eq!((call.bill.requests.len(), call.bill.denials.len()), (1, 3));
        assert_eq!(call.bill.denials[0].code, DenialCode::RequestBudget);
        assert_eq!(call.last_failure.unwrap().words, "the limit requests = 1 of one call is used up");
    });
}

#[test]
fn bytes_of_one_answer_and_of_all_answers() {
    let stand_in = StandIn::start(Options { users: 150, ..Options::default() });
    crate::support::runtime().block_on(async {
        // The last page, and who is the newest: the opening can do without one of its answers.
        let free = Tenant::new(&stand_in.url(), Limits::default()).await;
        let cursor = free.page(None).await.result.unwrap().unwrap().next.unwrap();
        let free = free.page(Some(&cursor)).await.bill;
        let bytes: Vec<u64> = free.requests.iter().map(|request| request.bytes).collect();
        let (largest, all) = (*bytes.iter().max().unwrap(), bytes.iter().sum::<u64>());
        assert!(bytes.len() == 2 && largest > 0 && largest < all, "{bytes:?}");
        let call = async |response_bytes, response_bytes_per_call| {
            let limits = Limits { response_bytes, response_bytes_per_call, ..Limits::default() };
            Tenant::new(&stand_in.url(), limits).await.page(Some(&cursor)).await
        };
        assert!(call(largest, all).await.result.unwrap().is_ok());

        let cut = call(largest - 1, Limits::default().response_bytes_per_call).await;
        assert!(matches!(cut.result, Ok(Err(_))), "{:?}", cut.result);
        let words = format!("the answer is larger than the limit response_bytes = {}", largest - 1);
        // The plugin sees an answer that breaks off, and asks three times again.
        assert_eq!(errors(&cut).into_iter().filter(|error| !error.is_empty()).collect::<Vec<_>>(), vec![&words; 4]);

        let cut = call(largest, all - 1).await;
        assert!(matches!(cut.result, Ok(Err(_))), "{:?}", cut.result);
        let words = format!("the answers together are larger than the limit response_bytes_per_call = {}", all - 1);
        let found: Vec<&str> = errors(&cut).into_iter().filter(|error| !error.is_empty()).collect();
        assert!(!found.is_empty() && found.iter().all(|error| *error == words), "{found:?}");
    });
}

#[test]
fn fields_and_bytes_of_the_head() {
    crate::support::runtime().block_on(async {
        let refused = async |fields: String| {
            let listener = Listener::answering(format!("{HEAD}{fields}\r\n{{}}"));
            let limits = Limits { response_headers: 20, response_head_bytes: 16 * 1024, ..Limits::default() };
            let call = Tenant::new(&listener.url(), limits).await.page(None).await;
            let errors = errors(&call);
            assert!(errors.len() == 3 && errors[0] == errors[1] && errors[1] == errors[2], "{errors:?}");
            assert!(errors[0].is_empty() || errors[0].contains("than the limit"), "{errors:?}");
            !errors[0].is_empty()
        };
        // Two fields stand there already.
        assert!(!refused("A: b\r\n".repeat(18)).await);
        assert!(refused("A: b\r\n".repeat(19)).await);
        // Counted in what is read at once, so not to the byte.
        let filler = |bytes: usize| format!("X-Filler: {}\r\n", "x".repeat(bytes));
        assert!(!refused(filler(15 * 1024)).await);
        assert!(refused(filler(40 * 1024)).await);
    });
}

#[test]
fn requests_in_flight_at_once() {
    crate::support::runtime().block_on(async {
        for (in_flight, all_at_once) in [(3, true), (2, false)] {
            // Nobody is answered before all three of the first page are there.
            let listener = Listener::together(3, format!("{HEAD}\r\n{{}}"));
            let first_byte = if all_at_once { Duration::from_secs(20) } else { Duration::from_millis(500) };
            let limits = Limits { in_flight, first_byte, ..Limits::default() };
            let call = Tenant::new(&listener.url(), limits).await.page(None).await;
            let errors = errors(&call);
            // What comes too late is asked for again.
            assert!(if all_at_once { errors.len() == 3 } else { errors.len() > 3 }, "{errors:?}");
            let timed_out = errors.iter().any(|error| error.starts_with("no answer within"));
            assert_eq!(timed_out, !all_at_once, "{in_flight}: {errors:?}");
        }
    });
}

#[test]
fn an_answer_that_is_still_read_is_in_flight() {
    let listener = Listener::holding(format!("{HEAD}Content-Length: 9\r\n\r\n{{"));
    crate::support::runtime().block_on(async {
        let between_bytes = Duration::from_millis(200);
        let limits = Limits { in_flight: 1, between_bytes, wall: Duration::from_secs(20), ..Limits::default() };
        let call = Tenant::new(&listener.url(), limits).await.page(None).await;
        let errors = errors(&call);
        assert!(errors.len() >= 3 && errors.iter().all(|error| error.starts_with("the answer stopped")), "{errors:?}");
        // One after another, and not all three at once.
        let count = u32::try_from(errors.len()).unwrap();
        assert!(call.bill.wall >= between_bytes * count, "{count}: {:?}", call.bill.wall);
    });
}

#[test]
fn time_between_bytes_starts_again_with_each_piece() {
    let head = format!("{HEAD}Content-Length: 6\r\n\r\n").into_bytes();
    let pieces = std::iter::once(head).chain(b"{    }".map(|byte| vec![byte])).collect();
    let listener = Listener::dribbling(pieces, Duration::from_millis(300));
    crate::support::runtime().block_on(async {
        let between_bytes = Duration::from_millis(1_200);
        let limits = Limits { between_bytes, ..Limits::default() };
        let call = Tenant::new(&listener.url(), limits).await.page(None).await;
        assert_eq!(errors(&call), ["", "", ""]);
        assert!(call.bill.wall > between_bytes, "the whole took longer: {:?}", call.bill.wall);
    });
}

#[test]
fn time_to_connect_and_to_the_first_byte() {
    let silent = Listener::holding("");
    crate::support::runtime().block_on(async {
        let short = Duration::from_millis(200);
        // More than the plugin's own waits between its attempts, on a machine that is busy.
        let long = Duration::from_secs(20);
        let within = async |url: String, connect, first_byte| {
            let limits = Limits { connect, first_byte, ..Limits::default() };
            let call = Tenant::new(&url, limits).await.page(None).await;
            assert!(matches!(call.result, Ok(Err(Failure::Unreachable(_)))), "{:?}", call.result);
            assert!(call.bill.wall >= short && call.bill.wall < long, "{:?}", call.bill.wall);
            call.last_failure.unwrap().words
        };
        // TCP comes about, and TLS does not: both are connecting.
        let words = within(format!("https://{}", silent.address), short, long).await;
        assert!(words.starts_with("no connection within"), "{words}");
        // A guest asks for sixty seconds, and gets what the limit says.
        let words = within(silent.url(), long, short).await;
        assert!(words.starts_with("no answer within"), "{words}");
    });
}

#[test]
fn wall_clock_and_the_bill_of_a_call_that_was_dropped() {
    let listener = Listener::holding(format!("{HEAD}Content-Length: 9\r\n\r\n{{"));
    crate::support::runtime().block_on(async {
        let limits =
            Limits { wall: Duration::from_millis(400), first_byte: Duration::from_secs(5), ..Limits::default() };
        let limits = Limits { between_bytes: Duration::from_secs(5), ..limits };
        let call = Tenant::new(&listener.url(), limits).await.page(None).await;
        assert_eq!(passed(&call), "wall");
        assert_eq!(errors(&call), ["the plugin did not read the whole answer"; 3]);
        assert!(call.bill.requests.iter().all(|request| request.status == Some(200) && request.bytes == 1));
    });
}

/// A request whose answer had not begun when the call ended used to be nowhere on the bill.
#[test]
fn a_request_that_was_never_answered_is_on_the_bill() {
    let listener = Listener::holding("");
    crate::support::runtime().block_on(async {
        let limits = Limits { wall: Duration::from_millis(400), ..Limits::default() };
        let call = Tenant::new(&listener.url(), limits).await.page(None).await;
        assert_eq!(passed(&call), "wall");
        assert_eq!((call.bill.requests.len(), call.bill.unfinished), (0, 3));
    });
}

#[test]
fn an_answer_that_the_plugin_gives_up_is_on_the_bill() {
    // Longer than the plugin reads, and shorter than the host allows.
    let listener = Listener::holding(format!("{HEAD}Content-Length: {}\r\n\r\n[", 9 << 20));
    crate::support::runtime().block_on(async {
        let call = Tenant::new(&listener.url(), Limits::default()).await.page(None).await;
        assert!(call.result.unwrap().is_err());
        assert_eq!(call.bill.requests.len(), 3);
        for request in call.bill.requests {
            let found = (request.status, request.error.as_deref());
            assert_eq!(found, (Some(200), Some("the plugin did not read the whole answer")));
        }
    });
}

#[test]
fn computing_is_limited_and_waiting_is_not_computing() {
    let wait = Duration::from_secs(1);
    let stand_in = StandIn::start(Options { latency: wait, users: 3_000, ..Options::default() });
    crate::support::runtime().block_on(async {
        // An epoch ends while the guest waits, so that its time is looked at when it goes on.
        let least = Limits { cpu: Duration::from_millis(1), ..Limits::default() };
        // The license, the first page, and then sixteen at once: some milliseconds.
        let free = Tenant::new(&stand_in.url(), Limits::default()).await;
        let first = free.page(None).await.result.unwrap().unwrap().next;
        let cursor = free.page(first.as_ref()).await.result.unwrap().unwrap().next;
        let call = Tenant::new(&stand_in.url(), least).await.page(cursor.as_ref()).await;
        // On a busy machine an epoch may end even earlier, before there is an instance.
        if !matches!(&call.result, Err(CallError::Instantiate(words)) if words.contains("interrupt")) {
            assert_eq!(passed(&call), "cpu");
        }
        let half = Limits { cpu: wait / 2, ..Limits::default() };
        let call = Tenant::new(&stand_in.url(), half).await.page(None).await;
        assert!(call.result.unwrap().is_ok());
        assert!(call.bill.wall >= wait, "{:?}", call.bill);
        assert!(call.bill.guest > Duration::ZERO && call.bill.guest < wait / 2, "{:?}", call.bill);
    });
}

#[test]
fn memory() {
    let stand_in = stand_in(Options::default());
    crate::support::runtime().block_on(async {
        let free = Tenant::new(&stand_in.url(), Limits::default()).await;
        let initial = usize::try_from(free.plugin.initial_memory_bytes().unwrap()).unwrap();
        let first = free.page(None).await.result.unwrap().unwrap().next;
        let peak = free.page(first.as_ref()).await.bill.peak_memory;
        assert!(peak > initial, "{peak} {initial}");
        assert_eq!(peak % 65_536, 0);

        let tight = Tenant::new(&stand_in.url(), Limits { memory_bytes: initial, ..Limits::default() }).await;
        let call = tight.page(first.as_ref()).await;
        assert_eq!(passed(&call), "memory_bytes");
        assert_eq!(call.bill.peak_memory, initial, "what was refused is no peak");
    });
}

#[test]
fn what_one_call_holds_and_copies() {
    let stand_in = stand_in(Options::default());
    crate::support::runtime().block_on(async {
        let call = async |limits| Tenant::new(&stand_in.url(), limits).await.page(None).await;
        for (limits, name) in [
            (Limits { host_table_entries: 4, ..Limits::default() }, "host_table_entries"),
            (Limits { handles: 4, ..Limits::default() }, "handles"),
            (Limits { hostcall_bytes: 1_000, ..Limits::default() }, "hostcall_bytes"),
            (Limits { fields_bytes: 32, ..Limits::default() }, "fields_bytes"),
        ] {
            assert_eq!(passed(&call(limits).await), name);
        }
        // A few dozen do: the defaults are no close fit.
        let enough = Limits { host_table_entries: 64, handles: 64, hostcall_bytes: 1 << 20, ..Limits::default() };
        assert!(call(Limits { fields_bytes: 1_024, ..enough }).await.result.unwrap().is_ok());
    });
}

#[test]
fn entries_of_a_batch_and_length_of_a_cursor() {
    let stand_in = stand_in(Options::default());
    crate::support::runtime().block_on(async {
        let tenant = Tenant::new(&stand_in.url(), Limits::default()).await;
        let (result, pages, _) = tenant.run(&tenant.limits).await;
        assert!(result.is_ok());
        let (cursor_bytes, batch_entries) = (pages.longest_cursor, pages.most_entries);
        let exact = Limits { cursor_bytes, batch_entries, ..Limits::default() };
        assert!(tenant.run(&exact).await.0.is_ok());
        for (limits, name) in [
            (Limits { cursor_bytes: cursor_bytes - 1, ..exact.clone() }, "cursor_bytes"),
            (Limits { batch_entries: batch_entries - 1, ..exact.clone() }, "batch_entries"),
        ] {
            match tenant.run(&limits).await.0 {
                Err(CollectionError::Contract(words)) => assert!(words.contains(name), "{words}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    });
}

#[test]
fn waits_of_a_run_together() {
    let second = Duration::from_secs(1);
    let run = |faults: Vec<fake_gitlab::Fault>, rate_limit_wait| {
        let stand_in = stand_in(Options { faults, ..Options::default() });
        crate::support::runtime().block_on(async {
            let limits = Limits { rate_limit_wait, ..Limits::default() };
            let tenant = Tenant::new(&stand_in.url(), limits).await;
            let (result, pages, bill) = tenant.run(&tenant.limits).await;
            let waits = pages.waits.lock().unwrap().clone();
            assert_eq!(bill.retries, u64::try_from(waits.len()).unwrap());
            (result, waits)
        })
    };
    // The plugin waits out a few by itself; what goes on for longer than one call may wait is the host's.
    // The page that comes beside the license is left to the next call.
    let twice =
        [lasting("license", 1, "rate-limit-json-retry"), lasting_for(8, "users", 2, "rate-limit-json-retry")].concat();
    let (result, waits) = run(twice.clone(), second * 2);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(waits, [second, second]);
    // A millisecond less than both waits need.
    let (result, waits) = run(twice, second * 2 - Duration::from_millis(1));
    assert!(matches!(result, Err(CollectionError::RateLimited { wait, .. }) if wait == second), "{result:?}");
    assert_eq!(waits, [second]);
    for fault in ["users@1=rate-limit-text-long", "users@1=rate-limit-json"] {
        // A minute is what the service asks for, and what is taken where it asks for none.
        let (result, waits) = run(vec![fault.parse().unwrap()], second * 59);
        let minute = second * 60;
        assert!(matches!(result, Err(CollectionError::RateLimited { wait, .. }) if wait == minute), "{result:?}");
        assert!(waits.is_empty(), "{waits:?}");
    }
}

/// A call ends with its collection, and a wait that goes beyond that is not begun.
#[test]
fn time_of_a_collection() {
    let second = Duration::from_secs(1);
    let run = |fault: &str, collection_wall| {
        let stand_in = stand_in(Options { faults: vec![fault.parse().unwrap()], ..Options::default() });
        crate::support::runtime().block_on(async {
            let tenant = Tenant::new(&stand_in.url(), Limits { collection_wall, ..Limits::default() }).await;
            let started = std::time::Instant::now();
            let (result, pages, bill) = tenant.run(&tenant.limits).await;
            let waits = pages.waits.lock().unwrap().len();
            (result.map_err(|error| error.to_string()), started.elapsed(), waits, bill)
        })
    };
    let (result, took, _, bill) = run("users@2=hang", second);
    assert_eq!(result.unwrap_err(), "the plugin passed the limit collection_wall = 1000 ms");
    assert!(took >= second && took < second * 3, "{took:?}");
    assert_eq!(bill.requests_unfinished, 1, "the call that was cut is on the bill");
    // A minute is what the service asks for.
    let (result, took, waits, _) = run("users@1=rate-limit-text-long", second * 60);
    assert_eq!(result.unwrap_err(), "the plugin passed the limit collection_wall = 60000 ms");
    assert!(waits == 0 && took < second * 20, "{took:?}");
}

#[test]
fn a_wait_of_no_time_is_still_a_wait() {
    let listener = Listener::answering(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    crate::support::runtime().block_on(async {
        let limits = Limits { rate_limit_wait: Duration::from_millis(999), ..Limits::default() };
        let tenant = Tenant::new(&listener.url(), limits).await;
        let run = tokio::time::timeout(Duration::from_secs(20), tenant.run(&tenant.limits));
        let (result, pages, _) = run.await.expect("no endless repeats");
        let second = Duration::from_secs(1);
        assert!(matches!(result, Err(CollectionError::RateLimited { wait, .. }) if wait == second), "{result:?}");
        assert!(pages.waits.lock().unwrap().is_empty());
    });
}

#[test]
fn a_name_at_an_address_that_is_not_allowed_is_refused_before_connecting() {
    let listener = Listener::counting();
    crate::support::runtime().block_on(async {
        let url = format!("https://localhost:{}", listener.address.port());
        let tenant = Tenant::with_policy(&url, Limits::default(), NetworkPolicy::default()).await;
        let call = tenant.page(None).await;
        assert!(matches!(call.result, Ok(Err(Failure::DeniedByHost(_)))), "{:?}", call.result);
        assert_eq!((call.bill.requests.len(), call.bill.denials.len()), (0, 3));
        for denial in call.bill.denials {
            assert_eq!(denial.code, DenialCode::Address);
            assert!(denial.message.starts_with("localhost is at "), "{}", denial.message);
            assert!(denial.message.ends_with("is not allowed without --allow-loopback"), "{}", denial.message);
        }
    });
    assert_eq!(listener.connections(), 0);
}

/// Takes pages, and keeps what a test asks of them.
#[derive(Default)]
struct Pages {
    waits: Arc<std::sync::Mutex<Vec<Duration>>>,
    longest_cursor: usize,
    most_entries: usize,
}

impl PageSink for Pages {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        self.longest_cursor = self.longest_cursor.max(batch.next.as_ref().map_or(0, String::len));
        self.most_entries = self.most_entries.max(batch.entries.len());
        Ok(())
    }
}

struct Waits(Arc<std::sync::Mutex<Vec<Duration>>>);

impl Observer for Waits {
    fn progress(&mut self, _: &Progress) {}

    fn waiting(&mut self, wait: Duration, _: &str) {
        self.0.lock().unwrap().push(wait);
    }
}
