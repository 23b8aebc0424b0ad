//! Measurements that assert: each ends with a verdict, not only with figures.

mod figures;
mod honest;
mod hostile;
pub mod isolation;
mod memory;
mod servers;
mod verdict;
