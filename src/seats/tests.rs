//! Rows, licenses and subscriptions as GitLab sends them, and what is made of each.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed parse is a failed test")]

use super::*;
use crate::clock::{Clock as _, FixedClock};
use crate::gitlab::entities::PersonRow;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

mod people;
mod pools;
mod verdicts;

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

/// What a JSON text is read as.
fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// `base` with keys replaced or added.
fn with(base: &Value, changes: &Value) -> String {
    let mut value = base.clone();
    for (key, new) in changes.as_object().unwrap() {
        value.as_object_mut().unwrap().insert(key.clone(), new.clone());
    }
    value.to_string()
}

/// A row of `/users` for an administrator: an active human without a seat, unless `changes` say otherwise.
fn row(changes: &Value) -> PersonRow {
    let base =
        json!({"id":501,"username":"mira","is_admin":false,"using_license_seat":false,"bot":false,"state":"active"});
    read(&with(&base, changes))
}

/// A row of a group's list, which says nothing of administrators, of bots and of the license.
fn member(changes: &Value) -> PersonRow {
    let base = json!({"id":501,"username":"mira","name":"Mira K.","state":"active","public_email":null});
    read(&with(&base, changes))
}
