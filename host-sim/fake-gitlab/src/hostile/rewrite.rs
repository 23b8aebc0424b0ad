//! How hostile data is written: keys that nobody knows, values that are null, moments in every notation.
//!
//! Works on the JSON of an answer. In REST every object but GitLab's maps of free text is given unknown keys; GraphQL
//! answers what was asked for and no more, so that there only values are changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::{LEAP, Oddity, oddity};
use crate::answer::{self, Answer};
use crate::calendar::Instant;
use crate::population::Population;

/// Objects whose keys are data.
const MAPS: [&str; 2] = ["licensee", "add_ons"];

/// Stands for a number that no type of the library holds.
const PLACEHOLDER: &str = "\u{fdd0}thirty digits\u{fdd0}";
const THIRTY_DIGITS: &str = "123456789012345678901234567890";

/// Rewrite an answer; what is no JSON stays as it is. `rest`: with unknown keys.
pub(crate) fn rewrite(answer: Answer, population: &Population, rest: bool) -> Answer {
    match serde_json::from_slice::<Value>(&answer.body().whole()) {
        Ok(mut body) if body.is_array() || body.is_object() => {
            value(&mut body, population, rest);
            let text = body.to_string().replace(&json!(PLACEHOLDER).to_string(), THIRTY_DIGITS);
            answer::with_body(answer, text)
        }
        _ => answer,
    }
}

fn value(value_of: &mut Value, population: &Population, rest: bool) {
    match value_of {
        Value::Array(items) => items.iter_mut().for_each(|item| value(item, population, rest)),
        Value::Object(map) => object(map, population, rest),
        _ => {}
    }
}

fn object(map: &mut Map<String, Value>, population: &Population, rest: bool) {
    for (key, below) in map.iter_mut() {
        if !MAPS.contains(&key.as_str()) {
            value(below, population, rest);
        }
    }
    if let Some((odd, nulls)) = person(map, population) {
        for key in nulls {
            let keys = [(*key).to_owned(), camel(key)];
            keys.iter().filter_map(|key| map.get_mut(key).map(|value| *value = Value::Null)).for_each(drop);
        }
        if rest {
            map.values_mut().for_each(|value| notation(value, odd));
        }
    }
    if map.get("state").and_then(Value::as_str) == Some("") {
        map.insert("state".to_owned(), Value::Null);
    }
    if rest {
        map.insert(
            "zz_galaxy".to_owned(),
            json!({ "id": 1, "nested": [[[{ "name": null, "state": [] }]], {}], "" : "" }),
        );
        map.insert("0_numbers".to_owned(), json!([PLACEHOLDER, 1.797_693_134_862_315_7e308, -0.0, 5e-324, -1]));
    }
}

/// Set in facts to null what is null in answers, for the accounts whose null keys are told.
pub(crate) fn set_nulls(facts: &mut Value, nulls: &BTreeMap<u64, &[&str]>) {
    match facts {
        Value::Array(items) => items.iter_mut().for_each(|item| set_nulls(item, nulls)),
        Value::Object(map) => {
            map.values_mut().for_each(|below| set_nulls(below, nulls));
            let id = map.get("user_id").or_else(|| map.get("username").and(map.get("id")));
            let keys = id.and_then(Value::as_u64).and_then(|id| nulls.get(&id)).copied().unwrap_or_default();
            keys.iter().filter_map(|key| map.get_mut(*key).map(|value| *value = Value::Null)).for_each(drop);
            if map.get("state").and_then(Value::as_str) == Some("") {
                map.insert("state".to_owned(), Value::Null);
            }
        }
        _ => {}
    }
}

/// What is odd about the account that an object is of, and which of its keys are null.
fn person(map: &Map<String, Value>, population: &Population) -> Option<(Oddity, &'static [&'static str])> {
    let id = match map.get("id")? {
        Value::String(gid) => gid.strip_prefix("gid://gitlab/User/")?.parse().ok()?,
        number if map.contains_key("username") => number.as_u64()?,
        _ => return None,
    };
    let account = population.account(population.place_of(id)?);
    Some((oddity(population.place_of(id)?, account.archetype.kind)?, account.nulls))
}

/// `public_email` as GraphQL writes it.
fn camel(key: &str) -> String {
    let mut parts = key.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let (head, tail) = part.split_at_checked(1).unwrap_or((part, ""));
        format!("{whole}{}{tail}", head.to_uppercase())
    })
}

/// Write a moment otherwise, if the value is one.
fn notation(value: &mut Value, odd: Oddity) {
    let Some(at) = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()) else { return };
    let shifted =
        |hours, minutes| UtcOffset::from_hms(hours, minutes, 0).map(|offset| Instant(at.to_offset(offset)).to_string());
    let text = match odd {
        Oddity::LeapSecond if at == LEAP => Ok("2016-12-31T23:59:60.000Z".to_owned()),
        Oddity::East => shifted(2, 0),
        Oddity::West => shifted(-11, -30),
        // Of moments that have none anyway, so that nothing is lost.
        Oddity::NoFraction => Ok(Instant(at.to_offset(UtcOffset::UTC)).to_string().replace(".000Z", "Z")),
        Oddity::LongFraction => Ok(Instant(at.to_offset(UtcOffset::UTC)).to_string().replace('Z', "000000Z")),
        _ => return,
    };
    if let Ok(text) = text {
        *value = Value::String(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_in_both_spellings() {
        assert_eq!([camel("name"), camel("public_email")], ["name", "publicEmail"]);
    }

    #[test]
    fn a_moment_stays_the_same_in_every_notation() {
        let written = |odd| {
            let mut value = json!("2026-02-03T06:41:10.120Z");
            notation(&mut value, odd);
            value.as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(written(Oddity::East), "2026-02-03T08:41:10.120+02:00");
        assert_eq!(written(Oddity::West), "2026-02-02T19:11:10.120-11:30");
        assert_eq!(written(Oddity::NoFraction), "2026-02-03T06:41:10.120Z");
        assert_eq!(written(Oddity::LongFraction), "2026-02-03T06:41:10.120000000Z");
        assert_eq!(written(Oddity::LeapSecond), "2026-02-03T06:41:10.120Z");
    }
}
