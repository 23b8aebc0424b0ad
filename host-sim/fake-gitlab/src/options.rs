//! What a stand-in is started with.
//!
//! Two stand-ins started with equal options answer with equal bodies, byte for byte; only `X-Request-Id`, `Date` and
//! the rate-limit clock differ, and under [`LinkBase::Own`] the port. The one thing taken from outside is the default of
//! [`Options::today`].

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use time::{Date, OffsetDateTime};

use crate::fault::Fault;
use crate::scenario::Scenario;
use crate::script::Script;

/// The configured name of an instance that is called by another one. It is never resolved.
pub const CONFIGURED_URL: &str = "https://gitlab.internal.example";

/// Fewest accounts of a self-managed instance: the owners of the tokens must exist.
pub const FEWEST_USERS: u32 = 3;

/// Most accounts.
pub const MOST_USERS: u32 = 1_000_000;

/// Which name the instance is configured with, GitLab's `external_url`: `Link` headers, `web_url` and `avatar_url`
/// begin with it, whatever name was called.
///
/// Clients that follow `Link` as it stands can only walk an instance whose configured name is the one they call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LinkBase {
    /// [`CONFIGURED_URL`]: a client that follows it leaves the stand-in.
    #[default]
    Foreign,
    /// The address that the stand-in listens on.
    Own,
}

/// What the license says about its own end. Without effect in scenarios without a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LicenseTerm {
    /// Runs now, ends in 165 days.
    #[default]
    Current,
    /// Ended 35 days ago, so that `overage` is counted from the peak.
    Expired,
    /// No number of seats (`user_limit` 0) and no end (`expires_at` null).
    Unrestricted,
}

/// How to build a stand-in. `Options::default()` is a Premium instance of 250 people on a free loopback port.
#[derive(Debug, Clone)]
pub struct Options {
    /// Kind of instance.
    pub scenario: Scenario,
    /// Accounts that an administrator's walk with `exclude_internal` and `without_project_bots` yields, from
    /// [`Scenario::fewest_users`] to [`MOST_USERS`]. Bots of projects (about 4 %) and internal accounts (5) come on top.
    /// From 40 on, every state and every kind of account occurs.
    pub users: u32,
    /// Which people. Equal seeds, equal people.
    pub seed: u64,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Wait before every answer, as a slow instance would; exact to well below a millisecond.
    pub latency: Duration,
    /// Requests per window and token; the next is answered with 429. `None`: no limit, no `RateLimit-*` headers.
    pub rate_limit: Option<u32>,
    /// Length of the rate-limit window, counted from the start of the stand-in. Less than a second is a second.
    pub rate_window: Duration,
    /// What goes wrong, and when. The first that fits a request applies.
    pub faults: Vec<Fault>,
    /// The day on which all dates depend.
    pub today: Date,
    /// The configured name.
    pub link_base: LinkBase,
    /// Whether keyset answers carry `X-NEXT-CURSOR` and `X-PREV-CURSOR` beside `Link`, as recent versions do.
    pub cursor_headers: bool,
    /// The license's end.
    pub license_term: LicenseTerm,
    /// What happens from day to day, shown up to [`Options::today`]. `None`: nothing, and all dates move with `today`.
    pub script: Option<Script>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scenario: Scenario::default(),
            users: 250,
            seed: 1,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            rate_limit: None,
            rate_window: Duration::from_secs(60),
            faults: Vec::new(),
            today: OffsetDateTime::now_utc().date(),
            link_base: LinkBase::default(),
            cursor_headers: true,
            license_term: LicenseTerm::default(),
            script: None,
        }
    }
}
