//! GitLab's REST and GraphQL APIs as far as this plugin reads them: endpoints, answers, refusals.
//!
//! Guarantees: requests go to the configured base and nowhere else; the token travels in one header and never in an
//! address. Answers are read leniently: unknown keys are passed over, an absent key is *unknown*, never zero.
//!
//! Refuses to take a web page for data, and an address out of an answer for a place to ask.

pub mod client;
pub mod connection;
pub mod endpoint;
pub mod entities;
pub mod graphql;
pub(crate) mod json;
pub mod pace;
pub mod patience;
pub mod queries;
pub mod refusal;
mod refusal_words;
pub mod scalars;
pub mod versions;
