//! All accounts by the crate `gitlab`, as its documentation has it: `Pagination::All`, which follows `Link` one page after the
//! other and gives all rows at once. The crate has no billable members.
//!
//! `gitlab-users HOST:PORT FOLDER`, the token in `USERS_TOKEN`; writes `FOLDER/users.ndjson`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::{env, process};

use gitlab::Gitlab;
use gitlab::api::common::SortOrder;
use gitlab::api::users::{UserOrderBy, Users};
use gitlab::api::{Pagination, Query as _, paged};
use serde_json::Value;

fn run() -> Result<(), Box<dyn Error>> {
    let [host, folder] = <[String; 2]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "usage: gitlab-users HOST:PORT FOLDER")?;
    let client = Gitlab::new_insecure(host, env::var("USERS_TOKEN")?)?;
    let users = Users::builder()
        .exclude_internal(true)
        .without_project_bots(true)
        .order_by(UserOrderBy::Id)
        .sort(SortOrder::Ascending)
        .build()?;
    let rows: Vec<Value> = paged(users, Pagination::All).query(&client)?;
    let mut out = BufWriter::new(File::create(PathBuf::from(folder).join("users.ndjson"))?);
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn main() {
    if let Err(error) = run() {
        eprintln!("gitlab-users: {error}");
        process::exit(1);
    }
}
