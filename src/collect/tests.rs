//! Runs against a scripted GitLab, to their end: what the tests of each kind of GitLab and caller share.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::configuration::{Input, configure};
use crate::failure::Rejection;
use crate::gitlab::endpoint::ROWS_PER_PAGE;
use crate::record::{Activity, Assignment, Capability, Pool, Source, Summary, User};
use crate::scripted::{Script, and_header, json, response};
use crate::transport::{Response, TransportError, Unreachable};

mod add_ons;
mod ahead;
mod doubt;
mod drill_down;
mod groups;
mod instance;
mod lower_bound;
mod paging;

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

const METADATA: &str = r#"{"version":"18.9.1-ee","revision":"0a1b","enterprise":true}"#;
const ADMIN: &str = r#"{"id":1,"username":"root","is_admin":true,"state":"active"}"#;
const MEMBER: &str = r#"{"id":2,"username":"mira","state":"active"}"#;
const LICENSE: &str = r#"{"plan":"premium","starts_at":"2026-01-01","expires_at":"2026-12-31","maximum_user_count":4,"expired":false,"overage":1,"user_limit":2,"active_users":3}"#;

/// A subscription that tells nothing.
const NOTHING_TOLD: &str = r#"{"plan":{},"usage":{},"billing":{}}"#;

const FORBIDDEN: &str = r#"{"message":"403 Forbidden"}"#;
const NO_ROUTE: &str = r#"{"error":"404 Not Found"}"#;
const EXPIRED: &str = r#"{"error":"invalid_token","error_description":"Token is expired. You can…"}"#;

/// The endpoints of the instance's users: by keyset, by number, from the other end, and one row.
const USERS: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=100";
const NEWEST: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=desc&per_page=1";
const ONE_ROW: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=1";

/// A request that is expected, and the answer.
type Line = (String, Response);

fn line(path: impl Into<String>, answer: Response) -> Line {
    (path.into(), answer)
}

/// A list with headers that lead through it by number knows nothing of the keyset.
fn numbered(page: u64, size: u8) -> String {
    format!(
        "/api/v4/users?exclude_internal=true&without_project_bots=true&order_by=id&sort=asc&per_page={size}&page={page}"
    )
}

fn settings_of(host: &str, extra: &[(&str, &str)]) -> Configuration {
    let text = |key: &str, value: &str| (key.to_owned(), Input::Text(value.to_owned()));
    let mut values = vec![text("host_url", host), ("token".to_owned(), Input::SecretSet)];
    values.extend(extra.iter().map(|(key, value)| text(key, value)));
    configure(&values).unwrap()
}

fn configuration(extra: &[(&str, &str)]) -> Configuration {
    settings_of("gitlab.example", extra)
}

fn without_add_ons() -> Configuration {
    configuration(&[("add_ons", "false")])
}

fn call(script: &mut Script, cursor: Option<&str>) -> Result<Batch, Failure> {
    collect(&without_add_ons(), &Credential::Injected, cursor, script, &NOW)
}

/// The answers to the first questions. Who is shown the license need not be asked who they are.
fn opening(metadata: Response, user: Response, license: Response) -> Vec<Line> {
    let user = (license.status != 200).then(|| line("/api/v4/user", user));
    let mut lines = vec![line("/api/v4/metadata", metadata), line("/api/v4/license", license)];
    lines.extend(user);
    lines
}

fn first_page(metadata: Response, user: Response, license: Response) -> Script {
    Script::new(opening(metadata, user, license))
}

fn usual() -> Script {
    first_page(json(200, METADATA), json(200, ADMIN), json(200, LICENSE))
}

/// The cursor of the usual run after its first page.
fn usual_cursor() -> String {
    next(&call(&mut usual(), None).unwrap()).to_owned()
}

/// A row of `/users` with a seat.
fn row(id: u64) -> String {
    format!(
        r#"{{"id":{id},"username":"u{id}","name":"U {id}","state":"active","is_admin":false,"bot":false,"using_license_seat":true,"last_activity_on":null,"current_sign_in_at":null,"email":"u{id}@c.example"}}"#
    )
}

fn list(rows: impl IntoIterator<Item = String>) -> Response {
    and_header(stripped(rows), "x-next-page", "")
}

/// A list from which something between took the headers.
fn stripped(rows: impl IntoIterator<Item = String>) -> Response {
    let rows: Vec<String> = rows.into_iter().collect();
    json(200, &format!("[{}]", rows.join(",")))
}

fn page(ids: &[u64]) -> Response {
    list(ids.iter().map(|id| row(*id)))
}

/// A page with as many rows as were asked for.
fn full(first: u64) -> Response {
    let ids: Vec<u64> = (first..first + u64::from(ROWS_PER_PAGE)).collect();
    page(&ids)
}

/// The same, with a page behind this cursor.
fn full_keyset(first: u64, next: &str) -> Response {
    and_header(full(first), "x-next-cursor", next)
}

/// A page that something has taken rows from, for walks that do not care.
fn keyset(ids: &[u64], next: &str) -> Response {
    and_header(page(ids), "x-next-cursor", next)
}

fn next(batch: &Batch) -> &str {
    match &batch.then {
        Then::Next(cursor) => cursor,
        Then::End(summary) => panic!("the run has ended: {summary:?}"),
    }
}

fn place_in(batch: &Batch, configuration: &Configuration) -> Place {
    Place::from_text(next(batch), &configuration.source_key).unwrap()
}

/// A run, page by page.
struct Run {
    batches: Vec<Batch>,
    /// The places that the cursors stand for, one for each page but the last.
    places: Vec<Place>,
    /// What the run failed with in place of an end.
    failure: Option<Failure>,
    script: Script,
}

impl Run {
    /// Go on until the run ends or fails.
    fn until_it_stops(configuration: &Configuration, script: Script) -> Self {
        let mut run = Self { batches: Vec::new(), places: Vec::new(), failure: None, script };
        let mut cursor: Option<String> = None;
        loop {
            assert!(run.batches.len() < 500, "a run without end");
            let result = collect(configuration, &Credential::Injected, cursor.as_deref(), &mut run.script, &NOW);
            match result {
                Ok(batch) => {
                    run.batches.push(batch.clone());
                    match batch.then {
                        Then::Next(next) => {
                            run.places.push(Place::from_text(&next, &configuration.source_key).unwrap());
                            cursor = Some(next);
                        }
                        Then::End(_) => return run,
                    }
                }
                Err(failure) => {
                    run.failure = Some(failure);
                    return run;
                }
            }
        }
    }

    /// Go on to the end, which comes, after all that the script has was asked for.
    #[track_caller]
    fn to_the_end(configuration: &Configuration, lines: Vec<Line>) -> Self {
        let run = Self::until_it_stops(configuration, Script::new(lines));
        assert_eq!(run.failure, None, "after {} pages", run.batches.len());
        assert_eq!(run.script.unused(), Vec::<&str>::new());
        run
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.batches.iter().flat_map(|batch| &batch.entries)
    }

    fn source(&self) -> &Source {
        match self.entries().next() {
            Some(Entry::Source(source)) => source,
            other => panic!("{other:?}"),
        }
    }

    fn pools(&self) -> Vec<&Pool> {
        self.entries().filter_map(|entry| if let Entry::Pool(pool) = entry { Some(pool) } else { None }).collect()
    }

    fn pool_ids(&self) -> Vec<&str> {
        self.pools().into_iter().map(|pool| pool.pool_id.as_str()).collect()
    }

    fn users(&self) -> Vec<&User> {
        self.entries().filter_map(|entry| if let Entry::User(user) = entry { Some(user) } else { None }).collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.users().into_iter().map(|user| user.user_id.as_str()).collect()
    }

    fn assignments(&self) -> Vec<&Assignment> {
        self.entries().filter_map(|entry| if let Entry::Assignment(seat) = entry { Some(seat) } else { None }).collect()
    }

    /// Pool, account and verdict of each assignment.
    fn verdicts(&self) -> Vec<(&str, &str, Option<bool>)> {
        self.assignments()
            .into_iter()
            .map(|seat| (seat.pool_id.as_str(), seat.user_id.as_str(), seat.consumes_seat))
            .collect()
    }

    fn warnings(&self) -> Vec<&Warning> {
        self.batches.iter().flat_map(|batch| &batch.warnings).collect()
    }

    fn codes(&self) -> Vec<&str> {
        self.warnings().into_iter().map(|warning| warning.code).collect()
    }

    #[track_caller]
    fn warning(&self, code: &str) -> &Warning {
        let found = self.warnings().into_iter().find(|warning| warning.code == code);
        found.unwrap_or_else(|| panic!("{code} is not among {:?}", self.codes()))
    }

    fn stages(&self) -> Vec<Stage> {
        self.places.iter().map(|place| place.stage).collect()
    }

    #[track_caller]
    fn summary(&self) -> Summary {
        match self.batches.last().map(|batch| &batch.then) {
            Some(Then::End(summary)) => {
                assert_eq!(usize::try_from(summary.counts.users).unwrap(), self.users().len());
                assert_eq!(usize::try_from(summary.counts.assignments).unwrap(), self.assignments().len());
                assert_eq!(usize::try_from(summary.counts.pools).unwrap(), self.pools().len());
                assert_eq!(usize::try_from(summary.counts.warnings).unwrap(), self.warnings().len());
                assert_eq!(usize::try_from(summary.requests).unwrap(), self.script.seen.len());
                *summary
            }
            other => panic!("the run has not ended: {other:?}, {:?}", self.failure),
        }
    }

    fn is_complete(&self) -> bool {
        self.summary().complete
    }
}

/// A usual run, with these answers after its first page.
#[track_caller]
fn run(pages: Vec<Line>) -> Run {
    let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, LICENSE));
    lines.extend(pages);
    Run::to_the_end(&without_add_ons(), lines)
}

fn codes(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.code).collect()
}

/// The list of top-level groups in which the caller has at least this role.
fn group_list(role: u16, number: u64, size: u8) -> String {
    format!(
        "/api/v4/groups?min_access_level={role}&top_level_only=true&all_available=false&order_by=id&sort=asc&per_page={size}&page={number}"
    )
}

/// A page by number that is the last one.
fn last(answer: Response) -> Response {
    and_header(answer, "x-next-page", "")
}

fn groups_of(ids: impl IntoIterator<Item = u64>) -> Response {
    list(ids.into_iter().map(|id| format!(r#"{{"id":{id},"name":"G {id}","full_path":"g{id}","parent_id":null}}"#)))
}

fn members_path(group: u64, number: u64) -> String {
    format!("/api/v4/groups/{group}/members/all?show_seat_info=true&per_page=100&page={number}")
}

/// A row of a group's members.
fn member(id: u64, level: u16, using_seat: Option<bool>) -> String {
    let seat = using_seat.map_or_else(String::new, |using| format!(r#","is_using_seat":{using}"#));
    format!(
        r#"{{"id":{id},"username":"u{id}","name":"U {id}","state":"active","access_level":{level},"created_at":"2024-05-0{}T00:00:00Z","expires_at":null,"membership_state":"active"{seat}}}"#,
        id % 9 + 1
    )
}

/// A page of a GraphQL list of people, by the names that the query gives.
fn people(ids: &[u64], cursor: Option<&str>) -> String {
    let nodes: Vec<String> = ids
        .iter()
        .map(|id| {
            format!(
                r#"{{"id":"gid://gitlab/User/{id}","username":"u{id}","name":"U {id}","public_email":null,"state":"active","bot":false,"created_at":"2020-01-01T00:00:00Z","last_activity_on":"2026-01-{:02}"}}"#,
                id % 28 + 1
            )
        })
        .collect();
    connection(&nodes, cursor)
}

fn connection(nodes: &[String], cursor: Option<&str>) -> String {
    let cursor = cursor.map_or_else(|| "null".to_owned(), |text| format!("{text:?}"));
    let edges: Vec<String> = nodes.iter().map(|node| format!(r#"{{"node":{node}}}"#)).collect();
    format!(
        r#"{{"edges":[{}],"pageInfo":{{"endCursor":{cursor},"hasNextPage":{}}}}}"#,
        edges.join(","),
        cursor != "null"
    )
}

/// A list of the instance, or of a group.
fn of_instance(list: &str) -> Response {
    json(200, &format!(r#"{{"data":{{"list":{list}}}}}"#))
}

fn of_group(list: &str) -> Response {
    json(200, &format!(r#"{{"data":{{"scope":{{"list":{list}}}}}}}"#))
}

/// A thing that GraphQL does not show to the caller.
fn hidden(name: &str) -> Response {
    json(
        200,
        &format!(
            r#"{{"data":{{"{name}":null}},"errors":[{{"message":"The resource that you are attempting to access does not exist or you don't have permission to perform this action","path":["{name}"]}}]}}"#
        ),
    )
}

/// A field that this GitLab does not know.
fn undefined(field: &str) -> Response {
    json(
        200,
        &format!(
            r#"{{"errors":[{{"message":"Field '{field}' doesn't exist on type 'X'","extensions":{{"code":"undefinedField","typeName":"X","fieldName":"{field}"}}}}]}}"#
        ),
    )
}
