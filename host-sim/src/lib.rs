//! Host simulator of a license broker.
//!
//! Loads a plugin that implements the contract of `wit/` and runs it as a broker would: sandboxed, with the customer's
//! credential kept outside. The library is what the command line and the tests are made of; it knows nothing of GitLab.
//!
//! Data flows one way: bytes → [`admission`] → [`engine`] → [`collection`] → [`records`] → [`allocation`]. What a
//! plugin may do is decided in [`policy`] and enforced by [`engine`] and [`egress`]; what one tenant may take from the
//! others, by [`tenant`].

pub mod admission;
pub mod allocation;
pub mod bench;
pub mod bill;
pub mod checkpoint;
pub mod cli;
pub mod code_cache;
pub mod collection;
pub mod contract;
pub mod egress;
pub mod engine;
pub mod journey;
pub mod plugin_build;
pub mod policy;
pub mod records;
#[cfg(test)]
mod samples;
pub mod tenant;
mod whole_file;
