//! `bench`: measurements that end with a verdict.

mod isolation;

use std::process::ExitCode;

use clap::Subcommand;

use super::error::CommandError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Isolation(isolation::Args),
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    match args.what {
        What::Isolation(args) => isolation::run(args).await,
    }
}
