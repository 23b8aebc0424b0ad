//! What calls cost, beside what they may cost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

pub use broker::record::Counts as Records;

use crate::contract::{Batch, Counts, Entry};
use crate::egress::{Denial, MOST_DENIALS, RequestRecord};
use crate::policy::limits::Limits;

/// The cost of one call.
#[derive(Debug, Clone, Default)]
pub struct CallBill {
    /// Time the guest computed, without the pauses in which others ran. Part of `busy`.
    pub guest: Duration,
    /// Instructions that the guest computed, as the engine weighs them; none where it does not count.
    pub fuel: Option<u64>,
    /// Wall-clock time.
    pub wall: Duration,
    /// Before the call: until the tenant and the host had room for it. Not part of `wall`.
    pub queued: Duration,
    /// Time a processor was kept busy by the call itself: the guest, and the host on its behalf. What the limit `cpu` is of.
    pub busy: Duration,
    /// The same before and after the call, to make room for it and to clear it away: the tenant's, but not in the limit.
    pub around: Duration,
    /// Largest linear memory, bytes.
    pub peak_memory: usize,
    /// Connections opened by the tenant meanwhile.
    pub connections_opened: u64,
    /// The first requests, in the order in which they ended.
    pub requests: Vec<RequestRecord>,
    /// Requests that are not among `requests`, and whose bytes are counted nowhere but in the limits.
    pub more_requests: u64,
    /// Refusals.
    pub denials: Vec<Denial>,
    /// Refusals that are not among `denials`, which keep the first of a call.
    pub more_denials: u64,
    /// Requests without an answer when the call ended.
    pub unfinished: u64,
    /// Limits that were passed and only warn, and how often.
    pub limits_passed: BTreeMap<&'static str, u64>,
    /// GET requests that asked again for what the same call had asked for: the plugin's own retries.
    pub repeats: u64,
}

/// The cost of a run: all its calls together. Of one call it is the bill, too.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// Calls of the plugin.
    pub calls: u64,
    /// Milliseconds the guest computed, all calls.
    pub guest_ms: f64,
    /// Fuel of all calls; none where the engine does not count.
    pub fuel: Option<u64>,
    /// The longest computation of the guest in one call, milliseconds.
    pub guest_ms_longest_call: f64,
    /// Milliseconds that calls kept a processor busy, the host's work for the guest included.
    pub busy_ms: f64,
    /// The same of the call with the most, milliseconds: what the limit `cpu` is of.
    pub busy_ms_longest_call: f64,
    /// Milliseconds spent in calls while the guest did not compute: network, mostly.
    pub waiting_ms: f64,
    /// Milliseconds before calls, until there was room for them: limits of the tenant, or a busy host.
    pub queued_ms: f64,
    /// Milliseconds between calls, because the service asked to wait.
    pub rate_limited_ms: f64,
    /// The longest call, milliseconds.
    pub wall_ms_longest_call: f64,
    /// Largest linear memory of any call, bytes.
    pub peak_memory_bytes: usize,
    /// Requests by method, path and outcome.
    pub requests: BTreeMap<String, u64>,
    /// Most requests in one call.
    pub requests_most_in_call: usize,
    /// Requests without an answer when their call ended.
    pub requests_unfinished: u64,
    /// Calls made again because an answer said to wait.
    pub retries: u64,
    /// GET requests sent again within their call.
    pub repeats: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
    /// Largest response body, bytes.
    pub response_bytes_largest: u64,
    /// Most body bytes in one call.
    pub response_bytes_most_in_call: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Requests on connections that were open already.
    pub connections_reused: u64,
    /// Refused requests, the first [`MOST_DENIALS`] of them.
    pub denials: Vec<Denial>,
    /// Refused requests beyond these.
    pub more_denials: u64,
    /// Limits that were passed and only warn, and how often.
    pub limits_passed: BTreeMap<&'static str, u64>,
    /// From the beginning of the collection to its end, milliseconds.
    pub collection_ms: f64,
    /// Batches delivered.
    pub batches: u64,
    /// Records delivered.
    pub records: Records,
    /// Most entries in one batch.
    pub entries_most_in_batch: usize,
}

/// Most lines of requests that a bill holds: a plugin may ask for any number of paths. What comes beyond is one line.
const MOST_REQUESTS: usize = 1_000;

impl From<&Counts> for Records {
    fn from(counts: &Counts) -> Self {
        Self {
            source: counts.sources,
            pool: counts.pools,
            user: counts.users,
            assignment: counts.assignments,
            warning: counts.warnings,
        }
    }
}

/// Milliseconds, to the microsecond.
pub(crate) fn ms(duration: Duration) -> f64 {
    // Finer is noise.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Bill {
    /// The bill of one call.
    #[must_use]
    pub fn of(call: &CallBill) -> Self {
        let mut bill = Self::default();
        bill.add(call);
        bill
    }

    /// Adds one call.
    pub fn add(&mut self, call: &CallBill) {
        self.calls += 1;
        self.guest_ms += ms(call.guest);
        if let Some(fuel) = call.fuel {
            self.fuel = Some(self.fuel.unwrap_or(0).saturating_add(fuel));
        }
        self.guest_ms_longest_call = self.guest_ms_longest_call.max(ms(call.guest));
        self.busy_ms += ms(call.busy);
        self.busy_ms_longest_call = self.busy_ms_longest_call.max(ms(call.busy));
        self.waiting_ms += ms(call.wall.saturating_sub(call.guest));
        self.queued_ms += ms(call.queued);
        self.wall_ms_longest_call = self.wall_ms_longest_call.max(ms(call.wall));
        self.peak_memory_bytes = self.peak_memory_bytes.max(call.peak_memory);
        let mut sent: u64 = 0;
        let mut bytes: u64 = 0;
        for request in &call.requests {
            let outcome = match (request.status, &request.error) {
                (Some(status), None) => status.to_string(),
                (Some(status), Some(_)) => format!("{status}, cut"),
                (None, _) => "no answer".to_owned(),
            };
            let mut line = format!("{} {} {outcome}", request.method, request.path);
            if self.requests.len() >= MOST_REQUESTS && !self.requests.contains_key(&line) {
                line = "others".to_owned();
            }
            *self.requests.entry(line).or_default() += 1;
            sent += 1;
            bytes += request.bytes;
            self.response_bytes_largest = self.response_bytes_largest.max(request.bytes);
        }
        if call.more_requests > 0 {
            *self.requests.entry("others".to_owned()).or_default() += call.more_requests;
        }
        let more = usize::try_from(call.more_requests).unwrap_or(usize::MAX);
        self.requests_unfinished += call.unfinished;
        self.repeats += call.repeats;
        self.requests_most_in_call = self.requests_most_in_call.max(call.requests.len().saturating_add(more));
        self.response_bytes += bytes;
        self.response_bytes_most_in_call = self.response_bytes_most_in_call.max(bytes);
        self.connections_opened += call.connections_opened;
        self.connections_reused += sent.saturating_add(call.more_requests).saturating_sub(call.connections_opened);
        let room = MOST_DENIALS.saturating_sub(self.denials.len());
        self.denials.extend(call.denials.iter().take(room).cloned());
        let left = u64::try_from(call.denials.len().saturating_sub(room)).unwrap_or(u64::MAX);
        self.more_denials = self.more_denials.saturating_add(left).saturating_add(call.more_denials);
        for (name, count) in &call.limits_passed {
            *self.limits_passed.entry(name).or_default() += count;
        }
    }

    /// Notes that a limit was passed that only warns.
    pub fn warn(&mut self, limit: &'static str) {
        *self.limits_passed.entry(limit).or_default() += 1;
    }

    /// Notes how long the collection has taken so far.
    pub(crate) fn took(&mut self, time: Duration) {
        self.collection_ms = ms(time);
    }

    /// Counts a delivered batch and its records.
    pub fn count(&mut self, batch: &Batch) {
        self.batches += 1;
        self.entries_most_in_batch = self.entries_most_in_batch.max(batch.entries.len());
        for entry in &batch.entries {
            match entry {
                Entry::Source(_) => self.records.source += 1,
                Entry::Pool(_) => self.records.pool += 1,
                Entry::User(_) => self.records.user += 1,
                Entry::Assignment(_) => self.records.assignment += 1,
            }
        }
        self.records.warning += u64::try_from(batch.warnings.len()).unwrap_or(u64::MAX);
    }

    /// Adds a wait that the service asked for.
    pub fn add_rate_limited(&mut self, waited: Duration) {
        self.rate_limited_ms += ms(waited);
        self.retries += 1;
    }

    /// The bill for programs: every figure with its unit and, where there is one, the limit by name and value.
    ///
    /// A limit is one of a call, except for `rate_limit_wait`, `collection_wall` and `batches`, which are of the run; so it stands beside what the most
    /// costly call took. `requests` counts by method, path and outcome, `denials` lists what was refused.
    #[must_use]
    pub fn to_json(&self, limits: &Limits) -> Value {
        let lines = limits.lines();
        let figure = |value: Value, unit: &str, limit: Option<&str>| {
            // Asked of the list that `limits` prints, so that a figure and its limit have one unit.
            let limit = limit.and_then(|name| lines.iter().find(|line| line.name == name && line.unit == unit));
            let name = limit.map(|line| line.name);
            json!({ "value": value, "unit": unit, "limit": limit.map(|line| line.value), "limit_name": name })
        };
        let ms = |value: f64, limit| figure(json!(value), "ms", limit);
        let count = |value: u64, limit| figure(json!(value), "count", limit);
        let most = |value: usize, limit| figure(json!(value), "count", Some(limit));
        let bytes = |value: u64, limit| figure(json!(value), "bytes", limit);
        let Records { source, pool, user, assignment, warning } = self.records;
        json!({
            "calls": count(self.calls, None),
            "guest_ms": ms(self.guest_ms, None),
            "guest_ms_longest_call": ms(self.guest_ms_longest_call, None),
            "busy_ms": ms(self.busy_ms, None),
            "busy_ms_longest_call": ms(self.busy_ms_longest_call, Some("cpu")),
            "waiting_ms": ms(self.waiting_ms, None),
            "queued_ms": ms(self.queued_ms, None),
            "rate_limited_ms": ms(self.rate_limited_ms, Some("rate_limit_wait")),
            "wall_ms_longest_call": ms(self.wall_ms_longest_call, Some("wall")),
            "collection_ms": ms(self.collection_ms, Some("collection_wall")),
            "batches": count(self.batches, Some("batches")),
            "peak_memory_bytes": figure(json!(self.peak_memory_bytes), "bytes", Some("memory_bytes")),
            "requests": self.requests,
            "requests_most_in_call": most(self.requests_most_in_call, "requests"),
            "requests_unfinished": count(self.requests_unfinished, None),
            "requests_sent_again": count(self.repeats, None),
            "calls_made_again": count(self.retries, None),
            "response_bytes": bytes(self.response_bytes, None),
            "response_bytes_largest": bytes(self.response_bytes_largest, Some("response_bytes")),
            "response_bytes_most_in_call": bytes(self.response_bytes_most_in_call, Some("response_bytes_per_call")),
            "connections_opened": count(self.connections_opened, None),
            "connections_reused": count(self.connections_reused, None),
            "denials": self.denials,
            "more_denials": count(self.more_denials, None),
            "limits_passed": self.limits_passed,
            "records": {
                "source": count(source, None), "pool": count(pool, None), "user": count(user, None),
                "assignment": count(assignment, None), "warning": count(warning, None),
            },
            "entries_most_in_batch": most(self.entries_most_in_batch, "batch_entries"),
        })
    }

    /// The bill for people, the limit beside each figure that has one.
    #[must_use]
    pub fn to_text(&self, limits: &Limits) -> String {
        let mut text = String::from("Bill of the run\n");
        let mut line = |name: &str, figure: String, limit: Option<String>| {
            let limit = limit.map(|limit| format!("  (limit {limit})")).unwrap_or_default();
            // Writing to a String does not fail.
            let _ = writeln!(text, "  {name:<22} {figure}{limit}");
        };
        line("calls", self.calls.to_string(), None);
        line("guest CPU", format!("{:.1} ms, longest call {:.1} ms", self.guest_ms, self.guest_ms_longest_call), None);
        line(
            "CPU, host included",
            format!("{:.1} ms, longest call {:.1} ms", self.busy_ms, self.busy_ms_longest_call),
            Some(format!("{} ms a call", limits.cpu.as_millis())),
        );
        line("waiting", format!("{:.1} ms", self.waiting_ms), None);
        line("queued", format!("{:.1} ms", self.queued_ms), Some(format!("{} calls at once", limits.calls)));
        line(
            "rate-limited",
            format!("{:.0} ms, {} calls made again", self.rate_limited_ms, self.retries),
            Some(format!("{} ms", limits.rate_limit_wait.as_millis())),
        );
        line(
            "longest call",
            format!("{:.1} ms", self.wall_ms_longest_call),
            Some(format!("{} ms", limits.wall.as_millis())),
        );
        line(
            "collection",
            format!("{:.0} ms, {} batches", self.collection_ms, self.batches),
            Some(format!("{} ms, {} batches", limits.collection_wall.as_millis(), limits.batches)),
        );
        line("guest memory, peak", human_bytes(self.peak_memory_bytes), Some(human_bytes(limits.memory_bytes)));
        let total: u64 = self.requests.values().sum();
        line(
            "requests",
            format!(
                "{}, most in a call {}, unfinished {}",
                total + self.requests_unfinished,
                self.requests_most_in_call,
                self.requests_unfinished
            ),
            Some(format!("{} a call", limits.requests)),
        );
        line("sent again", format!("{} requests within their call", self.repeats), None);
        for (request, count) in &self.requests {
            line("", format!("{count:>6} × {request}"), None);
        }
        line(
            "bytes received",
            format!(
                "{}, most in a call {}, largest answer {}",
                human_bytes(self.response_bytes),
                human_bytes(self.response_bytes_most_in_call),
                human_bytes(self.response_bytes_largest)
            ),
            Some(format!(
                "{} a call, {} an answer",
                human_bytes(limits.response_bytes_per_call),
                human_bytes(limits.response_bytes)
            )),
        );
        line(
            "connections",
            format!("{} opened, {} requests on open ones", self.connections_opened, self.connections_reused),
            Some(format!("{} in flight", limits.in_flight)),
        );
        let Records { source, pool, user, assignment, warning } = self.records;
        line(
            "records",
            format!("{source} source, {pool} pool, {user} user, {assignment} assignment, {warning} warning"),
            None,
        );
        line("largest batch", self.entries_most_in_batch.to_string(), Some(limits.batch_entries.to_string()));
        let kept = u64::try_from(self.denials.len()).unwrap_or(u64::MAX);
        line("refused requests", kept.saturating_add(self.more_denials).to_string(), None);
        for denial in &self.denials {
            line("", format!("{}: {}", denial.target, denial.message), None);
        }
        if self.more_denials > 0 {
            line("", format!("and {} more", self.more_denials), None);
        }
        for (name, count) in &self.limits_passed {
            line("limit passed, warned", format!("{name}, {count} times"), None);
        }
        text
    }
}

/// Bytes for people: `78 KiB`, `2.1 MiB`.
#[must_use]
pub fn human_bytes(bytes: impl TryInto<u64>) -> String {
    indicatif::BinaryBytes(bytes.try_into().unwrap_or(u64::MAX)).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use std::time::Duration;

    use super::{Bill, CallBill, MOST_REQUESTS};
    use crate::egress::{Denial, DenialCode, MOST_DENIALS, RequestRecord};
    use crate::policy::limits::Limits;

    fn request(status: Option<u16>, bytes: u64, error: Option<&str>) -> RequestRecord {
        RequestRecord {
            method: "GET".to_owned(),
            origin: "https://gitlab.example.com".to_owned(),
            path: "/api/v4/users".to_owned(),
            status,
            bytes,
            ms: 1,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn sums_are_sums_and_peaks_are_peaks() {
        let denial = Denial {
            code: DenialCode::Origin,
            target: "https://evil.example/".to_owned(),
            message: "no".to_owned(),
            hint: "never".to_owned(),
        };
        let first = CallBill {
            guest: Duration::from_millis(30),
            busy: Duration::from_millis(45),
            around: Duration::from_millis(1),
            wall: Duration::from_millis(100),
            queued: Duration::from_millis(5),
            peak_memory: 3_000,
            connections_opened: 2,
            requests: vec![
                request(Some(200), 500, None),
                request(Some(200), 70, Some("the connection broke off")),
                request(None, 0, Some("nothing listens at that port")),
            ],
            denials: vec![denial.clone()],
            unfinished: 2,
            repeats: 3,
            ..CallBill::default()
        };
        let second = CallBill {
            guest: Duration::from_millis(10),
            busy: Duration::from_millis(60),
            wall: Duration::from_millis(250),
            peak_memory: 2_000,
            connections_opened: 0,
            requests: vec![request(Some(200), 400, None)],
            denials: vec![],
            unfinished: 1,
            repeats: 1,
            ..CallBill::default()
        };
        let mut bill = Bill::default();
        bill.add(&first);
        bill.add(&second);
        bill.add_rate_limited(Duration::from_secs(2));
        bill.took(Duration::from_secs(7));
        bill.count(&crate::samples::batch(vec![]));

        assert_eq!((bill.calls, bill.retries), (2, 1));
        let milliseconds = [
            bill.guest_ms,
            bill.guest_ms_longest_call,
            bill.waiting_ms,
            bill.rate_limited_ms,
            bill.wall_ms_longest_call,
            bill.queued_ms,
        ];
        assert_eq!(milliseconds, [40.0, 30.0, 310.0, 2_000.0, 250.0, 5.0]);
        assert_eq!(bill.peak_memory_bytes, 3_000);
        assert_eq!((bill.requests_most_in_call, bill.requests_unfinished), (3, 3));
        let bytes = [bill.response_bytes, bill.response_bytes_largest, bill.response_bytes_most_in_call];
        assert_eq!(bytes, [970, 500, 570]);
        assert_eq!((bill.connections_opened, bill.connections_reused), (2, 2));
        assert_eq!(bill.denials, [denial]);
        let requests: Vec<(&str, u64)> = bill.requests.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(
            requests,
            [("GET /api/v4/users 200", 2), ("GET /api/v4/users 200, cut", 1), ("GET /api/v4/users no answer", 1),]
        );
        let text = bill.to_text(&Limits::default());
        assert!(text.contains("https://evil.example/: no"), "{text}");
        assert!(text.contains("  guest CPU              40.0 ms, longest call 30.0 ms\n"), "{text}");
        assert!(
            text.contains("  CPU, host included     105.0 ms, longest call 60.0 ms  (limit 10000 ms a call)\n"),
            "{text}"
        );

        let found = bill.to_json(&Limits::default());
        for (name, value, unit, limit, of) in [
            ("calls", 2.0, "count", None, None),
            ("guest_ms", 40.0, "ms", None, None),
            ("guest_ms_longest_call", 30.0, "ms", None, None),
            ("busy_ms", 105.0, "ms", None, None),
            ("busy_ms_longest_call", 60.0, "ms", Some("cpu"), Some(10_000)),
            ("waiting_ms", 310.0, "ms", None, None),
            ("rate_limited_ms", 2_000.0, "ms", Some("rate_limit_wait"), Some(900_000)),
            ("wall_ms_longest_call", 250.0, "ms", Some("wall"), Some(180_000)),
            ("collection_ms", 7_000.0, "ms", Some("collection_wall"), Some(43_200_000)),
            ("batches", 1.0, "count", Some("batches"), Some(100_000)),
            ("peak_memory_bytes", 3_000.0, "bytes", Some("memory_bytes"), Some(64 << 20)),
            ("requests_most_in_call", 3.0, "count", Some("requests"), Some(256)),
            ("requests_unfinished", 3.0, "count", None, None),
            ("requests_sent_again", 4.0, "count", None, None),
            ("calls_made_again", 1.0, "count", None, None),
            ("response_bytes", 970.0, "bytes", None, None),
            ("response_bytes_largest", 500.0, "bytes", Some("response_bytes"), Some(16 << 20)),
            ("response_bytes_most_in_call", 570.0, "bytes", Some("response_bytes_per_call"), Some(64 << 20)),
            ("connections_opened", 2.0, "count", None, None),
            ("connections_reused", 2.0, "count", None, None),
            ("entries_most_in_batch", 0.0, "count", Some("batch_entries"), Some(10_000)),
        ] {
            let found = &found[name];
            assert_eq!(found["value"].as_f64(), Some(value), "{name}: {found}");
            assert_eq!((found["unit"].as_str(), found["limit_name"].as_str()), (Some(unit), limit), "{name}: {found}");
            assert_eq!(found["limit"].as_u64(), of, "{name}: {found}");
        }
        assert_eq!(found["requests"]["GET /api/v4/users 200, cut"], 1);
        assert_eq!(found["denials"][0]["code"], "origin");
    }

    /// A plugin that asked for a million other addresses had all of them on its bill.
    #[test]
    fn a_bill_stays_short_whatever_is_refused_and_asked() {
        let denial =
            Denial { code: DenialCode::Origin, target: String::new(), message: "no".to_owned(), hint: String::new() };
        let paths = (0..MOST_REQUESTS + 5).map(|number| {
            let path = format!("/{number}");
            RequestRecord { path, ..request(Some(200), 1, None) }
        });
        let call = CallBill {
            requests: paths.collect(),
            denials: vec![denial; 60],
            more_denials: 7,
            more_requests: 5,
            limits_passed: [("requests", 2)].into(),
            ..CallBill::default()
        };
        let mut bill = Bill::default();
        bill.add(&call);
        bill.add(&call);
        assert_eq!((bill.denials.len(), bill.more_denials), (MOST_DENIALS, 20 + 14));
        assert_eq!((bill.requests.len(), bill.requests.get("others")), (MOST_REQUESTS + 1, Some(&20)));
        let text = bill.to_text(&Limits::default());
        assert!(text.contains("refused requests       134\n") && text.contains("and 34 more"), "{text}");
        assert!(text.contains("limit passed, warned   requests, 4 times"), "{text}");
    }
}
