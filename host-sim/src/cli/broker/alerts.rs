//! `alerts`: what an administrator should hear of, and whom it is sent to.
//!
//! Of a webhook's address the origin alone is shown: its path is often the receiver's secret.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use broker::alerts::outbox::Delivery;
use broker::alerts::rules::Thresholds;
use broker::alerts::webhooks::Webhook;
use broker::alerts::{Alert, Judged};
use broker::store::StoreError;
use clap::ValueEnum;
use serde_json::json;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal::{self, printable};
use super::super::token::PlainTokenArgs;
use super::answer;
use super::data::{DEFAULT_TENANT, DataArgs, TenantArg, act, user};
use crate::journey::reading::{Clock, SystemClock};
use crate::journey::webhook::{Attempt, NotTaken};
use crate::policy::origin::Origin;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  cargo sim alerts --tenant acme\n  cargo sim alerts webhook add --url https://hooks.example.com/licenses --secret-env HOOK_KEY\n  cargo sim alerts judge"
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the alerts that are open
    List(ListArgs),
    /// Judge all sources of a tenant now, and send what is due
    #[command(
        after_help = "After each run, and daily by `serve`, it is done anyway.\n\nExample:\n  cargo sim alerts judge --tenant acme"
    )]
    Judge(Common),
    /// Receivers of alerts
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  cargo sim alerts webhook list --tenant acme"
    )]
    Webhook(WebhookCommand),
    /// List what was sent, and what is still to be
    Deliveries(DeliveriesArgs),
}

#[derive(Debug, clap::Subcommand)]
enum WebhookCommand {
    /// Add a receiver; alerts are posted to it, signed by a key that it knows, too
    Add(AddArgs),
    /// List the receivers
    #[command(after_help = "Example:\n  cargo sim alerts webhook list --json")]
    List(Common),
    /// Remove a receiver, with its key and what was still to be sent
    #[command(after_help = "Example:\n  cargo sim alerts webhook remove 1")]
    Remove(One),
    /// Send a receiver a delivery that tells of nothing
    #[command(after_help = "Example:\n  cargo sim alerts webhook test 1")]
    Test(One),
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// As one JSON array
    Json,
    /// One JSON object a line
    Ndjson,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Newest first.\n\nExample:\n  cargo sim alerts list --all --format ndjson")]
struct ListArgs {
    /// Those that are over, too
    #[arg(long)]
    all: bool,
    /// Most alerts
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim alerts deliveries --limit 20")]
struct DeliveriesArgs {
    /// Most deliveries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Number of the receiver, as `alerts webhook list` tells it
    #[arg(value_name = "WEBHOOK")]
    webhook: i64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[group(id = "secret", required = true, multiple = false, args = ["secret_env", "secret_file", "secret_stdin"])]
#[command(
    after_help = "Each delivery has the header `license-broker-signature: t=SECONDS,v1=HEX`: HMAC-SHA256, by the key, of SECONDS, a full\nstop and the body. The key is kept sealed, and never shown.\n\nExample:\n  openssl rand -hex 32 > hook.key\n  cargo sim alerts webhook add --url https://hooks.example.com/licenses --secret-file hook.key"
)]
struct AddArgs {
    /// Where alerts are posted to; https, or http to this machine where that is allowed
    #[arg(long, value_name = "URL")]
    url: String,
    /// Take the key of the signatures from this environment variable
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    /// Take the key from this file
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Take the key from standard input
    #[arg(long)]
    secret_stdin: bool,
    #[command(flatten)]
    common: Common,
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    match args.command {
        None => list(&args.list),
        Some(Command::List(args)) => list(&args),
        Some(Command::Judge(args)) => judge(&args).await,
        Some(Command::Webhook(WebhookCommand::Add(args))) => add(args),
        Some(Command::Webhook(WebhookCommand::List(args))) => {
            let webhooks = known(&args.tenant, args.data.store()?.webhooks(&args.tenant.tenant))?;
            let shown: Vec<_> = webhooks.iter().map(shown).collect();
            answer(args.json, &shown, || webhooks_table(&webhooks))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Webhook(WebhookCommand::Remove(args))) => {
            let (tenant, number) = (&args.common.tenant.tenant, args.webhook);
            args.common.data.store()?.remove_webhook(act(&user()), tenant, number)?;
            answer(args.common.json, &json!({ "webhook_no": number, "removed": true }), || {
                format!("{number} is removed, with its key and what was still to be sent\n")
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Webhook(WebhookCommand::Test(args))) => test(&args).await,
        Some(Command::Deliveries(args)) => {
            let common = &args.common;
            let deliveries = known(&common.tenant, common.data.store()?.deliveries(&common.tenant.tenant, args.limit))?;
            answer(common.json, &deliveries, || deliveries_table(&deliveries))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Of the usual tenant nobody has added anything yet.
fn known<T>(tenant: &TenantArg, found: Result<Vec<T>, StoreError>) -> Result<Vec<T>, CommandError> {
    match found {
        Err(StoreError::Unknown { what: "tenant", .. }) if tenant.tenant == DEFAULT_TENANT => Ok(Vec::new()),
        found => Ok(found?),
    }
}

fn list(args: &ListArgs) -> Result<ExitCode, CommandError> {
    let common = &args.common;
    let found = common.data.store()?.alerts(&common.tenant.tenant, !args.all, args.limit);
    let alerts = known(&common.tenant, found)?;
    if args.format == Format::Ndjson {
        let lines = alerts.iter().map(|alert| json_line(&json!(alert)));
        terminal::print(&lines.collect::<String>())?;
    } else {
        answer(common.json || args.format == Format::Json, &alerts, || alerts_table(&alerts))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One JSON object on a line of its own.
fn json_line(value: &serde_json::Value) -> String {
    terminal::escaped(&format!("{value}\n"))
}

fn alerts_table(alerts: &[Alert]) -> String {
    let mut table = table(&["Alert", "Kind", "Since", "Until", "What"]);
    for alert in alerts {
        table.add_row([
            alert.alert_no.to_string(),
            alert.kind.clone(),
            alert.raised_at.clone(),
            alert.cleared_at.clone().unwrap_or_else(|| "open".to_owned()),
            printable(&alert.message),
        ]);
    }
    lines(&table)
}

async fn judge(args: &Common) -> Result<ExitCode, CommandError> {
    let host = Arc::new(args.data.host()?);
    let tenant = &args.tenant.tenant;
    let judged = host.store().judge(act(&user()), tenant, &Thresholds::default())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sent = host.deliver(&clock, Some(tenant)).await?;
    if sent.is_none() {
        terminal::note("another process sends what is due now");
    }
    let attempts = sent.unwrap_or_default();
    let document = json!({ "raised": judged.raised, "cleared": judged.cleared, "deliveries": attempts });
    answer(args.json, &document, || {
        let told: String = told(&judged, tenant, false).into_iter().chain(attempts.iter().map(attempt_line)).collect();
        if told.is_empty() { "nothing has changed, and nothing was due\n".to_owned() } else { told }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What has changed, one line each.
pub(super) fn told(judged: &Judged, tenant: &str, json: bool) -> Vec<String> {
    let line = |event: &str, alert: &Alert| {
        if json {
            return json_line(&json!({ "event": event, "tenant": tenant, "alert": alert }));
        }
        format!("alert {} {event}: {}: {} ({tenant})\n", alert.alert_no, alert.kind, printable(&alert.message))
    };
    let raised = judged.raised.iter().map(|alert| line("raised", alert));
    raised.chain(judged.cleared.iter().map(|alert| line("cleared", alert))).collect()
}

/// What became of a delivery.
pub(super) fn attempt_line(attempt: &Attempt) -> String {
    let why = attempt.why.as_deref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
    let next = attempt.next_at.as_deref().map(|at| format!("; again at {at}")).unwrap_or_default();
    format!("{} to webhook {} ({}): {}{why}{next}\n", attempt.id, attempt.webhook_no, attempt.tenant, attempt.outcome)
}

fn add(args: AddArgs) -> Result<ExitCode, CommandError> {
    let common = args.common;
    let given = PlainTokenArgs::of(args.secret_env, args.secret_file, args.secret_stdin);
    let given = given.ok_or_else(|| CommandError::usage("there is no key", "name it with --secret-file"))?;
    let key = given.read()?;
    let host = common.data.host()?;
    let added = host.add_webhook(act(&user()), &common.tenant.tenant, &args.url, &key);
    let webhook = added.map_err(|error| CommandError::from(error).map_words(|words| key.redact(words)))?;
    answer(common.json, &shown(&webhook), || {
        let number = webhook.webhook_no;
        format!("{number} {}: added; try it with `cargo sim alerts webhook test {number}`\n", origin(&webhook))
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn test(args: &One) -> Result<ExitCode, CommandError> {
    let host = args.common.data.host()?;
    let taken = host.test_webhook(&SystemClock, &args.common.tenant.tenant, args.webhook).await;
    let status = taken.map_err(not_taken)?.status.as_u16();
    answer(args.common.json, &json!({ "webhook_no": args.webhook, "status": status }), || {
        format!("{}: taken, with the status {status}\n", args.webhook)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn not_taken(error: NotTaken) -> CommandError {
    use crate::egress::PostError;
    let hint = match &error {
        NotTaken::Post(PostError::Refused(refusal)) => {
            format!("{}; `cargo sim tenant set` has the switches", refusal.hint())
        }
        NotTaken::Post(_) => "check the receiver, and whether this machine can reach it".to_owned(),
        NotTaken::Answered(_) => {
            "see the receiver's own log; it has to answer 2xx, at the very address that was entered".to_owned()
        }
        NotTaken::Journey(_) => String::new(),
    };
    match error {
        NotTaken::Journey(error) => error.into(),
        error => CommandError::failed(error.to_string(), hint),
    }
}

fn origin(webhook: &Webhook) -> String {
    Origin::of_url(&webhook.url).map_or_else(|_| "?".to_owned(), |origin| origin.to_string())
}

fn shown(webhook: &Webhook) -> serde_json::Value {
    json!({ "webhook_no": webhook.webhook_no, "origin": origin(webhook), "pending": webhook.pending })
}

fn webhooks_table(webhooks: &[Webhook]) -> String {
    let mut table = table(&["Webhook", "Server", "To be sent"]);
    for webhook in webhooks {
        table.add_row([webhook.webhook_no.to_string(), origin(webhook), webhook.pending.to_string()]);
    }
    lines(&table)
}

fn deliveries_table(deliveries: &[Delivery]) -> String {
    let mut table = table(&["Alert", "Event", "Webhook", "State", "Failed", "Next", "Why"]);
    for delivery in deliveries {
        table.add_row([
            delivery.alert_no.to_string(),
            delivery.event.clone(),
            delivery.webhook_no.to_string(),
            delivery.state.clone(),
            delivery.attempts.to_string(),
            delivery.next_at.clone().unwrap_or_else(|| "-".to_owned()),
            delivery.last_error.as_deref().map(printable).unwrap_or_default(),
        ]);
    }
    lines(&table)
}
