//! Returns more than anybody wants: a text of so many bytes, or with `entries` a list of so many.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Entry, Failure};
use hostile::{Behaviour, honest};

struct HugeResult;

impl Behaviour for HugeResult {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let (kind, count) = config.settings.split_once(' ').unwrap_or((&config.settings, ""));
        let count = count.parse().ok();
        if kind == "entries" {
            let mut user = honest::user();
            user.user_id.clear();
            return Ok(honest::last(vec![Entry::User(user); count.unwrap_or(120_000)]));
        }
        let mut batch = honest::last(Vec::new());
        batch.progress.stage = "x".repeat(count.unwrap_or(40 << 20));
        Ok(batch)
    }
}

hostile::export!(HugeResult);
