//! A broker's data folder, and the commands on it.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::csv_seats::{Seats, built};
use super::{Cli, Ran, TOKEN};

/// The token of the sources.
pub const SECRET: &str = "csv-secret-5Tq9Lw";

/// Who acts in these tests.
pub const USER: &str = "dana-the-admin";

/// A broker with the tenant `acme`.
pub struct Broker {
    folder: TempDir,
}

impl Broker {
    /// With what its plugins are allowed, such as `--allow-loopback`.
    pub fn start(allowed: &[&str]) -> Self {
        let broker = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        broker.cli(["tenant", "add", "acme"]).args(allowed).run().assert_code(0);
        broker
    }

    /// Its folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command on it.
    pub fn cli<const N: usize>(&self, args: [&str; N]) -> Cli {
        Cli::new(args).env("HOST_SIM_DATA", self.path().to_str().expect("UTF-8")).env("USER", USER)
    }

    /// A command that has to go well.
    #[track_caller]
    pub fn run<const N: usize>(&self, args: [&str; N]) -> Ran {
        let ran = self.cli(args).run();
        ran.assert_code(0);
        ran
    }

    /// What such a command says, as JSON.
    #[track_caller]
    pub fn json<const N: usize>(&self, args: [&str; N]) -> Value {
        serde_json::from_str(&self.cli(args).arg("--json").run().assert_code(0).stdout).expect("JSON")
    }

    /// Brings a source of the tenant the whole way, and reads it if told to.
    #[track_caller]
    pub fn approve(&self, seats: &Seats, read: bool) {
        let plugin = built().path.to_str().expect("UTF-8");
        self.cli([
            "source",
            "add",
            "--tenant",
            "acme",
            "--url",
            &seats.url(),
            "--token-env",
            TOKEN,
            "--plugin",
            plugin,
        ])
        .env(TOKEN, SECRET)
        .run()
        .assert_code(0);
        self.run(["source", "test", "1", "--tenant", "acme"]);
        self.run(["source", "save", "1", "--tenant", "acme"]);
        let approve = self.cli(["source", "approve", "1", "--tenant", "acme"]);
        if read { approve } else { approve.arg("--no-run") }.run().assert_code(0);
    }

    /// Changes the store in a way that no command does, such as what time it was; gives the rows changed.
    pub fn sql(&self, sql: &str) -> usize {
        let store = rusqlite::Connection::open(self.path().join("broker.sqlite")).expect("the store opens");
        store.busy_timeout(std::time::Duration::from_secs(20)).expect("a timeout");
        store.execute(sql, []).expect("SQL")
    }

    /// Whether this text is anywhere in the folder, in any file but a kept plugin.
    pub fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.is_file()).any(|path| {
            let bytes = std::fs::read(path).expect("a file");
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }
}
