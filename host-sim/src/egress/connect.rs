//! Making connections: to checked addresses, within one deadline, counted.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::policy::network::NetworkPolicy;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why no connection was made, where the libraries below have no word of their own for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The name has no address.
    #[error("no address was found for the name {name}")]
    NameNotFound { name: String },
    /// Every address of the name is refused by policy.
    #[error("{name} is at {address}, which the network policy does not allow")]
    AddressProhibited { name: String, address: std::net::IpAddr },
    /// Look-up, TCP and TLS took too long together.
    #[error("no connection within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Resolves a name once and passes on only the addresses that the policy allows; the connector uses exactly these.
#[derive(Debug, Clone)]
pub(super) struct CheckedResolver {
    pub(super) policy: NetworkPolicy,
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let policy = self.policy;
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
            let Some(first) = addresses.first().copied() else {
                return Err(ConnectError::NameNotFound { name }.into());
            };
            let allowed: Vec<SocketAddr> =
                addresses.into_iter().filter(|address| policy.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(ConnectError::AddressProhibited { name, address: first.ip() }.into());
            }
            Ok(allowed.into_iter())
        })
    }
}

/// Adds to a connector what it lacks: a deadline over all of its steps, TLS included, and a count.
#[derive(Debug, Clone)]
pub(super) struct TimedConnector<C> {
    pub(super) inner: C,
    pub(super) timeout: Duration,
    pub(super) opened: Arc<AtomicU64>,
}

impl<C> Service<Uri> for TimedConnector<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let (timeout, opened) = (self.timeout, Arc::clone(&self.opened));
        Box::pin(async move {
            let connection = tokio::time::timeout(timeout, connecting)
                .await
                .map_err(|_| ConnectError::Timeout(timeout))?
                .map_err(Into::into)?;
            opened.fetch_add(1, Ordering::Relaxed);
            Ok(connection)
        })
    }
}
