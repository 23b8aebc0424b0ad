//! One customer among many in one process.
//!
//! | what | whose | why |
//! | --- | --- | --- |
//! | connections, TLS sessions, name policy | the tenant's own [`Client`] | nothing bound to a connection crosses |
//! | credentials at rest | sealed for the tenant by name (`egress`) | what is stored for one opens for no other |
//! | limits | the tenant's own, within the engine's | one customer may need more, or be trusted less |
//! | calls at once | at most `calls`; further ones wait | a slow tenant cannot take all instances |
//! | requests and computing in a minute | a [`budget`]; further calls wait | a service and a machine are shared |
//! | processors | an equal [`pace`] while others have calls in progress | one that computes does not slow the others |
//! | instances | the engine's, handed out in the order of asking; a quarter to who has none | few at once for each, so in turns |
//!
//! Guarantees: whatever a plugin does in calls of one tenant, another tenant gets its share of instances and processors;
//! memory is at most that of the calls that a tenant may have at once.
//!
//! Refuses limits beyond those that the engine's pools were made for, and those out of their ranges.

pub mod budget;
mod instances;
pub mod pace;
mod share;

use std::path::Path;
use std::sync::Arc;

use crate::egress::{Access, Client, Network, Resolve, SystemResolver, Tape, TlsError};
use crate::engine::{Engine, Plugin};
use crate::policy::limits::{LimitError, Limits};
use crate::policy::network::NetworkPolicy;
pub(crate) use instances::Instances;
pub(crate) use share::{Share, Turn};

/// One customer: limits, network, and a share of the host.
#[derive(Debug, Clone)]
pub struct Tenant {
    limits: Arc<Limits>,
    client: Arc<Client>,
    share: Arc<Share>,
}

/// Why a tenant cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// A limit goes beyond what the engine was made for.
    #[error("the limit {name} = {value} cannot be had: the engine was made for {ceiling}")]
    Ceiling {
        /// Name of the limit.
        name: &'static str,
        /// What was asked for.
        value: usize,
        /// What there is.
        ceiling: usize,
    },
    /// A limit is out of its range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Tenant {
    /// A tenant of the engine, with limits and network policy of its own.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn new(
        engine: &Engine,
        limits: Limits,
        network: NetworkPolicy,
        ca_file: Option<&Path>,
    ) -> Result<Self, TenantError> {
        let resolver: Arc<dyn Resolve> = Arc::new(SystemResolver);
        Self::resolving(engine, limits, network, ca_file, &resolver)
    }

    /// The same, with names looked up by `resolver`.
    ///
    /// # Errors
    /// [`TenantError`].
    pub fn resolving(
        engine: &Engine,
        limits: Limits,
        network: NetworkPolicy,
        ca_file: Option<&Path>,
        resolver: &Arc<dyn Resolve>,
    ) -> Result<Self, TenantError> {
        limits.check()?;
        within(&limits, engine.limits())?;
        let share = Arc::new(Share::new(&limits, engine.floor()));
        let client = Arc::new(Client::paced(&limits, network, ca_file, resolver, share.pace())?);
        Ok(Self { limits: Arc::new(limits), client, share })
    }

    /// The same tenant with its answers recorded, or taken from a recording.
    #[must_use]
    pub fn with_tape(self, tape: Tape) -> Self {
        let client = Arc::new(Arc::unwrap_or_clone(self.client).with_tape(tape));
        Self { client, ..self }
    }

    /// The tenant's limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The plugin within the tenant's limits: each call through it takes its turn among those of all tenants.
    #[must_use]
    pub fn plugin(&self, plugin: &Plugin) -> Plugin {
        plugin.within(Arc::clone(&self.limits), Some(Arc::clone(&self.share)))
    }

    /// The network of one of the tenant's sources.
    #[must_use]
    pub fn network(&self, access: Access) -> Network {
        Network { client: Arc::clone(&self.client), access }
    }

    /// Calls that the tenant may begin at once now.
    #[must_use]
    pub fn free_calls(&self) -> usize {
        self.share.free_calls()
    }
}

/// What the engine's pools and stacks were made for holds for all its tenants.
fn within(limits: &Limits, engine: &Limits) -> Result<(), TenantError> {
    for (name, value, ceiling) in [
        ("memory_bytes", limits.memory_bytes, engine.memory_bytes),
        ("table_elements", limits.table_elements, engine.table_elements),
    ] {
        if value > ceiling {
            return Err(TenantError::Ceiling { name, value, ceiling });
        }
    }
    // The stack is the engine's alone: a smaller one would be promised and not kept.
    if limits.stack_bytes != engine.stack_bytes {
        let (value, ceiling) = (limits.stack_bytes, engine.stack_bytes);
        return Err(TenantError::Ceiling { name: "stack_bytes", value, ceiling });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Tenant, within};
    use crate::engine::{Engine, EngineOptions};
    use crate::policy::limits::Limits;
    use crate::policy::network::NetworkPolicy;

    /// Limits from a file could have the host panic.
    #[test]
    fn whatever_a_limits_file_may_say_makes_a_tenant() {
        let usual = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        for line in Limits::default().lines() {
            for value in [*line.range.start(), *line.range.end()] {
                let mut limits = Limits::default();
                limits.set(line.name, value).unwrap();
                // These are the engine's, and a tenant's within it.
                let of_engine = matches!(line.name, "memory_bytes" | "table_elements" | "stack_bytes");
                let own = of_engine.then(|| Engine::new(limits.clone(), EngineOptions::default()).unwrap());
                let tenant = Tenant::new(own.as_ref().unwrap_or(&usual), limits, NetworkPolicy::default(), None);
                assert!(tenant.is_ok_and(|tenant| tenant.free_calls() > 0), "{} = {value}", line.name);
            }
        }
    }

    /// A pool of no size, or no request in flight, used to be taken, for something else or for ever.
    #[test]
    fn limits_out_of_their_ranges_make_neither_engine_nor_tenant() {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let tenant = |limits: Limits| {
            let made = Tenant::new(&engine, limits, NetworkPolicy::default(), None);
            made.err().map(|error| error.to_string()).unwrap_or_default()
        };
        let words = tenant(Limits { in_flight: 0, ..Limits::default() });
        assert_eq!(words, "the limit in_flight cannot be 0: it is from 1 to 1000");
        let words = tenant(Limits { calls: 1_001, ..Limits::default() });
        assert_eq!(words, "the limit calls cannot be 1001: it is from 1 to 1000");
        let made = Engine::new(Limits { memory_bytes: 0, ..Limits::default() }, EngineOptions::default());
        let words = made.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(words, "the limit memory_bytes cannot be 0: it is from 65536 to 4294967296");
    }

    #[test]
    fn a_process_has_as_many_instances_as_have_room_in_it() {
        let limits = Limits::default();
        let engine =
            |cap| Engine::new(limits.clone(), EngineOptions { process_memory: cap, ..EngineOptions::default() });
        for (cap, instances) in [
            (None, 64),
            (Some(u64::MAX), 64),
            (Some(limits.process_bytes(5)), 5),
            (Some(limits.process_bytes(6) - 1), 5),
        ] {
            assert_eq!(engine(cap).unwrap().instances(), instances, "{cap:?}");
        }
        let cap = limits.process_bytes(1);
        assert_eq!(engine(Some(cap)).unwrap().instances(), 1);
        let words = engine(Some(cap - 1)).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(
            words,
            format!("a process of {} bytes has no room for a call: it takes {cap} with one, by the limits", cap - 1)
        );
    }

    #[test]
    fn a_tenant_may_have_less_than_the_engine_and_not_more() {
        let engine = Limits { memory_bytes: 10, table_elements: 10, stack_bytes: 10, ..Limits::default() };
        let words = |change: fn(&mut Limits)| {
            let mut limits = engine.clone();
            change(&mut limits);
            within(&limits, &engine).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(words(|_| {}), "");
        assert_eq!(words(|limits| (limits.memory_bytes, limits.table_elements) = (9, 9)), "");
        assert!(words(|limits| limits.memory_bytes = 11).contains("memory_bytes = 11 cannot be had"));
        assert!(words(|limits| limits.table_elements = 11).contains("the engine was made for 10"));
        for stack_bytes in [9, 11] {
            assert!(within(&Limits { stack_bytes, ..engine.clone() }, &engine).is_err());
        }
    }
}
