//! `tenant`: customers of the broker.

use std::path::PathBuf;
use std::process::ExitCode;

use broker::store::tenants::{Identity, Tenant};
use clap::ValueEnum;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal;
use super::data::{DataArgs, act, user};
use super::{answer, confirm};
use crate::journey::host::TenantPolicy;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  cargo sim tenant add acme --identity username --retention-days 730\n  cargo sim tenant set acme --allow-private-network --ca-file acme-ca.pem"
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
    /// Change what the host allows a tenant's plugins
    Set(SetArgs),
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

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is not named is the usual again.\n\nExample:\n  cargo sim tenant set acme --allow-private-network"
)]
struct SetArgs {
    /// The tenant
    name: String,
    #[command(flatten)]
    policy: PolicyArgs,
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
            let identity = match args.identity {
                Level::Full => Identity::Full,
                Level::Username => Identity::Username,
                Level::Pseudonym => Identity::Pseudonym,
            };
            let host = args.data.host()?;
            host.store().add_tenant(act(&user), &args.name, identity, args.retention_days)?;
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
        Command::Set(args) => {
            let policy = args.policy.policy()?;
            let host = args.data.host()?;
            host.set_policy(act(&user), &args.name, &policy)?;
            answer(args.json, &policy, || format!("{}: {policy}\n", args.name))?;
        }
        Command::Remove(args) => {
            let store = args.data.store()?;
            let tenant = store.tenant(&args.name)?;
            confirm(
                args.yes,
                &format!("Remove {} with its {} sources and all that they ever said?", tenant.name, tenant.sources),
            )?;
            store.remove_tenant(act(&user), &args.name)?;
            terminal::note(&format!("{} is removed, and nothing of it is left in the store", args.name));
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
            tenant.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days")),
            tenant.created_at.clone(),
        ]);
    }
    lines(&table)
}
