//! Seat head-room for a monitoring system, in the text form of OpenMetrics 1.0.
//!
//! | family | type | says |
//! | --- | --- | --- |
//! | `license_source` | info | vendor and name of a source |
//! | `license_source_state` | stateset | `active`, `problem` or `unreachable` |
//! | `license_source_up` | gauge | 1: the last run read it well; 0: it did not |
//! | `license_snapshot_age_seconds` | gauge | age of the newest snapshot |
//! | `license_pool` | info | product, feature and scope of a pool |
//! | `license_seats_entitled`, `…_allocated`, `…_free`, `…_over` | gauge | bought, in use, still to be given, beyond what was bought |
//! | `license_seats_held` | gauge | assignments that hold a seat |
//! | `license_utilisation_ratio` | gauge | in use / bought |
//! | `license_term_end_timestamp_seconds` | gauge | the moment at which the term is over: the end of its last day, UTC |
//!
//! Every sample has the labels `tenant` and `source` (its key), those of a pool `pool` (its id), too.
//!
//! Guarantees: what is unknown is absent, never 0. Whatever the vendor's texts hold, there is one sample a line and each text is
//! inside its quotes: backslash, quote and line feed are escaped, other control characters become U+FFFD. Refuses sources that
//! are not approved; names nobody.

use std::fmt::Write as _;

use time::{Duration, OffsetDateTime};

use crate::calendar::{day_of, parse_instant};
use crate::headroom::{self, Pool, Source};
use crate::store::{Store, StoreError, tenants};

/// Of which type the text is, for the header `content-type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The exposition of one tenant, or of all.
///
/// # Errors
/// [`StoreError::Unknown`] tenant.
pub fn exposition(store: &Store, tenant: Option<&str>, now: OffsetDateTime) -> Result<String, StoreError> {
    let reader = store.reader()?;
    reader.execute_batch("BEGIN")?;
    if let Some(tenant) = tenant {
        tenants::by_name(&reader, tenant)?;
    }
    let sources = headroom::sources(&reader, tenant)?;
    Ok(text(&sources, now))
}

fn text(sources: &[Source], now: OffsetDateTime) -> String {
    let mut out = String::new();
    of_sources(&mut out, sources, now);
    of_pools(&mut out, sources);
    out.push_str("# EOF\n");
    out
}

fn of_sources(out: &mut String, sources: &[Source], now: OffsetDateTime) {
    family(out, "license_source", "info", None, "A source of licenses.");
    for source in sources {
        let labels = [("vendor", source.vendor.as_str()), ("name", source.display_name.as_str())];
        sample(out, "license_source_info", source, None, &labels, "1");
    }
    family(out, "license_source_state", "stateset", None, "Where a source is.");
    for source in sources {
        for state in ["active", "problem", "unreachable"] {
            let value = if source.state == state { "1" } else { "0" };
            sample(out, "license_source_state", source, None, &[("license_source_state", state)], value);
        }
    }
    family(out, "license_source_up", "gauge", None, "Whether the last run read the source well.");
    for source in sources {
        // A source that was approved and never read is neither.
        if source.state != "active" || source.snapshot_at.is_some() {
            let value = if source.state == "active" { "1" } else { "0" };
            sample(out, "license_source_up", source, None, &[], value);
        }
    }
    family(out, "license_snapshot_age_seconds", "gauge", Some("seconds"), "Age of the newest snapshot.");
    for source in sources {
        if let Some(taken) = source.snapshot_at.as_deref().and_then(parse_instant) {
            let age = (now - taken).whole_seconds().max(0).to_string();
            sample(out, "license_snapshot_age_seconds", source, None, &[], &age);
        }
    }
}

/// A figure of a pool, as written.
type Figure = fn(&Pool) -> Option<String>;

fn of_pools(out: &mut String, sources: &[Source]) {
    family(out, "license_pool", "info", None, "Seats that were bought together.");
    for source in sources {
        for pool in &source.pools {
            let labels = [("product", &*pool.product), ("feature", &*pool.feature), ("scope", &*pool.scope_name)];
            sample(out, "license_pool_info", source, Some(pool), &labels, "1");
        }
    }
    let figures: [(&str, Option<&str>, &str, Figure); 7] = [
        ("license_seats_entitled", None, "Seats bought.", |pool| {
            if pool.unlimited { None } else { pool.entitled.map(|seats| seats.to_string()) }
        }),
        ("license_seats_allocated", None, "Seats in use, by the vendor's count.", |pool| {
            pool.allocated.map(|seats| seats.to_string())
        }),
        ("license_seats_free", None, "Seats that can still be given.", |pool| {
            pool.free().map(|seats| seats.to_string())
        }),
        ("license_seats_over", None, "Seats in use beyond what was bought.", |pool| {
            pool.over().map(|seats| seats.to_string())
        }),
        ("license_seats_held", None, "Assignments that hold a seat.", |pool| Some(pool.holders.to_string())),
        ("license_utilisation_ratio", Some("ratio"), "Seats in use of those bought.", |pool| {
            pool.used().and_then(ratio)
        }),
        ("license_term_end_timestamp_seconds", Some("seconds"), "When the term is over.", |pool| {
            let last = day_of(pool.term_end.as_deref()?)?;
            let over = last.midnight().assume_utc().checked_add(Duration::DAY)?;
            Some(over.unix_timestamp().to_string())
        }),
    ];
    for (name, unit, help, figure) in figures {
        family(out, name, "gauge", unit, help);
        for source in sources {
            for pool in &source.pools {
                if let Some(value) = figure(pool) {
                    sample(out, name, source, Some(pool), &[], &value);
                }
            }
        }
    }
}

/// The quotient to six places, cut off, as a decimal; none of nothing.
fn ratio((part, whole): (i64, i64)) -> Option<String> {
    if part < 0 || whole <= 0 {
        return None;
    }
    let millionths = i128::from(part) * 1_000_000 / i128::from(whole);
    Some(format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000))
}

fn family(out: &mut String, name: &str, kind: &str, unit: Option<&str>, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let Some(unit) = unit {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {help}");
}

fn sample(out: &mut String, name: &str, source: &Source, pool: Option<&Pool>, labels: &[(&str, &str)], value: &str) {
    let _ = write!(out, "{name}{{tenant=\"{}\",source=\"{}\"", escaped(&source.tenant), escaped(&source.source_key));
    if let Some(pool) = pool {
        let _ = write!(out, ",pool=\"{}\"", escaped(&pool.pool_id));
    }
    for (label, text) in labels {
        let _ = write!(out, ",{label}=\"{}\"", escaped(text));
    }
    let _ = writeln!(out, "}} {value}");
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            // Readers that split lines at any of Unicode's would see two.
            '\u{2028}' | '\u{2029}' => out.push('\u{fffd}'),
            symbol if symbol.is_control() => out.push('\u{fffd}'),
            symbol => out.push(symbol),
        }
    }
    out
}

#[cfg(test)]
mod tests;
