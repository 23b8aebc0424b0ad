//! Making connections: to checked addresses, within one deadline, counted.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tower_service::Service;

use super::resolve::Resolve;
use super::small_reads::SmallReads;
use crate::policy::network::{AddressKind, NetworkPolicy};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why no connection was made, where the libraries below have no word of their own for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The name has no address.
    #[error("no address was found for the name {name}")]
    NameNotFound { name: String },
    /// Every address of the name is refused by policy.
    #[error("{name} is at {address}, which the network policy does not allow")]
    AddressProhibited { name: String, address: IpAddr },
    /// Look-up, TCP and TLS took too long together.
    #[error("no connection within {} s", .0.as_secs())]
    Timeout(Duration),
}

/// Which addresses a connection may go to.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    policy: NetworkPolicy,
    /// Without TLS nobody proves who they are, so the address has to: this machine and no other.
    loopback_only: bool,
}

impl Allowed {
    fn allows(self, address: IpAddr) -> bool {
        self.policy.allows(address) && (!self.loopback_only || AddressKind::of(address) == AddressKind::Loopback)
    }
}

/// Resolves a name once and passes on only the addresses that the policy allows; the connector uses exactly these.
///
/// A name is not refused for one bad address among its several: companies have names with a public and a link-local
/// address, and what is not allowed is not connected to in either case. It is refused when none is left.
#[derive(Debug, Clone)]
struct CheckedResolver {
    allowed: Allowed,
    resolver: Arc<dyn Resolve>,
    /// Room for the tenant's look-ups. The system's resolver takes a thread for each, for as long as it pleases a name server.
    room: Arc<Semaphore>,
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (allowed, name) = (self.allowed, name.as_str().to_owned());
        let (resolver, room) = (Arc::clone(&self.resolver), Arc::clone(&self.room));
        Box::pin(async move {
            let room = room.acquire_owned().await?;
            let found = resolver.lookup(&name);
            // By itself, since a look-up goes on when the request that asked for it is given up, and takes room until it ends.
            let found = tokio::spawn(async move {
                let found = found.await;
                drop(room);
                found
            });
            let addresses = found.await?.unwrap_or_default();
            let Some(first) = addresses.first().copied() else {
                return Err(ConnectError::NameNotFound { name }.into());
            };
            let addresses: Vec<SocketAddr> = addresses
                .into_iter()
                .filter(|address| allowed.allows(*address))
                // The port is the connector's to fill in.
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if addresses.is_empty() {
                return Err(ConnectError::AddressProhibited { name, address: first }.into());
            }
            Ok(addresses.into_iter())
        })
    }
}

/// How many connections to one server there may be, idle ones included: as many as requests in flight.
///
/// The client below opens a connection when it finds none that is free, and one whose answer was read to its end just now is on its way
/// back for a moment. Without a bound that is one connection more each time; with it, whoever finds none waits for that one.
#[derive(Debug)]
struct Rooms {
    of_each: usize,
    servers: Mutex<HashMap<(bool, String), Arc<Semaphore>>>,
}

impl Rooms {
    /// The places of the server of this URI. As many servers as the tenant's sources may name are kept.
    fn of(&self, uri: &Uri) -> Arc<Semaphore> {
        let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default();
        let server = (uri.scheme() == Some(&Scheme::HTTPS), authority);
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(servers.entry(server).or_insert_with(|| Arc::new(Semaphore::new(self.of_each))))
    }
}

/// TCP to addresses that were checked, which for a host that is an address happens here too: the connector underneath
/// asks no resolver for those.
#[derive(Debug, Clone)]
pub(super) struct CheckedTcp {
    policy: NetworkPolicy,
    plain: HttpConnector<CheckedResolver>,
    encrypted: HttpConnector<CheckedResolver>,
    rooms: Arc<Rooms>,
}

impl CheckedTcp {
    /// With room for so many look-ups at once, and so many connections to each server.
    pub(super) fn new(
        policy: NetworkPolicy,
        resolver: &Arc<dyn Resolve>,
        lookups: usize,
        connections: usize,
        timeout: Duration,
    ) -> Self {
        let room = Arc::new(Semaphore::new(lookups.clamp(1, Semaphore::MAX_PERMITS)));
        let connector = |loopback_only| {
            let allowed = Allowed { policy, loopback_only };
            let (resolver, room) = (Arc::clone(resolver), Arc::clone(&room));
            let mut tcp = HttpConnector::new_with_resolver(CheckedResolver { allowed, resolver, room });
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(timeout));
            tcp
        };
        let rooms = Rooms { of_each: connections.clamp(1, Semaphore::MAX_PERMITS), servers: Mutex::default() };
        Self { policy, plain: connector(true), encrypted: connector(false), rooms: Arc::new(rooms) }
    }
}

impl Service<Uri> for CheckedTcp {
    type Response = TokioIo<SmallReads>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let ready = self.plain.poll_ready(context).map_err(BoxError::from);
        std::task::ready!(ready)?;
        self.encrypted.poll_ready(context).map_err(BoxError::from)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let loopback_only = uri.scheme() != Some(&Scheme::HTTPS);
        let allowed = Allowed { policy: self.policy, loopback_only };
        let name = uri.host().unwrap_or_default().to_owned();
        let literal = name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if let Some(address) = literal.filter(|address| !allowed.allows(*address)) {
            return Box::pin(std::future::ready(Err(ConnectError::AddressProhibited { name, address }.into())));
        }
        let room = self.rooms.of(&uri);
        let connecting = if loopback_only { self.plain.call(uri) } else { self.encrypted.call(uri) };
        Box::pin(async move {
            let room = room.acquire_owned().await?;
            let connection = connecting.await?.into_inner();
            // The last word, whatever happened before: who is at the other end. Nothing was sent yet.
            let address = connection.peer_addr()?.ip();
            if allowed.allows(address) {
                Ok(TokioIo::new(SmallReads::of(connection, room)))
            } else {
                Err(ConnectError::AddressProhibited { name, address }.into())
            }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::sync::{Semaphore, watch};
    use tower_service::Service as _;

    use super::{Allowed, CheckedResolver, CheckedTcp, ConnectError};
    use crate::egress::resolve::{Lookup, Resolve, SystemResolver};
    use crate::policy::network::NetworkPolicy;

    /// One answer after the other.
    #[derive(Debug)]
    struct Script(Mutex<VecDeque<&'static str>>);

    impl Resolve for Script {
        fn lookup(&self, _: &str) -> Lookup {
            let answer = self.0.lock().unwrap().pop_front().unwrap_or_default();
            let addresses = answer.split_whitespace().map(|address| address.parse().unwrap()).collect();
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }

    /// A name that is public when it is first looked up, and this machine when it is looked up again.
    #[tokio::test]
    async fn every_answer_is_checked_and_only_what_is_allowed_is_passed_on() {
        for (loopback_only, loopback, answers) in [
            (false, false, [("1.1.1.1", "1.1.1.1"), ("127.0.0.1", "refused 127.0.0.1")]),
            (false, false, [("10.0.0.1 1.1.1.1 ::1 8.8.8.8", "1.1.1.1 8.8.8.8"), ("::1 10.0.0.1", "refused ::1")]),
            (false, true, [("127.0.0.1 1.1.1.1", "127.0.0.1 1.1.1.1"), ("169.254.169.254", "refused 169.254.169.254")]),
            (true, true, [("127.0.0.1 1.1.1.1", "127.0.0.1"), ("1.1.1.1", "refused 1.1.1.1")]),
            (true, false, [("127.0.0.1", "refused 127.0.0.1"), ("", "none")]),
        ] {
            let script = Script(Mutex::new(answers.iter().map(|(answer, _)| *answer).collect()));
            let allowed = Allowed { policy: NetworkPolicy { loopback, private: false }, loopback_only };
            let room = Arc::new(Semaphore::new(1));
            let mut resolver = CheckedResolver { allowed, resolver: Arc::new(script), room };
            for (answer, expected) in answers {
                let found = match resolver.call("gitlab.example.com".parse().unwrap()).await {
                    Ok(found) => found.map(|address| address.ip().to_string()).collect::<Vec<_>>().join(" "),
                    Err(error) => match error.downcast_ref().unwrap() {
                        ConnectError::AddressProhibited { address, .. } => format!("refused {address}"),
                        ConnectError::NameNotFound { .. } => "none".to_owned(),
                        other => other.to_string(),
                    },
                };
                assert_eq!(found, expected, "{answer}");
            }
        }
    }

    /// Answers when it is told to, and knows how many ask.
    #[derive(Debug)]
    struct Slow {
        asked: watch::Sender<usize>,
        answers: Arc<Semaphore>,
    }

    impl Resolve for Slow {
        fn lookup(&self, _: &str) -> Lookup {
            self.asked.send_modify(|asked| *asked += 1);
            let answers = Arc::clone(&self.answers);
            Box::pin(async move {
                answers.acquire().await.unwrap().forget();
                Ok(vec![])
            })
        }
    }

    /// Requests that were given up left their look-ups behind, any number of them: each has a thread of the process.
    #[tokio::test(start_paused = true)]
    async fn lookups_are_limited_and_count_until_they_have_ended() {
        let slow = Arc::new(Slow { asked: watch::Sender::new(0), answers: Arc::new(Semaphore::new(0)) });
        let (mut asked, answers) = (slow.asked.subscribe(), Arc::clone(&slow.answers));
        let resolver: Arc<dyn Resolve> = slow;
        // Both ways of the client, with and without TLS, have room together.
        let tcp = CheckedTcp::new(NetworkPolicy::default(), &resolver, 3, 20, Duration::from_secs(5));
        let connect = async |number: usize| {
            let scheme = if number.is_multiple_of(2) { "http" } else { "https" };
            let connecting = tcp.clone().call(format!("{scheme}://gitlab.example.com/").parse().unwrap());
            tokio::time::timeout(Duration::from_secs(10), connecting).await.is_err()
        };
        for number in 0..10 {
            assert!(connect(number).await, "given up");
            assert_eq!(*asked.borrow(), (number + 1).min(3));
        }
        answers.add_permits(1);
        assert!(connect(10).await);
        assert_eq!(*asked.borrow_and_update(), 4, "one has ended, so there is room for one");
        answers.add_permits(10);
        assert!(!connect(11).await, "answered");
        assert_eq!(*asked.borrow(), 5);
    }

    /// Whoever finds no connection waits where there are as many as may be, and gets a place when one is closed.
    #[tokio::test]
    async fn connections_to_a_server_are_bounded() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let policy = NetworkPolicy { loopback: true, private: false };
        let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
        let mut tcp = CheckedTcp::new(policy, &resolver, 1, 2, Duration::from_secs(5));
        let mut connect = |listener: &tokio::net::TcpListener, host: &str| {
            let port = listener.local_addr().unwrap().port();
            tcp.call(format!("http://{host}:{port}/").parse().unwrap())
        };
        let (first, _second) = (connect(&listener, "LOCALHOST").await, connect(&listener, "localhost").await.unwrap());
        let mut third = connect(&listener, "localhost");
        // Another server has places of its own; by the time that it is connected, a third to the first one would have been, too.
        let another = connect(&other, "localhost");
        tokio::select! {
            biased;
            _ = &mut third => panic!("a third connection"),
            connected = another => drop(connected.unwrap()),
        }
        drop(first);
        third.await.unwrap();
    }

    /// No resolver is asked for a host that is an address, so it has to be checked without one.
    #[tokio::test]
    async fn an_address_in_place_of_a_name_is_checked_too() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = async |policy, host: &str| {
            let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
            let mut tcp = CheckedTcp::new(policy, &resolver, 1, 1, Duration::from_secs(5));
            let outcome = tcp.call(format!("http://{host}:{port}/").parse().unwrap()).await;
            outcome.err().map(|error| error.to_string())
        };
        let (none, loopback) = (NetworkPolicy::default(), NetworkPolicy { loopback: true, private: false });
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "127.0.0.2"] {
            let words = connect(none, host).await.unwrap();
            assert!(words.ends_with("which the network policy does not allow"), "{host}: {words}");
        }
        assert_eq!(connect(loopback, "127.0.0.1").await, None);
        // Allowed, but not without TLS.
        let private = NetworkPolicy { loopback: true, private: true };
        assert!(connect(private, "10.0.0.1").await.unwrap().ends_with("which the network policy does not allow"));
    }
}
