//! From a name to its addresses.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;

/// The addresses of a name, once they are known.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up. What it answers is not trusted: every address is checked before it is connected to.
///
/// Asked once for each connection, and nobody else is asked: what was checked is what is connected to. A look-up that is given
/// up goes on to its end, and is one of the tenant's `lookups` until then.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `name`. None, or an error, means that there is no such name.
    fn lookup(&self, name: &str) -> Lookup;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn lookup(&self, name: &str) -> Lookup {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
