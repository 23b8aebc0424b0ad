//! The HTTP client of one tenant.
//!
//! Pool, TLS sessions and in-flight ceiling are the tenant's own, so that no connection-bound state of a server crosses
//! from one tenant to another. HTTP/1.1 only: the head of a response is then bounded by two numbers, and requests in
//! flight are connections, of which each server has as many at most, idle ones included.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::rt::Executor;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioTimer;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::WasiBody;

use super::connect::{CheckedTcp, TimedConnector};
use super::resolve::{Resolve, SystemResolver};
use super::tape::Tape;
use super::tls::{self, TlsError};
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::tenant::pace::{Pace, Paced};

type Pooled = legacy::Client<TimedConnector<HttpsConnector<CheckedTcp>>, WasiBody>;

/// One tenant's way to the network. Cheap to share, never shared between tenants.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: Pooled,
    pub(super) network: NetworkPolicy,
    pub(super) in_flight: Arc<Semaphore>,
    /// Where answers are kept, or come from.
    pub(super) tape: Option<Tape>,
    opened: Arc<AtomicU64>,
    pub(super) pace: Option<Arc<Pace>>,
}

/// Runs what a connection needs to go on.
#[derive(Debug, Clone)]
struct PacedExecutor(Option<Arc<Pace>>);

impl<F> Executor<F> for PacedExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, connection: F) {
        tokio::spawn(Paced::new(connection, self.0.clone()));
    }
}

impl Client {
    /// Builds the client of a tenant.
    ///
    /// # Errors
    /// [`TlsError`] when the CA file cannot be used.
    pub fn new(limits: &Limits, network: NetworkPolicy, ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
        Self::resolving(limits, network, ca_file, &resolver)
    }

    /// The same, with names looked up by `resolver`.
    ///
    /// # Errors
    /// [`TlsError`] when the CA file cannot be used.
    pub fn resolving(
        limits: &Limits,
        network: NetworkPolicy,
        ca_file: Option<&Path>,
        resolver: &Arc<dyn Resolve>,
    ) -> Result<Self, TlsError> {
        Self::build(limits, network, ca_file, resolver, None)
    }

    /// The same, whose connections are served at the tenant's pace.
    pub(crate) fn paced(
        limits: &Limits,
        network: NetworkPolicy,
        ca_file: Option<&Path>,
        resolver: &Arc<dyn Resolve>,
        pace: Arc<Pace>,
    ) -> Result<Self, TlsError> {
        Self::build(limits, network, ca_file, resolver, Some(pace))
    }

    fn build(
        limits: &Limits,
        network: NetworkPolicy,
        ca_file: Option<&Path>,
        resolver: &Arc<dyn Resolve>,
        pace: Option<Arc<Pace>>,
    ) -> Result<Self, TlsError> {
        let tcp = CheckedTcp::new(network, resolver, limits.lookups, limits.in_flight, limits.connect);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(ca_file)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let opened = Arc::new(AtomicU64::new(0));
        let connector = TimedConnector { inner: https, timeout: limits.connect, opened: Arc::clone(&opened) };
        let http = legacy::Client::builder(PacedExecutor(pace.clone()))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(limits.in_flight)
            // The library's own bound, which is not exact; the exact one is checked on the head that came.
            .http1_max_buf_size(limits.response_head_bytes.saturating_mul(2).max(8192))
            .http1_max_headers(limits.response_headers)
            .build(connector);
        let in_flight = Arc::new(Semaphore::new(limits.in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { http, network, in_flight, tape: None, opened, pace })
    }

    /// The same client with its answers recorded, or taken from a recording.
    #[must_use]
    pub fn with_tape(self, tape: Tape) -> Self {
        Self { network: tape.policy().unwrap_or(self.network), tape: Some(tape), ..self }
    }

    /// Why answers are no longer recorded, if they were to be.
    pub(crate) fn recording_failure(&self) -> Option<String> {
        match &self.tape {
            Some(Tape::Record(recorder)) => recorder.failure(),
            _ => None,
        }
    }

    /// Connections opened since the client was built.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}
