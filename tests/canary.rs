//! Two tenants in one process at once: what is one's is nowhere in what is the other's.
//!
//! Both servers write the token that they were sent into their answers. Tenant A's guest is even given its token, as a host that
//! cannot write headers would do it, so that its memory held it; tenant B's guest then runs in memory that A's had.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fake_gitlab::{Options, Scenario};
use host_sim::code_cache::CodeCache;
use host_sim::contract::{Configuration, Credential, FieldValue, Input};
use host_sim::egress::{Access, Injection, Network, Owner, Recorder, SealingKey, Secret, Tape};
use host_sim::engine::{Engine, EngineOptions, Plugin};
use host_sim::policy::limits::Limits;
use host_sim::policy::network::NetworkPolicy;
use host_sim::policy::origin::{Grant, Origin};
use host_sim::tenant::Tenant as Share;

use crate::support::echo::Echo;
use crate::support::{StandIn, component};

/// Pages that each tenant reads, again and again.
const CALLS: usize = 8;

/// So much of a token is no accident. The tokens of the stand-in have 15 letters in common.
const TRACE: usize = 16;

struct Tenant {
    name: &'static str,
    token: &'static str,
    stand_in: StandIn,
    echo: Echo,
    network: Network,
    /// Within the tenant's limits and its turn, as the host runs it.
    plugin: Plugin,
    config: Configuration,
    recorder: Arc<Recorder>,
}

impl Tenant {
    async fn new(
        name: &'static str,
        scenario: Scenario,
        (engine, plugin): (&Engine, &Plugin),
        folder: &Path,
        (stand_in, echo): (StandIn, Echo),
    ) -> Self {
        let token = scenario.caller();
        let url = echo.url();
        let text = |key: &str, value: &str| FieldValue { key: key.to_owned(), value: Input::Text(value.to_owned()) };
        let secret_set = FieldValue { key: "token".to_owned(), value: Input::SecretSet };
        let values = [text("host_url", &url), secret_set, text("deployment", scenario.deployment())];
        let config = plugin.configure(&values).await.result.unwrap().unwrap();
        let policy = NetworkPolicy { loopback: true, private: false };
        let recorder = Arc::new(Recorder::create(&folder.join(name).join("recording"), policy, 1 << 30).unwrap());
        // At rest it is sealed, and the host opens it for this tenant.
        let owner = Owner { tenant: name, source: &config.source_key };
        let key = SealingKey::create(&folder.join(name).join("key")).unwrap();
        let sealed = key.seal(&Secret::new(token.to_owned()).unwrap(), owner).unwrap();
        std::fs::write(folder.join(name).join("sealed"), sealed.as_str()).unwrap();
        let secret = key.open(&sealed, owner).unwrap();
        let injection = Injection::new("authorization", "Bearer ", secret).unwrap();
        let tenant = Share::new(engine, Limits::default(), policy, None).unwrap();
        let tenant = tenant.with_tape(Tape::Record(Arc::clone(&recorder)));
        let network = tenant.network(Access {
            grant: Grant::of(&config.allowed_origins, &[Origin::of_url(&url).unwrap()]).unwrap(),
            injection: Some(injection),
        });
        let plugin = tenant.plugin(plugin);
        Self { name, token, stand_in, echo, network, plugin, config, recorder }
    }

    /// Reads pages, and gives the guest's memory after each, and what it delivered.
    async fn run(&self, credential: &Credential) -> Vec<Vec<u8>> {
        let mut images = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..CALLS {
            let call = self.plugin.collect_then_dump(&self.network, &self.config, credential, cursor.as_ref()).await;
            let bill = format!("{:?}", call.bill).into_bytes();
            let (batch, memory) = call.result.unwrap();
            images.extend([memory, format!("{batch:?}").into_bytes(), bill]);
            cursor = batch.ok().and_then(|batch| batch.next);
        }
        images
    }
}

fn holds(bytes: &[u8], token: &str) -> bool {
    let traces: HashSet<&[u8]> = token.as_bytes().windows(TRACE).collect();
    bytes.windows(TRACE).any(|window| traces.contains(window))
}

/// Everything that was traced.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn a_tenants_token_is_nowhere_in_what_is_anothers() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let stand_in = |scenario: Scenario| {
        let stand_in = StandIn::start(Options { scenario, users: 250, ..Options::default() });
        let echo = Echo::start(&stand_in, "\"username\":\"", "x-next-cursor: ", scenario.caller());
        (stand_in, echo)
    };
    let (of_a, of_b) = (stand_in(Scenario::SelfManagedPremium), stand_in(Scenario::GitlabCom));
    // With a single subscriber, events that another test's thread has come by first would stay switched off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    // One thread, so that all that happens is traced here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (a, b, of_a_images, of_b_images) = tracing::subscriber::with_default(subscriber.finish(), || {
        runtime.block_on(async {
            let engine =
                Engine::new(Limits::default(), EngineOptions { core_dump: true, ..EngineOptions::default() }).unwrap();
            let cache = CodeCache::open(&folder.path().join("code")).unwrap();
            let plugin = engine.load_through(&std::fs::read(component()).unwrap(), Some(&cache)).unwrap();
            let a = Tenant::new("a", Scenario::SelfManagedPremium, (&engine, &plugin), folder.path(), of_a).await;
            let b = Tenant::new("b", Scenario::GitlabCom, (&engine, &plugin), folder.path(), of_b).await;
            let given = Credential::Value([a.token; 64].concat());
            let (of_a, of_b) = tokio::join!(a.run(&given), b.run(&Credential::Injected));
            (a, b, of_a, of_b)
        })
    });
    // The searches can find: A's guest was given its token, and it did go to A's server.
    assert!(of_a_images.iter().any(|image| holds(image, a.token)));
    for tenant in [&a, &b] {
        let sent = format!("Bearer {}", tenant.token);
        let requests = tenant.stand_in.gitlab.requests();
        assert!(requests.len() > CALLS, "{}", tenant.name);
        assert!(requests.iter().all(|request| request.header("authorization") == Some(&sent)), "{}", tenant.name);
        assert!(tenant.echo.url().starts_with("http://127.0.0.1:"));
        tenant.recorder.finish().unwrap();
    }
    // And both servers' echoes did come through, masked.
    for images in [&of_a_images, &of_b_images] {
        assert!(images.iter().any(|image| holds(image, "****************")));
    }

    // Memory, records and bills of B.
    for (number, image) in of_b_images.iter().enumerate() {
        assert!(!holds(image, a.token) && !holds(image, b.token), "image {number} of B");
    }
    // What the process wrote, whosever it is: recordings, keys, sealed tokens, compiled code.
    let written = files(folder.path());
    assert_eq!(written.len(), 7, "{:?}", written.iter().map(|(name, _)| name).collect::<Vec<_>>());
    for (name, bytes) in &written {
        assert!(!holds(bytes, a.token) && !holds(bytes, b.token), "{name}");
    }
    let log = log.0.lock().unwrap();
    assert!(log.windows(7).any(|window| window == b"/api/v4"), "the trace is on");
    assert!(!holds(&log, a.token) && !holds(&log, b.token), "the trace");
}
