//! `serve`: reads sources when they are due, until Ctrl-C.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker::store::runs::Cause;
use broker::store::sources::Source;

use super::super::error::CommandError;
use super::super::{signals, terminal};
use super::data::DataArgs;
use crate::collection::Observer;
use crate::contract::Progress;
use crate::journey::host::Host;
use crate::journey::reading::{Outcome, SystemClock};
use crate::journey::scheduler::{Reader, Scheduler, USUAL_AT_ONCE};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Ctrl-C ends it; a run that is under way goes on from its last page next time.\n\nExample:\n  cargo sim serve --data /var/lib/host-sim"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Most runs at once
    #[arg(long, value_name = "N", default_value_t = USUAL_AT_ONCE)]
    at_once: usize,
}

/// Tells of waits, for whoever looks at the log.
struct Told(String);

impl Observer for Told {
    fn progress(&mut self, _: &Progress) {}

    fn waiting(&mut self, wait: Duration, message: &str) {
        terminal::note(&format!("{}: waiting {} s: {message}", self.0, wait.as_secs()));
    }
}

impl Reader for Host {
    async fn read(&self, source: Source, cause: Cause) {
        let name = format!("{} {} ({})", source.source_no, source.display_name, source.tenant);
        let mut told = Told(name.clone());
        match Host::read(self, "scheduler", &SystemClock, &source, cause, &mut told).await {
            Ok(reading) => terminal::note(&match reading.outcome {
                Outcome::Complete => format!("{name}: read whole ({})", cause.name()),
                Outcome::Partial => format!("{name}: read in part ({})", cause.name()),
                Outcome::Failed { code, message, .. } => format!("{name}: {code}: {message}"),
            }),
            Err(crate::journey::JourneyError::InUse(_)) => {}
            Err(error) => terminal::warning(&format!("{name}: {error}")),
        }
    }
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let host = Arc::new(args.data.host()?);
    terminal::note(&format!("reading sources of {} when they are due; Ctrl-C ends", host.folder().path().display()));
    let scheduler = Scheduler {
        store: Arc::clone(host.store()),
        reader: host,
        clock: Arc::new(SystemClock),
        at_once: args.at_once.max(1),
    };
    scheduler.run(signals::interrupted()).await?;
    terminal::note("ended; runs that were under way go on from their last page");
    Ok(ExitCode::SUCCESS)
}
