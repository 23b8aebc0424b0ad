//! Answers to requests that were never sent, on connections that are kept for the next request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake_gitlab::{Options, Tokens};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::host::{Tenant, end};
use crate::support::wire::{field, head, request};
use crate::support::{Cli, StandIn};

/// A second answer with one account, which a client would take for a page if it took it for the answer to its next request.
const UNASKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n\
    [{\"id\":6660666,\"username\":\"nobody-asked\"}]";

/// A front before a stand-in that sends what nobody asked for.
struct Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Connections that the client closed when they were at rest and more came.
    given_up: watch::Receiver<usize>,
}

impl Front {
    /// Sends it right behind each answer, or on every connection once `at_rest` says so.
    fn start(stand_in: &StandIn, at_rest: Option<watch::Receiver<bool>>) -> Self {
        let behind = stand_in.gitlab.address();
        let listener = stand_in.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, (closed, given_up)) = (Arc::clone(&connections), watch::channel(0));
        let closed = Arc::new(closed);
        stand_in.runtime.spawn(async move {
            while let Ok((front, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(front, behind, at_rest.clone(), Arc::clone(&closed)));
            }
        });
        Self { address, connections, given_up }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    mut front: TcpStream,
    behind: SocketAddr,
    mut at_rest: Option<watch::Receiver<bool>>,
    closed: Arc<watch::Sender<usize>>,
) -> Option<()> {
    loop {
        let next = async {
            match &mut at_rest {
                Some(at_rest) => tokio::select! {
                    request = request(&mut front) => Some(request),
                    _ = at_rest.wait_for(|at_rest| *at_rest) => None,
                },
                None => Some(request(&mut front).await),
            }
        };
        let Some(request) = next.await else {
            front.write_all(UNASKED).await.ok()?;
            while front.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
            closed.send_modify(|count| *count += 1);
            return None;
        };
        let request = request?;
        let mut back = TcpStream::connect(behind).await.ok()?;
        back.write_all(request.as_bytes()).await.ok()?;
        let answer = head(&mut back).await?;
        let mut body = vec![0; field(&answer, "content-length")?.parse().ok()?];
        back.read_exact(&mut body).await.ok()?;
        let unasked = if at_rest.is_some() { &[] } else { UNASKED };
        front.write_all(&[answer.as_bytes(), &body, unasked].concat()).await.ok()?;
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_nobodys_answer() {
    let stand_in = StandIn::start(Options { users: 450, ..Options::default() });
    let front = Front::start(&stand_in, None);
    let ran = Cli::source("collect", &front.url(), Tokens::ADMINISTRATOR).run();
    ran.assert_code(0);
    assert_eq!(ran.records().last().unwrap()["counts"]["user"], 450);
    assert!(!ran.stdout.contains("nobody-asked"));
    // A connection on which more came than was asked for is not used again.
    assert_eq!(u64::try_from(front.connections()).unwrap(), stand_in.gitlab.request_count());
}

#[test]
fn a_connection_on_which_something_comes_at_rest_is_given_up() {
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let (now, at_rest) = watch::channel(false);
    let mut front = Front::start(&stand_in, Some(at_rest));
    let tenant = Tenant::new();
    crate::support::runtime().block_on(async {
        let call = tenant.page(&front.url()).await;
        assert!(matches!(call.result, Ok(Ok(_))), "{}", end(&call));
        let kept = front.connections();
        assert!(kept > 0);
        now.send(true).unwrap();
        // Long before an idle connection would be closed for its age.
        let given_up = front.given_up.wait_for(|closed| *closed == kept);
        tokio::time::timeout(Duration::from_secs(10), given_up).await.expect("given up").unwrap();
        now.send(false).unwrap();
        let call = tenant.page(&front.url()).await;
        assert!(matches!(call.result, Ok(Ok(_))), "{}", end(&call));
        assert!(front.connections() > kept, "on new connections");
    });
}
