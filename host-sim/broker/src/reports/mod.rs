//! What follows from the snapshots of a tenant's approved sources.
//!
//! | report | says |
//! | --- | --- |
//! | [`activity`] | *User activity trends*: who was seen to have been active, on how many days, and how seats filled up |
//! | [`unused`] | *Expired or unused licenses*: seats that could be had back, and why |
//! | [`ledger`] | seats taken and left, with the balance before and after |
//! | [`sizing`] | what was bought, what is needed, what it costs, and what the term's end may cost |
//!
//! `today` is always given: nothing here looks at a clock. What is not known stays unknown: it is neither nought nor all.

pub mod activity;
mod judge;
pub mod ledger;
pub mod sizing;
pub mod unused;

#[cfg(test)]
mod tests;

/// Whole per cent, rounded down; none where one is not known or the whole is nothing.
fn percent(part: Option<i64>, whole: Option<i64>) -> Option<i64> {
    part?.checked_mul(100)?.checked_div(whole?)
}
