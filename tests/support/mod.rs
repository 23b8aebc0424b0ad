//! What the tests share: the component, the command line, stand-ins, and the records that the truth calls for.

pub mod broker;
pub mod budget;
pub mod closing;
pub mod csv_seats;
pub mod dummy;
pub mod echo;
pub mod expected;
pub mod facts;
pub mod guests;
pub mod host;
pub mod instead;
pub mod listener;
pub mod minisign;
pub mod receiver;
pub mod tenant;
pub mod tls;
pub mod wire;
pub mod wiretap;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use fake_gitlab::{FakeGitlab, Fault, Options};
use host_sim::plugin_build::{self, BuildOptions};
use serde_json::Value;
use tempfile::TempDir;

/// The component, built once for all tests of this process.
pub fn component() -> &'static PathBuf {
    static COMPONENT: OnceLock<(PathBuf, TempDir)> = OnceLock::new();
    &COMPONENT
        .get_or_init(|| {
            // A file of its own: a test must not see a component that another process is replacing.
            let folder = tempfile::tempdir().expect("a temporary folder");
            let options = BuildOptions {
                out: Some(folder.path().join("plugin.wasm")),
                ..BuildOptions::from_environment().expect("a way to build the guest")
            };
            (plugin_build::build(&options).expect("the plugin builds").path, folder)
        })
        .0
}

/// A stand-in with a runtime of its own, since the command line under test is another process.
pub struct StandIn {
    pub gitlab: FakeGitlab,
    pub runtime: tokio::runtime::Runtime,
}

impl StandIn {
    pub fn start(options: Options) -> Self {
        let runtime = runtime();
        let gitlab = runtime.block_on(fake_gitlab::start(options)).expect("the stand-in starts");
        Self { gitlab, runtime }
    }

    pub fn url(&self) -> String {
        self.gitlab.base_url()
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Where the runs of one test process keep compiled code: not in the folder of whoever runs the tests.
fn cache_folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path()
}

/// A run of the command line that is yet to start.
pub struct Cli {
    command: Command,
}

/// What a run printed, as text.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The environment variable that holds the token of a test.
pub const TOKEN: &str = "TEST_TOKEN";

/// A token that nobody is asked about.
pub const ANY_TOKEN: &str = "glpat-of-nobody";

impl Cli {
    pub fn new<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("XDG_CACHE_HOME", cache_folder());
        Self { command }
    }

    /// `test` or `collect` with the built component, against a server on loopback.
    pub fn source(command: &str, url: &str, token: &str) -> Self {
        Self::new([command, "--url", url, "--token-env", TOKEN, "--allow-loopback"])
            .arg("--plugin")
            .arg(component())
            .env(TOKEN, token)
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.command.stdout(stdout);
        self
    }

    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.command.stderr(stderr);
        self
    }

    pub fn spawn(mut self) -> Child {
        self.command.spawn().expect("the command line starts")
    }

    pub fn run(self) -> Ran {
        self.spawn().wait_with_output().expect("the command line ends").into()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ran {
    /// Standard output as JSON lines. A last line without its end is no record: it was cut by a kill.
    pub fn records(&self) -> Vec<Value> {
        records(&self.stdout)
    }

    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A fault that lasts for as many requests as the plugin sends within one call with one request at once ([`ONE_AT_ONCE`]), if it
/// is the call's first, and is over after them: the call fails, and the next one does not.
pub fn lasting(endpoint: &str, first: u32, kind: &str) -> Vec<Fault> {
    lasting_for(4, endpoint, first, kind)
}

/// Has the plugin ask one thing after the other.
pub const ONE_AT_ONCE: [&str; 2] = ["--set", "max_concurrency=1"];

/// A fault that lasts for so many requests.
pub fn lasting_for(count: u32, endpoint: &str, first: u32, kind: &str) -> Vec<Fault> {
    (first..first + count).map(|number| format!("{endpoint}@{number}={kind}").parse().expect("a fault")).collect()
}

pub fn records(text: &str) -> Vec<Value> {
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// Major and minor number of a version.
pub fn release(version: &str) -> (u16, u16) {
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().expect("a number"));
    (numbers.next().expect("a major number"), numbers.next().expect("a minor number"))
}
