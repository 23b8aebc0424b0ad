//! The command line: one file per command, all output through `terminal`, all errors through `error`.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | failed |
//! | 2 | wrong usage or configuration |
//! | 3 | collected, but partial |

mod bench;
mod broker;
mod build;
mod collect;
mod component;
mod demo;
mod document;
mod error;
mod fake_gitlab;
mod inspect;
mod limits;
mod output;
mod secret;
mod signals;
mod source;
mod terminal;
mod test;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CommandError;

/// Host simulator of a license broker: runs plugins sandboxed, with the credential kept outside.
#[derive(Debug, Parser)]
#[command(name = "host-sim", bin_name = "cargo sim", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the plugin, start a GitLab stand-in, and run the whole line: describe, configure, test, collect
    Demo(demo::Args),
    /// Build the GitLab plugin as a component
    Build(build::Args),
    /// Print what a component is: contract, fields, imports, size, digest
    Inspect(inspect::Args),
    /// Test connection: is the address right, the credential accepted, can seats be read
    Test(test::Args),
    /// Collect everything once
    Collect(collect::Args),
    /// Customers of the broker
    Tenant(broker::tenant::Args),
    /// Sources on their way: add, test, save, approve, read
    Source(broker::source::Args),
    /// What an administrator should hear of, and webhooks for it
    Alerts(broker::alerts::Args),
    /// Who did what
    Audit(broker::audit::Args),
    /// Who holds what, from which source, since when and until when
    Allocation(broker::allocation::Args),
    /// User activity trends, Expired or unused licenses, seat ledger, right-sizing and cost
    Report(broker::report::Args),
    /// Write a table of the store, or metrics of seat head-room
    Export(broker::export::Args),
    /// Read sources when they are due
    Serve(broker::serve::Args),
    /// Make keys, and seal tokens for a tenant and a server
    Secret(secret::Args),
    /// Run the GitLab stand-in alone
    FakeGitlab(fake_gitlab::Args),
    /// Print the limits within which a plugin runs
    Limits(limits::Args),
    /// Measure, and judge what was measured
    Bench(bench::Args),
}

/// `KEY=VALUE`, as `--set` takes it.
fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() { Err("the key is empty".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}

/// A replay waits for nothing outside of this process. On a runtime with paused time, which needs to be on one thread, its
/// clock jumps from wait to wait: the guest's and the host's alike, in their order and to their full length.
fn runtime(command: &Command) -> std::io::Result<tokio::runtime::Runtime> {
    let replays = match command {
        Command::Test(args) => args.replays(),
        Command::Collect(args) => args.replays(),
        _ => false,
    };
    if replays {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()
    } else {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match runtime(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            return CommandError::failed(
                format!("no worker threads can be started: {error}"),
                "check the limits of this user and machine",
            )
            .report();
        }
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Build(args) => build::run(&args),
            Command::Inspect(args) => inspect::run(args).await,
            Command::Test(args) => test::run(args).await,
            Command::Collect(args) => collect::run(args).await,
            Command::Tenant(args) => broker::tenant::run(&args),
            Command::Source(args) => broker::source::run(args).await,
            Command::Alerts(args) => broker::alerts::run(args).await,
            Command::Audit(args) => broker::audit::run(&args),
            Command::Allocation(args) => broker::allocation::run(&args),
            Command::Report(args) => broker::report::run(&args),
            Command::Export(args) => broker::export::run(&args),
            Command::Serve(args) => broker::serve::run(args).await,
            Command::Secret(args) => secret::run(&args),
            Command::FakeGitlab(args) => fake_gitlab::run(args).await,
            Command::Limits(args) => limits::run(&args),
            Command::Bench(args) => bench::run(args).await,
        }
    });
    // A guest or a name look-up that still hangs must not keep the process alive.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| error.report())
}
