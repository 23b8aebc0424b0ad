//! What the plugin does with the two lists, without a sandbox: the ceiling that it is measured against.
//!
//! Guarantees: reads `/users` of one address and `billable_members` of a group of another at the same time, with at most so many
//! requests in flight over both; writes the same `user` and `assignment` records as `host-sim collect`; holds a few pages in
//! memory, however long the lists are. Pages are asked for by number, all at once as soon as the first tells how many there are.
//! Where GitLab does not count (above 10,000 rows), pages are asked for until one says that none follows.
//!
//! Refuses lists of accounts above 50,000, where GitLab answers no page by number, and any answer but 200. It does not read what
//! is around the lists (version, license, subscription), does not ask again, and does not look for rows that moved.
//!
//! `native USERS_URL GROUP_URL GROUP_ID IN_FLIGHT FOLDER`, the tokens in `USERS_TOKEN` and `GROUP_TOKEN`; writes
//! `FOLDER/users.ndjson` and `FOLDER/billable.ndjson`.

mod pages;
mod records;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, process};

use reqwest::Client;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::{Semaphore, mpsc};

use pages::{List, Pages};
use records::Kind;

/// Any failure; each ends the run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Pages that wait for their turn to be written, for each request in flight.
const HELD: usize = 2;

async fn run() -> Result<(), Failure> {
    let [users_url, group_url, group, in_flight, folder] =
        <[String; 5]>::try_from(env::args().skip(1).collect::<Vec<_>>())
            .map_err(|_| "usage: native USERS_URL GROUP_URL GROUP_ID IN_FLIGHT FOLDER")?;
    let in_flight: usize = in_flight.parse()?;
    let folder = PathBuf::from(folder);
    let client = Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(in_flight).build()?;
    let users = List {
        url: format!("{users_url}/api/v4/users?exclude_internal=true&without_project_bots=true&order_by=id&sort=asc"),
        token: env::var("USERS_TOKEN")?,
        kind: Kind::Users,
        deepest: 500,
    };
    let billable = List {
        url: format!("{group_url}/api/v4/groups/{group}/billable_members?"),
        token: env::var("GROUP_TOKEN")?,
        kind: Kind::Billable { pool_id: format!("group:{group}") },
        deepest: u64::MAX,
    };
    let flight = Arc::new(Semaphore::new(in_flight));
    tokio::try_join!(
        collect(&client, users, Arc::clone(&flight), in_flight, folder.join("users.ndjson")),
        collect(&client, billable, flight, in_flight, folder.join("billable.ndjson")),
    )?;
    Ok(())
}

/// One list to one file, page by page as they come.
async fn collect(
    client: &Client,
    list: List,
    flight: Arc<Semaphore>,
    in_flight: usize,
    path: impl AsRef<Path>,
) -> Result<(), Failure> {
    let (send, mut written) = mpsc::channel::<Vec<u8>>(in_flight * HELD);
    let mut out = BufWriter::with_capacity(1 << 16, File::create(path).await?);
    let write = async {
        while let Some(page) = written.recv().await {
            out.write_all(&page).await?;
        }
        out.flush().await.map_err(Failure::from)
    };
    let pages = Pages::new(client.clone(), list, flight, in_flight * HELD);
    tokio::try_join!(pages.read(send), write)?;
    Ok(())
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("native: {error}");
        process::exit(1);
    }
}
