//! What GitLab is known to answer, item by item: the real component in the real host, over HTTP, against the truth.
//!
//! | item | what | test |
//! | --- | --- | --- |
//! | 1 | `/license` object, `null`, 403, 404 with `error` | `item_1_license_of_each_kind` |
//! | 1 | `user_limit` 0, `expires_at` null | `item_1_no_number_and_no_end` |
//! | 1 | expired with overage, licensee without `Company` | `item_1_expired_with_overage` |
//! | 2 | `/users` with and without `using_license_seat`; bots, ghost, service accounts, every state, null dates | `item_2_accounts_of_every_kind` |
//! | 2 | the basic rows that others than administrators get | `item_2_rows_with_less_in_them` |
//! | 2 | two keyset pages, the last without `Link` | `item_2_two_keyset_pages` |
//! | 3 | offset walk beyond 10,000 rows, without totals | `item_3_offset_walk_without_totals` |
//! | 3 | a page beyond the ceiling is 405 | `item_3_page_501_is_refused` |
//! | 3 | `Link` with another host | `item_3_link_to_another_host` |
//! | 4 | `billable_members` is 400 | `item_4_list_of_seats_is_400` |
//! | 4 | each `membership_type`, empty `email`, `last_activity_on` null | `item_4_rows_of_every_kind` |
//! | 5 | `gitlab_subscription` full | `item_5_subscription_in_full` |
//! | 5 | the same all null, 403, 404 | `item_5_subscription_that_says_nothing` |
//! | 5 | billing fields of a namespace null (18.9), and without `plan` | `item_5_namespace_without_billing` |
//! | 6 | drill-down with `custom_role` null and object, a row of Minimal Access | `item_6_memberships_of_every_kind` |
//! | 6 | 400 on a group that LDAP manages | `item_6_memberships_refused` |
//! | 7 | `[]` purchases | `item_7_no_purchases_or_no_right` |
//! | 7 | null and `errors`, 401 `Invalid token` | `item_7_lists_that_are_refused` |
//! | 7 | `undefinedField` | `item_7_a_field_that_is_unknown` |
//! | 7 | short page with `hasNextPage` | `item_7_short_pages` |
//! | 8 | 429 as text with headers, 500 JSON, 502 HTML, once | `item_8_over_after_once` |
//! | 8 | 429 as JSON without headers, and with neither | `item_8_too_often_without_a_wait` |
//! | 8 | 500, 502, 403 challenge, 401 in four ways, 302 to sign-in, for ever | `item_8_each_failure_is_called_what_it_is` |

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use fake_gitlab::{Options, Scenario};
use serde_json::Value;

use crate::scenarios::collect;
use crate::support::facts::Facts;
use crate::support::wire::field;
use crate::support::{Ran, StandIn, expected};

mod failures;
mod graphql;
mod groups;
mod instance;

fn start(scenario: Scenario, users: u32, faults: &[&str]) -> StandIn {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    StandIn::start(Options { scenario, users, seed: 5, faults, ..Options::default() })
}

/// A run that ends with all there is.
#[track_caller]
fn assert_whole(stand_in: &StandIn, scenario: Scenario, args: &[&str]) -> Facts {
    let ran = collect(stand_in, scenario, args);
    ran.assert_code(0);
    let found = Facts::of(&ran.records());
    assert!(found.is_complete());
    let memberships = args.contains(&"memberships=true");
    let truth = expected::facts(scenario, stand_in.gitlab.truth(), &stand_in.url(), memberships);
    found.assert_equal(&truth, scenario.name());
    found
}

/// A run that is partial and says so with this warning, whose words are returned.
#[track_caller]
fn assert_partial(ran: &Ran, code: &str) -> (Facts, String) {
    ran.assert_code(3);
    let found = Facts::of(&ran.records());
    assert!(!found.is_complete());
    let message = words(&found, code);
    (found, message)
}

/// The words of a warning that must be there.
#[track_caller]
fn words(found: &Facts, code: &str) -> String {
    let warning = found.warnings.iter().find(|warning| warning["code"] == code);
    let Some(warning) = warning else { panic!("no {code} among {:?}", found.codes()) };
    warning["message"].as_str().unwrap().to_owned()
}

fn base_pool(found: &Facts) -> &Value {
    found.pools.values().find(|pool| pool["kind"] == "base").expect("a base pool")
}

/// What is on the wire: status and head, and the body.
fn get(stand_in: &StandIn, path: &str, token: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(stand_in.gitlab.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let chunked = field(head, "transfer-encoding").is_some();
    assert!(!chunked, "{head}");
    (head.to_owned(), serde_json::from_str(body).unwrap())
}
