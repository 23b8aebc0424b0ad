//! One engine, one tenant: what a hostile server meets, and an honest one right after it.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fake_gitlab::{Options, Tokens};
use host_sim::contract::{Batch, Configuration, Failure, FieldValue, Input, explanation};
use host_sim::egress::{Access, Injection, Network, Resolve, Secret, SystemResolver};
use host_sim::engine::{CallOutcome, Engine, EngineOptions, Plugin};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};

use crate::support::component;

pub const LOOPBACK: NetworkPolicy = NetworkPolicy { loopback: true, private: false };

/// Short, so that a server that hangs is given up soon. The plugin asks up to eight times again, with waits between.
pub fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(1_500),
        first_byte: Duration::from_millis(1_500),
        between_bytes: Duration::from_millis(1_000),
        wall: WALL,
        response_bytes: 1 << 20,
        response_bytes_per_call: 8 << 20,
        ..Limits::default()
    }
}

/// Longer than all retries together, so that only a server which gives no other reason is ended by it.
pub const WALL: Duration = Duration::from_secs(20);

/// The engine of all tenants, and the plugin in it.
fn shared() -> &'static (Engine, Plugin) {
    static SHARED: OnceLock<(Engine, Plugin)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let engine = Engine::new(limits(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&std::fs::read(component()).unwrap()).unwrap();
        (engine, plugin)
    })
}

/// A tenant of the shared engine, as a host has them: with its turn, its share and its client.
pub struct Tenant {
    tenant: host_sim::tenant::Tenant,
    plugin: Plugin,
}

impl Tenant {
    pub fn new() -> Self {
        Self::with(LOOPBACK, None, Arc::new(SystemResolver))
    }

    pub fn with(policy: NetworkPolicy, ca_file: Option<&Path>, resolver: Arc<dyn Resolve>) -> Self {
        let (engine, plugin) = shared();
        let tenant = host_sim::tenant::Tenant::resolving(engine, limits(), policy, ca_file, &resolver).unwrap();
        let plugin = tenant.plugin(plugin);
        Self { tenant, plugin }
    }

    pub fn network(&self, url: &str) -> Network {
        let injection =
            Injection::new("authorization", "Bearer ", Secret::new(Tokens::ADMINISTRATOR.to_owned()).unwrap()).unwrap();
        let grant = Grant::of(&[url.to_owned(), format!("POST {url}")], &[Origin::of_url(url).unwrap()]).unwrap();
        self.tenant.network(Access { grant, injection: Some(injection) })
    }

    /// One call of `collect`.
    pub async fn page(&self, url: &str) -> CallOutcome<Result<Batch, Failure>> {
        let config = self.configure(url).await;
        self.plugin.collect(&self.network(url), &config, None).await
    }

    pub fn connections_opened(&self) -> u64 {
        self.tenant.network(Access::default()).client.connections_opened()
    }

    async fn configure(&self, url: &str) -> Configuration {
        let values = [
            FieldValue { key: "host_url".to_owned(), value: Input::Text(url.to_owned()) },
            FieldValue { key: "token".to_owned(), value: Input::SecretSet },
        ];
        self.plugin.configure(&values).await.result.unwrap().unwrap()
    }

    /// What was hostile has left nothing behind: the same tenant reads from an honest server.
    pub async fn assert_honest_works(&self, name: &str) {
        let honest = fake_gitlab::start(Options { users: 3, ..Options::default() }).await.unwrap();
        let call = self.page(&honest.base_url()).await;
        assert!(matches!(call.result, Ok(Ok(_))), "after {name}: {:?} {:?}", call.result, call.last_failure);
    }
}

/// How a call ended: in the words of the limit that ended it, or of the plugin and of the host.
pub fn end(call: &CallOutcome<Result<Batch, Failure>>) -> String {
    let seen = call.last_failure.as_ref().map_or("", |failure| &failure.words);
    match &call.result {
        Ok(Ok(_)) => "it was taken for a GitLab".to_owned(),
        Ok(Err(failure)) => format!("{} | {seen}", explanation(failure).message),
        Err(error) => format!("{error} | {seen}"),
    }
}
