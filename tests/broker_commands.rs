//! What the broker remembers, by commands: Allocation, exports, reports.

mod allocation;
mod bench;
mod every_command;
mod export;
mod reach;
mod report;

use std::path::PathBuf;
use std::sync::OnceLock;

use fake_gitlab::{Options, Tokens};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Cli, Ran, StandIn, TOKEN, component};

/// Accounts of the stand-in: more than one page for people holds.
const USERS: u32 = 180;

/// A broker with a folder of its own.
struct Broker {
    folder: TempDir,
}

impl Broker {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn cli(&self, args: &[&str]) -> Cli {
        let data = self.folder.path().join("data");
        Cli::new(args).env("HOST_SIM_DATA", data.to_str().unwrap()).env("USER", "dana")
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.cli(args).run()
    }

    /// Standard output of a command that succeeds.
    #[track_caller]
    fn says(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        ran.assert_code(0);
        ran.stdout
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let text = self.cli(args).arg("--json").run();
        text.assert_code(0);
        serde_json::from_str(&text.stdout).unwrap()
    }

    /// The two lines of a mistake, by its exit code.
    #[track_caller]
    fn refuses(&self, code: i32, args: &[&str]) -> String {
        let ran = self.run(args);
        ran.assert_code(code);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
        assert!(ran.stderr.contains("error: ") && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
        ran.stderr
    }

    /// As far as a pending server.
    fn save(&self, stand_in: &StandIn) {
        self.says(&["tenant", "add", "default", "--allow-loopback"]);
        let add = self.cli(&["source", "add", "--token-env", TOKEN, "--url", &stand_in.url()]);
        add.arg("--plugin").arg(component()).env(TOKEN, Tokens::ADMINISTRATOR).run().assert_code(0);
        self.says(&["source", "test", "1"]);
        self.says(&["source", "save", "1"]);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A broker with one approved source that was read once, for tests that only look.
fn approved() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let stand_in = StandIn::start(Options { users: USERS, ..Options::default() });
        let broker = Broker::new();
        broker.save(&stand_in);
        broker.says(&["source", "approve", "1"]);
        broker
    })
}

/// What a document is made of, whatever it says: keys, and kinds of values. Of a list, its first element.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "none".into(),
        Value::Bool(_) => "yes or no".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(list) => list.iter().take(1).map(shape).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
    }
}

/// Today, as the store writes it.
fn today() -> String {
    broker::calendar::day_text(time::OffsetDateTime::now_utc().date())
}
