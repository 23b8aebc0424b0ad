//! From GitLab's answers to records: what was bought becomes a pool, a row about a person a user and an assignment.
//!
//! Guarantees: the verdict on a seat is GitLab's own (`using_license_seat`, the list `billable_members`,
//! `is_using_seat`), never recomputed; a reason is given only where the row itself shows it; entitled, allocated and
//! counted seats stay three numbers; figures that are missing stay missing.
//!
//! Refuses a row of `/users` without `is_admin` or `using_license_seat`: GitLab sends such rows, with status 200, to
//! anyone who is not an effective administrator, and read as data they would say that nobody holds a seat.

mod people;
mod pool;
mod verdict;

pub use people::user;
pub use pool::{
    AddOnPlace, DUO_CORE, add_on_pool, edition, group_pool, is_expired, is_free, is_of_an_instance, license_pool,
    seat_assignable,
};
pub use verdict::{
    Downgraded, SeatRules, billable, group_member, has_full_rows, holder, instance_assignment, member_only,
};

/// The scope of a self-managed license: it covers the instance.
pub const INSTANCE: &str = "instance";

#[cfg(test)]
mod tests;
