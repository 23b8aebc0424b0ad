//! Whose rows, of which sources and pools, and of which moment.

use broker::calendar::day_of;
use broker::export::ExportError;
use broker::export::tables::{self, RunRow, Stored as _};
use broker::store::{Store, StoreError};
use broker::view::{At, Filter};
use time::{Date, OffsetDateTime};

use super::super::error::CommandError;
use super::super::terminal;
use super::data::{DEFAULT_TENANT, DataArgs, TenantArg};

/// Whose.
#[derive(Debug, clap::Args)]
pub(super) struct Whose {
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
}

/// A tenant's data, for a look.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) tenant: String,
    /// The usual tenant may not be there yet, which is nobody's mistake.
    is_there: bool,
}

impl Whose {
    /// See [`open`].
    pub(super) fn open(&self) -> Result<Opened, CommandError> {
        open(&self.data, &self.tenant.tenant)
    }

    /// The store alone.
    pub(super) fn store(&self) -> Result<Store, CommandError> {
        self.data.store()
    }

    /// The tenant's name.
    pub(super) fn tenant(&self) -> &str {
        &self.tenant.tenant
    }
}

/// Opens the store. Tells if there is nothing to see yet, and what comes first.
pub(super) fn open(data: &DataArgs, tenant: &str) -> Result<Opened, CommandError> {
    let (store, tenant) = (data.store()?, tenant.to_owned());
    let sources = match store.sources(Some(&tenant)) {
        Err(StoreError::Unknown { .. }) if tenant == DEFAULT_TENANT => None,
        sources => Some(sources?),
    };
    let approved = || sources.iter().flatten().filter(|source| source.state.is_approved());
    if sources.iter().flatten().next().is_none() {
        terminal::note("there is no source yet; `cargo sim source add` enters one");
    } else if approved().next().is_none() {
        terminal::note(
            "no source is approved yet, and nothing is shown before; `cargo sim source pending` lists those that wait, `cargo sim source list` all",
        );
    } else if approved().all(|source| source.snapshot_on.is_none()) {
        terminal::note(
            "no source has been read whole yet; `cargo sim source list` lists them, `cargo sim source run` reads one",
        );
    }
    Ok(Opened { store, tenant, is_there: sources.is_some() })
}

impl Opened {
    /// Whether there is such a tenant.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// What `ask` says, or nothing if there is nobody to ask about.
    pub(super) fn ask<T: Default, E>(&self, ask: impl FnOnce(&Store, &str) -> Result<T, E>) -> Result<T, E> {
        if self.is_there { ask(&self.store, &self.tenant) } else { Ok(T::default()) }
    }

    /// The day that is today for what is shown: of the past, that of then.
    pub(super) fn today(&self, at: Option<At>) -> Result<Date, CommandError> {
        let today = OffsetDateTime::now_utc().date();
        let Some(at) = at else { return Ok(today) };
        let day = match at {
            At::Day(day) => Some(day),
            At::Run(run_no) => self.ask(|store, tenant| {
                let mut day = None;
                RunRow::each(store, &tables::Query { tenant, source_no: None, at: None }, |run| {
                    if run.run_no == run_no {
                        day = day_of(&run.taken_on);
                    }
                    Ok::<_, ExportError>(())
                })?;
                Ok::<_, ExportError>(day)
            })?,
        };
        // A run that is not there is told of by whoever asks for its snapshot.
        Ok(day.map_or(today, |day| day.min(today)))
    }
}

/// A moment of the past.
#[derive(Debug, clap::Args)]
pub(super) struct AtArg {
    /// As it was: at the end of a day, such as 2026-03-31, or in a snapshot, by the number of its run
    #[arg(long, value_name = "DAY|RUN", value_parser = parse_at)]
    pub(super) at: Option<At>,
}

/// Of which sources and pools.
#[derive(Debug, clap::Args)]
pub(super) struct FilterArgs {
    /// Only this source, by its number
    #[arg(long, value_name = "N")]
    source: Option<i64>,
    /// Only sources of this name
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Only of this vendor
    #[arg(long, value_name = "NAME")]
    vendor: Option<String>,
    /// Only this product
    #[arg(long, value_name = "NAME")]
    product: Option<String>,
    /// Only this feature
    #[arg(long, value_name = "NAME")]
    feature: Option<String>,
    /// Only licenses of this type, such as named-user
    #[arg(long, value_name = "TYPE")]
    license_type: Option<String>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> Filter {
        Filter {
            source_no: self.source,
            server: self.server.clone(),
            vendor: self.vendor.clone(),
            product: self.product.clone(),
            feature: self.feature.clone(),
            license_type: self.license_type.clone(),
        }
    }
}

/// `YYYY-MM-DD`.
pub(super) fn parse_day(text: &str) -> Result<Date, String> {
    let day = if text.len() == 10 { day_of(text) } else { None };
    day.ok_or_else(|| "expected a day such as 2026-03-31".to_owned())
}

fn parse_at(text: &str) -> Result<At, String> {
    match text.parse() {
        Ok(run_no) => Ok(At::Run(run_no)),
        Err(_) => parse_day(text)
            .map(At::Day)
            .map_err(|_| "expected a day such as 2026-03-31, or the number of a run".to_owned()),
    }
}
