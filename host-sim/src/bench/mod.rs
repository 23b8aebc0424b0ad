//! Measurements that assert: each ends with a verdict, not only with figures.
//!
//! What a measurement finds is a [`sheet::Sheet`], whichever it is: figures with their bounds, as table, JSON and plot.

mod figures;
mod honest;
mod hostile;
pub mod isolation;
mod memory;
pub mod plot;
mod servers;
pub mod sheet;
mod verdict;
