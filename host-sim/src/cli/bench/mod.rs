//! `bench`: measurements that end with a verdict. Each tells its figures through [`out`].

mod collect;
mod instantiate;
mod isolation;
mod out;
mod page;
mod store;
mod tenants;

use std::process::ExitCode;

use clap::Subcommand;

use super::error::CommandError;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  cargo sim bench collect
  cargo sim bench instantiate
  cargo sim bench page
  cargo sim bench isolation
  cargo sim bench store --json
  cargo sim bench store --out figures"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Collect(collect::Args),
    Instantiate(instantiate::Args),
    Isolation(isolation::Args),
    Page(page::Args),
    Store(store::Args),
    Tenants(tenants::Args),
    #[command(hide = true)]
    StandIns(collect::StandInsArgs),
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    match args.what {
        What::Collect(args) => collect::run(args).await,
        What::Instantiate(args) => instantiate::run(args).await,
        What::Isolation(args) => isolation::run(args).await,
        What::Page(args) => page::run(args).await,
        What::Store(args) => store::run(&args),
        What::Tenants(args) => tenants::run(args).await,
        What::StandIns(args) => collect::stand_ins(args).await,
    }
}
