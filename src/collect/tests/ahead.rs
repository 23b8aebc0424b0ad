//! Long lists on a server that answers in any order and changes meanwhile: nobody who is there all the time is missed,
//! nobody comes twice, and few requests are sent in vain.

use std::collections::{BTreeSet, VecDeque};

use super::groups::{com, holder, owner, plan};
use super::*;
use crate::transport::{Flow, Kind, Request, Take, Transport};

/// An instance with these accounts; or, where the script has its plan, a group with these holders of a seat.
struct Instance {
    ids: BTreeSet<u64>,
    group: Option<Script>,
    /// The order in which they joined: by this, or by id.
    shuffled: bool,
    /// Rows that may be passed over by number.
    ceiling: u64,
    /// What stands before the id in a cursor.
    cursor: &'static str,
    /// Accounts that leave or come, one after each so many answers.
    change_after: u64,
    /// From the end of these.
    leaving: Vec<u64>,
    /// The requests with these numbers fail.
    failing: std::ops::Range<u64>,
    /// The answer to this request has half of its rows.
    halved: u64,
    /// What the server makes of a cursor that it has not written.
    forgets: Option<fn(u64) -> u64>,
    chance: u64,
    asked: u64,
    paths: Vec<String>,
}

impl Instance {
    fn new(ids: impl IntoIterator<Item = u64>) -> Self {
        Self {
            ids: ids.into_iter().collect(),
            group: None,
            shuffled: false,
            ceiling: 50_000,
            cursor: "{\"id\":\"",
            change_after: u64::MAX,
            leaving: Vec::new(),
            failing: 0..0,
            halved: 0,
            forgets: None,
            chance: 1,
            asked: 0,
            paths: Vec::new(),
        }
    }

    /// So many accounts at ids that are `apart` from each other on average.
    fn sparse(count: u64, apart: u64, seed: u64) -> Self {
        let mut instance = Self::new([]);
        instance.chance = seed;
        let mut id = 0;
        for _ in 0..count {
            id += 1 + instance.random(2 * apart - 1);
            instance.ids.insert(id);
        }
        instance
    }

    fn random(&mut self, below: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % below.max(1)
    }

    fn answer(&mut self, request: &Request) -> Response {
        self.asked += 1;
        let path = request.path_and_query().to_owned();
        self.paths.push(path.clone());
        if self.failing.contains(&self.asked) {
            return response(502, "text/html", "<html>Bad gateway</html>");
        }
        if self.asked.is_multiple_of(self.change_after) {
            if let Some(id) = self.leaving.pop() {
                self.ids.remove(&id);
            }
            let newest = self.ids.last().copied().unwrap_or(0);
            self.ids.insert(newest + 1);
        }
        assert_eq!(request.kind(), &Kind::Get);
        let parameter = |name: &str| {
            let query = path.split_once('?')?.1;
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        if path.starts_with("/api/v4/groups/9/") {
            return self.of_group(&path, &parameter);
        } else if let Some(script) = &mut self.group {
            let mut answer = None;
            script.send_all(vec![request.clone()], 1, &mut |_, _, found| {
                answer = found.ok();
                Flow::GoOn
            });
            return answer.unwrap_or_else(|| json(404, NO_ROUTE));
        } else if path.starts_with("/api/v4/metadata") {
            return json(200, METADATA);
        } else if path.starts_with("/api/v4/license") {
            return json(200, &LICENSE.replace("\"active_users\":3", &format!("\"active_users\":{}", self.ids.len())));
        } else if path.starts_with("/api/v4/user?") || path == "/api/v4/user" {
            return json(200, ADMIN);
        }
        let size = usize::try_from(parameter("per_page").unwrap().parse::<u64>().unwrap()).unwrap();
        if parameter("sort").as_deref() == Some("desc") {
            return stripped(self.ids.last().map(|id| row(*id)));
        }
        let all: Vec<u64> = self.ids.iter().copied().collect();
        if self.group.is_none() && parameter("pagination").is_some() {
            let after = parameter("cursor").map_or(0, |cursor| {
                let text = unbase64(&cursor.replace("%3D", "="));
                let after = text.strip_prefix(self.cursor).unwrap().split('"').next().unwrap().parse().unwrap();
                self.forgets.filter(|_| !self.ids.contains(&after)).map_or(after, |other| other(after))
            });
            let rows: Vec<u64> = all.iter().copied().filter(|id| *id > after).take(size + 1).collect();
            let answer = stripped(rows.iter().take(size).map(|id| row(*id)));
            if rows.len() <= size {
                return answer;
            }
            let next = base64(&format!("{}{}\",\"_kd\":\"n\"}}", self.cursor, rows[size - 1]));
            return and_header(answer, "x-next-cursor", &next);
        }
        self.by_number(&all, self.ceiling, &parameter, &row)
    }

    fn by_number(
        &self,
        all: &[u64],
        ceiling: u64,
        parameter: &dyn Fn(&str) -> Option<String>,
        row: &dyn Fn(u64) -> String,
    ) -> Response {
        let size = usize::try_from(parameter("per_page").unwrap().parse::<u64>().unwrap()).unwrap();
        let number: u64 = parameter("page").unwrap().parse().unwrap();
        let start = (number - 1) * u64::try_from(size).unwrap();
        if start > ceiling {
            return json(405, "{}");
        }
        let start = usize::try_from(start).unwrap().min(all.len());
        let few = if self.halved == self.asked { size / 2 } else { size };
        let rows = all[start..].iter().take(few).map(|id| row(*id));
        let next = if start + size < all.len() { (number + 1).to_string() } else { String::new() };
        let answer = and_header(stripped(rows), "x-next-page", &next);
        let answer = and_header(answer, "x-per-page", &size.to_string());
        if all.len() <= 10_000 { and_header(answer, "x-total", &all.len().to_string()) } else { answer }
    }

    /// A group of GitLab.com whose members all hold a seat.
    fn of_group(&self, path: &str, parameter: &dyn Fn(&str) -> Option<String>) -> Response {
        if path.starts_with("/api/v4/groups/9/billable_members?") {
            let all: Vec<u64> = self.ids.iter().copied().collect();
            return self.by_number(&all, u64::MAX, parameter, &holder);
        }
        let mut all: Vec<u64> = self.ids.iter().copied().collect();
        if self.shuffled {
            all.sort_by_key(|id| id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        if path.contains("user_ids") {
            let among: BTreeSet<u64> =
                path.split("user_ids%5B%5D=").skip(1).map(|id| id.trim_end_matches('&').parse().unwrap()).collect();
            assert!(among.len() <= 100);
            let rows = all.iter().filter(|id| among.contains(id)).map(|id| member(*id, 30, Some(true)));
            return and_header(stripped(rows), "x-next-page", "");
        }
        // Every other one has no seat.
        self.by_number(&all, u64::MAX, parameter, &|id| member(id, 30, Some(false)))
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
    let mut digits: String = bits
        .as_bytes()
        .chunks(6)
        .map(|chunk| format!("{:0<6}", std::str::from_utf8(chunk).unwrap()))
        .map(|bits| char::from(DIGITS[usize::from_str_radix(&bits, 2).unwrap()]))
        .collect();
    while !digits.len().is_multiple_of(4) {
        digits.push('=');
    }
    digits
}

fn unbase64(text: &str) -> String {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: String =
        text.trim_end_matches('=').chars().map(|digit| format!("{:06b}", DIGITS.find(digit).unwrap())).collect();
    let bytes = bits.as_bytes().chunks_exact(8);
    let bytes = bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

impl Transport for Instance {
    fn send_all(&mut self, requests: Vec<Request>, at_once: usize, take: Take<'_>) {
        let mut places = requests.len();
        let mut waiting: VecDeque<(usize, Request)> = requests.into_iter().enumerate().collect();
        let mut under_way: Vec<(usize, Request)> = Vec::new();
        let mut goes_on = true;
        loop {
            while goes_on && under_way.len() < at_once {
                let Some(request) = waiting.pop_front() else { break };
                under_way.push(request);
            }
            if under_way.is_empty() {
                return;
            }
            let which = usize::try_from(self.random(u64::try_from(under_way.len()).unwrap())).unwrap();
            let (place, request) = under_way.swap_remove(which);
            let answer = self.answer(&request);
            // As over a network: while an answer is looked at, the next request is under way, unless something is wrong.
            if answer.status == 200 && goes_on {
                under_way.extend(waiting.pop_front());
            }
            match take(place, 0, Ok(answer)) {
                Flow::GoOn => {}
                Flow::Also(request) => {
                    waiting.push_back((places, *request));
                    places += 1;
                }
                Flow::Stop => goes_on = false,
            }
        }
    }

    fn pause(&mut self, _: u64) {}

    fn now(&self) -> u64 {
        0
    }
}

/// A group with these holders, who are its members, too.
fn group(ids: impl IntoIterator<Item = u64>) -> Instance {
    let mut instance = Instance::new(ids);
    let seats = u64::try_from(instance.ids.len()).unwrap();
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", seats, seats));
    instance.group = Some(Script::new(lines));
    instance.shuffled = true;
    instance
}

/// What a run brought.
struct Read {
    ids: Vec<u64>,
    complete: bool,
    codes: Vec<&'static str>,
    calls: u64,
    /// Told by the run, which does not know of calls that failed.
    requests: u64,
}

fn read(instance: &mut Instance, concurrency: u8) -> Read {
    let extra = [("add_ons", "false"), ("max_concurrency", &concurrency.to_string())];
    let configuration = if instance.group.is_some() { com(&extra) } else { configuration(&extra) };
    let mut read = Read { ids: Vec::new(), complete: false, codes: Vec::new(), calls: 0, requests: 0 };
    let mut cursor: Option<String> = None;
    loop {
        read.calls += 1;
        assert!(read.calls < 5_000);
        let batch = match collect(&configuration, &Credential::Injected, cursor.as_deref(), instance, &NOW) {
            Ok(batch) => batch,
            // As a host does.
            Err(Failure::Upstream { .. }) => continue,
            Err(failure) => panic!("{failure:?}"),
        };
        read.codes.extend(batch.warnings.iter().map(|warning| warning.code));
        read.ids.extend(batch.entries.iter().filter_map(|entry| match entry {
            Entry::User(user) => user.user_id.parse::<u64>().ok(),
            _ => None,
        }));
        match batch.then {
            Then::Next(next) => cursor = Some(next),
            Then::End(summary) => {
                (read.complete, read.requests) = (summary.complete, summary.requests);
                assert!(summary.requests == instance.asked || !instance.failing.is_empty());
                return read;
            }
        }
    }
}

#[test]
fn a_long_list_is_read_in_few_calls_and_with_few_requests_in_vain() {
    for (rows, apart) in [(10_000, 1), (10_000, 2), (40_000, 5), (1_000, 1), (101, 3), (100, 1), (99, 1), (0, 1)] {
        for concurrency in [1, 4, 6, 16] {
            let mut instance = Instance::sparse(rows, apart, rows + apart);
            instance.ids.insert(1);
            let expected: Vec<u64> = instance.ids.iter().copied().collect();
            let read = read(&mut instance, concurrency);
            assert!(read.ids == expected, "{rows} {apart} {concurrency}");
            assert_eq!((read.complete, read.codes), (true, vec![]));
            // Three to open, two at the end of the list; where a chain begins, a part of a page is read twice.
            let least = rows / 100 + 1;
            assert!(read.requests <= 6 + least + least / 30, "{rows} {concurrency}: {} requests", read.requests);
            let pages = (4 * u64::from(concurrency)).min(32);
            assert!(read.calls <= 4 + (least + least / 7) / pages, "{rows} {concurrency}: {} calls", read.calls);
        }
    }
}

/// What the license and the group say of the length is worth as many requests as go out together.
#[test]
fn the_first_pages_are_asked_for_together() {
    for (rows, concurrency, first) in [(2_000, 4, 4), (2_000, 1, 1), (250, 4, 3), (101, 4, 2), (100, 4, 1)] {
        for mut instance in [Instance::new(1..=rows), group(1..=rows)] {
            let extra = [("add_ons", "false"), ("members", "false"), ("max_concurrency", &concurrency.to_string())];
            let is_group = instance.group.is_some();
            let configuration = if is_group { com(&extra) } else { configuration(&extra) };
            let mut cursor: Option<String> = None;
            for _ in 0..=u8::from(is_group) {
                let opening = collect(&configuration, &Credential::Injected, cursor.as_deref(), &mut instance, &NOW);
                cursor = Some(next(&opening.unwrap()).to_owned());
            }
            let before = instance.asked;
            collect(&configuration, &Credential::Injected, cursor.as_deref(), &mut instance, &NOW).unwrap();
            assert_eq!(instance.asked - before, first, "{rows} {concurrency} {is_group}");
        }
    }
}

/// Beyond what GitLab lists by number, and where it lists nothing so.
#[test]
fn where_numbers_do_not_lead_ids_do() {
    for (ceiling, apart) in [(50_000, 1), (50_000, 3), (5_000, 3), (0, 3), (0, 40)] {
        let mut instance = Instance::sparse(if ceiling == 50_000 { 60_000 } else { 10_000 }, apart, apart);
        instance.ceiling = ceiling;
        let expected: Vec<u64> = instance.ids.iter().copied().collect();
        let least = expected.len() / 100;
        let read = read(&mut instance, 4);
        assert!(read.ids == expected, "{ceiling} {apart}");
        assert_eq!((read.complete, read.codes), (true, vec![]));
        let requests = usize::try_from(read.requests).unwrap();
        assert!(requests <= 20 + least + least / 4, "{ceiling} {apart}: {requests} requests");
        assert!(read.calls <= 20 + u64::try_from(least).unwrap() / 12, "{ceiling} {apart}: {} calls", read.calls);
    }
}

/// Ids that are dense here and sparse there, as after an import.
#[test]
fn nobody_is_left_out_where_ids_lie_unevenly() {
    for by_number in [true, false] {
        let mut instance = Instance::new((1..=2_000).chain((2_001..90_000).step_by(37)).chain(90_000..=93_000));
        instance.ids.extend((1..40).map(|n| n * n * 1_000_000));
        instance.ceiling = if by_number { 50_000 } else { 0 };
        let expected: Vec<u64> = instance.ids.iter().copied().collect();
        let read = read(&mut instance, 6);
        assert!(read.ids == expected, "{by_number}");
        assert!(read.complete);
    }
}

/// Beyond 10,000 rows GitLab tells no number of them, and a page that something has cut looks like the last one.
#[test]
fn a_cut_page_is_not_taken_for_the_end_of_a_list_without_a_number() {
    for concurrency in [4, 6] {
        let mut taken_for_whole = Vec::new();
        for halved in 1..=120 {
            let mut instance = Instance::new(1..=10_450);
            instance.halved = halved;
            let read = read(&mut instance, concurrency);
            if read.complete && read.ids.len() < 10_450 {
                taken_for_whole.push(halved);
            }
        }
        assert_eq!(taken_for_whole, [0; 0], "{concurrency}");
    }
}

/// Cursors that are not understood are used as they come; what was asked for beside the first page is in vain.
#[test]
fn a_cursor_of_another_form_is_not_guessed() {
    let mut instance = Instance::sparse(1_000, 2, 5);
    instance.cursor = "{\"v\":2,\"id\":\"";
    let read = read(&mut instance, 4);
    assert_eq!((read.ids.len(), read.complete, read.requests), (1_000, true, 2 + 3 + 10 + 1));
    assert_eq!(instance.paths.iter().filter(|path| path.contains("&page=")).count(), 3);
}

/// Accounts leave and come while pages are under way and answered in any order: whoever is there all the time is
/// delivered, once.
#[test]
fn whoever_is_there_all_the_time_is_delivered_once() {
    for seed in 0..60 {
        let mut instance = Instance::sparse(3_000, 1 + seed % 5, seed);
        instance.ceiling = if seed % 3 == 0 { 0 } else { 50_000 };
        instance.change_after = 1 + seed % 4;
        let before = instance.ids.clone();
        for _ in 0..1_000 {
            let place = usize::try_from(instance.random(3_000)).unwrap();
            instance.leaving.extend(before.iter().nth(place));
        }
        let read = read(&mut instance, 1 + u8::try_from(seed % 16).unwrap());
        let found: BTreeSet<u64> = read.ids.iter().copied().collect();
        assert_eq!(found.len(), read.ids.len(), "{seed}: somebody came twice");
        let missed: Vec<&u64> = before.intersection(&instance.ids).filter(|id| !found.contains(id)).collect();
        assert!(missed.is_empty(), "{seed}: {missed:?}");
    }
}

/// Whatever request fails, nothing is lost and nothing comes twice.
#[test]
fn a_request_that_fails_costs_no_page_that_was_read() {
    let requests = {
        let mut instance = Instance::sparse(1_500, 2, 9);
        read(&mut instance, 4).requests
    };
    for failing in 4..=requests {
        let instance = Instance::sparse(1_500, 2, 9);
        let expected: Vec<u64> = instance.ids.iter().copied().collect();
        // Once, and for longer than one call is patient.
        for times in [1, 25] {
            let mut instance = Instance { ids: instance.ids.clone(), ..Instance::new([]) };
            instance.failing = failing..failing + times;
            let read = read(&mut instance, 4);
            assert!(read.ids == expected, "{failing}");
            assert!(read.complete && instance.asked <= requests + times + 16, "{failing}: {}", instance.asked);
        }
    }
}

/// A proxy that leaves out rows of one answer: asked for again in its turn, the page is whole.
#[test]
fn what_is_wrong_with_a_page_that_was_guessed_is_not_believed() {
    for halved in 5..=14 {
        let mut instance = Instance::sparse(1_000, 1, 3);
        let expected: Vec<u64> = instance.ids.iter().copied().collect();
        instance.halved = halved;
        let read = read(&mut instance, 4);
        assert!(read.ids == expected, "{halved}");
        assert_eq!((read.complete, read.codes), (true, vec![]), "{halved}");
    }
    let whole = read(&mut group(1..=900), 4);
    // But the first page of a list, and pages that begin a call: what is wrong with those is said.
    let mut believed = 0;
    for halved in 8..=whole.requests {
        let mut instance = group(1..=900);
        instance.halved = halved;
        let read = read(&mut instance, 4);
        believed += u32::from(!read.codes.is_empty());
        assert_eq!(read.complete, read.codes.is_empty(), "{halved}: {:?}", read.codes);
        let found: BTreeSet<u64> = read.ids.into_iter().collect();
        assert!(found.len() == 900 || !read.complete, "{halved}: {}", found.len());
    }
    assert!(believed <= 8, "{believed} of {}", whole.requests);
}

/// What begins with the first page in place of where it was to begin has nobody's rows.
#[test]
fn a_server_that_passes_over_cursors_of_ours_is_read_by_its_own() {
    // From the beginning, or some forty rows too far.
    let ways: [fn(u64) -> u64; 2] = [|_| 0, |after| after + 280];
    for (way, forgets) in ways.into_iter().enumerate() {
        for seed in 3..6 {
            let mut instance = Instance::sparse(4_000, 7, seed);
            (instance.ceiling, instance.forgets) = (0, Some(forgets));
            let expected: Vec<u64> = instance.ids.iter().copied().collect();
            let read = read(&mut instance, 4);
            assert!(read.ids == expected, "{way} {seed}: {} rows", read.ids.len());
            assert_eq!((read.complete, read.codes), (true, vec![]));
        }
    }
}

#[test]
fn the_lists_of_a_group_are_read_in_few_calls() {
    for concurrency in [1, 4, 16] {
        let mut instance = group((1..=4_000).map(|id| 3 * id));
        let expected: Vec<u64> = instance.ids.iter().copied().collect();
        let read = read(&mut instance, concurrency);
        // As members, in the order in which they joined; then as holders of a seat.
        let (members, holders) = read.ids.split_at(4_000);
        let mut members = members.to_vec();
        members.sort_unstable();
        assert!(members == expected && holders == expected);
        assert_eq!((read.complete, read.codes), (true, vec![]));
        // Two lists of 40 pages, and the roles of 40 pages; windows that overlap by a row take an eighth more.
        assert!(read.requests <= 10 + 3 * 46, "{concurrency}: {} requests", read.requests);
        let pages = (4 * u64::from(concurrency)).min(32);
        assert!(read.calls <= 12 + 46 / pages + 46 / (pages / 2), "{concurrency}: {} calls", read.calls);
    }
}

/// A member who leaves moves everybody behind them, in a list whose order is not to be seen.
#[test]
fn whoever_is_a_member_all_the_time_is_delivered() {
    for seed in 0..30_u64 {
        let mut instance = group((1..=1_500).map(|id| (1 + seed % 4) * id));
        instance.chance = seed;
        instance.change_after = 2 + seed % 5;
        let before = instance.ids.clone();
        for _ in 0..300 {
            let place = usize::try_from(instance.random(1_500)).unwrap();
            instance.leaving.extend(before.iter().nth(place));
        }
        let read = read(&mut instance, 1 + u8::try_from(seed % 16).unwrap());
        let mut times: std::collections::BTreeMap<u64, u32> = std::collections::BTreeMap::new();
        read.ids.iter().for_each(|id| *times.entry(*id).or_default() += 1);
        for id in before.intersection(&instance.ids) {
            assert!(times.get(id).is_some_and(|times| *times >= 2), "{seed}: {id} of {:?}", read.codes);
        }
    }
}

/// Whatever request fails, the run reads the same.
#[test]
fn a_request_of_a_group_that_fails_costs_no_page_that_was_read() {
    let read_failing = |failing| {
        let mut instance = group(1..=900);
        instance.failing = failing;
        (read(&mut instance, 4), instance.asked)
    };
    let (whole, requests) = read_failing(0..0);
    assert!(whole.complete);
    for failing in 7..=requests {
        for times in [1, 25] {
            let (read, asked) = read_failing(failing..failing + times);
            assert!(read.ids == whole.ids, "{failing} {times}: {} {:?}", read.ids.len(), read.codes);
            assert!(read.complete && asked <= requests + times + 24, "{failing} {times}: {asked}");
        }
    }
}
