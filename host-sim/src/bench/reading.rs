//! One tenant's sources, read at the same time, with what that took of this process.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::honest::LOOPBACK;
use super::isolation::BenchError;
use super::standins::Facts;
use super::{memory, process};
use crate::bill::Bill;
use crate::collection::{Observer, PageSink};
use crate::contract::{Batch, Descriptor, Entry};
use crate::egress::Secret;
use crate::engine::{Engine, EngineOptions, Plugin};
use crate::journey::connection::Connection;
use crate::journey::form::Form;
use crate::policy::limits::Limits;
use crate::records;
use crate::tenant::Tenant;

/// The field by which a plugin is told how many requests it may have in flight.
const IN_FLIGHT: &str = "max_concurrency";

/// Lines are written when there are about so many bytes of them.
const WRITE: usize = 64 << 10;

/// Room for one line more, which most fit into, bytes.
const LINE: usize = 1 << 10;

/// A source to be read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its address.
    pub url: String,
    /// Further fields of the plugin, without the one for requests in flight.
    pub settings: Vec<(String, String)>,
    /// The token.
    pub secret: Secret,
}

impl Source {
    /// One that a stand-in plays.
    ///
    /// # Errors
    /// [`BenchError::Setup`], for a token that no header can carry.
    pub fn of(facts: &Facts) -> Result<Self, BenchError> {
        let secret = Secret::new(facts.token.clone()).map_err(|error| BenchError::Setup(error.to_string()))?;
        let settings = vec![("deployment".to_owned(), facts.deployment.clone())];
        Ok(Self { url: facts.url.clone(), settings, secret })
    }
}

/// A source, and who is told how far it is read.
pub type Watched = (Source, Box<dyn Observer>);

/// Where records go.
pub type Out = Arc<Mutex<dyn Write + Send>>;

/// What was delivered of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// People.
    pub users: u64,
    /// Assignments that take a seat.
    pub seats: u64,
    /// From the beginning of all to the end of this one.
    pub time: Duration,
}

impl Delivered {
    /// Whether it is what is true on a stand-in. Anything else is no figure, but a mistake.
    ///
    /// # Errors
    /// [`BenchError::Wrong`].
    pub fn check(&self, facts: &Facts) -> Result<(), BenchError> {
        if (self.users, self.seats) == (facts.users, facts.seats) {
            return Ok(());
        }
        let Self { users, seats, .. } = self;
        let (url, true_users, true_seats) = (&facts.url, facts.users, facts.seats);
        Err(BenchError::Wrong(format!(
            "{users} people and {seats} seats were read of {url}, which has {true_users} and {true_seats}"
        )))
    }
}

/// What a reading gave and took.
#[derive(Debug, Clone)]
pub struct Reading {
    /// In the order of the sources.
    pub delivered: Vec<Delivered>,
    /// From the beginning to the end of the last.
    pub wall: Duration,
    /// Processor time of this process meanwhile.
    pub cpu: Option<Duration>,
    /// Largest resident size of this process meanwhile, bytes.
    pub host_peak: Option<u64>,
    /// Largest linear memory of a guest, bytes.
    pub guest_peak: u64,
    /// Requests, as the host counts them.
    pub requests: u64,
    /// Those that were answered with 429.
    pub limited: u64,
    /// Connections that were opened, of all sources together.
    pub connections: u64,
}

/// Limits of a tenant that may have so many requests in flight. The budgets of a minute are out of reach: what is measured is how
/// fast it goes, and not how well it is held back.
#[must_use]
pub fn limits(in_flight: u16) -> Limits {
    Limits {
        in_flight: usize::from(in_flight),
        requests_per_minute: u64::from(u32::MAX),
        cpu_per_minute: Duration::from_secs(24 * 3_600),
        ..Limits::default()
    }
}

/// How many requests a plugin has in flight if nobody says otherwise; none if it has no such field.
#[must_use]
pub fn default_in_flight(descriptor: &Descriptor) -> Option<u16> {
    descriptor.fields.iter().find(|field| field.key == IN_FLIGHT)?.default_value.as_deref()?.parse().ok()
}

/// An engine of its own, with the limits of the tenant.
///
/// # Errors
/// [`BenchError::Setup`].
pub fn engine(in_flight: u16) -> Result<Engine, BenchError> {
    Engine::new(limits(in_flight), EngineOptions::default()).map_err(|error| BenchError::Setup(error.to_string()))
}

/// A tenant's source, ready to be collected.
pub(super) async fn connected(tenant: &Tenant, plugin: &Plugin, source: &Source) -> Result<Connection, BenchError> {
    let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(error.to_string());
    let descriptor = tenant.plugin(plugin).describe().await.result.map_err(|error| wrong(&error))?;
    let mut settings = source.settings.clone();
    if descriptor.fields.iter().any(|field| field.key == IN_FLIGHT) {
        settings.push((IN_FLIGHT.to_owned(), tenant.limits().in_flight.to_string()));
    }
    let form = Form::of(&descriptor, &source.url, &settings).map_err(|error| wrong(&error))?;
    let connection = Connection::open(tenant, plugin, &form, Some(source.secret.clone())).await;
    connection.map_err(|error| wrong(&error))
}

/// Reads one source to its end.
pub(super) async fn collected(
    connection: &Connection,
    sink: &mut Rows,
    observer: &mut dyn Observer,
) -> Result<Bill, BenchError> {
    let mut bill = Bill::default();
    let summary = connection.collection().run(None, sink, observer, &mut bill).await;
    summary.map_err(|error| BenchError::Honest(connection.redact(&error.to_string())))?;
    Ok(bill)
}

/// Reads all sources at the same time, as those of one tenant of the engine; their records go to `out` as `collect` writes them.
///
/// # Errors
/// [`BenchError`].
pub async fn read(engine: &Engine, plugin: &Plugin, sources: Vec<Watched>, out: Out) -> Result<Reading, BenchError> {
    let tenant = Tenant::new(engine, engine.limits().clone(), LOOPBACK, None)
        .map_err(|error| BenchError::Setup(error.to_string()))?;
    let mut connections = Vec::new();
    for (source, observer) in sources {
        connections.push((connected(&tenant, plugin, &source).await?, observer));
    }
    let client = connections.first().map(|(connection, _)| Arc::clone(&connection.network.client));
    memory::forget_peak();
    let (cpu, started) = (process::cpu(), Instant::now());
    let mut tasks = JoinSet::new();
    for (number, (connection, mut observer)) in connections.into_iter().enumerate() {
        let mut sink = Rows::to(Arc::clone(&out));
        tasks.spawn(async move {
            let bill = collected(&connection, &mut sink, observer.as_mut()).await;
            let delivered = Delivered { time: started.elapsed(), ..sink.delivered };
            (number, bill.map(|bill| (delivered, bill)))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (number, read) = ended.map_err(|error| BenchError::Honest(error.to_string()))?;
        all.push((number, read?));
    }
    let wall = started.elapsed();
    let (cpu, host_peak) = (process::cpu().zip(cpu).map(|(now, before)| now.saturating_sub(before)), memory::peak());
    out.lock().unwrap_or_else(PoisonError::into_inner).flush().map_err(|error| BenchError::Setup(error.to_string()))?;
    all.sort_by_key(|(number, _)| *number);
    let bills = || all.iter().map(|(_, (_, bill))| bill);
    Ok(Reading {
        delivered: all.iter().map(|(_, (delivered, _))| *delivered).collect(),
        wall,
        cpu,
        host_peak,
        guest_peak: bills().map(guest_peak).max().unwrap_or(0),
        requests: bills().map(requests).sum(),
        limited: bills().map(limited).sum(),
        connections: client.map_or(0, |client| client.connections_opened()),
    })
}

pub(super) fn guest_peak(bill: &Bill) -> u64 {
    u64::try_from(bill.peak_memory_bytes).unwrap_or(u64::MAX)
}

pub(super) fn requests(bill: &Bill) -> u64 {
    bill.requests.values().sum::<u64>().saturating_add(bill.requests_unfinished)
}

fn limited(bill: &Bill) -> u64 {
    bill.requests.iter().filter(|(line, _)| line.ends_with(" 429")).map(|(_, count)| count).sum()
}

/// Counts what matters of the records, and writes them down as `collect` does.
pub(super) struct Rows {
    out: Out,
    pub(super) delivered: Delivered,
}

impl Rows {
    pub(super) fn to(out: Out) -> Self {
        Self { out, delivered: Delivered::default() }
    }

    /// Whole lines.
    fn write(&self, lines: &[u8]) -> std::io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines)
    }
}

impl PageSink for Rows {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        // Put together, so that few writes are made; and no whole page, since a thousand tenants write theirs.
        let mut lines = Vec::with_capacity(WRITE);
        for record in records::of_batch(batch) {
            serde_json::to_writer(&mut lines, &record)?;
            lines.push(b'\n');
            if lines.len() >= WRITE - LINE {
                self.write(&lines)?;
                lines.clear();
            }
        }
        self.write(&lines)?;
        for entry in &batch.entries {
            match entry {
                Entry::User(_) => self.delivered.users += 1,
                Entry::Assignment(assignment) if assignment.consumes_seat == Some(true) => self.delivered.seats += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::{Delivered, Rows};
    use crate::bench::standins::Facts;
    use crate::collection::PageSink as _;
    use crate::contract::{Assignment, Entry};
    use crate::samples;

    #[test]
    fn what_was_delivered_is_counted_and_written_and_compared_with_the_truth() {
        let out = Arc::new(Mutex::new(Vec::new()));
        let shared: super::Out = out.clone();
        let mut rows = Rows::to(shared);
        let assignment = |consumes_seat| Entry::Assignment(Assignment { consumes_seat, ..samples::assignment() });
        let entries = vec![
            Entry::User(samples::user()),
            assignment(Some(true)),
            assignment(Some(false)),
            assignment(None),
            Entry::User(samples::user()),
        ];
        rows.page(&samples::batch(entries)).unwrap();
        assert_eq!(rows.delivered, Delivered { users: 2, seats: 1, time: Duration::ZERO });
        let facts = |users, seats| Facts {
            url: "http://127.0.0.1:1".to_owned(),
            token: String::new(),
            deployment: String::new(),
            rows: users,
            users,
            seats,
        };
        assert!(rows.delivered.check(&facts(2, 1)).is_ok());
        for (users, seats) in [(3, 1), (2, 2), (1, 1)] {
            let words = rows.delivered.check(&facts(users, seats)).unwrap_err().to_string();
            assert!(words.contains(&format!("has {users} and {seats}")), "{words}");
        }
        let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
        assert!(text.lines().filter(|line| line.contains(r#""type":"user""#)).count() == 2, "{text}");
    }
}
