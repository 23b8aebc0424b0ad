//! A store of any size, and how long Allocation and the reports take on it.
//!
//! [`fill`] writes what many daily runs of large sources would have left, by statements over whole tables, which takes a
//! fraction of the time that the runs would. Everything about a person follows from the person's number, so that two stores
//! of one size are the same. [`measure`] asks for what people ask for, and holds each time against its bound.

mod fill;
mod measure;
#[cfg(test)]
mod tests;

pub use fill::{Filled, fill};
pub use measure::{Figure, measure};
