//! The hostile guests, built and loaded once for all tests of this process, and a tenant for one of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use host_sim::bill::Bill;
use host_sim::collection::{Collection, CollectionError, Observer, PageSink};
use host_sim::contract::{Batch, Configuration, Failure, Progress, Summary};
use host_sim::egress::{Access, Injection, Network, Secret};
use host_sim::engine::{CallError, CallOutcome, Engine, EngineOptions, Plugin};
use host_sim::plugin_build::{BuildOptions, build_guests};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};
use host_sim::tenant::Tenant;

use super::listener::Listener;

/// What every guest is given in secret.
pub const CANARY: &str = "glpat-canary-8Ux2mPq7Lw";

/// The components by name.
pub fn components() -> &'static BTreeMap<String, Vec<u8>> {
    static COMPONENTS: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    COMPONENTS.get_or_init(|| {
        let options = BuildOptions::from_environment().expect("a way to build guests");
        let guests = build_guests(&options).expect("the guests build");
        guests.into_iter().map(|guest| (guest.name, guest.component)).collect()
    })
}

/// Limits that a test does not wait long for.
pub fn tight() -> Limits {
    Limits { cpu: Duration::from_secs(5), wall: Duration::from_secs(20), ..Limits::default() }
}

/// One engine for all guests.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::new(Limits::default(), EngineOptions { core_dump: true, ..EngineOptions::default() })
            .expect("an engine")
    })
}

/// A guest, loaded into the engine of all.
pub fn plugin(name: &str) -> Plugin {
    static PLUGINS: OnceLock<BTreeMap<&'static str, Plugin>> = OnceLock::new();
    let load = || components().iter().map(|(name, bytes)| (name.as_str(), engine().load(bytes).expect("it loads")));
    PLUGINS.get_or_init(|| load().collect())[name].clone()
}

/// A tenant whose plugin is a guest.
pub struct Attacked {
    pub limits: Limits,
    pub plugin: Plugin,
    pub network: Network,
    honest: Plugin,
    url: String,
}

impl Attacked {
    /// With `name` for a plugin, and the server at `url`.
    pub fn new(name: &str, url: &str, limits: Limits) -> Self {
        Self::of(engine(), [&plugin(name), &plugin("honest")], url, limits)
    }

    /// Of an engine of its own, with its plugins: the one that is called, and the honest one.
    pub fn of(engine: &Engine, [attack, honest]: [&Plugin; 2], url: &str, limits: Limits) -> Self {
        let policy = NetworkPolicy { loopback: true, private: false };
        let tenant = Tenant::new(engine, limits.clone(), policy, None).expect("a tenant");
        let injection = Injection::new("authorization", "Bearer ", Secret::new(CANARY.to_owned()).expect("a secret"))
            .expect("an injection");
        let grant = Grant::of(&[url.to_owned(), format!("POST {url}")], &[Origin::of_url(url).expect("an origin")])
            .expect("a grant");
        let network = tenant.network(Access { grant, injection: Some(injection) });
        let (attack, honest) = (tenant.plugin(attack), tenant.plugin(honest));
        Self { limits, plugin: attack, network, honest, url: url.to_owned() }
    }

    pub fn config(&self, mode: &str) -> Configuration {
        Configuration {
            source_key: "hostile".to_owned(),
            display_name: "hostile".to_owned(),
            allowed_origins: vec![self.url.clone()],
            help_links: vec![],
            settings: mode.to_owned(),
        }
    }

    /// One call, within its limits.
    pub async fn page(&self, mode: &str) -> CallOutcome<Result<Batch, Failure>> {
        let call = self.plugin.collect(&self.network, &self.config(mode), None).await;
        self.assert_within(&call);
        call
    }

    /// A collection.
    pub async fn run(&self, mode: &str) -> (Result<Summary, CollectionError>, Bill) {
        let config = self.config(mode);
        let collection =
            Collection { plugin: &self.plugin, network: &self.network, config: &config, limits: &self.limits };
        let mut bill = Bill::default();
        let result = collection.run(None, &mut Nowhere, &mut Nowhere, &mut bill).await;
        (result, bill)
    }

    /// A call ends within its limits, with a moment for the host to notice.
    #[track_caller]
    pub fn assert_within<T>(&self, call: &CallOutcome<T>) {
        let (bill, limits) = (&call.bill, &self.limits);
        let moment = Duration::from_millis(500);
        assert!(bill.guest <= bill.busy, "{:?} of {:?}", bill.guest, bill.busy);
        assert!(bill.busy <= limits.cpu + moment, "{:?} of {:?}", bill.busy, limits.cpu);
        assert!(bill.wall <= limits.wall + moment, "{:?} of {:?}", bill.wall, limits.wall);
        assert!(bill.peak_memory <= limits.memory_bytes);
    }

    /// The same tenant's next call, of an honest plugin, is as if nothing had been.
    pub async fn assert_honest_works(&self) {
        let server = Listener::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        let url = server.url();
        let grant =
            Grant::of(std::slice::from_ref(&url), &[Origin::of_url(&url).expect("an origin")]).expect("a grant");
        let access = Access { grant, ..self.network.access.clone() };
        let network = Network { access, ..self.network.clone() };
        let config = Configuration { allowed_origins: vec![url], ..self.config("") };
        let call = self.honest.collect(&network, &config, None).await;
        assert_eq!(told(&call), ["200 2"]);
    }
}

/// What a guest has to say.
#[track_caller]
pub fn told(call: &CallOutcome<Result<Batch, Failure>>) -> Vec<&str> {
    match &call.result {
        Ok(Ok(batch)) => batch.warnings.iter().map(|warning| warning.message.as_str()).collect(),
        other => panic!("{other:?}, last {:?}", call.last_failure),
    }
}

/// The limit that a call passed, with its value.
#[track_caller]
pub fn passed<T: std::fmt::Debug>(call: &CallOutcome<T>) -> (&'static str, &str) {
    match &call.result {
        Err(CallError::Limit { name, value }) => (name, value),
        other => panic!("no limit: {other:?}, last {:?}", call.last_failure),
    }
}

/// The largest number for which `holds`, which holds for all smaller ones, too.
pub async fn edge(mut low: usize, mut beyond: usize, holds: impl AsyncFn(usize) -> bool) -> usize {
    assert!(holds(low).await && !holds(beyond).await, "the edge is between {low} and {beyond}");
    while beyond - low > 1 {
        let middle = low + (beyond - low) / 2;
        if holds(middle).await { low = middle } else { beyond = middle }
    }
    low
}

struct Nowhere;

impl PageSink for Nowhere {
    fn page(&mut self, _: &Batch) -> std::io::Result<()> {
        Ok(())
    }
}

impl Observer for Nowhere {
    fn progress(&mut self, _: &Progress) {}
    fn waiting(&mut self, _: Duration, _: &str) {}
}
