//! Asks for whatever stands in its settings: requests between unit separators, and in each scheme, authority and path
//! between tabs, so that a path can be any text.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::http::{Target, get};
use hostile::{Behaviour, told};

struct OtherOrigins;

/// What it tries when nobody tells it what to try.
const USUAL: &str = "https\tevil.example\t/\u{1f}http\t169.254.169.254\t/latest/meta-data/\u{1f}http\t127.0.0.1:22\t/";

impl Behaviour for OtherOrigins {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let wanted = if config.settings.is_empty() { USUAL } else { &config.settings };
        let ask = |line: &str| {
            let mut parts = line.split('\t');
            let mut part = || parts.next().unwrap_or_default().to_owned();
            let target = Target { scheme: part(), authority: part() };
            match get(&target, &part()) {
                Ok((status, _)) => status.to_string(),
                Err(code) => code,
            }
        };
        Ok(told(wanted.split('\u{1f}').map(ask).collect()))
    }
}

hostile::export!(OtherOrigins);
