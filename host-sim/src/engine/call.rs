//! One call: a fresh store, the limits, the outcome, the bill.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTableError;
use wasmtime::{Store, Trap};
use wasmtime_wasi_http::FieldMapError;

use super::state::{CpuMeter, State};
use super::{End, Plugin, dump};
use crate::bill::CallBill;
use crate::contract::{
    Batch, Configuration, Credential, Descriptor, Failure, FieldProblem, FieldValue, Plugin as Instance, TestReport,
};
use crate::egress::{Hooks, Ledger, Network, NetworkFailure};
use crate::policy::limits::Limits;
use crate::tenant::Turn;
use crate::tenant::pace::{Busy, Paced, timed};

/// What a call gets where fuel is counted: no limit, that is of time.
const FUEL: u64 = u64::MAX;

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// A limit was passed.
    #[error("the plugin passed the limit {name} = {value}")]
    Limit {
        /// Name of the limit, as `limits` prints it.
        name: &'static str,
        /// Its value with unit.
        value: String,
    },
    /// The guest trapped.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// No instance could be made.
    #[error("the plugin cannot be started: {0}")]
    Instantiate(String),
}

/// What a call gave, and what it cost.
#[derive(Debug)]
pub struct CallOutcome<T> {
    /// What the contract says, or why there is nothing.
    pub result: Result<T, CallError>,
    /// What it cost. Written in every case.
    pub bill: CallBill,
    /// The last failure on the network, as the host saw it.
    pub last_failure: Option<NetworkFailure>,
}

impl Plugin {
    /// `describe`, without network.
    pub async fn describe(&self) -> CallOutcome<Descriptor> {
        self.call(None, async |instance: &Instance, store: &mut Store<State>| {
            instance.license_broker_plugin_connector().call_describe(store).await
        })
        .await
    }

    /// `configure`, without network.
    pub async fn configure(&self, values: &[FieldValue]) -> CallOutcome<Result<Configuration, Vec<FieldProblem>>> {
        self.call(None, async |instance: &Instance, store: &mut Store<State>| {
            instance.license_broker_plugin_connector().call_configure(store, values).await
        })
        .await
    }

    /// `test`, with the credential written by the host.
    pub async fn test(&self, network: &Network, config: &Configuration) -> CallOutcome<TestReport> {
        self.call(Some(network), async |instance: &Instance, store: &mut Store<State>| {
            instance.license_broker_plugin_connector().call_test(store, config, &Credential::Injected).await
        })
        .await
    }

    /// One page of `collect`, with the credential written by the host.
    pub async fn collect(
        &self,
        network: &Network,
        config: &Configuration,
        cursor: Option<&String>,
    ) -> CallOutcome<Result<Batch, Failure>> {
        self.call(Some(network), async |instance: &Instance, store: &mut Store<State>| {
            instance.license_broker_plugin_connector().call_collect(store, config, &Credential::Injected, cursor).await
        })
        .await
    }

    /// One page of `collect`, and the guest's whole memory as it was when the call had ended, as a core dump.
    ///
    /// For tests of what a guest holds; the engine must have been made with `core_dump`. The credential is a
    /// parameter here, so that a test can show that it would be found if the guest had it.
    pub async fn collect_then_dump(
        &self,
        network: &Network,
        config: &Configuration,
        credential: &Credential,
        cursor: Option<&String>,
    ) -> CallOutcome<(Result<Batch, Failure>, Vec<u8>)> {
        self.call(Some(network), async |instance: &Instance, store: &mut Store<State>| {
            let connector = instance.license_broker_plugin_connector();
            let result = connector.call_collect(&mut *store, config, credential, cursor).await?;
            Ok((result, dump::memory(instance, store).await?))
        })
        .await
    }

    async fn call<T>(
        &self,
        network: Option<&Network>,
        act: impl AsyncFnOnce(&Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> CallOutcome<T> {
        let asked = Instant::now();
        let limits = &self.limits;
        let take = Turn::take(self.share.clone(), &self.instances);
        let taken = match self.ends {
            // Waiting for a turn is no part of a call, but of the collection.
            Some(end) => tokio::time::timeout_at(end.at, take).await.map_err(|_| end.passed()),
            None => Ok(take.await),
        };
        let turn = match taken.and_then(|turn| turn.map_err(|error| CallError::Instantiate(error.to_string()))) {
            Ok(turn) => turn,
            Err(error) => {
                let bill = CallBill { queued: asked.elapsed(), ..CallBill::default() };
                return CallOutcome { result: Err(error), bill, last_failure: None };
            }
        };
        let started = Instant::now();
        let ledger = Arc::new(Ledger::default());
        let opened_before = network.map_or(0, |network| network.client.connections_opened());
        let busy = Busy::default();
        // Making the store and clearing it away is done for the tenant, too, and is paid for by its next call.
        let pace = self.share.as_ref().map(|share| share.pace());
        let hooks = Hooks::new(network.cloned(), Arc::clone(limits), Arc::clone(&ledger), pace.clone());
        let (mut store, made) = timed(|| self.store(hooks, busy.clone()));

        let call = async {
            let instance = match self.pre.instantiate_async(&mut store).await {
                Ok(instance) => instance,
                // A limit can be passed before the first export is called: a slow start counts as computing.
                Err(error) => {
                    return Err(match explain(&error, store.data(), limits) {
                        CallError::Trap(_) => CallError::Instantiate(format!("{error:#}")),
                        passed => passed,
                    });
                }
            };
            act(&instance, &mut store).await.map_err(|error| explain(&error, store.data(), limits))
        };
        let mut paced = Paced::watched(call, pace.clone(), busy.clone());
        let left = self.ends.map_or(Duration::MAX, |end| end.at.duration_since(tokio::time::Instant::now()));
        let result = tokio::time::timeout(limits.wall.min(left), &mut paced).await;
        let busy = busy.used();
        // With it goes its hold on the store.
        let ((), dropped) = timed(|| drop(paced));
        let result = result.unwrap_or_else(|_| {
            let end = self.ends.filter(|_| left < limits.wall);
            Err(end.map_or_else(|| limit("wall", limits.wall), End::passed))
        });

        let fuel = self.counts_fuel.then(|| store.get_fuel().ok()).flatten().map(|left| FUEL.saturating_sub(left));
        let state = store.data();
        let (guest, peak_memory) = (state.cpu.used(), state.memory.peak);
        // Before the bill is written: bodies that are still open write their record when they are dropped.
        let ((), cleared) = timed(|| drop(store));
        let around = made + dropped + cleared;
        let mut bill = CallBill {
            guest,
            fuel,
            wall: started.elapsed(),
            queued: started.duration_since(asked),
            busy,
            around,
            peak_memory,
            connections_opened: network
                .map_or(0, |network| network.client.connections_opened())
                .saturating_sub(opened_before),
            requests: ledger.requests(),
            more_requests: ledger.more_requests(),
            denials: ledger.denials(),
            more_denials: ledger.more_denials(),
            unfinished: ledger.unfinished(),
            limits_passed: ledger.limits_passed(),
            repeats: ledger.repeats(),
        };
        turn.warned.iter().for_each(|name| *bill.limits_passed.entry(name).or_default() += 1);
        if let Some(share) = &self.share {
            let kept = u64::try_from(bill.requests.len()).unwrap_or(u64::MAX);
            let sent = kept.saturating_add(bill.more_requests).saturating_add(bill.unfinished);
            share.spend(sent, bill.busy + bill.around);
        }
        if let Some(pace) = pace {
            pace.spend(around);
        }
        CallOutcome { result, bill, last_failure: ledger.last_failure() }
    }

    /// A store for one call, with its limits.
    fn store(&self, hooks: Hooks, busy: Busy) -> Store<State> {
        let limits = &self.limits;
        let mut store = Store::new(self.pre.engine(), State::new(hooks, limits, busy));
        store.limiter(|state| &mut state.memory);
        store.call_hook(|mut context, hook| {
            let state = context.data_mut();
            state.cpu.cross(hook);
            state.memory.cross(hook);
            Ok(())
        });
        if self.counts_fuel {
            // No error, as it is counted.
            let _ = store.set_fuel(FUEL);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| Ok(CpuMeter::epoch(context)));
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.handles);
        store
    }
}

impl End {
    /// The limit by its name.
    pub(crate) fn passed(self) -> CallError {
        limit("collection_wall", self.limit)
    }
}

fn limit(name: &'static str, value: Duration) -> CallError {
    CallError::Limit { name, value: format!("{} ms", value.as_millis()) }
}

/// A trap in words; if a limit of ours is behind it, by the limit's name.
fn explain(error: &wasmtime::Error, state: &State, limits: &Limits) -> CallError {
    let bytes = |name, value: usize| CallError::Limit { name, value: format!("{value} bytes") };
    let count = |name, value: usize| CallError::Limit { name, value: value.to_string() };
    if state.cpu.interrupted {
        return limit("cpu", limits.cpu);
    }
    match passed(error) {
        Some("stack_bytes") => return bytes("stack_bytes", limits.stack_bytes),
        Some("host_table_entries") => return count("host_table_entries", limits.host_table_entries),
        Some("fields_bytes") => return bytes("fields_bytes", limits.fields_bytes),
        Some("hostcall_bytes") => return bytes("hostcall_bytes", limits.hostcall_bytes),
        Some("handles") => return count("handles", limits.handles),
        _ => {}
    }
    // Last, since a refused growth is no trap: whoever cannot go on without the memory gives up, and that is one. Who traps
    // in another way, or has gone on, crashed.
    let gave_up = error.downcast_ref::<Trap>() == Some(&Trap::UnreachableCodeReached);
    match state.memory.refused.filter(|_| gave_up) {
        Some("table_elements") => count("table_elements", limits.table_elements),
        Some(name) => bytes(name, limits.memory_bytes),
        None => CallError::Trap(error.root_cause().to_string()),
    }
}

/// The limit of the engine's own that an error means. Two of them have no type of their own: they are told by the
/// engine's words, which a test of each holds on to.
fn passed(error: &wasmtime::Error) -> Option<&'static str> {
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some("stack_bytes");
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Some("host_table_entries");
    }
    if matches!(error.downcast_ref::<FieldMapError>(), Some(FieldMapError::TotalSizeTooBig)) {
        return Some("fields_bytes");
    }
    let words = error.root_cause().to_string();
    if words.ends_with("fuel allocated for hostcalls has been exhausted") {
        Some("hostcall_bytes")
    } else if words.ends_with("store handle limit exceeded") {
        Some("handles")
    } else {
        None
    }
}
