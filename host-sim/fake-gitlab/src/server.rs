//! The listener: HTTP/1.1 with keep-alive on one address, until it is told to stop.
//!
//! What it plays can be changed while it listens. A request is answered to its end by what was played when it arrived; journal
//! and count of connections go on. No request can stop it: what the protocol refuses ends its own connection and nothing else. Stopping breaks off all
//! connections, requests in flight among them.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Request;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::Answer;
use crate::instance::Instance;
use crate::journal::{Journal, LoggedRequest};
use crate::options::{MOST_USERS, Options};
use crate::script::ScriptError;
use crate::token::Tokens;
use crate::truth::Truth;

/// Connections that may wait to be accepted: a benchmark opens hundreds at once.
const BACKLOG: u32 = 1024;

/// Rest after a failed `accept`. Without it, running out of file descriptors would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Bytes of a request's body. A query has 10,000 characters at most, and its variables are short.
const LONGEST_BODY: usize = 64 * 1024;

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// [`Options::users`] is out of range; the second number is the fewest of the scenario.
    #[error("{0} users: there must be from {1} to {MOST_USERS}")]
    Users(u32, u32),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// [`Options::script`] contradicts itself, or is none for the scenario.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The runtime stopped while the data was made.
    #[error("the runtime stopped while the data was made")]
    Stopped,
}

/// A fault wants the connection closed without an answer. As an error of the service it makes hyper do just that.
#[derive(Debug, thiserror::Error)]
#[error("not answered on purpose")]
struct Unanswered;

/// What connections share.
#[derive(Debug)]
struct Stage {
    /// What is played now.
    instance: RwLock<Arc<Instance>>,
    journal: Journal,
    connections: AtomicU64,
    in_flight: AtomicU64,
    /// Since it was last taken.
    most_in_flight: AtomicU64,
}

/// A request between its arrival and its answer, or the end of its connection.
struct InFlight<'a>(&'a Stage);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stage {
    fn arrived(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        InFlight(self)
    }

    fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.instance.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct FakeGitlab {
    /// What is played, as the stage has it.
    instance: Arc<Instance>,
    stage: Arc<Stage>,
    address: SocketAddr,
    /// Dropped with the handle, which tells the listener to stop.
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
}

/// Start a stand-in on the current tokio runtime. Returns when it listens.
///
/// # Errors
/// [`StartError::Users`] for a number of accounts out of range, [`StartError::Listen`] for an address that cannot be
/// had, [`StartError::Script`] for a script that cannot be played.
pub async fn start(options: Options) -> Result<FakeGitlab, StartError> {
    check(&options)?;
    let failed = |source| StartError::Listen { address: options.address, source };
    let listener = listen(options.address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let instance = made(options, address).await?;
    let stage = Arc::new(Stage {
        instance: RwLock::new(Arc::clone(&instance)),
        journal: Journal::default(),
        connections: AtomicU64::new(0),
        in_flight: AtomicU64::new(0),
        most_in_flight: AtomicU64::new(0),
    });
    let (stop, stopped) = oneshot::channel();
    let listener = tokio::spawn(accept(listener, Arc::clone(&stage), stopped));
    Ok(FakeGitlab { instance, stage, address, stop, listener })
}

fn check(options: &Options) -> Result<(), StartError> {
    let fewest = options.scenario.fewest_users();
    match (fewest..=MOST_USERS).contains(&options.users) {
        true => Ok(()),
        false => Err(StartError::Users(options.users, fewest)),
    }
}

/// A million accounts take a moment, which must not hold up others on this runtime.
async fn made(options: Options, address: SocketAddr) -> Result<Arc<Instance>, StartError> {
    let instance = tokio::task::spawn_blocking(move || Instance::new(options, address));
    Ok(Arc::new(instance.await.map_err(|_| StartError::Stopped)??))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A stand-in that was just stopped leaves its port in TIME_WAIT; the next one may have it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, stage: Arc<Stage>, mut stopped: oneshot::Receiver<()>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            // Told to stop, or the handle is gone; both end here.
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = stage.connections.fetch_add(1, Ordering::Relaxed) + 1;
                    open.spawn(serve(stream, number, Arc::clone(&stage)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            // Finished connections are let go at once: a long run makes many.
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    open.shutdown().await;
}

async fn serve(stream: TcpStream, connection: u64, stage: Arc<Stage>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(connection, %error, "small answers may be late");
    }
    let service = service_fn(move |request| {
        let stage = Arc::clone(&stage);
        async move { answer(&stage, connection, request).await.ok_or(Unanswered) }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(connection, %error, "a connection ended");
    }
}

async fn answer(stage: &Stage, connection: u64, request: Request<Incoming>) -> Option<Answer> {
    let _in_flight = stage.arrived();
    let (request, body) = request.into_parts();
    let body = whole(body).await;
    let instance = stage.instance();
    let number = stage.journal.arrived(connection, &request, body.as_deref().unwrap_or_default());
    let answer = match body {
        Some(body) => instance.answer(number, &request, &body).await?,
        None => crate::answer::empty(http::StatusCode::PAYLOAD_TOO_LARGE),
    };
    stage.journal.answered(number, answer.status().as_u16());
    Some(answer)
}

/// A body to its end; `None` for one that is too long. One that breaks off is as long as it came.
async fn whole(mut body: Incoming) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > LONGEST_BODY {
                return None;
            }
            whole.extend_from_slice(&data);
        }
    }
    Some(whole)
}

impl FakeGitlab {
    /// Where a client reaches it: scheme, address and relative root, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.instance.base_url.clone()
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tokens that it knows; they are constants of the type.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &Tokens
    }

    /// Play another instance from the next request on: another day, other people, other faults. The address stays, whatever
    /// the options say of it; requests that have arrived are still answered by what was played then. Faults and windows of
    /// the rate limit begin anew. Takes the handle for itself, so that no truth of before is taken for one of now.
    ///
    /// # Errors
    /// [`StartError::Users`] and [`StartError::Script`], as [`start`]; then everything stays as it was.
    pub async fn play(&mut self, options: Options) -> Result<(), StartError> {
        check(&options)?;
        let instance = made(options, self.address).await?;
        *self.stage.instance.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&instance);
        self.instance = instance;
        Ok(())
    }

    /// What is true on it now. The first call computes it, which takes about a microsecond for each account.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        self.instance.truth()
    }

    /// The latest 65,536 requests, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.stage.journal.kept()
    }

    /// How many requests arrived.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.stage.journal.seen()
    }

    /// How many of the latest 65,536 were answered with this status.
    #[must_use]
    pub fn answered_with(&self, status: u16) -> u64 {
        self.stage.journal.answered_with(status)
    }

    /// How many accounts an administrator's walk yields now: [`Truth::counts`] without the rest of the truth, which of a million
    /// accounts takes more memory than all else.
    #[must_use]
    pub fn walked_accounts(&self) -> u64 {
        let people = &self.instance.population;
        u64::try_from((0..people.len()).filter(|place| people.walked(*place)).count()).unwrap_or(u64::MAX)
    }

    /// How many of them use a seat of the license; 0 where the edition does not say.
    #[must_use]
    pub fn seats_in_use(&self) -> u64 {
        self.instance.population.seats()
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.stage.connections.load(Ordering::Relaxed)
    }

    /// Most requests that were being answered at once since this was last asked, or since the start. A request counts from its
    /// arrival until its answer begins, the latency included.
    #[must_use]
    pub fn take_most_in_flight(&self) -> u64 {
        let now = self.stage.in_flight.load(Ordering::Relaxed);
        self.stage.most_in_flight.swap(now, Ordering::Relaxed)
    }

    /// Serialise every row that is kept (about 260,000) before it is asked for, so that a benchmark does not measure it.
    pub async fn warm_up(&self) {
        let instance = Arc::clone(&self.instance);
        let made = tokio::task::spawn_blocking(move || instance.rows.make(&instance.population, usize::MAX));
        if made.await.is_err() {
            tracing::debug!("rows are made when asked for");
        }
    }

    /// Stop: nothing listens and no connection is open when this returns.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.listener.await {
            tracing::warn!(%error, "the listener had failed");
        }
    }
}
