//! The memory of a license broker: which sources there are, what each said and when, and what follows from it.
//!
//! Knows nothing of plugins, of the network and of any vendor: it takes [`record`]s, however they were read, and the time,
//! whatever clock it comes from. Everything is synchronous, since SQLite is.
//!
//! Data flows one way: [`record`]s → [`store`] (staged, then a snapshot) → [`allocation`] and [`reports`].

pub mod alerts;
pub mod allocation;
pub mod bench_store;
pub mod calendar;
pub mod export;
mod headroom;
pub mod journey;
pub mod privacy;
pub mod record;
pub mod reports;
#[cfg(test)]
mod samples;
pub mod schedule;
pub mod store;
pub mod table;
pub mod view;
