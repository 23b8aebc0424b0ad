//! `tenant`: customers of the broker.

use std::path::PathBuf;
use std::process::ExitCode;

use broker::store::tenants::{Identity, Tenant};
use clap::ValueEnum;
use serde_json::json;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal;
use super::data::{DataArgs, act, user};
use super::{answer, confirm, erase};
use crate::journey::host::TenantPolicy;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  cargo sim tenant add acme --identity username --retention-days 730\n  cargo sim tenant set acme --allow-private-network --ca-file acme-ca.pem\n  cargo sim tenant erase acme --user dana@example.com"
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a tenant
    Add(AddArgs),
    /// List the tenants
    #[command(after_help = "Example:\n  cargo sim tenant list --json")]
    List(ListArgs),
    /// Change what the host allows a tenant's plugins, and what it keeps of people
    Set(SetArgs),
    /// Erase one person, of whom nothing is kept any more
    Erase(erase::Args),
    /// Drop the history that is older than the tenant wants; `serve` does it daily
    #[command(after_help = "Example:\n  cargo sim tenant retain acme")]
    Retain(RetainArgs),
    /// Remove a tenant, with everything that is known of it
    Remove(RemoveArgs),
}

/// How much of a person is kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    /// All that the source tells
    Full,
    /// The vendor's id and the login name
    Username,
    /// A pseudonym alone
    Pseudonym,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim tenant add acme --identity pseudonym")]
struct AddArgs {
    /// Its name: a-z, 0-9, -, _ and .
    name: String,
    /// How much of a person is kept
    #[arg(long, value_enum, default_value_t = Level::Full)]
    identity: Level,
    /// Days for which history is kept [default: for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retention_days: Option<u32>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the tenant's plugins may do beyond the usual.
#[derive(Debug, clap::Args)]
struct PolicyArgs {
    /// Allow addresses of this machine, and plain http to them; for development
    #[arg(long)]
    allow_loopback: bool,
    /// Allow addresses of private networks
    #[arg(long)]
    allow_private_network: bool,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Limits of this tenant, in TOML [default: those that `limits` lists]
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
}

/// What is taken back.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct TakenBack {
    /// No longer allow addresses of this machine
    #[arg(long, conflicts_with = "allow_loopback")]
    no_allow_loopback: bool,
    /// No longer allow addresses of private networks
    #[arg(long, conflicts_with = "allow_private_network")]
    no_allow_private_network: bool,
    /// Trust the system's certificate authorities alone
    #[arg(long, conflicts_with = "ca_file")]
    no_ca_file: bool,
    /// The usual limits
    #[arg(long, conflicts_with = "limits")]
    no_limits: bool,
    /// First take back all of these four
    #[arg(long)]
    reset: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is not named stays as it is; --no-… takes one back, --reset all that the plugins are allowed.\nA lower level of identity drops at once what is no longer to be kept, of the past, too; from pseudonym there is no way back.\n\nExample:\n  cargo sim tenant set acme --allow-private-network --no-allow-loopback\n  cargo sim tenant set acme --identity pseudonym --retention-days 365"
)]
struct SetArgs {
    /// The tenant
    name: String,
    /// How much of a person is kept
    #[arg(long, value_enum)]
    identity: Option<Level>,
    /// Days for which history is kept, or `forever`
    #[arg(long, value_name = "DAYS", value_parser = parse_retention)]
    retention_days: Option<Retention>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    back: TakenBack,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct RetainArgs {
    /// The tenant
    name: String,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim tenant remove acme --yes")]
struct RemoveArgs {
    /// The tenant
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// For how long history is kept.
#[derive(Debug, Clone, Copy)]
struct Retention(Option<u32>);

fn parse_retention(text: &str) -> Result<Retention, String> {
    match text.parse() {
        Ok(days @ 1..=36_500) => Ok(Retention(Some(days))),
        _ if text == "forever" => Ok(Retention(None)),
        _ => Err("expected 1 to 36500, or forever".to_owned()),
    }
}

impl Level {
    fn identity(self) -> Identity {
        match self {
            Self::Full => Identity::Full,
            Self::Username => Identity::Username,
            Self::Pseudonym => Identity::Pseudonym,
        }
    }
}

impl SetArgs {
    /// What the tenant's plugins are allowed from now on.
    fn policy(&self, before: TenantPolicy) -> Result<TenantPolicy, CommandError> {
        let (named, back) = (self.policy.policy()?, &self.back);
        let before = if back.reset { TenantPolicy::default() } else { before };
        Ok(TenantPolicy {
            allow_loopback: named.allow_loopback || (before.allow_loopback && !back.no_allow_loopback),
            allow_private_network: named.allow_private_network
                || (before.allow_private_network && !back.no_allow_private_network),
            ca_file: named.ca_file.or(before.ca_file.filter(|_| !back.no_ca_file)),
            limits: named.limits.or(before.limits.filter(|_| !back.no_limits)),
        })
    }
}

fn set(user: &str, args: &SetArgs) -> Result<ExitCode, CommandError> {
    let host = args.data.host()?;
    let before = host.policy(&args.name)?;
    let policy = args.policy(before.clone())?;
    // What can be refused comes first, so that a refusal leaves all as it was.
    host.check_policy(&policy)?;
    if let Some(level) = args.identity {
        host.store().set_identity(act(user), &args.name, level.identity())?;
    }
    if let Some(Retention(days)) = args.retention_days {
        host.store().set_retention(act(user), &args.name, days)?;
    }
    if policy != before {
        host.set_policy(act(user), &args.name, &policy)?;
    }
    let tenant = host.store().tenant(&args.name)?;
    answer(args.json, &json!({ "tenant": tenant, "policy": policy }), || {
        format!(
            "{}: plugins are allowed {policy}; of people is kept: {}; history is kept {}\n",
            tenant.name,
            tenant.identity.name(),
            history(&tenant)
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn history(tenant: &Tenant) -> String {
    tenant.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"))
}

fn retain(user: &str, args: &RetainArgs) -> Result<ExitCode, CommandError> {
    let store = args.data.store()?;
    let dropped = store.apply_retention_of(act(user), &args.name)?;
    let tenant = store.tenant(&args.name)?;
    answer(args.json, &json!({ "tenant": tenant, "dropped": dropped }), || {
        let what = format!(
            "{} runs, {} rows of people and {} of seats as they were, {} events, {} months of activity, {} people who are gone, {} alerts",
            dropped.runs,
            dropped.person_past,
            dropped.seat_past,
            dropped.events,
            dropped.activity_months,
            dropped.people,
            dropped.alerts
        );
        format!("{}: history is kept {}; dropped: {what}\n", tenant.name, history(&tenant))
    })?;
    Ok(ExitCode::SUCCESS)
}

impl PolicyArgs {
    fn policy(&self) -> Result<TenantPolicy, CommandError> {
        let unreadable = |path: &PathBuf, error: std::io::Error| {
            CommandError::usage(
                format!("{} cannot be read: {error}", path.display()),
                "check the path and its permissions",
            )
        };
        let ca_file = self.ca_file.as_ref().map(|path| path.canonicalize().map_err(|error| unreadable(path, error)));
        let limits = self.limits.as_ref().map(|path| {
            // Read here, so that what is wrong with it is said here.
            crate::policy::limit_file::read(path)?;
            std::fs::read_to_string(path).map_err(|error| unreadable(path, error))
        });
        Ok(TenantPolicy {
            allow_loopback: self.allow_loopback,
            allow_private_network: self.allow_private_network,
            ca_file: ca_file.transpose()?,
            limits: limits.transpose()?,
        })
    }
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let user = user();
    match &args.command {
        Command::Add(args) => {
            let policy = args.policy.policy()?;
            let host = args.data.host()?;
            host.store().add_tenant(act(&user), &args.name, args.identity.identity(), args.retention_days)?;
            if policy != TenantPolicy::default() {
                host.set_policy(act(&user), &args.name, &policy)?;
            }
            let tenant = host.store().tenant(&args.name)?;
            answer(args.json, &tenant, || {
                format!("added {}; of people is kept: {}\n", tenant.name, tenant.identity.name())
            })?;
        }
        Command::List(args) => {
            let tenants = args.data.store()?.tenants()?;
            answer(args.json, &tenants, || as_table(&tenants))?;
        }
        Command::Set(args) => return set(&user, args),
        Command::Erase(args) => return erase::run(args),
        Command::Retain(args) => return retain(&user, args),
        Command::Remove(args) => {
            let store = args.data.store()?;
            let tenant = store.tenant(&args.name)?;
            confirm(
                args.yes,
                &format!("Remove {} with its {} sources and all that they ever said?", tenant.name, tenant.sources),
            )?;
            store.remove_tenant(act(&user), &args.name)?;
            terminal::note(&format!("{} is removed, and nothing of it is left in the store", args.name));
            answer(args.json, &tenant, String::new)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn as_table(tenants: &[Tenant]) -> String {
    let mut table = table(&["Tenant", "Sources", "Kept of people", "History", "Since"]);
    for tenant in tenants {
        table.add_row([
            tenant.name.clone(),
            tenant.sources.to_string(),
            tenant.identity.name().to_owned(),
            history(tenant),
            tenant.created_at.clone(),
        ]);
    }
    lines(&table)
}
