//! Attacks: whatever is done by, or to, one tenant while others work.
//!
//! An attack is a plugin, a server, and settings. A family makes a list of them: [`guests`] has hostile plugins before a
//! harmless server; [`super::servers::servers`] has the real plugin before each hostile server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::honest::{LOOPBACK, Quiet, network};
use super::isolation::BenchError;
use crate::bill::Bill;
use crate::collection::{Collection, CollectionError, PageSink};
use crate::contract::{Batch, Configuration, Failure, explanation};
use crate::egress::{Network, NetworkFailure, NetworkFailureKind};
use crate::engine::{CallError, Engine, Plugin};
use crate::plugin_build::Guest;
use crate::policy::limits::Limits;
use crate::tenant::Tenant;

/// Modes of guests beside their usual misdeed.
const MODES: [(&str, &str); 7] = [
    ("handle_leak", "pollables"),
    ("huge_result", "entries"),
    ("million_requests", "at-once 200"),
    ("never_read_body", "again"),
    ("sleeper", "naps"),
    ("slow_upload", "fast"),
    ("wrong_records", "long-text"),
];

/// For the host to notice that a limit was passed, on a machine that is busy.
const MOMENT: Duration = Duration::from_millis(1_000);

/// Limits of the attacked tenant: short, so that an attack comes to its end many times within a measurement. The budgets
/// of a minute would only slow an attack down, so it is measured without them.
pub(super) fn limits(engine: &Limits) -> Limits {
    Limits {
        cpu: Duration::from_millis(500),
        wall: Duration::from_secs(2),
        batches: 200,
        requests_per_minute: u64::from(u32::MAX),
        cpu_per_minute: Duration::from_secs(24 * 3_600),
        ..engine.clone()
    }
}

/// One attack, ready to be made.
pub(super) struct Attack {
    /// Who is hostile: `guest` or `server`.
    pub(super) family: &'static str,
    /// Name of the guest or server, with its mode.
    pub(super) name: String,
    pub(super) attacker: Arc<Attacker>,
    pub(super) tenant: Tenant,
    /// It ends when it is dropped, so it is kept as long as the attack.
    pub(super) _server: Box<dyn Send + Sync>,
}

/// What the attacked tenant calls, again and again.
pub(super) struct Attacker {
    pub(super) plugin: Plugin,
    pub(super) network: Network,
    pub(super) config: Configuration,
    pub(super) limits: Limits,
}

/// How the calls of an attack ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// In words, and how often.
    pub(super) ways: BTreeMap<String, u64>,
    /// The longest call, wall clock.
    pub(super) longest: Duration,
    /// A call went on for longer than its limit.
    pub(super) outlived: bool,
}

impl Ends {
    pub(super) fn merge(&mut self, other: Self) {
        for (way, count) in other.ways {
            *self.ways.entry(way).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
        self.outlived |= other.outlived;
    }

    /// The most frequent way, and the number of calls that ended.
    pub(super) fn usual(&self) -> (&str, u64) {
        let usual = self.ways.iter().max_by_key(|(_, count)| **count);
        (usual.map_or("no call ended", |(way, _)| way.as_str()), self.ways.values().sum())
    }
}

/// The attacks of all hostile guests.
pub(super) async fn guests(engine: &Engine, guests: &[Guest]) -> Result<Vec<Attack>, BenchError> {
    let mut attacks = Vec::new();
    for guest in guests.iter().filter(|guest| guest.name != "honest") {
        let modes = MODES.iter().filter(|(name, _)| *name == guest.name).map(|(_, mode)| *mode);
        // Compiled each time: nothing hostile is kept in the user's cache, nor takes a place there.
        let plugin = engine.load(&guest.component).map_err(|error| BenchError::Setup(error.to_string()))?;
        for mode in std::iter::once("").chain(modes) {
            let server = Server::start().await?;
            let limits = limits(engine.limits());
            let tenant = Tenant::new(engine, limits.clone(), LOOPBACK, None)
                .map_err(|error| BenchError::Setup(error.to_string()))?;
            let network = network(&tenant, &server.url, "glpat-of-the-attacked-tenant")?;
            let config = Configuration {
                source_key: guest.name.clone(),
                display_name: guest.name.clone(),
                allowed_origins: vec![server.url.clone()],
                help_links: vec![],
                settings: mode.to_owned(),
            };
            let attacker = Attacker { plugin: tenant.plugin(&plugin), network, config, limits };
            let name = format!("{} {mode}", guest.name).trim_end().to_owned();
            let _server = Box::new(server);
            attacks.push(Attack { family: "guest", name, attacker: Arc::new(attacker), tenant, _server });
        }
    }
    Ok(attacks)
}

/// An attack under way: as many calls at once as the tenant may have, each begun again when it has ended.
pub(super) struct UnderWay {
    tasks: JoinSet<Ends>,
    stop: Arc<AtomicBool>,
    patience: Duration,
}

impl Attack {
    /// Begins, and returns when the tenant's calls are all under way, or have been.
    pub(super) async fn begin(&self) -> UnderWay {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..self.attacker.limits.calls {
            tasks.spawn(Arc::clone(&self.attacker).again_and_again(Arc::clone(&stop)));
        }
        // Some end at once, so that it may never be seen; a moment is enough for them, too.
        let _ = tokio::time::timeout(MOMENT / 4, async {
            while self.tenant.free_calls() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        UnderWay { tasks, stop, patience: self.attacker.limits.wall + MOMENT }
    }
}

impl UnderWay {
    /// Begins no more calls, and waits for the end of those under way: a call that does not end is cut off, and counts as
    /// one that outlived its limit.
    pub(super) async fn end(mut self) -> Ends {
        self.stop.store(true, Ordering::Relaxed);
        let mut ends = Ends::default();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ends.merge(ended.unwrap_or_else(|_| Ends { outlived: true, ..Ends::default() }));
            }
        };
        if tokio::time::timeout(self.patience, all).await.is_err() {
            ends.outlived = true;
            self.tasks.shutdown().await;
        }
        ends
    }
}

impl Attacker {
    async fn again_and_again(self: Arc<Self>, stop: Arc<AtomicBool>) -> Ends {
        let mut ends = Ends::default();
        while !stop.load(Ordering::Relaxed) {
            let mut bill = Bill::default();
            let collection =
                Collection { plugin: &self.plugin, network: &self.network, config: &self.config, limits: &self.limits };
            let outcome = collection.run(None, &mut UntilStopped(&stop), &mut Quiet, &mut bill).await;
            let longest = Duration::try_from_secs_f64(bill.wall_ms_longest_call / 1e3).unwrap_or_default();
            let busy = Duration::try_from_secs_f64(bill.busy_ms_longest_call / 1e3).unwrap_or_default();
            let outlived = longest > self.limits.wall + MOMENT || busy > self.limits.cpu + MOMENT;
            let ways = match outcome {
                // Stopped after a batch: its call has ended, and the run would have gone on.
                Err(CollectionError::Output(_)) => BTreeMap::from([("returned, more to come".to_owned(), 1)]),
                Err(error) => BTreeMap::from([(self.without_address(&words(&error)), 1)]),
                Ok(_) if bill.more_denials > 0 || !bill.denials.is_empty() => {
                    BTreeMap::from([("returned, requests refused".to_owned(), 1)])
                }
                Ok(_) => BTreeMap::from([("returned".to_owned(), 1)]),
            };
            ends.merge(Ends { ways, longest, outlived });
            // Between calls of a plugin that traps at once nobody else may get a turn.
            tokio::task::yield_now().await;
        }
        ends
    }

    /// Without the server's address, whose port says nothing and is another one each time.
    fn without_address(&self, words: &str) -> String {
        self.config.allowed_origins.iter().fold(words.to_owned(), |words, entry| {
            let (scheme, rest) = entry.trim_start_matches("POST ").split_once("://").unwrap_or(("", entry));
            let authority = rest.split('/').next().unwrap_or(rest);
            words.replace(&format!("{scheme}://{authority}"), "it").replace(authority, "it")
        })
    }
}

/// How a collection ended, and what the host saw on the network, which names the limit more exactly than a plugin can.
fn words(error: &CollectionError) -> String {
    match error {
        CollectionError::Call { error: CallError::Limit { name, value }, last_failure } => {
            let seen = last_failure.as_ref().map_or_else(String::new, |seen| format!(" ({})", seen.words));
            format!("limit {name} = {value}{seen}")
        }
        CollectionError::Call { error: CallError::Trap(words), .. } => format!("trap: {words}"),
        CollectionError::Call { error: CallError::Instantiate(words), .. } => format!("not started: {words}"),
        CollectionError::Failure { failure, last_failure } => match (failure.as_ref(), last_failure) {
            (_, Some(NetworkFailure { words, kind, .. })) if *kind != NetworkFailureKind::Denied => {
                format!("failure: {words}")
            }
            (Failure::DeniedByHost(_), _) => "denied by host".to_owned(),
            (other, _) => format!("failure: {}", explanation(other).message),
        },
        CollectionError::Contract(words) => format!("refused: {words}"),
        other => other.to_string(),
    }
}

/// Takes pages until the attack is to end.
struct UntilStopped<'a>(&'a AtomicBool);

impl PageSink for UntilStopped<'_> {
    fn page(&mut self, _: &Batch) -> std::io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

/// A server that answers whatever it is asked.
struct Server {
    url: String,
    task: AbortHandle,
}

impl Server {
    async fn start() -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| BenchError::Setup(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| BenchError::Setup(error.to_string()))?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
        Ok(Self { url: format!("http://{address}"), task: serving.abort_handle() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads the head of each request and answers it; what comes of a body is taken for the next head, and never answered.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    let end = memchr::memmem::Finder::new(b"\r\n\r\n");
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        while let Some(place) = end.find(&buffer) {
            buffer.advance(place + end.needle().len());
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await?;
        }
        // The end may lie across two pieces.
        buffer.advance(buffer.len().saturating_sub(3));
        buffer.reserve(64 * 1024);
    }
}
