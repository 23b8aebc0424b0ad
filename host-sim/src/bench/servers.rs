//! The family of hostile servers: the real plugin, as the attacked tenant's, before each of them.
//!
//! The servers are [`Rogue::ALL`], the very ones that the tests play, so that a new one is measured without a word here.
//! What needs a certificate or a name server of its own is left to the tests.

use std::sync::Arc;
use std::time::Duration;

use fake_gitlab::rogue::{self, Rogue};

use super::honest::{LOOPBACK, configured, network};
use super::hostile::{self, Attack, Attacker};
use super::isolation::BenchError;
use crate::engine::{Engine, Plugin};
use crate::policy::limits::Limits;
use crate::tenant::Tenant;

/// As those of every attacked tenant, but that the host's limits are met before the wall clock and the plugin's own bounds
/// are, and named: waits for the server end within the wall clock, even if the plugin's asking again goes beyond it, and a
/// body may be half as long as the plugin would read.
fn limits(engine: &Limits) -> Limits {
    let wait = Duration::from_secs(1);
    let waits = Limits { connect: wait, first_byte: wait, between_bytes: wait, ..hostile::limits(engine) };
    Limits { response_bytes: 2 << 20, ..waits }
}

/// The attacks of all hostile servers on `plugin`.
pub(super) async fn servers(engine: &Engine, plugin: &Plugin) -> Result<Vec<Attack>, BenchError> {
    let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(error.to_string());
    let mut attacks = Vec::new();
    for rogue in Rogue::ALL.iter().copied() {
        let server = rogue::start(rogue).await.map_err(|error| wrong(&error))?;
        let limits = limits(engine.limits());
        let tenant = Tenant::new(engine, limits.clone(), LOOPBACK, None).map_err(|error| wrong(&error))?;
        let network = network(&tenant, &server.url(), "glpat-of-the-attacked-tenant")?;
        let plugin = tenant.plugin(plugin);
        let config = configured(&plugin, server.url()).await?;
        let attacker = Arc::new(Attacker { plugin, network, config, limits });
        let name = rogue.name().to_owned();
        attacks.push(Attack { family: "server", name, attacker, tenant, _server: Box::new(server) });
    }
    Ok(attacks)
}
