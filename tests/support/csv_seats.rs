//! The plugin to copy, built; and a server of the file that it reads, which can keep who asks waiting.

use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use host_sim::plugin_build::{BuildOptions, Built, build_example};
use tempfile::TempDir;

use super::listener::Listener;

/// The component, built once for all tests of this process.
pub fn built() -> &'static Built {
    static BUILT: OnceLock<(Built, TempDir)> = OnceLock::new();
    let build = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = Some(folder.path().join("csv_seats.wasm"));
        let options = BuildOptions { out, ..BuildOptions::from_environment().expect("a way to build the guest") };
        (build_example("csv-seats", &options).expect("the example builds"), folder)
    };
    &BUILT.get_or_init(build).0
}

/// A server of seats of one feature.
pub struct Seats {
    listener: Listener,
    body: Arc<Mutex<String>>,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

/// Whether it answers.
#[derive(Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

impl Seats {
    /// With so many that were bought, held by these: id, log-in name, address.
    pub fn start(entitled: u32, people: &[(&str, &str, &str)]) -> Self {
        Self::serving(file(entitled, people))
    }

    /// With so many people, `login-0` and so on, who hold each of these features.
    pub fn crowd(features: &[&str], people: usize) -> Self {
        Self::serving(crowd(features, people))
    }

    /// From now on.
    pub fn change(&self, features: &[&str], people: usize) {
        *self.body.lock().expect("a file") = crowd(features, people);
    }

    fn serving(body: String) -> Self {
        let body = Arc::new(Mutex::new(body));
        let served = Arc::clone(&body);
        let gate = Arc::<(Mutex<Gate>, Condvar)>::default();
        let before = Arc::clone(&gate);
        let listener = Listener::choosing(move |_| {
            let mut gate = before.0.lock().expect("a gate");
            gate.waiting += 1;
            before.1.notify_all();
            let mut gate = before.1.wait_while(gate, |gate| gate.shut).expect("a gate");
            gate.waiting -= 1;
            let body = served.lock().expect("a file");
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
        });
        Self { listener, body, gate }
    }

    /// Keeps requests waiting, or lets them pass.
    pub fn shut(&self, shut: bool) {
        self.gate.0.lock().expect("a gate").shut = shut;
        self.gate.1.notify_all();
    }

    /// Waits until a request waits.
    #[track_caller]
    pub fn wait_for_request(&self) {
        let gate = self.gate.0.lock().expect("a gate");
        let waited = self.gate.1.wait_timeout_while(gate, Duration::from_secs(60), |gate| gate.waiting == 0);
        assert!(!waited.expect("a gate").1.timed_out(), "nobody asks");
    }

    pub fn url(&self) -> String {
        format!("{}/seats.csv", self.listener.url())
    }
}

fn file(entitled: u32, people: &[(&str, &str, &str)]) -> String {
    let line = |(id, name, email): &(&str, &str, &str)| {
        format!("{id},{name},{email},Editor,{entitled},2026-02-01,2026-03-01\n")
    };
    let head = "user_id,username,email,feature,entitled,assigned_on,last_activity_on\n".to_owned();
    [head].into_iter().chain(people.iter().map(line)).collect()
}

fn crowd(features: &[&str], people: usize) -> String {
    let mut file = "user_id,username,email,feature,entitled\n".to_owned();
    for number in 0..people {
        for feature in features {
            file.push_str(&format!("id-{number},login-{number},{number}@people.example,{feature},50\n"));
        }
    }
    file
}
