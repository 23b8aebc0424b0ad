//! `serve`: reads sources when they are due, tells of alerts and sends them, until Ctrl-C.
//!
//! | when | what |
//! | --- | --- |
//! | a source is due | it is read, and its tenant's alerts are judged |
//! | a delivery is due, also one that an earlier process left | it is made |
//! | at the start, and when a day has begun (UTC) | all alerts are judged, since days pass without a run; what is older than its tenant wants is dropped |
//!
//! At the end runs are broken off between two pages, and a delivery under way has a moment to be noted: one that is not is made
//! again, under the same `id`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker::alerts::Judged;
use broker::alerts::rules::Thresholds;
use broker::store::StoreError;
use broker::store::audit::Act;
use broker::store::runs::Cause;
use broker::store::sources::Source;
use time::{Date, UtcOffset};
use tokio::sync::watch;

use super::super::error::CommandError;
use super::super::{signals, terminal};
use super::alerts;
use super::data::DataArgs;
use crate::collection::Observer;
use crate::contract::Progress;
use crate::journey::exposition::Exposition;
use crate::journey::host::Host;
use crate::journey::reading::{Clock, Outcome, SystemClock};
use crate::journey::scheduler::{Reader, Scheduler, USUAL_AT_ONCE};
use crate::journey::{JourneyError, blocking};

/// How often it is looked whether something is to be sent. Another process may raise alerts, too.
const LOOK: Duration = Duration::from_secs(2);

/// What a delivery under way has at the end. Less than what a command has to end by itself: see `signals`.
const LAST_WORDS: Duration = Duration::from_millis(1_200);

/// Who is noted as acting.
const ACTOR: &str = "scheduler";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Alerts are printed on standard output, one a line. Ctrl-C ends it; a run that is under way goes on from its last page\nnext time, and what was not sent is sent then.\n\nExample:\n  cargo sim serve --data /var/lib/host-sim --port 9464"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Most runs at once
    #[arg(long, value_name = "N", default_value_t = USUAL_AT_ONCE)]
    at_once: usize,
    /// Answer /metrics (OpenMetrics) and /healthz at this port of 127.0.0.1; 0: any that is free
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Print alerts as JSON lines
    #[arg(long)]
    json: bool,
}

/// Tells of waits, for whoever looks at the log.
struct Told(String);

impl Observer for Told {
    fn progress(&mut self, _: &Progress) {}

    fn waiting(&mut self, wait: Duration, message: &str) {
        terminal::note(&format!("{}: waiting {} s: {message}", self.0, wait.as_secs()));
    }
}

/// A host that tells what it does.
struct Serving {
    host: Arc<Host>,
    clock: Arc<dyn Clock>,
    json: bool,
}

impl Reader for Serving {
    async fn read(&self, source: Source, cause: Cause) {
        let name = format!("{} {} ({})", source.source_no, source.display_name, source.tenant);
        let mut told = Told(name.clone());
        match self.host.read(ACTOR, &*self.clock, &source, cause, &mut told).await {
            Ok(reading) => {
                terminal::note(&match reading.outcome {
                    Outcome::Complete => format!("{name}: read whole ({})", cause.name()),
                    Outcome::Partial => format!("{name}: read in part ({})", cause.name()),
                    Outcome::Failed { code, message, .. } => format!("{name}: {code}: {message}"),
                });
                self.tell(&reading.alerts, &source.tenant);
            }
            Err(JourneyError::InUse(_)) => {}
            Err(error) => terminal::warning(&format!("{name}: {error}")),
        }
    }
}

impl Serving {
    fn tell(&self, judged: &Judged, tenant: &str) {
        for line in alerts::told(judged, tenant, self.json) {
            // Whoever read it has gone: the alert is in the store, and reading goes on.
            let _ = terminal::print(&line);
        }
    }

    /// Sends what is due, and does what a day asks for, until told to stop.
    async fn send(&self, mut stop: watch::Receiver<bool>) {
        let mut day = None;
        while !*stop.borrow() {
            let today = self.clock.now().to_offset(UtcOffset::UTC).date();
            if day != Some(today) {
                self.begin(today);
                day = Some(today);
            }
            match self.host.deliver(&self.clock, None).await {
                Ok(attempts) => {
                    for attempt in attempts.unwrap_or_default() {
                        terminal::note(alerts::attempt_line(&attempt).trim_end());
                    }
                }
                Err(error) => terminal::warning(&format!("alerts were not sent: {error}")),
            }
            tokio::select! {
                _ = stop.changed() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// What is done once a day.
    fn begin(&self, today: Date) {
        let act = Act { actor: ACTOR, now: self.clock.now() };
        let judged = |tenant: &str| blocking(|| self.host.store().judge(act, tenant, &Thresholds::default()));
        let all = || -> Result<(), StoreError> {
            blocking(|| self.host.store().apply_retention(act))?;
            for tenant in blocking(|| self.host.store().tenants())? {
                self.tell(&judged(&tenant.name)?, &tenant.name);
            }
            Ok(())
        };
        if let Err(error) = all() {
            terminal::warning(&format!("what is to be done on {today} was not done in whole: {error}"));
        }
    }
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let host = Arc::new(args.data.host()?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let answering = match args.port {
        Some(port) => Some(answer_at(port, &host, &clock).await?),
        None => None,
    };
    terminal::note(&format!("reading sources of {} when they are due; Ctrl-C ends", host.folder().path().display()));
    let reader = Arc::new(Serving { host: Arc::clone(&host), clock: Arc::clone(&clock), json: args.json });
    let (stop, stopped) = watch::channel(false);
    let sender = Arc::clone(&reader);
    let mut sending = tokio::spawn(async move { sender.send(stopped).await });
    let scheduler = Scheduler { store: Arc::clone(host.store()), reader, clock, at_once: args.at_once.max(1) };
    let ended = scheduler
        .run(async {
            signals::interrupted().await;
            // At once, and not when the runs have ended.
            stop.send_replace(true);
        })
        .await;
    // Also where the scheduler ended by itself.
    stop.send_replace(true);
    if tokio::time::timeout(LAST_WORDS, &mut sending).await.is_err() {
        sending.abort();
    }
    if let Some(answering) = answering {
        answering.abort();
    }
    ended?;
    terminal::note("ended; runs that were under way go on from their last page");
    Ok(ExitCode::SUCCESS)
}

async fn answer_at(
    port: u16,
    host: &Arc<Host>,
    clock: &Arc<dyn Clock>,
) -> Result<tokio::task::JoinHandle<()>, CommandError> {
    let unusable = |error: std::io::Error| {
        CommandError::usage(
            format!("the port {port} cannot be used: {error}"),
            "choose another; 0 takes any that is free",
        )
    };
    let exposition = Exposition::bind(port).await.map_err(unusable)?;
    terminal::note(&format!("metrics at http://{}/metrics", exposition.address().map_err(unusable)?));
    Ok(tokio::spawn(exposition.serve(Arc::clone(host.store()), Arc::clone(clock))))
}
