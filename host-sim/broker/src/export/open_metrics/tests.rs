//! Head-room as a monitoring system reads it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::{Pool, Source, exposition, ratio, text};
use crate::samples::{Company, ENTERED};
use crate::store::runs::Failed;

/// A sample: its labels and its value.
type Samples = BTreeMap<String, Vec<(BTreeMap<String, String>, String)>>;

/// Reads the form as its grammar says, and refuses everything else.
fn read(text: &str) -> Result<Samples, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("no end")?;
    let (mut samples, mut families, mut seen) = (Samples::new(), BTreeSet::new(), BTreeSet::new());
    let mut family = String::new();
    for line in body.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (keyword, name) = (words.next().unwrap_or_default(), words.next().ok_or("no name")?);
            match keyword {
                "TYPE" if families.insert(name.to_owned()) => family = name.to_owned(),
                "UNIT" | "HELP" if name == family => {}
                _ => return Err(format!("misplaced: {line}")),
            }
            continue;
        }
        let (name, rest) = line.split_once('{').ok_or_else(|| format!("no sample: {line}"))?;
        if name.strip_suffix("_info").unwrap_or(name) != family {
            return Err(format!("{name} outside of its family"));
        }
        let (labels, value) = labels(rest).ok_or_else(|| format!("no labels: {line}"))?;
        value.parse::<f64>().map_err(|_| format!("no value: {line}"))?;
        if !seen.insert((name.to_owned(), labels.clone())) {
            return Err(format!("twice: {line}"));
        }
        samples.entry(name.to_owned()).or_default().push((labels, value));
    }
    Ok(samples)
}

fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, String)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, quoted) = rest.split_once("=\"")?;
        let (mut value, mut symbols) = (String::new(), quoted.char_indices());
        let end = loop {
            match symbols.next()? {
                (place, '"') => break place,
                (_, '\\') => value.push(match symbols.next()?.1 {
                    'n' => '\n',
                    symbol @ ('\\' | '"') => symbol,
                    _ => return None,
                }),
                (_, symbol) => value.push(symbol),
            }
        };
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            || labels.insert(name.to_owned(), value).is_some()
        {
            return None;
        }
        rest = quoted.get(end + 1..)?;
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((labels, rest.strip_prefix("} ")?.to_owned())),
        }
    }
}

fn values(samples: &Samples, name: &str) -> Vec<String> {
    samples.get(name).into_iter().flatten().map(|(_, value)| value.clone()).collect()
}

#[test]
fn head_room_is_told_and_what_is_unknown_is_absent() {
    let mut company = Company::new();
    let metrics = |company: &Company| read(&exposition(&company.store, Some("acme"), company.now).unwrap()).unwrap();
    let before = metrics(&company);
    assert_eq!(values(&before, "license_source_up"), Vec::<String>::new(), "approved and never read");
    assert_eq!(values(&before, "license_source_state"), ["1", "0", "0"]);
    assert_eq!(values(&before, "license_snapshot_age_seconds"), Vec::<String>::new());

    company.pools.get_mut("base").unwrap().allocated = Some(9);
    company.pools.insert("duo", crate::record::Pool { entitled: None, term_end: None, ..crate::samples::pool("duo") });
    company
        .pools
        .insert("open", crate::record::Pool { unlimited: true, allocated: Some(4), ..crate::samples::pool("open") });
    company.pools.insert("over", crate::record::Pool { allocated: Some(13), ..crate::samples::pool("over") });
    company.run("complete");
    company.now += Duration::minutes(10);
    let after = metrics(&company);
    assert_eq!(values(&after, "license_source_up"), ["1"]);
    assert_eq!(values(&after, "license_snapshot_age_seconds"), ["600"]);
    let of = |name: &str| -> Vec<(String, String)> {
        after.get(name).into_iter().flatten().map(|(labels, value)| (labels["pool"].clone(), value.clone())).collect()
    };
    let pair = |pool: &str, value: &str| (pool.to_owned(), value.to_owned());
    assert_eq!(of("license_seats_entitled"), [pair("base", "10"), pair("over", "10")]);
    assert_eq!(of("license_seats_allocated"), [pair("base", "9"), pair("open", "4"), pair("over", "13")]);
    assert_eq!(of("license_seats_free"), [pair("base", "1"), pair("over", "0")]);
    assert_eq!(of("license_seats_over"), [pair("base", "0"), pair("over", "3")]);
    assert_eq!(of("license_seats_held"), [pair("base", "3"), pair("duo", "0"), pair("open", "0"), pair("over", "0")]);
    assert_eq!(of("license_utilisation_ratio"), [pair("base", "0.900000"), pair("over", "1.300000")]);
    let new_year = datetime!(2027-01-01 0:00 UTC).unix_timestamp().to_string();
    assert_eq!(
        of("license_term_end_timestamp_seconds"),
        [pair("base", &new_year), pair("open", &new_year), pair("over", &new_year)],
        "the last day still counts"
    );

    let run_no = company.begin().run_no;
    let failed = Failed {
        code: "unreachable",
        message: "gone",
        hint: None,
        unreachable: true,
        resumable: false,
        retry_at: None,
    };
    company.store.fail_run(company.act(), run_no, &failed).unwrap();
    let failing = metrics(&company);
    assert_eq!(values(&failing, "license_source_up"), ["0"]);
    assert_eq!(values(&failing, "license_source_state"), ["0", "0", "1"]);
    assert_eq!(values(&failing, "license_seats_free").len(), 2, "the last good snapshot still stands");
}

#[test]
fn sources_that_are_not_approved_are_not_told_of() {
    let company = Company::new();
    let entered = crate::store::sources::Entered { source_key: "https://rare.example.com", ..ENTERED };
    company.store.add_source(company.act(), "acme", &entered, "sealed").unwrap();
    let told = exposition(&company.store, None, company.now).unwrap();
    assert!(told.contains("gitlab.example.com") && !told.contains("rare"), "{told}");
    assert!(exposition(&company.store, Some("nobody"), company.now).is_err());
}

#[test]
fn ratios_are_exact_and_none_is_of_nothing() {
    for (figures, expected) in [
        ((0, 10), Some("0.000000")),
        ((1, 3), Some("0.333333")),
        ((10, 10), Some("1.000000")),
        ((i64::MAX, 1), Some("9223372036854775807.000000")),
        ((1, 0), None),
        ((-1, 3), None),
    ] {
        assert_eq!(ratio(figures).as_deref(), expected, "{figures:?}");
    }
}

/// Texts that mean to break out.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[\\\\\"\n\r{}#= ,a\u{2028}\u{85}]{0,8}", any::<String>(), Just("x\"} 1\n# EOF\n".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_form((tenant, key, name, id, feature) in (texts(), texts(), texts(), texts(), texts())) {
        let pool = Pool { pool_id: id.clone(), feature: feature.clone(), allocated: Some(1), ..Pool::default() };
        let source = Source {
            tenant: tenant.clone(), source_no: 1, source_key: key, display_name: name, vendor: String::new(),
            state: "active".to_owned(), paused: false, trouble: None, failures: 0, failing_since: None, report: None, tested_at: None,
            snapshot_at: None, snapshot_on: None, pools: vec![pool],
        };
        let told = text(&[source], datetime!(2026-03-01 12:00 UTC));
        prop_assert_eq!(told.chars().filter(|symbol| symbol.is_control() && *symbol != '\n').count(), 0);
        let samples = read(&told).map_err(TestCaseError::fail)?;
        let (labels, _) = &samples["license_pool_info"][0];
        let kept = |text: &str| -> String {
            let lost = |symbol: char| symbol != '\n' && (symbol.is_control() || matches!(symbol, '\u{2028}' | '\u{2029}'));
            text.chars().map(|symbol| if lost(symbol) { '\u{fffd}' } else { symbol }).collect()
        };
        prop_assert_eq!(&labels["tenant"], &kept(&tenant));
        prop_assert_eq!(&labels["pool"], &kept(&id));
        prop_assert_eq!(&labels["feature"], &kept(&feature));
        prop_assert_eq!(samples["license_seats_allocated"].len(), 1);
    }
}
