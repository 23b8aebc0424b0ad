//! From options to a source that can be tested and collected: plugin, parsed settings, grant, secret, client.
//!
//! The order is that of trust: the plugin is loaded, what was entered is parsed by it without network, the origins it
//! then asks for are compared with what was typed, and only then is a secret attached to them.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use time::{Date, OffsetDateTime};

use super::component::{AdmissionArgs, ComponentFile};
use super::error::CommandError;
use super::token::{KeyArgs, TokenArgs};
use super::{limits, parse_setting, terminal};
use crate::egress::{Recorder, Replay, Secret, Tape, read_roots_ahead};
use crate::engine::{Engine, EngineOptions};
use crate::journey::JourneyError;
use crate::journey::connection::{Connection, redact};
use crate::journey::form::Form;
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::tenant::Tenant;

/// What `test` and `collect` share.
#[derive(Debug, clap::Args)]
pub(super) struct SourceArgs {
    /// Address of the service, such as https://gitlab.example.com
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// A further field of the plugin; `inspect` lists them
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    admission: AdmissionArgs,
    /// Allow addresses of this machine, and plain http to them; for development
    #[arg(long)]
    allow_loopback: bool,
    /// Allow addresses of private networks
    #[arg(long)]
    allow_private_network: bool,
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Most requests in flight at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    max_concurrency: Option<u16>,
    /// Limits of this tenant, in TOML [default: those that `limits` lists]
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Print every request, and the bill of every call as JSON, to standard error
    #[arg(long)]
    trace: bool,
    /// Keep all answers in this file, to replay the run without the network. The token is left out; the names and addresses of
    /// people are not, so keep the file as you keep the result
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    record: Option<PathBuf>,
}

/// What an administrator enters, however it was read.
pub(super) struct Entered {
    pub(super) url: String,
    /// None for a replay.
    pub(super) secret: Option<Secret>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) network: NetworkPolicy,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) max_concurrency: Option<u16>,
    pub(super) limits: Limits,
    pub(super) tape: Option<Tape>,
}

impl SourceArgs {
    /// Reads the secret and takes the rest as entered.
    pub(super) fn entered(&self) -> Result<Entered, CommandError> {
        if self.trace {
            terminal::trace();
        }
        let limits = limits::of_tenant(self.limits.as_deref())?;
        let network = NetworkPolicy { loopback: self.allow_loopback, private: self.allow_private_network };
        Ok(Entered {
            url: self.url.clone(),
            secret: self.token.read(&self.url, &self.key)?,
            settings: self.settings.clone(),
            network,
            tape: self.tape(network, limits.recording_bytes)?,
            ca_file: self.ca_file.clone(),
            max_concurrency: self.max_concurrency,
            limits,
        })
    }

    /// Whether all answers come from a recording.
    pub(super) fn replays(&self) -> bool {
        self.token.replay.is_some()
    }

    fn tape(&self, network: NetworkPolicy, limit: u64) -> Result<Option<Tape>, CommandError> {
        if let Some(path) = &self.token.replay {
            return Ok(Some(Tape::Replay(Arc::new(Replay::open(path)?))));
        }
        let Some(path) = &self.record else { return Ok(None) };
        let recorder = Recorder::create(path, network, limit).map_err(|error| {
            CommandError::usage(
                format!("the recording {} cannot be written: {error}", path.display()),
                "check the folder and its permissions",
            )
        })?;
        Ok(Some(Tape::Record(Arc::new(recorder))))
    }

    /// The plugin, of the size that the tenant's limits allow.
    pub(super) fn component(&self, limits: &Limits) -> Result<ComponentFile, CommandError> {
        let variables = self.token.variable().into_iter().chain(self.key.variable()).map(ToOwned::to_owned).collect();
        ComponentFile::read_keeping_back(self.plugin.as_deref(), &self.admission, limits.component_bytes, variables)
    }
}

/// A source, ready for `test` and `collect`.
pub(super) struct Source {
    connection: Connection,
    tape: Option<Tape>,
}

impl Deref for Source {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Source {
    /// Loads the plugin, has it parse what was entered, and grants what was typed.
    pub(super) async fn prepare(component: &ComponentFile, entered: Entered) -> Result<Self, CommandError> {
        let secret = entered.secret.clone();
        Self::prepare_unredacted(component, entered)
            .await
            .map_err(|error| error.map_words(|words| redact(secret.as_ref(), words)))
    }

    async fn prepare_unredacted(component: &ComponentFile, entered: Entered) -> Result<Self, CommandError> {
        let mut limits = entered.limits.clone();
        if let Some(ceiling) = entered.max_concurrency {
            limits.in_flight = usize::from(ceiling);
        }
        read_roots_ahead();
        let engine = Engine::new(limits.clone(), EngineOptions::default())?;
        let plugin = component.load(&engine)?;
        let tenant = Tenant::new(&engine, limits, entered.network, entered.ca_file.as_deref())?;
        let tenant = match &entered.tape {
            Some(tape) => tenant.with_tape(tape.clone()),
            None => tenant,
        };
        let descriptor = tenant.plugin(&plugin).describe().await.result?;
        let mut settings = entered.settings;
        // A plugin that has the field is told, so that it does not ask for more than the host lets pass.
        if let Some(ceiling) = entered.max_concurrency
            && descriptor.fields.iter().any(|field| field.key == "max_concurrency")
        {
            settings.insert(0, ("max_concurrency".to_owned(), ceiling.to_string()));
        }
        let form = Form::of(&descriptor, &entered.url, &settings).map_err(JourneyError::Form)?;
        let connection = Connection::open(&tenant, &plugin, &form, entered.secret).await?;
        Ok(Self { connection, tape: entered.tape })
    }

    /// The day of the run: for a replay, that of the recording.
    pub(super) fn today(&self) -> Date {
        self.tape.as_ref().map_or_else(OffsetDateTime::now_utc, Tape::started).date()
    }

    /// Ends the recording or the replay, if there is one. To be asked before a result is given out.
    ///
    /// # Errors
    /// When the recording cannot be written, or the run asked for what was not recorded: whatever it came to then is
    /// not what the recorded run came to.
    pub(super) fn end_tape(&self) -> Result<(), CommandError> {
        match &self.tape {
            None => Ok(()),
            Some(Tape::Record(recorder)) => recorder.finish().map_err(|error| CommandError::recording(&error)),
            Some(Tape::Replay(replay)) => {
                let missing = replay.missing();
                let Some(first) = missing.first() else { return Ok(()) };
                let more = match missing.len() - 1 {
                    0 => String::new(),
                    more => format!(", nor to {more} more"),
                };
                Err(CommandError::failed(
                    format!("the recording has no answer to {first}{more}"),
                    "replay with the address, settings and plugin that were recorded, or record anew",
                ))
            }
        }
    }
}
