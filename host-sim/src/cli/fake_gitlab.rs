//! `fake-gitlab`: the stand-in alone, until Ctrl-C, or until its input ends if it is asked for counts.

use std::io::{self, BufRead as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use fake_gitlab::{FakeGitlab, Fault, LinkBase, Options, Scenario, StartError, Tokens};
use serde_json::json;
use tokio::sync::mpsc;

use super::error::CommandError;
use super::terminal;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo sim fake-gitlab --list\n  \
    cargo sim fake-gitlab --scenario self-managed --users 1000 --port 8080\n  \
    GITLAB_TOKEN=glpat-stand-in-administrator-0001 cargo sim test --url http://127.0.0.1:8080 --token-env GITLAB_TOKEN --allow-loopback")]
pub(super) struct Args {
    /// Kind of instance; --list prints them
    #[arg(long, value_name = "NAME", default_value = "self-managed")]
    scenario: Scenario,
    /// Accounts that an administrator sees
    #[arg(long, value_name = "N", default_value_t = 250)]
    users: u32,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8080)]
    port: u16,
    /// Milliseconds before every answer
    #[arg(long, value_name = "L", default_value_t = 0)]
    latency_ms: u64,
    /// Requests a minute and token, before 429
    #[arg(long, value_name = "R")]
    rate_limit: Option<u32>,
    /// What goes wrong: ENDPOINT@N=KIND, such as users@3=rate-limit-text; --list prints the words
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Which people
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Let `Link` lead to the address that it listens on, for clients that follow it as it stands
    #[arg(long)]
    own_links: bool,
    /// Write what a client must find to this file, as JSON
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Answer each line of standard input with a line of JSON: requests and connections so far, and the most requests at once
    /// since the last line. The end of the input ends it. Rows are made before they are asked for
    #[arg(long)]
    counts: bool,
    /// Print scenarios, tokens and faults
    #[arg(long)]
    list: bool,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    if args.list {
        terminal::print(&list())?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options {
        scenario: args.scenario,
        users: args.users,
        seed: args.seed,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        latency: Duration::from_millis(args.latency_ms),
        rate_limit: args.rate_limit,
        faults: args.fault,
        link_base: if args.own_links { LinkBase::Own } else { LinkBase::default() },
        ..Options::default()
    };
    let gitlab = fake_gitlab::start(options).await.map_err(|error| match error {
        StartError::Users(..) => CommandError::usage(error.to_string(), "choose another number with --users"),
        _ => CommandError::failed(error.to_string(), "choose another port with --port; 0 takes a free one"),
    })?;
    if let Some(file) = &args.truth {
        write_truth(&gitlab, file)?;
    }
    if args.counts {
        gitlab.warm_up().await;
    }
    let (url, deployment) = (gitlab.base_url(), args.scenario.deployment());
    let caller = args.scenario.caller();
    terminal::print(&format!(
        "{url}\n  --set deployment={deployment}, token {caller}; others:\n{}\nCtrl-C ends it\n",
        tokens()
    ))?;
    if args.counts {
        tokio::select! {
            counted = counts(&gitlab) => counted?,
            () = super::signals::interrupted() => {}
        }
    } else {
        super::signals::interrupted().await;
    }
    let (requests, connections) = (gitlab.request_count(), gitlab.connections());
    gitlab.shutdown().await;
    terminal::print(&format!("{requests} requests on {connections} connections\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn write_truth(gitlab: &FakeGitlab, file: &Path) -> Result<(), CommandError> {
    std::fs::write(file, gitlab.truth().to_json().to_string()).map_err(|error| {
        let path = file.display();
        CommandError::usage(format!("{path} cannot be written: {error}"), "check the path and its permissions")
    })
}

/// Answers until the input ends.
async fn counts(gitlab: &FakeGitlab) -> Result<(), CommandError> {
    let (tell, mut told) = mpsc::channel(1);
    // A thread, since a read of standard input cannot be broken off: it must not hold up the end of the runtime.
    thread::spawn(move || {
        for _ in io::stdin().lock().lines().map_while(Result::ok) {
            if tell.blocking_send(()).is_err() {
                break;
            }
        }
    });
    while told.recv().await.is_some() {
        let counts = json!({
            "requests": gitlab.request_count(),
            "connections": gitlab.connections(),
            "most_in_flight": gitlab.take_most_in_flight(),
        });
        terminal::print(&format!("{counts}\n"))?;
    }
    Ok(())
}

fn tokens() -> String {
    Tokens::ALL.iter().map(|token| format!("  {:<16} {}\n", token.name, token.secret)).collect()
}

fn list() -> String {
    let caller = |scenario: &Scenario| {
        let token = Tokens::ALL.into_iter().find(|token| token.secret == scenario.caller());
        token.map_or("", |token| token.name)
    };
    let row = |scenario: &Scenario| {
        let (name, deployment, about) = (scenario.name(), scenario.deployment(), scenario.about());
        format!("  {name:<26} {deployment:<13} {:<16} {about}\n", caller(scenario))
    };
    let scenarios: String = Scenario::ALL.iter().map(row).collect();
    let (endpoints, kinds) = Fault::words();
    format!(
        "scenarios: name, deployment, caller, what it is\n{scenarios}tokens\n{}faults ENDPOINT@N=KIND, N a number from 1, N+ for it and all later ones, or * for all\n  ENDPOINT  {endpoints}\n  KIND      {kinds}\n",
        tokens()
    )
}
