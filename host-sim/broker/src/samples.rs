//! Tests: a small company whose source is read day by day.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::record::{Assignment, Capabilities, Pool, Record, Source, Summary, User};
use crate::store::Store;
use crate::store::audit::Act;
use crate::store::runs::{Cause, Running};
use crate::store::sources::Entered;
use crate::store::tenants::Identity;

/// Day 0, at noon.
pub(crate) const START: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// A store with the tenant `acme` and one approved source, which says whatever `users`, `pools` and `seats` hold.
pub(crate) struct Company {
    pub(crate) store: Store,
    pub(crate) source_no: i64,
    pub(crate) pools: BTreeMap<&'static str, Pool<'static>>,
    pub(crate) users: BTreeMap<&'static str, User<'static>>,
    pub(crate) seats: BTreeMap<(&'static str, &'static str), Assignment<'static>>,
    pub(crate) now: OffsetDateTime,
    _folder: TempDir,
}

pub(crate) fn user(user_id: &'static str, username: &'static str) -> User<'static> {
    User {
        user_id,
        username,
        display_name: None,
        email: None,
        email_kind: "none",
        identities: vec![],
        account_state: "active",
        account_state_raw: "active",
        account_kind: "human",
        created_at: Some("2020-01-01T00:00:00Z"),
        last_activity_on: None,
        last_sign_in_at: None,
        activity: "never",
    }
}

pub(crate) fn pool(pool_id: &'static str) -> Pool<'static> {
    Pool {
        pool_id,
        scope_id: "instance",
        scope_name: "The instance",
        product: "GitLab",
        feature: "Premium seat",
        plan_code: Some("premium"),
        kind: "base",
        license_type: "named-user",
        unit: "seat",
        entitled: Some(10),
        unlimited: false,
        allocated: None,
        max_allocated: None,
        overage_now: None,
        overage_term: None,
        term_start: Some("2026-01-01"),
        term_end: Some("2026-12-31"),
        is_trial: Some(false),
        auto_renew: None,
        as_of: None,
    }
}

pub(crate) fn seat(pool_id: &'static str, user_id: &'static str) -> Assignment<'static> {
    Assignment {
        pool_id,
        user_id,
        consumes_seat: Some(true),
        non_consuming_reason: None,
        role: None,
        via: "direct",
        reclaimable: None,
        assigned_on: None,
        ends_on: None,
        last_activity_on: None,
    }
}

pub(crate) fn source() -> Source<'static> {
    let capabilities = Capabilities {
        totals: "yes",
        assignments: "yes",
        last_activity: "yes",
        expiry: "yes",
        max_used: "yes",
        add_ons: "yes",
        email: "yes",
    };
    Source {
        source_key: "https://gitlab.example.com",
        display_name: "GitLab of Acme",
        vendor: "GitLab",
        deployment: "self-managed",
        host_url: "https://gitlab.example.com",
        product_version: Some("19.0.0"),
        edition: Some("EE"),
        plan: Some("premium"),
        capabilities,
    }
}

pub(crate) fn summary(completeness: &'static str) -> Summary {
    Summary { completeness, counts: crate::record::Counts::default(), requests: 3, warnings: 0 }
}

pub(crate) const ENTERED: Entered<'static> = Entered {
    source_key: "https://gitlab.example.com",
    display_name: "GitLab of Acme",
    vendor: "GitLab",
    plugin: "gitlab-seats",
    entered: "{}",
    configuration: "{}",
};

impl Company {
    /// Anna, Ben and Cleo hold a seat of the pool `base`.
    pub(crate) fn new() -> Self {
        let mut company = Self::empty();
        company.pools.insert("base", pool("base"));
        for (id, name) in [("1", "anna"), ("2", "ben"), ("3", "cleo")] {
            company.join(id, name);
        }
        company
    }

    /// An approved source that says nothing yet.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("broker.sqlite")).unwrap();
        let act = Act { actor: "test", now: START };
        store.add_tenant(act, "acme", Identity::Full, None).unwrap();
        let source_no = approved(&store, "acme");
        let (pools, users, seats) = Default::default();
        Self { store, source_no, pools, users, seats, now: START, _folder: folder }
    }

    pub(crate) fn act(&self) -> Act<'static> {
        Act { actor: "test", now: self.now }
    }

    pub(crate) fn pass_days(&mut self, days: i64) {
        self.now += Duration::days(days);
    }

    pub(crate) fn join(&mut self, id: &'static str, name: &'static str) {
        self.users.insert(id, user(id, name));
        self.seats.insert(("base", id), seat("base", id));
    }

    pub(crate) fn leave(&mut self, id: &'static str) {
        self.users.remove(id);
        self.seats.retain(|(_, user), _| *user != id);
    }

    /// All that the source says now.
    pub(crate) fn records(&self) -> Vec<Record<'static>> {
        let mut records = vec![Record::Source(source())];
        records.extend(self.pools.values().cloned().map(Record::Pool));
        records.extend(self.users.values().cloned().map(Record::User));
        records.extend(self.seats.values().cloned().map(Record::Assignment));
        records
    }

    pub(crate) fn begin(&self) -> Running {
        self.store.begin_run(self.act(), "acme", self.source_no, Cause::Schedule).unwrap()
    }

    /// A whole run in one page.
    pub(crate) fn run(&self, completeness: &'static str) -> i64 {
        let run_no = self.begin().run_no;
        self.store.finish_run(self.act(), run_no, None, &self.records(), &summary(completeness)).unwrap();
        run_no
    }

    /// A second approved source of the tenant, with the same records as the first has now; its server is `Second`.
    pub(crate) fn second(&self) -> i64 {
        let entered = Entered { source_key: "https://second.example.com", display_name: "Second", ..ENTERED };
        let source_no = approved_as(&self.store, "acme", &entered);
        let run_no = self.store.begin_run(self.act(), "acme", source_no, Cause::Approval).unwrap().run_no;
        self.store.finish_run(self.act(), run_no, None, &self.records(), &summary("complete")).unwrap();
        source_no
    }

    pub(crate) fn user(&mut self, id: &'static str) -> &mut User<'static> {
        self.users.get_mut(id).unwrap()
    }

    pub(crate) fn seat(&mut self, pool: &'static str, id: &'static str) -> &mut Assignment<'static> {
        self.seats.entry((pool, id)).or_insert_with(|| seat(pool, id))
    }

    pub(crate) fn pool(&mut self, id: &'static str) -> &mut Pool<'static> {
        self.pools.entry(id).or_insert_with(|| pool(id))
    }

    /// The first column of a query, as text.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let reader = self.store.reader().unwrap();
        let mut statement = reader.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.store.reader().unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// A source that has gone the whole way.
pub(crate) fn approved(store: &Store, tenant: &str) -> i64 {
    approved_as(store, tenant, &ENTERED)
}

pub(crate) fn approved_as(store: &Store, tenant: &str, entered: &Entered<'_>) -> i64 {
    let act = Act { actor: "test", now: START };
    let source_no = store.add_source(act, tenant, entered, "sealed").unwrap().source_no;
    store.note_test(act, tenant, source_no, "{}", true).unwrap();
    store.save_source(act, tenant, source_no).unwrap();
    store.approve_source(act, tenant, source_no).unwrap().0.source_no
}
