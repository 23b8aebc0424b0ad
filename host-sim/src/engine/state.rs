//! What one store holds: the host side of one call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{HasData, ResourceTable};
use wasmtime::{CallHook, ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

use crate::egress::Hooks;
use crate::policy::limits::Limits;
use crate::tenant::pace::Busy;

/// Marks the resource table as the data of `wasi:io`.
pub(super) struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// The host side of one call.
pub(crate) struct State {
    table: ResourceTable,
    clocks: WasiClocksCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(super) limits: Arc<Limits>,
    pub(super) cpu: CpuMeter,
    pub(super) memory: MemoryMeter,
}

impl State {
    pub(super) fn new(hooks: Hooks, limits: &Arc<Limits>, busy: Busy) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.host_table_entries);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.fields_bytes);
        Self {
            table,
            clocks: hooks.clocks(),
            http,
            hooks,
            limits: Arc::clone(limits),
            cpu: CpuMeter { limit: limits.cpu, busy, used: Duration::ZERO, since: None, interrupted: false },
            memory: MemoryMeter { limits: Arc::clone(limits), peak: 0, refused: None },
        }
    }

    pub(super) fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView { ctx: &mut self.clocks, table: &mut self.table }
    }

    pub(super) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// The time the guest itself computes: from entering its code to leaving it, whatever the wall clock says.
///
/// What the engine and the host do for it is not in this time, so the limit is looked for in all that the call has kept a
/// thread busy, too.
pub(super) struct CpuMeter {
    limit: Duration,
    busy: Busy,
    used: Duration,
    since: Option<Instant>,
    /// The limit was passed and the guest was stopped.
    pub(super) interrupted: bool,
}

impl CpuMeter {
    /// At every crossing between host and guest.
    pub(super) fn cross(&mut self, hook: CallHook) {
        if hook.exiting_host() {
            self.since = Some(Instant::now());
        } else if let Some(since) = self.since.take() {
            self.used += since.elapsed();
        }
    }

    pub(super) fn used(&self) -> Duration {
        self.used + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// At every epoch in which the guest computes: let others run, or stop it.
    pub(super) fn epoch(mut context: StoreContextMut<'_, State>) -> UpdateDeadline {
        let meter = &mut context.data_mut().cpu;
        if meter.used().max(meter.busy.used()) > meter.limit {
            meter.interrupted = true;
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Yield(1)
        }
    }
}

/// How much memory the guest has, and had at most.
pub(super) struct MemoryMeter {
    limits: Arc<Limits>,
    /// Largest size of the linear memory, bytes.
    pub(super) peak: usize,
    /// The limit that stopped a growth, while the guest has done nothing of which the host knows since.
    pub(super) refused: Option<&'static str>,
}

impl MemoryMeter {
    /// At every crossing between host and guest: whoever goes on to call the host has got over the refusal.
    pub(super) fn cross(&mut self, hook: CallHook) {
        if matches!(hook, CallHook::CallingHost) {
            self.refused = None;
        }
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limits.memory_bytes {
            self.refused = Some("memory_bytes");
            return Ok(false);
        }
        self.peak = self.peak.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limits.table_elements {
            self.refused = Some("table_elements");
            return Ok(false);
        }
        Ok(true)
    }
}
