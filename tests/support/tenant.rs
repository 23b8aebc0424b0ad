//! Collections in this process: the real component in the real host, many at once, without a process for each.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use fake_gitlab::{FakeGitlab, Scenario};
use host_sim::bill::Bill;
use host_sim::collection::{Collection, CollectionError, Observer, PageSink};
use host_sim::contract::{Batch, FieldValue, Input, Progress, explanation};
use host_sim::egress::{Access, Client, Injection, Network, Secret};
use host_sim::engine::{Engine, EngineOptions, Plugin};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};
use host_sim::records;
use serde_json::Value;

use super::component;

/// Calls that one engine runs at once for who is no tenant, with a reserve.
const PER_ENGINE: usize = 45;

/// Engines with the component, and room for so many calls in each.
pub struct Hosts {
    hosts: Vec<(Engine, Plugin, Arc<tokio::sync::Semaphore>)>,
    limits: Limits,
}

impl Hosts {
    /// Shared by the tests of this process: patient for a second, so that a server that hangs does not hold up a test.
    pub fn shared() -> &'static Self {
        static HOSTS: OnceLock<Hosts> = OnceLock::new();
        HOSTS.get_or_init(|| {
            let limits = Limits {
                first_byte: Duration::from_secs(4),
                between_bytes: Duration::from_secs(4),
                rate_limit_wait: Duration::from_secs(3),
                ..Limits::default()
            };
            let bytes = std::fs::read(component()).expect("the component");
            let host = || {
                let engine = Engine::new(limits.clone(), EngineOptions::default()).expect("an engine");
                let plugin = engine.load(&bytes).expect("the component loads");
                (engine, plugin, Arc::new(tokio::sync::Semaphore::new(PER_ENGINE)))
            };
            Hosts { hosts: (0..3).map(|_| host()).collect(), limits }
        })
    }

    /// One collection, with as many others as there is room for.
    pub async fn collect(
        &self,
        number: usize,
        gitlab: &FakeGitlab,
        scenario: Scenario,
        settings: &[(&str, &str)],
    ) -> Collected {
        let (_, plugin, room) = &self.hosts[number % self.hosts.len()];
        let _room = room.acquire().await.expect("open");
        let url = gitlab.base_url();
        let text = |key: &str, value: &str| FieldValue { key: key.to_owned(), value: Input::Text(value.to_owned()) };
        let mut values = vec![
            text("host_url", &url),
            FieldValue { key: "token".to_owned(), value: Input::SecretSet },
            text("deployment", scenario.deployment()),
        ];
        values.extend(settings.iter().map(|(key, value)| text(key, value)));
        let config = plugin.configure(&values).await.result.expect("no trap").expect("valid settings");
        let injection =
            Injection::new("authorization", "Bearer ", Secret::new(scenario.caller().to_owned()).expect("a secret"))
                .expect("an injection");
        let policy = NetworkPolicy { loopback: true, private: false };
        let network = Network {
            client: Arc::new(Client::new(&self.limits, policy, None).expect("a client")),
            access: Access {
                grant: Grant::of(&config.allowed_origins, &[Origin::of_url(&url).expect("an origin")])
                    .expect("a grant"),
                injection: Some(injection),
            },
        };
        let (mut pages, mut bill) = (Pages::default(), Bill::default());
        let collection = Collection { plugin, network: &network, config: &config, limits: &self.limits };
        let result = collection.run(None, &mut pages, &mut Quiet, &mut bill).await;
        let failure = result.err().map(|error| match &error {
            CollectionError::Failure { failure, .. } => {
                let words = explanation(failure);
                format!("{} | {}", words.message, words.hint.as_deref().unwrap_or_default())
            }
            other => other.to_string(),
        });
        let records = pages.records.into_inner().expect("no panic");
        Collected { records, failure }
    }
}

/// What a collection came to.
pub struct Collected {
    pub records: Vec<Value>,
    /// Its words, if it failed.
    pub failure: Option<String>,
}

#[derive(Default)]
struct Pages {
    records: Mutex<Vec<Value>>,
}

impl PageSink for Pages {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        let mut records = self.records.lock().expect("no panic");
        for record in records::of_batch(batch) {
            records.push(serde_json::to_value(record)?);
        }
        Ok(())
    }
}

struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: &Progress) {}
    fn waiting(&mut self, _: Duration, _: &str) {}
}
