//! What one store holds: the host side of one call.

use std::sync::Arc;
use std::time::Duration;

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

/// The time the guest itself computes: from entering its code to leaving it, less the pauses in between when others run.
///
/// So it is taken from the clock of what the call keeps a thread busy with, which stands still in a pause. What the engine and
/// the host do for the guest is not in it; the limit is one of all of it.
pub(super) struct CpuMeter {
    limit: Duration,
    busy: Busy,
    used: Duration,
    /// When the guest was entered, on the clock `busy`.
    since: Option<Duration>,
    /// The limit was passed and the guest was stopped.
    pub(super) interrupted: bool,
}

impl CpuMeter {
    /// At every crossing between host and guest.
    pub(super) fn cross(&mut self, hook: CallHook) {
        if hook.exiting_host() {
            self.since = Some(self.busy.used());
        } else if let Some(since) = self.since.take() {
            self.used += self.busy.used().saturating_sub(since);
        }
    }

    pub(super) fn used(&self) -> Duration {
        self.used + self.since.map_or(Duration::ZERO, |since| self.busy.used().saturating_sub(since))
    }

    /// At every epoch in which the guest computes: let others run, or stop it.
    pub(super) fn epoch(mut context: StoreContextMut<'_, State>) -> UpdateDeadline {
        let meter = &mut context.data_mut().cpu;
        if meter.busy.used() > meter.limit {
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use wasmtime::CallHook;

    use super::{Busy, CpuMeter};

    /// A guest that gave way to others was billed for the time that they took.
    #[test]
    fn a_guest_is_not_billed_for_the_pauses_in_which_others_run() {
        let compute = |duration: Duration| {
            let started = Instant::now();
            while started.elapsed() < duration {
                std::hint::spin_loop();
            }
        };
        let step = Duration::from_millis(5);
        let busy = Busy::default();
        let mut meter = CpuMeter {
            limit: Duration::MAX,
            busy: busy.clone(),
            used: Duration::ZERO,
            since: None,
            interrupted: false,
        };
        // The host first, then the guest, which gives way in the middle.
        busy.timed(|| {
            compute(step);
            meter.cross(CallHook::CallingWasm);
            compute(step);
        });
        let before = meter.used();
        compute(4 * step);
        assert_eq!(meter.used(), before, "a pause");
        busy.timed(|| {
            compute(step);
            meter.cross(CallHook::CallingHost);
            compute(step);
            meter.cross(CallHook::ReturningFromHost);
            meter.cross(CallHook::ReturningFromWasm);
        });
        let (guest, all) = (meter.used(), busy.used());
        assert!(before >= step && guest >= before + step && guest + 2 * step <= all, "{before:?} {guest:?} {all:?}");
    }
}
