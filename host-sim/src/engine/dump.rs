//! The guest's memory after a call, for tests.
//!
//! A component's memory cannot be read from outside while it lives. But a trap leaves a core dump, which holds all of
//! it: so the instance is called once more, with no time left, and traps at the first instruction of the export.
//! Nothing has run in between that could have cleared anything.

use wasmtime::{Store, UpdateDeadline, WasmCoreDump};

use super::state::State;
use crate::contract::Plugin as Instance;

pub(super) async fn memory(instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Vec<u8>> {
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Interrupt));
    store.set_epoch_deadline(0);
    let Err(error) = instance.license_broker_plugin_connector().call_describe(&mut *store).await else {
        return Err(wasmtime::Error::msg("the guest did not stop"));
    };
    let Some(dump) = error.downcast_ref::<WasmCoreDump>() else {
        return Err(error.context("no core dump: the engine was made without it"));
    };
    Ok(dump.serialize(store, "guest"))
}
