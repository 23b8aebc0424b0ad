//! The limits within which a call of a plugin runs.
//!
//! One struct, one default each, every one of them enforced; `host-sim limits` prints this very list.

use std::time::Duration;

/// Limits of one call, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of a component, bytes. Checked before it is parsed, since parsing and compiling cost host time and memory.
    pub component_bytes: usize,
    /// Linear memory of the guest, bytes. A page of 100 users needs about 2 MiB.
    pub memory_bytes: usize,
    /// Elements of one guest table.
    pub table_elements: usize,
    /// Time the guest itself computes. Waiting does not count.
    pub cpu: Duration,
    /// Wall-clock time, waiting included. The only limit that ends a guest blocked in the host.
    pub wall: Duration,
    /// HTTP requests.
    pub requests: u32,
    /// Requests in flight at once, for all calls of one tenant together.
    pub in_flight: usize,
    /// Body of one response, bytes.
    pub response_bytes: u64,
    /// Bodies of all responses, bytes.
    pub response_bytes_per_call: u64,
    /// Status line and headers of one response, bytes.
    pub response_head_bytes: usize,
    /// Header fields of one response.
    pub response_headers: usize,
    /// Memory of one set of header fields on the guest's side, bytes.
    pub fields_bytes: usize,
    /// Establishing a connection: name look-up, TCP and TLS together.
    pub connect: Duration,
    /// Until the head of a response has come, connecting included.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub between_bytes: Duration,
    /// Host-side objects the guest holds: requests, responses, streams, pollables.
    pub host_table_entries: usize,
    /// Bytes copied from guest to host in one host call or result.
    pub hostcall_bytes: usize,
    /// Handles the guest holds.
    pub handles: usize,
    /// Entries in one batch.
    pub batch_entries: usize,
    /// Length of a cursor, bytes.
    pub cursor_bytes: usize,
    /// All the time that one collection spends waiting because the service said "too many requests".
    pub rate_limit_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            component_bytes: 8 * MIB,
            memory_bytes: 64 * MIB,
            table_elements: 10_000,
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(180),
            requests: 256,
            in_flight: 8,
            response_bytes: 16 << 20,
            response_bytes_per_call: 64 << 20,
            response_head_bytes: 64 * KIB,
            response_headers: 100,
            fields_bytes: 128 * KIB,
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
            host_table_entries: 1_024,
            hostcall_bytes: 16 * MIB,
            handles: 1_024,
            batch_entries: 10_000,
            cursor_bytes: 4 * KIB,
            rate_limit_wait: Duration::from_secs(900),
        }
    }
}

/// One limit for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitLine {
    /// Name of the field.
    pub name: &'static str,
    /// Its value, in `unit`.
    pub value: u64,
    /// `bytes`, `ms`, or `count`.
    pub unit: &'static str,
    /// What passing it does, in a few words.
    pub meaning: &'static str,
}

impl Limits {
    /// Every limit, in the order of the struct.
    #[must_use]
    pub fn lines(&self) -> Vec<LimitLine> {
        // Destructured, so that a new field without a line does not compile.
        let Self {
            component_bytes,
            memory_bytes,
            table_elements,
            cpu,
            wall,
            requests,
            in_flight,
            response_bytes,
            response_bytes_per_call,
            response_head_bytes,
            response_headers,
            fields_bytes,
            connect,
            first_byte,
            between_bytes,
            host_table_entries,
            hostcall_bytes,
            handles,
            batch_entries,
            cursor_bytes,
            rate_limit_wait,
        } = self;
        let count = |value: &usize| u64::try_from(*value).unwrap_or(u64::MAX);
        let ms = |value: &Duration| u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
        [
            ("component_bytes", count(component_bytes), "bytes", "a larger component is not loaded"),
            ("memory_bytes", count(memory_bytes), "bytes", "the guest's memory stops growing"),
            ("table_elements", count(table_elements), "count", "the guest's tables stop growing"),
            ("cpu", ms(cpu), "ms", "the call is interrupted"),
            ("wall", ms(wall), "ms", "the call is dropped"),
            ("requests", u64::from(*requests), "count", "further requests are refused"),
            ("in_flight", count(in_flight), "count", "further requests wait"),
            ("response_bytes", *response_bytes, "bytes", "the response is cut"),
            ("response_bytes_per_call", *response_bytes_per_call, "bytes", "the response is cut"),
            ("response_head_bytes", count(response_head_bytes), "bytes", "the response is refused"),
            ("response_headers", count(response_headers), "count", "the response is refused"),
            ("fields_bytes", count(fields_bytes), "bytes", "the guest traps"),
            ("connect", ms(connect), "ms", "the request fails"),
            ("first_byte", ms(first_byte), "ms", "the request fails"),
            ("between_bytes", ms(between_bytes), "ms", "the response fails"),
            ("host_table_entries", count(host_table_entries), "count", "the guest traps"),
            ("hostcall_bytes", count(hostcall_bytes), "bytes", "the guest traps"),
            ("handles", count(handles), "count", "the guest traps"),
            ("batch_entries", count(batch_entries), "count", "the batch is refused"),
            ("cursor_bytes", count(cursor_bytes), "bytes", "the batch is refused"),
            ("rate_limit_wait", ms(rate_limit_wait), "ms", "the collection ends, resumable"),
        ]
        .into_iter()
        .map(|(name, value, unit, meaning)| LimitLine { name, value, unit, meaning })
        .collect()
    }
}
