//! What a plugin may do, as plain data and pure functions.
//!
//! Nothing here knows of WebAssembly or of sockets: the engine and the egress ask, these modules answer. An empty
//! policy allows nothing.

pub mod body;
pub mod fields;
pub mod grant;
pub mod imports;
pub mod limit_file;
pub mod limits;
pub mod network;
pub mod origin;
pub mod path;
pub mod request;
pub mod sign_in;
