//! Measurements that assert: each ends with a verdict, not only with figures.
//!
//! What a measurement finds is a [`sheet::Sheet`], whichever it is: figures with their bounds, as table, JSON and plot.

pub mod collect;
mod figures;
pub mod flat;
pub(crate) mod honest;
mod hostile;
pub mod instantiate;
pub mod isolation;
mod memory;
mod numbers;
pub mod page;
pub mod plot;
mod process;
pub mod reading;
mod servers;
pub mod sheet;
pub mod standins;
pub mod tenants;
mod verdict;
