//! The file's lines as records. What the file does not say stays unknown: no column is no "never", no figure is no zero.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use csv::{ReaderBuilder, StringRecord, Trim};
use plugin_kit::connector::{
    Activity, Assignment, Capabilities, Capability, Configuration, EmailKind, Entry, Failure, Pool, Source, User,
    Warning,
};
use plugin_kit::failure::malformed;
use plugin_kit::{paging, unknown};
use time::Date;
use time::macros::format_description;

pub const VENDOR: &str = "CSV";

/// Sorted by key, so that the same file gives the same batches.
pub struct Seats {
    columns: StringRecord,
    /// Features, and how many seats of each were bought.
    pools: BTreeMap<String, Option<u64>>,
    /// People, and what each holds.
    users: BTreeMap<String, (User, Vec<Assignment>)>,
}

/// The file is taken whole or not at all: half a list would look like people who are gone.
pub fn parse(bytes: &[u8]) -> Result<Seats, Failure> {
    let at = |line: u64, why: &str| malformed(format!("line {line}: {why}"));
    // Not in the error's own words, which could hold what stands in the file.
    let broken = |error: csv::Error| at(error.position().map_or(1, csv::Position::line), "not a line of this CSV");
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let columns = reader.headers().map_err(broken)?.clone();
    let mut seats = Seats { columns, pools: BTreeMap::new(), users: BTreeMap::new() };
    if let Some(missing) = ["user_id", "username", "feature"].into_iter().find(|name| !seats.has(name)) {
        return Err(at(1, &format!("there is no column {missing}")));
    }
    for row in reader.records() {
        let row = row.map_err(broken)?;
        seats.add(&row).map_err(|why| at(row.position().map_or(0, csv::Position::line), &why))?;
    }
    Ok(seats)
}

impl Seats {
    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    fn add(&mut self, row: &StringRecord) -> Result<(), String> {
        let (columns, pools, users) = (&self.columns, &mut self.pools, &mut self.users);
        let cell = |name: &str| columns.iter().zip(row).find(|(column, text)| *column == name && !text.is_empty());
        let cell = |name: &str| cell(name).map(|(_, text)| text.to_owned());
        let day = |name: &str| match cell(name) {
            Some(text) if Date::parse(&text, format_description!("[year]-[month]-[day]")).is_err() => {
                Err(format!("{name} is no day"))
            }
            day => Ok(day),
        };
        let feature = cell("feature").ok_or("feature is empty")?;
        let bought = pools.entry(feature.clone()).or_default();
        if let Some(text) = cell("entitled") {
            let seats = text.parse().map_err(|_| "entitled is no whole number")?;
            if bought.replace(seats).is_some_and(|before| before != seats) {
                return Err("entitled is another than on an earlier line".to_owned());
            }
        }
        let (id, username) = match (cell("user_id"), cell("username")) {
            (Some(id), Some(username)) => (id, username),
            // A feature that nobody holds.
            (None, None) => return Ok(()),
            _ => return Err("one of user_id and username is empty".to_owned()),
        };
        let (since, used) = (day("assigned_on")?, day("last_activity_on")?);
        let (user, held) = users.entry(id.clone()).or_insert_with(|| {
            let readable = columns.iter().any(|column| column == "last_activity_on");
            let activity = if readable { Activity::Never } else { Activity::NotReadable };
            (User { activity, ..unknown::user(&id, &username) }, vec![])
        });
        if user.username != username || held.iter().any(|seat| seat.pool_id == feature) {
            return Err("the user has another name, or this feature, on an earlier line".to_owned());
        }
        if let Some(email) = cell("email") {
            (user.email, user.email_kind) = (Some(email), EmailKind::Primary);
        }
        if used > user.last_activity_on {
            (user.last_activity_on, user.activity) = (used.clone(), Activity::Known);
        }
        let seat = unknown::assignment(&feature, &id);
        held.push(Assignment { consumes_seat: Some(true), assigned_on: since, last_activity_on: used, ..seat });
        Ok(())
    }

    pub fn found(&self) -> String {
        format!("{} people, {} features.", self.users.len(), self.pools.len())
    }

    /// What will be missing. Not a failure: who holds a seat is worth knowing without it.
    pub fn warnings(&self) -> Vec<Warning> {
        let wanted = [("entitled", "how many seats were bought"), ("last_activity_on", "who uses a seat")];
        let missing = wanted.into_iter().filter(|(column, _)| !self.has(column));
        let warning = |(column, what): (&str, &str)| Warning {
            code: "no-column".to_owned(),
            message: format!("There is no column {column}: nobody can tell {what}."),
            scope: Some(column.to_owned()),
        };
        missing.map(warning).collect()
    }

    pub fn list(self, config: &Configuration, bytes: &[u8]) -> paging::List {
        let mut digest = DefaultHasher::new();
        bytes.hash(&mut digest);
        let can = |column| if self.has(column) { Capability::Yes } else { Capability::No };
        let source = unknown::source(config, VENDOR);
        let capabilities = Capabilities {
            totals: can("entitled"),
            assignments: Capability::Yes,
            last_activity: can("last_activity_on"),
            email: can("email"),
            ..source.capabilities
        };
        let warnings = self.warnings();
        let pools = self.pools.into_iter().map(|(name, entitled)| Pool { entitled, ..unknown::pool(&name) });
        let source = Entry::Source(Source { capabilities, ..source });
        let group = |(user, seats): (User, Vec<Assignment>)| {
            [Entry::User(user)].into_iter().chain(seats.into_iter().map(Entry::Assignment)).collect()
        };
        paging::List {
            head: [source].into_iter().chain(pools.map(Entry::Pool)).collect(),
            groups: self.users.into_values().map(group).collect(),
            warnings,
            digest: digest.finish(),
        }
    }
}
