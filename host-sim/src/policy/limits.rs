//! The limits within which a plugin runs.
//!
//! One struct, one default each, every one of them enforced; `host-sim limits` prints this very list. A tenant may have
//! others, from a file: see [`super::limit_file`].
//!
//! | mode | what passing the limit does |
//! | --- | --- |
//! | `enforce` | what the limit says; the call or the collection ends with the limit's name |
//! | `warn` | nothing but a word on the bill, to find out what a new value would have stopped |
//!
//! Refuses `warn` for a limit that keeps the process alive or a tenant from the others: see [`Limits::set_mode`].

use std::collections::BTreeSet;
use std::time::Duration;

/// What passing a limit does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// What the limit says.
    #[default]
    Enforce,
    /// A word on the bill.
    Warn,
}

impl Mode {
    /// As a limits file spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }
}

/// Names of the limits that only warn. Made by [`Limits::set_mode`] alone, which refuses those that must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warned(BTreeSet<&'static str>);

/// Why a limit cannot be what it was to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No limit has this name.
    #[error("there is no limit {0}")]
    Unknown(String),
    /// Less or more than makes sense, or than this machine can have.
    #[error("the limit {name} cannot be {value}: it is from {least} to {most}")]
    Range {
        /// Name of the limit.
        name: &'static str,
        /// The value.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Only to be enforced.
    #[error("the limit {name} can only be enforced: {why}")]
    OnlyEnforced {
        /// Name of the limit.
        name: &'static str,
        /// What depends on it.
        why: &'static str,
    },
}

/// A limit on what is written was passed. What is beyond it was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would be larger than the limit {name} = {value}")]
pub struct TooLarge {
    /// Name of the limit.
    pub name: &'static str,
    /// Its value, bytes.
    pub value: u64,
}

impl TooLarge {
    /// As an error of writing.
    pub(crate) fn error(name: &'static str, value: u64) -> std::io::Error {
        std::io::Error::other(Self { name, value })
    }

    /// Whether that is why something could not be written.
    pub(crate) fn is_why(error: &std::io::Error) -> bool {
        error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Self>)
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
    /// What it holds for, one of each: `call`, `component`, `request` with its answer, `host call`, `batch`, `collection`, or
    /// `tenant`.
    pub of: &'static str,
    /// What a limits file may set it to, in `unit`.
    pub range: std::ops::RangeInclusive<u64>,
    /// What passing it does, in a few words.
    pub meaning: &'static str,
    /// Whether it does.
    pub mode: Mode,
}

/// What a limit is counted in.
trait Amount: Sized {
    fn to_number(&self) -> u64;
    fn of_number(value: u64) -> Option<Self>;
}

macro_rules! counted {
    ($($number:ty),*) => { $(
        impl Amount for $number {
            fn to_number(&self) -> u64 {
                u64::try_from(*self).unwrap_or(u64::MAX)
            }

            fn of_number(value: u64) -> Option<Self> {
                value.try_into().ok()
            }
        }
    )* };
}

counted!(usize, u32, u64);

impl Amount for Duration {
    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }

    fn of_number(value: u64) -> Option<Self> {
        Some(Self::from_millis(value))
    }
}

/// Most of a body that the host takes at once, bytes. It keeps up to three such pieces of each body that is not sent yet,
/// of which a guest may have hundreds; a query is one piece.
pub const BODY_PIECE: usize = 16 * 1024;

/// Stack for the host's own frames in a call, bytes. They are deepest where results are copied.
pub const HOST_STACK: usize = 1536 * 1024;

/// What a process takes beside its calls, bytes: the program, the code of its plugins, TLS roots, connections at rest. Measured
/// as under 100 MiB with ten tenants; compiling is not in it.
pub const FIXED_BYTES: u64 = 256 << 20;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const SECOND: Duration = Duration::from_secs(1);
/// Milliseconds.
const DAY: u64 = 24 * 3_600_000;
/// So many that nothing is limited, and few enough to be counted exactly everywhere.
const MOST: u64 = 0xffff_ffff;

/// Why a limit has no mode `warn`.
const ALIVE: Option<&str> = Some("it keeps this process alive");
const OTHERS: Option<&str> = Some("without it one tenant takes what the others need");
const WAITS: Option<&str> = Some("without it a call can hang");
/// It has one.
const WARNS: Option<&str> = None;

/// Writes struct, default, list and setter from one table, so that no limit can be in one and not in another.
macro_rules! limits {
    ($( $(#[$doc:meta])* $name:ident: $number:ty = $default:expr, $unit:literal, $of:literal, $range:expr, $only_enforced:ident, $meaning:literal; )*) => {
        /// Limits, each of what [`LimitLine::of`] says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $( $(#[$doc])* pub $name: $number, )*
            /// The limits whose mode is `warn`; see [`Limits::set_mode`].
            pub warned: Warned,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $name: $default, )* warned: Warned::default() }
            }
        }

        impl Limits {
            /// Every limit, in the order of the struct.
            #[must_use]
            pub fn lines(&self) -> Vec<LimitLine> {
                vec![$( LimitLine {
                    name: stringify!($name),
                    value: self.$name.to_number(),
                    unit: $unit,
                    of: $of,
                    range: $range,
                    meaning: $meaning,
                    mode: self.mode(stringify!($name)),
                } ),*]
            }

            /// Sets a limit by its name, in the unit in which `limits` prints it.
            ///
            /// # Errors
            /// [`LimitError::Unknown`] and [`LimitError::Range`].
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitError> {
                match name {
                    $( stringify!($name) => {
                        let (least, most) = (*($range).start(), *($range).end());
                        let amount = (least..=most).contains(&value).then(|| Amount::of_number(value)).flatten();
                        self.$name = amount.ok_or(LimitError::Range { name: stringify!($name), value, least, most })?;
                    } )*
                    other => return Err(LimitError::Unknown(other.to_owned())),
                }
                Ok(())
            }

            /// Whether each is in its range: a limits file gives no others, and code that makes limits should not either.
            ///
            /// # Errors
            /// [`LimitError::Range`], for the first that is not.
            pub fn check(&self) -> Result<(), LimitError> {
                $( {
                    let (least, most) = (*($range).start(), *($range).end());
                    let value = self.$name.to_number();
                    if !(least..=most).contains(&value) {
                        return Err(LimitError::Range { name: stringify!($name), value, least, most });
                    }
                } )*
                Ok(())
            }

            /// The limit's name as it is kept, and why it cannot only warn.
            fn known(name: &str) -> Result<(&'static str, Option<&'static str>), LimitError> {
                match name {
                    $( stringify!($name) => Ok((stringify!($name), $only_enforced)), )*
                    other => Err(LimitError::Unknown(other.to_owned())),
                }
            }
        }
    };
}

limits! {
    /// Size of a component, bytes. Checked before it is parsed, since parsing and compiling cost host time and memory.
    component_bytes: usize = 8 * MIB, "bytes", "component", 1..=1 << 30, ALIVE, "a larger component is not loaded";
    /// Linear memory of the guest, bytes. A page of 100 users needs about 2 MiB.
    memory_bytes: usize = 64 * MIB, "bytes", "call", 1 << 16..=4 << 30, ALIVE, "the guest's memory stops growing";
    /// Elements of one guest table.
    table_elements: usize = 10_000, "count", "call", 0..=1_000_000, ALIVE, "the guest's tables stop growing";
    /// Call stack of the guest, bytes.
    stack_bytes: usize = 512 * KIB, "bytes", "call", 1 << 16..=1 << 26, ALIVE, "the call ends";
    /// Time the guest computes, and the host for it within the call. Waiting does not count.
    cpu: Duration = SECOND.saturating_mul(10), "ms", "call", 1..=DAY, OTHERS, "the call is interrupted";
    /// Wall-clock time, waiting included. The only limit that ends a guest blocked in the host.
    wall: Duration = SECOND.saturating_mul(180), "ms", "call", 1..=DAY, WAITS, "the call is dropped";
    /// HTTP requests.
    requests: u32 = 256, "count", "call", 0..=MOST, WARNS, "further requests are refused";
    /// Requests in flight at once, for all calls of one tenant together.
    in_flight: usize = 8, "count", "tenant", 1..=1_000, OTHERS, "further requests wait";
    /// Look-ups of names at once, for all calls of one tenant together, those that were given up included. Each takes a thread
    /// until a name server answers or the system gives up.
    lookups: usize = 4, "count", "tenant", 1..=64, OTHERS, "further look-ups wait";
    /// Body of one request, bytes. Queries are short.
    request_bytes: u64 = 1 << 20, "bytes", "request", 0..=1 << 40, WARNS, "the request fails";
    /// Body of one response, bytes.
    response_bytes: u64 = 16 << 20, "bytes", "request", 0..=1 << 40, WARNS, "the response is cut";
    /// Bodies of all responses, bytes.
    response_bytes_per_call: u64 = 64 << 20, "bytes", "call", 0..=1 << 40, WARNS, "the response is cut";
    /// Status line and headers of one response, bytes.
    response_head_bytes: usize = 64 * KIB, "bytes", "request", 1..=1 << 20, ALIVE, "the response is refused";
    /// Header fields of one response.
    response_headers: usize = 100, "count", "request", 1..=10_000, ALIVE, "the response is refused";
    /// Method, scheme, authority and path of a request that the guest prepares, each, bytes. The host keeps them.
    target_bytes: usize = 8 * KIB, "bytes", "request", 1..=1 << 16, ALIVE, "the guest cannot write it";
    /// Memory of one set of header fields that the guest writes, bytes. The host keeps it.
    fields_bytes: usize = 16 * KIB, "bytes", "request", 0..=1 << 20, ALIVE, "the call ends";
    /// Establishing a connection: name look-up, TCP and TLS together.
    connect: Duration = SECOND.saturating_mul(10), "ms", "request", 1..=DAY, WAITS, "the request fails";
    /// Until the head of a response has come, connecting included.
    first_byte: Duration = SECOND.saturating_mul(60), "ms", "request", 1..=DAY, WAITS, "the request fails";
    /// Between two pieces of a body.
    between_bytes: Duration = SECOND.saturating_mul(30), "ms", "request", 1..=DAY, WAITS, "the response fails";
    /// Host-side objects the guest holds: requests, responses, streams, pollables.
    host_table_entries: usize = 1_024, "count", "call", 1..=1_000_000, ALIVE, "the call ends";
    /// Bytes copied from guest to host in one host call or result.
    hostcall_bytes: usize = 16 * MIB, "bytes", "host call", 1..=1 << 30, ALIVE, "the call ends";
    /// Handles the guest holds.
    handles: usize = 1_024, "count", "call", 1..=1_000_000, ALIVE, "the call ends";
    /// Entries in one batch.
    batch_entries: usize = 10_000, "count", "batch", 0..=MOST, WARNS, "the batch is refused";
    /// Length of one text in a record or warning, bytes. GitLab's longest, a name, has 255 characters.
    text_bytes: usize = 64 * KIB, "bytes", "batch", 0..=MOST, WARNS, "the batch is refused";
    /// Length of a cursor, bytes.
    cursor_bytes: usize = 4 * KIB, "bytes", "batch", 0..=MOST, WARNS, "the batch is refused";
    /// Batches of one collection. A million users come in some 10,000.
    batches: u64 = 100_000, "count", "collection", 1..=MOST, OTHERS, "the collection ends";
    /// Time of one collection, waits included. A million users come in some hours.
    collection_wall: Duration = SECOND.saturating_mul(12 * 3_600), "ms", "collection", 1..=7 * DAY, WARNS, "the collection ends, resumable";
    /// Output of one collection, bytes: in the file, with what an earlier run left in it; on a stream, of one run.
    output_bytes: u64 = 8 << 30, "bytes", "collection", 1..=1 << 44, OTHERS, "the collection ends, resumable";
    /// The recording of one collection, bytes.
    recording_bytes: u64 = 4 << 30, "bytes", "collection", 1..=1 << 44, OTHERS, "the collection and its recording end";
    /// All the time that one collection spends waiting because the service said "too many requests".
    rate_limit_wait: Duration = SECOND.saturating_mul(900), "ms", "collection", 0..=7 * DAY, WAITS, "the collection ends, resumable";
    /// Calls of one tenant at once.
    calls: usize = 4, "count", "tenant", 1..=1_000, OTHERS, "further calls wait";
    /// Requests of one tenant in a minute. GitLab.com's own limit for one user is 2,000.
    requests_per_minute: u64 = 6_000, "count", "tenant", 1..=MOST, WARNS, "further calls wait";
    /// Computing of one tenant in a minute, host work within its calls included.
    cpu_per_minute: Duration = SECOND.saturating_mul(30), "ms", "tenant", 1..=DAY, WARNS, "further calls wait";
}

impl Limits {
    /// What passing the limit does.
    #[must_use]
    pub fn mode(&self, name: &str) -> Mode {
        if self.warned.0.contains(name) { Mode::Warn } else { Mode::Enforce }
    }

    /// Whether passing the limit is but a word on the bill.
    #[must_use]
    pub fn only_warns(&self, name: &str) -> bool {
        self.mode(name) == Mode::Warn
    }

    /// Most that the host keeps of what the guest of one call prepares for sending, bytes: every entry of its table a
    /// request, with fields and the four parts of its target as long as may be, and every third one with a body.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        let request = self.fields_bytes.saturating_add(self.target_bytes.saturating_mul(4));
        self.host_table_entries.saturating_mul(request.saturating_add(BODY_PIECE))
    }

    /// Most that one call takes of this process, bytes: guest memory and stack; what is copied out of the guest, which is there as
    /// copied, as taken apart into records, and on its way between the two; what the host keeps for the guest; and the heads and
    /// buffers of its requests in flight.
    #[must_use]
    pub fn call_bytes(&self) -> u64 {
        let copied = self.hostcall_bytes.saturating_mul(3);
        // An element is a pointer. A guest has a table or two of its own; the pool has room for four.
        let tables = self.table_elements.saturating_mul(8 * 4);
        let guest =
            self.memory_bytes.saturating_add(tables).saturating_add(self.stack_bytes).saturating_add(HOST_STACK);
        // Read into a buffer that is twice as long, and taken apart.
        let answers = self.in_flight.saturating_mul(self.response_head_bytes.saturating_mul(3));
        let call = guest.saturating_add(copied).saturating_add(self.kept_bytes()).saturating_add(answers);
        u64::try_from(call).unwrap_or(u64::MAX)
    }

    /// Most that this process takes with so many calls at work, bytes: theirs, and [`FIXED_BYTES`].
    #[must_use]
    pub fn process_bytes(&self, instances: u32) -> u64 {
        self.call_bytes().saturating_mul(u64::from(instances)).saturating_add(FIXED_BYTES)
    }

    /// So many calls may be at work in a process that is to take at most `cap` bytes, which are none if it is too small for one.
    #[must_use]
    pub fn instances_within(&self, cap: u64) -> u32 {
        let room = cap.saturating_sub(FIXED_BYTES);
        u32::try_from(room.checked_div(self.call_bytes()).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Has a limit enforced, or has it warn.
    ///
    /// # Errors
    /// [`LimitError::Unknown`], and [`LimitError::OnlyEnforced`] where something else than a policy depends on the limit.
    pub fn set_mode(&mut self, name: &str, mode: Mode) -> Result<(), LimitError> {
        let (name, only_enforced) = Self::known(name)?;
        match (mode, only_enforced) {
            (Mode::Warn, Some(why)) => return Err(LimitError::OnlyEnforced { name, why }),
            (Mode::Warn, None) => self.warned.0.insert(name),
            (Mode::Enforce, _) => self.warned.0.remove(name),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{LimitError, Limits, Mode};

    #[test]
    fn every_limit_can_be_set_by_its_name_and_is_then_what_is_listed() {
        let mut limits = Limits::default();
        for (number, line) in Limits::default().lines().iter().enumerate() {
            limits.set(line.name, line.range.end() - u64::try_from(number).unwrap()).unwrap();
        }
        for (number, line) in limits.lines().iter().enumerate() {
            assert_eq!(line.value, line.range.end() - u64::try_from(number).unwrap(), "{}", line.name);
        }
        assert_eq!(limits.set("memory", 1), Err(LimitError::Unknown("memory".to_owned())));
    }

    #[test]
    fn a_limit_is_within_its_range_and_not_one_beyond() {
        for line in Limits::default().lines() {
            let (name, least, most) = (line.name, *line.range.start(), *line.range.end());
            assert!(line.range.contains(&line.value), "{name}");
            let within = [least, most].map(|value| (value, true));
            let beyond = [least.checked_sub(1), Some(most + 1), Some(u64::MAX)].into_iter().flatten();
            for (value, allowed) in within.into_iter().chain(beyond.map(|value| (value, false))) {
                let expected = if allowed { Ok(()) } else { Err(LimitError::Range { name, value, least, most }) };
                assert_eq!(Limits::default().set(name, value), expected);
            }
        }
    }

    #[test]
    fn limits_that_code_made_are_checked_as_those_of_a_file_are() {
        let words = |limits: Limits| limits.check().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(words(Limits::default()), "");
        assert_eq!(
            words(Limits { in_flight: 0, ..Limits::default() }),
            "the limit in_flight cannot be 0: it is from 1 to 1000"
        );
        let of_a_moment = Limits { wall: std::time::Duration::from_micros(999), ..Limits::default() };
        assert_eq!(words(of_a_moment), "the limit wall cannot be 0: it is from 1 to 86400000");
        let endless = Limits { requests_per_minute: u64::MAX, ..Limits::default() };
        assert!(words(endless).starts_with("the limit requests_per_minute cannot be 18446744073709551615: "));
        for line in Limits::default().lines() {
            for value in [*line.range.start(), *line.range.end()] {
                let mut limits = Limits::default();
                limits.set(line.name, value).unwrap();
                assert_eq!(limits.check(), Ok(()), "{} = {value}", line.name);
            }
        }
    }

    #[test]
    fn what_a_process_may_take_follows_from_the_limits_of_its_calls() {
        let usual = Limits::default();
        // 64 MiB of memory, 48 MiB copied, 64 MiB kept, and what is small beside it.
        let call = usual.call_bytes();
        assert!(((176 << 20)..(184 << 20)).contains(&call), "{call}");
        assert_eq!(usual.process_bytes(0), super::FIXED_BYTES);
        assert_eq!(usual.process_bytes(64), super::FIXED_BYTES + 64 * call);
        for (name, more) in [
            ("memory_bytes", 1),
            ("stack_bytes", 1),
            ("hostcall_bytes", 3),
            ("table_elements", 32),
            ("fields_bytes", 1_024),
            ("target_bytes", 4 * 1_024),
        ] {
            let mut limits = usual.clone();
            let value = limits.lines().into_iter().find(|line| line.name == name).unwrap().value;
            limits.set(name, value + 1).unwrap();
            assert_eq!(limits.call_bytes() - call, more, "{name}");
        }
        for instances in [1, 2, 64, 1_000] {
            let cap = usual.process_bytes(instances);
            assert_eq!(usual.instances_within(cap), instances);
            assert_eq!(usual.instances_within(cap - 1), instances - 1);
        }
        assert_eq!(usual.instances_within(0), 0);
        assert_eq!(Limits { memory_bytes: usize::MAX, ..usual }.process_bytes(64), u64::MAX);
    }

    #[test]
    fn what_keeps_the_process_alive_cannot_only_warn() {
        let mut limits = Limits::default();
        let mut warned = Vec::new();
        for line in Limits::default().lines() {
            match limits.set_mode(line.name, Mode::Warn) {
                Ok(()) => warned.push(line.name),
                Err(error) => assert!(error.to_string().contains("can only be enforced: "), "{error}"),
            }
        }
        let expected = [
            "requests",
            "request_bytes",
            "response_bytes",
            "response_bytes_per_call",
            "batch_entries",
            "text_bytes",
            "cursor_bytes",
            "collection_wall",
            "requests_per_minute",
            "cpu_per_minute",
        ];
        assert_eq!(warned, expected);
        for line in limits.lines() {
            assert_eq!(line.mode == Mode::Warn, expected.contains(&line.name), "{}", line.name);
        }
        limits.set_mode("requests", Mode::Enforce).unwrap();
        assert!(!limits.only_warns("requests") && limits.only_warns("text_bytes"));
        assert!(matches!(limits.set_mode("none", Mode::Warn), Err(LimitError::Unknown(_))));
    }
}
