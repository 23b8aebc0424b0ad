//! The pages of one list, as many at once as the limit over all lists allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Client;
use reqwest::header::HeaderMap;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::Failure;
use crate::records::{Kind, Rows};

/// What to read.
pub struct List {
    /// With its query so far.
    pub url: String,
    /// In `PRIVATE-TOKEN`.
    pub token: String,
    /// What its rows are.
    pub kind: Kind,
    /// The last page that GitLab answers.
    pub deepest: u64,
}

/// A list on its way.
pub struct Pages {
    client: Client,
    list: List,
    flight: Arc<Semaphore>,
    /// Pages between request and file.
    held: Arc<Semaphore>,
    /// The last page, as soon as one tells.
    last: AtomicU64,
}

impl Pages {
    /// `held`: pages that may be in memory at once.
    pub fn new(client: Client, list: List, flight: Arc<Semaphore>, held: usize) -> Arc<Self> {
        Arc::new(Self { client, list, flight, held: Arc::new(Semaphore::new(held)), last: AtomicU64::new(u64::MAX) })
    }

    /// Read all pages; each is sent as lines of records, in no particular order.
    ///
    /// # Errors
    /// The first request, row or send that fails.
    pub async fn read(self: Arc<Self>, send: mpsc::Sender<Vec<u8>>) -> Result<(), Failure> {
        Arc::clone(&self).page(1, send.clone()).await?;
        let mut tasks = JoinSet::new();
        let mut next = 2;
        while next <= self.last.load(Ordering::Relaxed).min(self.list.deepest) {
            let held = Arc::clone(&self.held).acquire_owned().await?;
            // Asked again: while it waited, a page may have said that it was the last.
            if next > self.last.load(Ordering::Relaxed) {
                break;
            }
            let (pages, send) = (Arc::clone(&self), send.clone());
            tasks.spawn(async move {
                let done = pages.page(next, send).await;
                drop(held);
                done
            });
            next += 1;
            while let Some(done) = tasks.try_join_next() {
                done??;
            }
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        match self.last.load(Ordering::Relaxed) <= self.list.deepest {
            true => Ok(()),
            false => Err(format!("GitLab answers no page after {} of this list", self.list.deepest).into()),
        }
    }

    async fn page(self: Arc<Self>, number: u64, send: mpsc::Sender<Vec<u8>>) -> Result<(), Failure> {
        let body = {
            let _flight = self.flight.acquire().await?;
            if number > self.last.load(Ordering::Relaxed) {
                return Ok(());
            }
            let url = format!("{}&per_page=100&page={number}", self.list.url);
            let answer =
                self.client.get(url).header("PRIVATE-TOKEN", &self.list.token).send().await?.error_for_status()?;
            self.last.fetch_min(last(answer.headers(), number), Ordering::Relaxed);
            answer.bytes().await?
        };
        let rows: Rows<'_> = serde_json::from_slice(&body)?;
        send.send(self.list.kind.lines(&rows)?).await?;
        Ok(())
    }
}

/// The last page, as far as the headers of this one tell.
fn last(headers: &HeaderMap, number: u64) -> u64 {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("x-total-pages").and_then(|pages| pages.parse().ok()), text("x-next-page")) {
        (Some(pages), _) => pages,
        (None, Some("") | None) => number,
        (None, Some(_)) => u64::MAX,
    }
}
