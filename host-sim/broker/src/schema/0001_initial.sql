-- The store of a broker. Days are `YYYY-MM-DD` in UTC, instants RFC 3339 in UTC with `Z`: both sort as text.
--
--   tenant ── source ── run            what is asked for, and each time it was read
--               │  └─ stage_*          pages of the run that is under way; seen by nobody else
--               ├─ person, person_past who there is, and how the row read before
--               ├─ pool ── pool_figures  what was bought, with the vendor's counts of each snapshot
--               ├─ seat, seat_past     who holds what, and who held it before
--               ├─ seat_event          the ledger: found, taken, left
--               └─ activity_*          days on which somebody was seen to have been active
--
-- A row that holds now has `from_run`, the snapshot since which it reads as it does. A row of the past has `to_run`, too:
-- the first snapshot in which it did not hold any more. A snapshot is a run in the state `complete`.

CREATE TABLE tenant (
    tenant_no      INTEGER PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    created_at     TEXT NOT NULL,
    -- How much of a person is kept.
    identity       TEXT NOT NULL CHECK (identity IN ('full', 'username', 'pseudonym')),
    -- History older than this is dropped; none: kept.
    retention_days INTEGER CHECK (retention_days > 0),
    -- 32 random bytes: pseudonyms of one tenant say nothing to another.
    pseudonym_key  BLOB NOT NULL,
    -- What the host allows the tenant's plugins, as JSON for the host.
    policy         TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE TABLE source (
    -- Never used again: what is late for a source that was removed must not meet another.
    source_no      INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Counts what was entered anew: settings, plugin, credential. What was tested or read before is of another revision.
    revision       INTEGER NOT NULL DEFAULT 1,
    tenant_no      INTEGER NOT NULL REFERENCES tenant ON DELETE CASCADE,
    state          TEXT NOT NULL CHECK (state IN
                       ('configured', 'tested', 'saved', 'pending', 'rejected', 'active', 'problem', 'unreachable')),
    paused         INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    -- The plugin's stable identity of the source.
    source_key     TEXT NOT NULL,
    display_name   TEXT NOT NULL,
    vendor         TEXT NOT NULL,
    -- How the host finds the plugin, and what it was when the source was tested.
    plugin         TEXT NOT NULL,
    -- What was entered, and what the plugin made of it, as JSON. Never a secret.
    entered        TEXT NOT NULL,
    configuration  TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    -- The last Test connection, as JSON, and when.
    report         TEXT,
    tested_at      TEXT,
    -- Why the source is not green, in words.
    trouble        TEXT,
    interval_s     INTEGER NOT NULL DEFAULT 86400 CHECK (interval_s >= 900),
    -- When the next run is due; none: not by itself.
    next_run_at    TEXT,
    -- The service said not to ask before.
    not_before     TEXT,
    -- Runs that were asked for so far, and how many of these requests a run has answered.
    asked          INTEGER NOT NULL DEFAULT 0,
    answered       INTEGER NOT NULL DEFAULT 0,
    -- Failed runs since the last good one.
    failures       INTEGER NOT NULL DEFAULT 0,
    -- The snapshot that everybody sees.
    snapshot_run   INTEGER REFERENCES run,
    -- What the source said of itself in that snapshot, as JSON.
    facts          TEXT,
    -- The day before which history was dropped; none: all that there ever was is kept.
    kept_from      TEXT
) STRICT;
CREATE INDEX source_of_tenant ON source (tenant_no);
CREATE INDEX source_due ON source (next_run_at) WHERE next_run_at IS NOT NULL;
-- One approved source of a key.
CREATE UNIQUE INDEX source_approved ON source (tenant_no, source_key) WHERE state IN ('active', 'problem', 'unreachable');

-- Apart from the source, so that no query for sources meets it.
CREATE TABLE credential (
    source_no INTEGER PRIMARY KEY REFERENCES source ON DELETE CASCADE,
    sealed    TEXT NOT NULL,
    sealed_at TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    run_no          INTEGER PRIMARY KEY AUTOINCREMENT,
    source_no       INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    -- The source's revision that is read.
    revision        INTEGER NOT NULL DEFAULT 1,
    cause           TEXT NOT NULL CHECK (cause IN ('approval', 'schedule', 'catch-up', 'retry', 'manual')),
    state           TEXT NOT NULL CHECK (state IN ('running', 'complete', 'partial', 'failed', 'abandoned')),
    started_at      TEXT NOT NULL,
    -- The day of `started_at`: what the run says is said of this day.
    taken_on        TEXT NOT NULL,
    ended_at        TEXT,
    -- Where the next page begins; none: at the start.
    cursor          TEXT,
    -- Of all attempts, as are the milliseconds that they took.
    pages           INTEGER NOT NULL DEFAULT 0,
    spent_ms        INTEGER NOT NULL DEFAULT 0,
    sources         INTEGER NOT NULL DEFAULT 0,
    pools           INTEGER NOT NULL DEFAULT 0,
    users           INTEGER NOT NULL DEFAULT 0,
    assignments     INTEGER NOT NULL DEFAULT 0,
    requests        INTEGER NOT NULL DEFAULT 0,
    failure_code    TEXT,
    failure_message TEXT,
    failure_hint    TEXT,
    -- Not before this moment, says the service.
    retry_at        TEXT
) STRICT;
CREATE INDEX run_of_source ON run (source_no, run_no);
CREATE UNIQUE INDEX run_under_way ON run (source_no) WHERE state = 'running';

CREATE TABLE run_warning (
    run_no  INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    place   INTEGER NOT NULL,
    code    TEXT NOT NULL,
    message TEXT NOT NULL,
    scope   TEXT,
    PRIMARY KEY (run_no, place)
) STRICT, WITHOUT ROWID;

-- The run under way.

CREATE TABLE stage_source (
    run_no INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    facts  TEXT NOT NULL
) STRICT;

CREATE TABLE stage_pool (
    run_no        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    pool_id       TEXT NOT NULL,
    scope_id      TEXT NOT NULL,
    scope_name    TEXT NOT NULL,
    product       TEXT NOT NULL,
    feature       TEXT NOT NULL,
    plan_code     TEXT,
    kind          TEXT NOT NULL,
    license_type  TEXT NOT NULL,
    unit          TEXT NOT NULL,
    entitled      INTEGER,
    unlimited     INTEGER NOT NULL,
    allocated     INTEGER,
    max_allocated INTEGER,
    overage_now   INTEGER,
    overage_term  INTEGER,
    term_start    TEXT,
    term_end      TEXT,
    is_trial      INTEGER,
    auto_renew    INTEGER,
    as_of         TEXT,
    PRIMARY KEY (run_no, pool_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_user (
    run_no            INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    user_id           TEXT NOT NULL,
    username          TEXT NOT NULL,
    display_name      TEXT,
    email             TEXT,
    email_kind        TEXT NOT NULL,
    identities        TEXT NOT NULL,
    account_state     TEXT NOT NULL,
    account_state_raw TEXT NOT NULL,
    account_kind      TEXT NOT NULL,
    created_at        TEXT,
    last_activity_on  TEXT,
    last_sign_in_at   TEXT,
    activity          TEXT NOT NULL,
    PRIMARY KEY (run_no, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_seat (
    run_no               INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    user_id              TEXT NOT NULL,
    pool_id              TEXT NOT NULL,
    consumes_seat        INTEGER,
    non_consuming_reason TEXT,
    role                 TEXT,
    via                  TEXT NOT NULL,
    reclaimable          INTEGER,
    assigned_on          TEXT,
    ends_on              TEXT,
    last_activity_on     TEXT,
    PRIMARY KEY (run_no, user_id, pool_id)
) STRICT, WITHOUT ROWID;

-- Snapshots.

CREATE TABLE pool (
    pool_no      INTEGER PRIMARY KEY,
    source_no    INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    tenant_no    INTEGER NOT NULL,
    pool_id      TEXT NOT NULL,
    scope_id     TEXT NOT NULL,
    scope_name   TEXT NOT NULL,
    product      TEXT NOT NULL,
    feature      TEXT NOT NULL,
    plan_code    TEXT,
    kind         TEXT NOT NULL,
    license_type TEXT NOT NULL,
    unit         TEXT NOT NULL,
    -- The first snapshot without it; none: it is there.
    gone_run     INTEGER,
    UNIQUE (source_no, pool_id)
) STRICT;
CREATE INDEX pool_of_tenant ON pool (tenant_no);

-- One row for each pool and snapshot: they are few, and their figures are what trends are made of.
CREATE TABLE pool_figures (
    pool_no       INTEGER NOT NULL REFERENCES pool ON DELETE CASCADE,
    run_no        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    entitled      INTEGER,
    unlimited     INTEGER NOT NULL,
    allocated     INTEGER,
    max_allocated INTEGER,
    overage_now   INTEGER,
    overage_term  INTEGER,
    term_start    TEXT,
    term_end      TEXT,
    is_trial      INTEGER,
    auto_renew    INTEGER,
    as_of         TEXT,
    -- Assignments in the snapshot, and those that hold a seat by the vendor's verdict.
    holders       INTEGER NOT NULL,
    consuming     INTEGER NOT NULL,
    PRIMARY KEY (pool_no, run_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX pool_figures_of_run ON pool_figures (run_no);

-- What a seat costs, by the customer's contract. No vendor's interface tells it.
CREATE TABLE price (
    pool_no  INTEGER PRIMARY KEY REFERENCES pool ON DELETE CASCADE,
    -- Of one seat for one year, in hundredths of the currency.
    cents    INTEGER NOT NULL CHECK (cents >= 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3)
) STRICT;

CREATE TABLE person (
    person_no         INTEGER PRIMARY KEY,
    source_no         INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    tenant_no         INTEGER NOT NULL,
    user_id           TEXT NOT NULL,
    username          TEXT NOT NULL,
    display_name      TEXT,
    email             TEXT,
    email_kind        TEXT NOT NULL,
    identities        TEXT NOT NULL,
    account_state     TEXT NOT NULL,
    account_state_raw TEXT NOT NULL,
    account_kind      TEXT NOT NULL,
    created_at        TEXT,
    activity          TEXT NOT NULL,
    -- The latest that was ever seen of each; not versioned, since days are kept in activity_month.
    last_activity_on  TEXT,
    last_sign_in_at   TEXT,
    first_seen_on     TEXT NOT NULL,
    from_run          INTEGER NOT NULL,
    -- The first snapshot without the account; none: it is there.
    gone_run          INTEGER,
    -- Erased on request: nothing of the person is kept, and nothing will be.
    erased            INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source_no, user_id)
) STRICT;
-- Allocation's orders, by source, so that the first page of any sources reads little more than it shows. Text that is none
-- sorts first, as ''.
CREATE INDEX person_by_name ON person (source_no, username, person_no);
CREATE INDEX person_by_display_name ON person (source_no, coalesce(display_name, ''), person_no);
CREATE INDEX person_by_email ON person (source_no, coalesce(email, ''), person_no);

CREATE TABLE person_past (
    person_no         INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    from_run          INTEGER NOT NULL,
    to_run            INTEGER NOT NULL,
    username          TEXT NOT NULL,
    display_name      TEXT,
    email             TEXT,
    email_kind        TEXT NOT NULL,
    identities        TEXT NOT NULL,
    account_state     TEXT NOT NULL,
    account_state_raw TEXT NOT NULL,
    account_kind      TEXT NOT NULL,
    created_at        TEXT,
    activity          TEXT NOT NULL,
    PRIMARY KEY (person_no, from_run)
) STRICT, WITHOUT ROWID;

CREATE TABLE seat (
    pool_no              INTEGER NOT NULL REFERENCES pool ON DELETE CASCADE,
    person_no            INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    consumes_seat        INTEGER,
    non_consuming_reason TEXT,
    role                 TEXT,
    via                  TEXT NOT NULL,
    reclaimable          INTEGER,
    assigned_on          TEXT,
    ends_on              TEXT,
    -- Of what the pool sells, where the source tells it apart; the latest that was seen.
    last_activity_on     TEXT,
    -- The first snapshot, and its day, of this stretch of holding it.
    held_from_run        INTEGER NOT NULL,
    first_seen_on        TEXT NOT NULL,
    -- `assigned_on`, else `first_seen_on`: what Allocation sorts by.
    start_on             TEXT NOT NULL GENERATED ALWAYS AS (coalesce(assigned_on, first_seen_on)) STORED,
    -- The earlier of `ends_on` and the end of the pool's term, written with each snapshot: what Allocation sorts by.
    end_on               TEXT,
    from_run             INTEGER NOT NULL,
    PRIMARY KEY (pool_no, person_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_of_person ON seat (person_no);
-- Allocation's orders, by pool: of what is held alone, since those who hold none may be many more.
CREATE INDEX seat_by_start ON seat (pool_no, start_on, person_no) WHERE consumes_seat IS NOT 0;
CREATE INDEX seat_by_end ON seat (pool_no, coalesce(end_on, ''), person_no) WHERE consumes_seat IS NOT 0;
CREATE INDEX seat_by_role ON seat (pool_no, coalesce(role, ''), person_no) WHERE consumes_seat IS NOT 0;
CREATE INDEX seat_by_first_seen ON seat (pool_no, (assigned_on IS NULL), person_no) WHERE consumes_seat IS NOT 0;
CREATE INDEX seat_by_verdict ON seat (pool_no, (consumes_seat IS 1), person_no) WHERE consumes_seat IS NOT 0;

CREATE TABLE seat_past (
    pool_no              INTEGER NOT NULL REFERENCES pool ON DELETE CASCADE,
    person_no            INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    from_run             INTEGER NOT NULL,
    to_run               INTEGER NOT NULL,
    consumes_seat        INTEGER,
    non_consuming_reason TEXT,
    role                 TEXT,
    via                  TEXT NOT NULL,
    reclaimable          INTEGER,
    assigned_on          TEXT,
    ends_on              TEXT,
    held_from_run        INTEGER NOT NULL,
    first_seen_on        TEXT NOT NULL,
    -- The day of `to_run`, if the seat was left then; none: the row only reads differently since.
    left_on              TEXT,
    PRIMARY KEY (pool_no, person_no, from_run)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_past_of_person ON seat_past (person_no);

CREATE TABLE seat_event (
    event_no  INTEGER PRIMARY KEY,
    run_no    INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    pool_no   INTEGER NOT NULL REFERENCES pool ON DELETE CASCADE,
    person_no INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    -- `found`: held in the first snapshot of the pool, since nobody knows when.
    kind      TEXT NOT NULL CHECK (kind IN ('found', 'taken', 'left')),
    on_day    TEXT NOT NULL
) STRICT;
CREATE INDEX seat_event_of_pool ON seat_event (pool_no, on_day, kind);
CREATE INDEX seat_event_of_person ON seat_event (person_no);
CREATE INDEX seat_event_of_run ON seat_event (run_no);

-- Days of activity of one account in one month: bit 0 is the 1st. A source tells the last day alone, so that days between two
-- runs may be missing.
CREATE TABLE activity_month (
    person_no INTEGER NOT NULL REFERENCES person ON DELETE CASCADE,
    -- The pool whose product was used; 0: the account as a whole.
    pool_no   INTEGER NOT NULL,
    -- Year * 12 + month - 1.
    month     INTEGER NOT NULL,
    days      INTEGER NOT NULL CHECK (days > 0 AND days < 1 << 31),
    PRIMARY KEY (person_no, pool_no, month)
) STRICT, WITHOUT ROWID;

-- How many accounts were active on a day. Kept when the days of single people are not any more.
CREATE TABLE activity_count (
    source_no INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    pool_no   INTEGER NOT NULL,
    day       TEXT NOT NULL,
    people    INTEGER NOT NULL,
    PRIMARY KEY (source_no, pool_no, day)
) STRICT, WITHOUT ROWID;

-- Who asked to be forgotten: a keyed digest of the source's key and the vendor's id, so that the next run does not bring the
-- person back. Outlives the source, which may be added anew.
CREATE TABLE erased (
    tenant_no INTEGER NOT NULL REFERENCES tenant ON DELETE CASCADE,
    mark      TEXT NOT NULL,
    erased_at TEXT NOT NULL,
    PRIMARY KEY (tenant_no, mark)
) STRICT, WITHOUT ROWID;

-- Alerts.

CREATE TABLE alert (
    -- Never given again: receivers know alerts by it.
    alert_no   INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_no  INTEGER NOT NULL REFERENCES tenant ON DELETE CASCADE,
    source_no  INTEGER NOT NULL REFERENCES source ON DELETE CASCADE,
    pool_no    INTEGER REFERENCES pool ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    message    TEXT NOT NULL,
    -- What it rests on, as JSON.
    evidence   TEXT NOT NULL,
    raised_at  TEXT NOT NULL,
    -- When what it tells of was over; none: it is not.
    cleared_at TEXT
) STRICT;
CREATE INDEX alert_of_tenant ON alert (tenant_no, alert_no);
CREATE INDEX alert_of_source ON alert (source_no);
CREATE UNIQUE INDEX alert_open ON alert (source_no, coalesce(pool_no, 0), kind) WHERE cleared_at IS NULL;

CREATE TABLE webhook (
    webhook_no INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_no  INTEGER NOT NULL REFERENCES tenant ON DELETE CASCADE,
    url        TEXT NOT NULL,
    -- The key of the signature, sealed.
    sealed     TEXT NOT NULL,
    -- Attempts that failed since one was taken, and until when nothing is posted there; none: now.
    failures   INTEGER NOT NULL DEFAULT 0,
    not_before TEXT,
    UNIQUE (tenant_no, url)
) STRICT;

CREATE TABLE delivery (
    alert_no     INTEGER NOT NULL REFERENCES alert ON DELETE CASCADE,
    webhook_no   INTEGER NOT NULL REFERENCES webhook ON DELETE CASCADE,
    -- `raised` or `cleared`.
    event        TEXT NOT NULL CHECK (event IN ('raised', 'cleared')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next; none: delivered, or given up.
    next_at      TEXT,
    delivered_at TEXT,
    last_error   TEXT,
    PRIMARY KEY (alert_no, webhook_no, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (next_at) WHERE next_at IS NOT NULL;

-- Who did what. Names tenants and sources, never people of a source; outlives what it tells of.
CREATE TABLE audit (
    entry_no INTEGER PRIMARY KEY AUTOINCREMENT,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    tenant   TEXT,
    source   TEXT,
    action   TEXT NOT NULL,
    detail   TEXT
) STRICT;
CREATE INDEX audit_of_tenant ON audit (tenant, entry_no);
