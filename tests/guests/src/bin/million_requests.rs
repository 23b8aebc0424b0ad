//! Sends requests without end and waits for no answer, or so many one after another; with `at-once` so many together.
#![no_main]

use std::collections::BTreeMap;

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};
use wasi::io::poll::poll;

struct MillionRequests;

impl Behaviour for MillionRequests {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let target = http::granted(&config);
        let (kind, count) = config.settings.split_once(' ').unwrap_or((&config.settings, ""));
        let Ok(count) = count.parse::<usize>() else {
            loop {
                drop(http::start(&target, "/million"));
            }
        };
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        let mut count_in = |outcome: Result<u16, String>| {
            *outcomes.entry(outcome.map_or_else(|code| code, |status| status.to_string())).or_default() += 1;
        };
        if kind == "at-once" {
            // Whichever is answered is let go of at once: an answer that is held keeps its place from the others.
            let mut under_way = Vec::new();
            for _ in 0..count {
                match http::start(&target, "/million") {
                    Ok(future) => under_way.push((future.subscribe(), future)),
                    Err(code) => count_in(Err(code)),
                }
            }
            while !under_way.is_empty() {
                let mut ready = poll(&under_way.iter().map(|(pollable, _)| pollable).collect::<Vec<_>>());
                // From the end, so that a place is still the one it was when it is come to.
                ready.sort_unstable();
                for place in ready.into_iter().rev() {
                    let (pollable, future) = under_way.swap_remove(place as usize);
                    drop(pollable);
                    count_in(http::answer(&future).map(|response| response.status()));
                }
            }
        } else {
            (0..count).for_each(|_| count_in(http::get(&target, "/million").map(|(status, _)| status)));
        }
        Ok(told(outcomes.into_iter().map(|(outcome, count)| format!("{outcome} {count}")).collect()))
    }
}

hostile::export!(MillionRequests);
