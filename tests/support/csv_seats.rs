//! The plugin to copy, built; and a server of the file that it reads.

use std::sync::OnceLock;

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
}

impl Seats {
    /// With so many that were bought, held by these: id, log-in name, address.
    pub fn start(entitled: u32, people: &[(&str, &str, &str)]) -> Self {
        let body = file(entitled, people);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        Self { listener: Listener::answering(format!("{head}{body}")) }
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
