//! `tenant erase`: one person, on request.
//!
//! What is entered may be an id, a log-in name or an address. Where it is one of one person and another of somebody else,
//! nothing is erased until `--by` says which is meant: it cannot be undone.

use std::collections::BTreeSet;
use std::process::ExitCode;

use broker::privacy::erase::Who;
use broker::store::Store;
use clap::ValueEnum;
use serde_json::json;

use super::super::error::CommandError;
use super::data::{DataArgs, act, user};
use super::{answer, confirm};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The person's seats stay, under a mark that names nobody, so that counts stay true; the next run does not bring the\nperson back. `serve` may go on meanwhile.\n\nExample:\n  cargo sim tenant erase acme --user dana@example.com --yes"
)]
pub(super) struct Args {
    /// The tenant
    name: String,
    /// The person's id, log-in name or address at the vendor
    #[arg(long, value_name = "ID|NAME|EMAIL")]
    user: String,
    /// Which of the three it is, where it could be several people's
    #[arg(long, value_enum)]
    by: Option<By>,
    /// In this source alone
    #[arg(long, value_name = "N")]
    source: Option<i64>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What somebody is named by.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// The vendor's id, or the pseudonym
    Id,
    /// The log-in name
    Name,
    /// The address
    Email,
}

impl By {
    fn who(self, text: &str) -> Who<'_> {
        match self {
            Self::Id => Who::UserId(text),
            Self::Name => Who::Username(text),
            Self::Email => Who::Email(text),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let store = args.data.store()?;
    let (by, accounts) = meant(&store, args)?;
    let question = format!("Erase the person of {accounts} accounts of {} for good?", args.name);
    confirm(args.yes || accounts == 0, &question)?;
    let erased = store.erase_person(act(&user()), &args.name, args.source, by.who(&args.user))?;
    answer(args.json, &json!({ "tenant": args.name, "erased": erased }), || match erased {
        0 => format!("{}: the person was erased before\n", args.name),
        1 => format!("{}: one account is erased, and nothing of the person is left in the store\n", args.name),
        _ => format!("{}: {erased} accounts are erased, and nothing of the person is left in the store\n", args.name),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What the person is named by, and how many accounts that means.
fn meant(store: &Store, args: &Args) -> Result<(By, usize), CommandError> {
    let ways = args.by.map_or_else(|| By::value_variants().to_vec(), |by| vec![by]);
    let mut found: Option<(By, BTreeSet<(i64, String)>)> = None;
    for by in ways {
        let accounts = store.meant_by(&args.name, args.source, by.who(&args.user))?;
        match &found {
            _ if accounts.is_empty() => {}
            None => found = Some((by, accounts)),
            Some((_, before)) if *before == accounts => {}
            Some(_) => {
                return Err(CommandError::usage(
                    "what was entered names several people, one by the id and another by a name or address",
                    "say which is meant with --by id, --by name or --by email",
                ));
            }
        }
    }
    // Whoever was erased before is found by the id alone, and by its mark.
    Ok(found.map_or((args.by.unwrap_or(By::Id), 0), |(by, accounts)| (by, accounts.len())))
}
