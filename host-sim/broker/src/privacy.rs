//! How much of a person is kept, for how long, and until when.
//!
//! | part | does |
//! | --- | --- |
//! | [`identity`] | changes how much of a person a tenant keeps |
//! | [`retention`] | drops history that is older than a tenant wants |
//! | [`erase`] | erases one person on request |
//! | `texts` | withholds a name that stands in texts for people |
//!
//! Guarantees: what is dropped is not in the file any more when the call returns, nor in its log of changes; where that cannot
//! be, [`StoreError::Unscoured`](crate::store::StoreError::Unscoured) says so. What was dropped does not come back with the next
//! run, and no row becomes two. Each change is noted in the log of who did what, which names nobody.

pub mod erase;
pub mod identity;
pub mod retention;
mod texts;

#[cfg(test)]
mod tests;
