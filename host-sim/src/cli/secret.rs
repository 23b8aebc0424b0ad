//! `secret`: credentials at rest.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::error::CommandError;
use super::terminal;
use super::token::{KeyArgs, PlainTokenArgs};
use crate::egress::SealingKey;
use crate::whole_file::WholeFile;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  cargo sim secret key --out host.key\n  cargo sim secret seal --url https://gitlab.example.com --token-stdin --key-file host.key --out gitlab.sealed\n  cargo sim collect --url https://gitlab.example.com --token-sealed gitlab.sealed --key-file host.key"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key, in a new file that is its owner's alone
    #[command(after_help = "Example:\n  cargo sim secret key --out host.key")]
    Key {
        /// The key's file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Seal a token for one tenant and one server: it opens for no other
    Seal(SealArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo sim secret seal --url https://gitlab.example.com --token-env GITLAB_TOKEN --key-file host.key --out gitlab.sealed"
)]
struct SealArgs {
    /// Address of the service that the token is for
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    token: PlainTokenArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    match &args.command {
        Command::Key { out } => {
            SealingKey::create(out)?;
            terminal::note(&format!("{} holds a new key; keep a copy where the sealed tokens are not", out.display()));
        }
        Command::Seal(args) => seal(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn seal(args: &SealArgs) -> Result<(), CommandError> {
    let sealed = args.key.seal(&args.token.read()?, &args.url)?;
    let text = format!("{}\n", sealed.as_str());
    let Some(path) = &args.out else { return terminal::print(&text) };
    WholeFile::create_private(path)
        .and_then(|mut file| {
            file.as_file_mut().write_all(text.as_bytes())?;
            file.finish()
        })
        .map_err(|error| {
            CommandError::usage(
                format!("{} cannot be written: {error}", path.display()),
                "check the path and its permissions",
            )
        })
}
