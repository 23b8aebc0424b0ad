//! Running plugins: one engine per process, one compiled plugin per component, one store per call.
//!
//! | thing | lives as long as | why |
//! | --- | --- | --- |
//! | [`Engine`] | the process | code memory and instance slots are pooled in it |
//! | [`Plugin`] | the component | compiled and linked once |
//! | store and instance | one call | nothing of one call, or of one tenant, is left for the next |
//!
//! A call ends in one of three ways: it returns what the contract says, it passes a limit, or it traps. The bill is
//! written in each case.

mod call;
mod dump;
mod state;
mod written;

use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::clocks::WasiClocks;
use wasmtime_wasi_http::WasiHttp;

pub use call::{CallError, CallOutcome};
pub(crate) use state::State;
use state::Table;

use crate::admission::{Digest, Manifest, Refusal};
use crate::code_cache::CodeCache;
use crate::contract::PluginPre;
use crate::policy::limits::{HOST_STACK, LimitError, Limits};
use crate::tenant::pace::Floor;
use crate::tenant::{Instances, Share};

/// Length of an epoch: how often a computing guest lets others run and has its time checked.
const EPOCH: Duration = Duration::from_millis(2);

/// Instances that may exist at once in one engine, unless [`EngineOptions::process_memory`] has fewer. A slot reserves address
/// space, not memory.
pub const INSTANCES: u32 = 64;

/// Memory that a slot keeps between two calls, bytes: of the linear memory, and of the tables. It is overwritten in place; what lies behind
/// it is given back to the system, and faults page by page when the next call writes there, which was an eighth of the time that the plugin
/// computes. A call that begins with little memory pays for no more than that. A thousand tenants' calls go through all slots, and what
/// each keeps stays with the process.
///
/// All of it, and not what the system says was written to (`PAGEMAP_SCAN`): that passes over pages that are swapped out or being moved
/// at that moment, which the next call would find as they were (wasmtime, pull request 14357).
const KEPT: usize = 3 << 20;

/// What an engine does beyond the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct EngineOptions {
    /// Keep the guest's memory when it traps. For tests that look into it: a dump holds whatever the guest held.
    pub core_dump: bool,
    /// Count the instructions that the guest computes, for [`CallBill::fuel`](crate::bill::CallBill::fuel). It slows the guest down.
    pub count_fuel: bool,
    /// Most that the process may take with this engine alone in it, bytes; none for the usual number of instances. There are then
    /// at most so many instances as have room in it, by [`Limits::process_bytes`].
    pub process_memory: Option<u64>,
}

/// The compiler and its pools.
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    limits: Arc<Limits>,
    /// So that a call waits where there is no instance for it, and does not fail.
    instances: Arc<Instances>,
    floor: Arc<Floor>,
    /// [`EngineOptions::count_fuel`].
    counts_fuel: bool,
}

/// Why a plugin was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It may not run here.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It looks right and does not compile or link.
    #[error("the plugin does not compile: {0}")]
    Compile(String),
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The machine lacks what it needs.
    #[error("the WebAssembly engine cannot start: {0}")]
    Machine(String),
    /// A limit is out of its range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// There is no room for a single call.
    #[error("a process of {cap} bytes has no room for a call: it takes {least} with one, by the limits")]
    NoRoom {
        /// [`EngineOptions::process_memory`].
        cap: u64,
        /// What would do.
        least: u64,
    },
}

impl Engine {
    /// Makes the engine and starts its epoch clock, which ends with it.
    ///
    /// # Errors
    /// When a limit is out of its range, a call has no room, address space for the pools cannot be reserved, or the processor is
    /// not supported.
    pub fn new(limits: Limits, options: EngineOptions) -> Result<Self, EngineError> {
        let fail = |error: wasmtime::Error| EngineError::Machine(format!("{error:#}"));
        limits.check()?;
        let count = match options.process_memory {
            Some(cap) => match limits.instances_within(cap) {
                0 => return Err(EngineError::NoRoom { cap, least: limits.process_bytes(1) }),
                count => count.min(INSTANCES),
            },
            None => INSTANCES,
        };
        let engine = wasmtime::Engine::new(&configured(&limits, options, count)).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker).map_err(fail)?;
        let ticking = engine.weak();
        // A thread and not a task: on an executor whose workers all run guests, a task would never get to tick.
        std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || {
                while let Some(engine) = ticking.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(EPOCH);
                }
            })
            .map_err(|error| EngineError::Machine(error.to_string()))?;
        let instances = Arc::new(Instances::new(count));
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let floor = Arc::new(Floor::new(processors));
        Ok(Self { engine, linker, limits: Arc::new(limits), instances, floor, counts_fuel: options.count_fuel })
    }

    /// Checks, compiles and links a component.
    ///
    /// # Errors
    /// [`LoadError::Refused`] before anything is compiled; [`LoadError::Compile`] after.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        self.load_through(bytes, None)
    }

    /// The same, but compiles only what is not in the cache. What is checked before is checked in either case.
    ///
    /// # Errors
    /// As [`Engine::load`]. What is wrong with an entry of the cache is no error: it is replaced.
    pub fn load_through(&self, bytes: &[u8], cache: Option<&CodeCache>) -> Result<Plugin, LoadError> {
        let started = Instant::now();
        let (manifest, kept) = self.admitted(bytes, cache);
        let manifest = manifest?;
        let fail = |error: wasmtime::Error| LoadError::Compile(format!("{error:#}"));
        let from_cache = kept.is_some();
        let component = match kept {
            Some(component) => component,
            None => {
                let component = self.compile(bytes)?;
                if let Some(cache) = cache {
                    cache.put(&self.engine, manifest.sha256, &component);
                }
                component
            }
        };
        let required = component.resources_required();
        let pre = self.linker.instantiate_pre(&component).and_then(PluginPre::new).map_err(fail)?;
        let initial_memory_bytes =
            required.and_then(|required| required.max_initial_memory_size).map(|pages| pages.saturating_mul(65_536));
        let start = Start { from_cache, took: started.elapsed() };
        let (limits, instances) = (Arc::clone(&self.limits), Arc::clone(&self.instances));
        let counts_fuel = self.counts_fuel;
        Ok(Plugin {
            pre,
            manifest,
            initial_memory_bytes,
            start,
            limits,
            instances,
            counts_fuel,
            ends: None,
            share: None,
        })
    }

    /// Judges a component, and looks meanwhile for code that was kept of it. None of what is not admitted now is used.
    fn admitted(&self, bytes: &[u8], cache: Option<&CodeCache>) -> (Result<Manifest, Refusal>, Option<Component>) {
        let most = self.limits.component_bytes;
        let cache = cache.filter(|_| bytes.len() <= most);
        let look = || cache?.get(&self.engine, Digest::of(bytes));
        std::thread::scope(|scope| {
            let named = std::thread::Builder::new().name("code".to_owned());
            let looking = cache.and_then(|_| named.spawn_scoped(scope, look).ok());
            let manifest = Manifest::read(bytes, most).and_then(|manifest| manifest.admit().map(|()| manifest));
            let kept = match looking {
                // A thread that panicked has found nothing.
                Some(thread) => thread.join().ok().flatten(),
                // None could be had: one after the other.
                None => manifest.is_ok().then(look).flatten(),
            };
            (manifest, kept)
        })
    }

    /// Compiles a component. One that the compiler panics over is one that does not compile.
    fn compile(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        // Safe to go on after a panic: the bytes are only read, and of the engine the compiler takes its working memory, which it
        // gives back after a function that went well and not otherwise. What is shared, the types and the code, is registered
        // when all is compiled.
        caught(AssertUnwindSafe(|| Component::new(&self.engine, bytes)))
    }

    /// How many calls may be at work at once.
    #[must_use]
    pub fn instances(&self) -> u32 {
        self.instances.count()
    }

    /// The limits of every call.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The processors, which all tenants share.
    pub(crate) fn floor(&self) -> Arc<Floor> {
        Arc::clone(&self.floor)
    }
}

/// The settings of an engine with so many instances.
fn configured(limits: &Limits, options: EngineOptions, count: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count)
        .total_core_instances(count.saturating_mul(4))
        .total_memories(count)
        .total_tables(count.saturating_mul(4))
        .total_stacks(count)
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        // What a call wrote is overwritten instead of being given back to the system: two thirds of the time of a short call were
        // page faults and unmapping.
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .pagemap_scan(Enabled::No);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .consume_fuel(options.count_fuel)
        .coredump_on_trap(options.core_dump)
        .max_wasm_stack(limits.stack_bytes)
        // The guest's stack and the host's own frames on top of it.
        .async_stack_size(limits.stack_bytes.saturating_add(HOST_STACK))
        // Only WASI 0.2 is served, so the machinery of 0.3 is left out of reach.
        .concurrency_support(false);
    config
}

/// What the compiler makes of a component, and its panic as a refusal.
fn caught<T>(compile: impl FnOnce() -> wasmtime::Result<T> + UnwindSafe) -> Result<T, LoadError> {
    match catch_unwind(compile) {
        Ok(component) => component.map_err(|error| LoadError::Compile(format!("{error:#}"))),
        Err(_) => Err(LoadError::Compile("the compiler cannot cope with it".to_owned())),
    }
}

/// Exactly the interfaces of [`crate::policy::imports`]; anything else is not there to be linked.
fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{clocks, io};
    use wasmtime_wasi_http::p2::bindings::{LinkOptions, http};

    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, State::clocks)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, State::clocks)?;
    io::error::add_to_linker::<_, Table>(linker, State::table)?;
    io::poll::add_to_linker::<_, Table>(linker, State::table)?;
    io::streams::add_to_linker::<_, Table>(linker, State::table)?;
    http::types::add_to_linker::<_, WasiHttp>(linker, &LinkOptions::default().into(), State::http)?;
    http::outgoing_handler::add_to_linker::<_, WasiHttp>(linker, State::http)?;
    written::link(linker)
}

/// A compiled plugin, ready to be instantiated for each call.
#[derive(Clone)]
pub struct Plugin {
    pre: PluginPre<State>,
    manifest: Manifest,
    initial_memory_bytes: Option<u64>,
    start: Start,
    limits: Arc<Limits>,
    instances: Arc<Instances>,
    /// Whether the engine does: asked for what it does not count, it makes an error out of each call.
    counts_fuel: bool,
    /// When whatever the calls belong to ends, if that is before a call's own limit.
    ends: Option<End>,
    /// Of the tenant whose calls these are; none for calls that are nobody's, such as those of a tool.
    share: Option<Arc<Share>>,
}

/// The end of a collection, at which its call ends, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// When.
    pub(crate) at: tokio::time::Instant,
    /// The limit `collection_wall`, from which it follows.
    pub(crate) limit: Duration,
}

/// How a plugin came to be ready.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Its code was compiled by an earlier process.
    pub from_cache: bool,
    /// From its bytes to being ready: checks, code, links.
    pub took: Duration,
}

impl Plugin {
    /// The same plugin for the calls of one tenant.
    pub(crate) fn within(&self, limits: Arc<Limits>, share: Option<Arc<Share>>) -> Self {
        Self { limits, share, ..self.clone() }
    }

    /// The same plugin, whose calls come to their end at that one at the latest.
    pub(crate) fn until(&self, ends: Option<End>) -> Self {
        Self { ends, ..self.clone() }
    }

    /// What the bytes said of themselves.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How it came to be ready.
    #[must_use]
    pub fn start(&self) -> Start {
        self.start
    }

    /// Memory the plugin asks for before it has done anything, bytes.
    #[must_use]
    pub fn initial_memory_bytes(&self) -> Option<u64> {
        self.initial_memory_bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

    use wasm_encoder::{
        CanonicalFunctionSection, Component, ComponentExportKind, ComponentImportSection, ComponentInstanceSection,
        ComponentTypeRef, EntityType, ExportKind, ImportSection, InstanceSection, Module, ModuleArg, ModuleSection,
        NestedComponentSection, TypeBounds, TypeSection, ValType,
    };

    use wasmtime::{Instance, Store};

    use super::{CodeCache, Digest, Engine, EngineOptions, KEPT, Limits, LoadError, caught, configured};

    /// So many components within each other, each of which instantiates the next three times; and a resource of the host that is dropped,
    /// by a function whose code has the place of the resource behind all instances.
    fn unrolled(levels: u32) -> Vec<u8> {
        let around = |inner: &Component, times: u32| {
            let (mut outer, mut instances) = (Component::new(), ComponentInstanceSection::new());
            for _ in 0..times {
                instances.instantiate(0, [("", ComponentExportKind::Func, 0); 0]);
            }
            outer.section(&NestedComponentSection(inner)).section(&instances);
            outer
        };
        let mut component = around(&(0..levels).fold(Component::new(), |inner, _| around(&inner, 3)), 1);
        let (mut resource, mut of_module, mut imports) =
            (ComponentImportSection::new(), TypeSection::new(), ImportSection::new());
        resource.import("a", ComponentTypeRef::Type(TypeBounds::SubResource));
        of_module.ty().function([ValType::I32], []);
        imports.import("a", "b", EntityType::Function(0));
        let mut module = Module::new();
        module.section(&of_module).section(&imports);
        let (mut drops, mut instances) = (CanonicalFunctionSection::new(), InstanceSection::new());
        drops.resource_drop(0);
        instances.export_items([("b", ExportKind::Func, 0)]);
        instances.instantiate(0, [("a", ModuleArg::Instance(0))]);
        component.section(&resource).section(&drops).section(&ModuleSection(&module)).section(&instances);
        component.finish()
    }

    /// Admission refuses this one, over which a compiler with assertions panics. Another may be found that panics without, and the
    /// other tenants' process must outlast it.
    #[test]
    fn what_the_compiler_panics_over_does_not_compile() {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let refused = engine.compile(&unrolled(14)).err().unwrap().to_string();
        assert!(refused.starts_with("the plugin does not compile: "), "{refused}");
        // The same engine goes on.
        assert!(engine.compile(&unrolled(2)).is_ok());
        let refused = caught::<()>(|| panic!("a component that is none")).err().unwrap().to_string();
        assert_eq!(refused, "the plugin does not compile: the compiler cannot cope with it");
    }

    #[test]
    fn a_component_is_refused_though_code_is_kept_of_it() {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&folder.path().join("code")).unwrap();
        let (bytes, digest) = (unrolled(2), Digest::of(&unrolled(2)));
        cache.put(&engine.engine, digest, &engine.compile(&bytes).unwrap());
        assert!(cache.get(&engine.engine, digest).is_some());
        let refused = engine.load_through(&bytes, Some(&cache));
        assert!(matches!(refused.err(), Some(LoadError::Refused(_))));
    }

    /// Also behind what a slot keeps, and at its end.
    #[test]
    fn nothing_is_left_in_a_slot() {
        let engine = wasmtime::Engine::new(&configured(&Limits::default(), EngineOptions::default(), 1)).unwrap();
        let (mut module, mut memories, mut exports) =
            (Module::new(), wasm_encoder::MemorySection::new(), wasm_encoder::ExportSection::new());
        let minimum = u64::try_from(3 * KEPT / 65_536).unwrap();
        let limits =
            wasm_encoder::MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None };
        memories.memory(limits);
        exports.export("memory", ExportKind::Memory, 0);
        module.section(&memories).section(&exports);
        let module = wasmtime::Module::new(&engine, module.finish()).unwrap();
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let memory = instance.get_memory(&mut store, "memory").unwrap();
            let bytes = memory.data_mut(&mut store);
            assert_eq!(bytes.len(), 3 * KEPT);
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(0xa5);
        }
    }
}
