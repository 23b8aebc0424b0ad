//! Honest tenants: the real plugin, each with a stand-in, limits and a network of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fake_gitlab::{FakeGitlab, Options, Tokens};

use super::isolation::BenchError;
use crate::admission::Digest;
use crate::bill::Bill;
use crate::collection::{Collection, Observer, PageSink};
use crate::contract::{Batch, Configuration, FieldValue, Input, Progress};
use crate::egress::{Access, Injection, Network, Secret};
use crate::engine::{Engine, Plugin};
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::policy::origin::{Grant, Origin};
use crate::records;
use crate::tenant::Tenant;

/// The stand-ins are on this machine.
pub(super) const LOOPBACK: NetworkPolicy = NetworkPolicy { loopback: true, private: false };

/// A network of the tenant to `url` alone, by GET and POST, with a credential.
pub(super) fn network(tenant: &Tenant, url: &str, secret: &str) -> Result<Network, BenchError> {
    let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(error.to_string());
    let origin = Origin::of_url(url).map_err(|error| wrong(&error))?;
    let grant = Grant::of(&[url.to_owned(), format!("POST {url}")], &[origin]).map_err(|error| wrong(&error))?;
    let injection =
        Injection::new("authorization", "Bearer ", Secret::new(secret.to_owned()).map_err(|error| wrong(&error))?)
            .map_err(|error| wrong(&error))?;
    Ok(tenant.network(Access { grant, injection: Some(injection) }))
}

/// The real plugin's settings for a GitLab at `url`.
pub(super) async fn configured(plugin: &Plugin, url: String) -> Result<Configuration, BenchError> {
    let values = [
        FieldValue { key: "host_url".to_owned(), value: Input::Text(url) },
        FieldValue { key: "token".to_owned(), value: Input::SecretSet },
    ];
    let config = plugin.configure(&values).await.result.map_err(|error| BenchError::Setup(error.to_string()))?;
    config.map_err(|problems| BenchError::Setup(format!("the plugin refuses its settings: {problems:?}")))
}

/// One honest tenant.
pub(super) struct Honest {
    gitlab: FakeGitlab,
    limits: Limits,
    plugin: Plugin,
    network: Network,
    config: Configuration,
}

/// What its collections gave.
pub(super) struct Round {
    /// All of them, one after another.
    pub(super) time: Duration,
    /// Of the records of the last one.
    pub(super) records: Digest,
}

impl Honest {
    /// The tenant with this number: it has people of its own.
    pub(super) async fn start(
        engine: &Engine,
        plugin: &Plugin,
        number: u64,
        users: u32,
        latency: Duration,
    ) -> Result<Arc<Self>, BenchError> {
        let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(error.to_string());
        let options = Options { users, seed: number, latency, ..Options::default() };
        let gitlab = fake_gitlab::start(options).await.map_err(|error| wrong(&error))?;
        gitlab.warm_up().await;
        // Rounds follow each other without a pause: whoever waits for the next minute is not slowed down by others.
        let limits = Limits { requests_per_minute: u64::from(u32::MAX), ..engine.limits().clone() };
        let tenant = Tenant::new(engine, limits.clone(), LOOPBACK, None).map_err(|error| wrong(&error))?;
        let url = gitlab.base_url();
        let network = network(&tenant, &url, Tokens::ADMINISTRATOR)?;
        let plugin = tenant.plugin(plugin);
        let config = configured(&plugin, url).await?;
        Ok(Arc::new(Self { gitlab, limits, plugin, network, config }))
    }

    /// So many collections.
    pub(super) async fn round(self: Arc<Self>, collections: u32) -> Result<Round, BenchError> {
        let started = Instant::now();
        let mut records = Digest::of(b"");
        for _ in 0..collections {
            let mut pages = Pages(Vec::new());
            let collection =
                Collection { plugin: &self.plugin, network: &self.network, config: &self.config, limits: &self.limits };
            let (mut quiet, mut bill) = (Quiet, Bill::default());
            let result = collection.run(None, &mut pages, &mut quiet, &mut bill).await;
            result.map_err(|error| BenchError::Honest(error.to_string()))?;
            records = Digest::of(&pages.0);
        }
        Ok(Round { time: started.elapsed(), records })
    }

    /// Lets go of the stand-in.
    pub(super) async fn stop(self: Arc<Self>) {
        if let Some(honest) = Arc::into_inner(self) {
            honest.gitlab.shutdown().await;
        }
    }
}

/// Records, one JSON object a line.
struct Pages(Vec<u8>);

impl PageSink for Pages {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        for record in records::of_batch(batch) {
            serde_json::to_writer(&mut self.0, &record)?;
            self.0.push(b'\n');
        }
        Ok(())
    }
}

/// Nobody is told.
pub(crate) struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: &Progress) {}
    fn waiting(&mut self, _: Duration, _: &str) {}
}
