//! License-broker plugin that tells who holds a GitLab seat and what is paid for.
//!
//! A component of the world `license-broker:plugin/plugin`: it exports one connector, and its imports are HTTP, two
//! clocks and what these need. This file and `edge` know the generated types, `wasi_http` and `clock` the imports;
//! everything else is pure and tested natively against a scripted network.
//!
//! ```text
//! form ── configuration ──► settings ── collect / connection_test ──► records
//!                                          │ gitlab::client (base, headers, credential)
//!                                          ▼
//!                                      transport ── wasi_http ──► host
//! ```
//!
//! Guarantees: only GET requests, and POST of a query to `/api/graphql`, only below the configured base; no state
//! between calls; unknown stays unknown, and a part is never passed off as the whole: what a caller without the right to the
//! seats may see is delivered as a lower bound and called so.
//!
//! Refuses to recompute GitLab's rules of who needs a seat, and to guess where GitLab does not say.

mod bindings;
pub mod clock;
pub mod collect;
pub mod configuration;
pub mod connection_test;
pub mod cursor;
mod edge;
pub mod failure;
pub mod gitlab;
pub mod paging;
pub mod quoting;
pub mod record;
#[cfg(test)]
mod scripted;
pub mod seats;
pub mod survey;
pub mod transport;
pub mod wasi_http;

use bindings::exports::license_broker::plugin::connector;
use clock::WasiClock;
use wasi_http::WasiHttp;

/// The exports of the component.
struct Plugin;

impl connector::Guest for Plugin {
    fn describe() -> connector::Descriptor {
        edge::descriptor(&configuration::fields::describe())
    }

    fn configure(values: Vec<connector::FieldValue>) -> Result<connector::Configuration, Vec<connector::FieldProblem>> {
        let values: Vec<_> = values.into_iter().map(edge::entered).collect();
        configuration::configure(&values)
            .map(edge::configuration)
            .map_err(|problems| problems.into_iter().map(edge::problem).collect())
    }

    fn test(config: connector::Configuration, credential: connector::Credential) -> connector::TestReport {
        let config = edge::kept(config);
        let report = connection_test::test(&config, &edge::credential(credential), &mut WasiHttp, &WasiClock);
        edge::report(report)
    }

    fn collect(
        config: connector::Configuration,
        credential: connector::Credential,
        cursor: Option<connector::Cursor>,
    ) -> Result<connector::Batch, connector::Failure> {
        let config = edge::kept(config);
        let credential = edge::credential(credential);
        collect::collect(&config, &credential, cursor.as_deref(), &mut WasiHttp, &WasiClock)
            .map(edge::batch)
            .map_err(edge::failure)
    }
}

// The names of a component's exports hold `:` and `/`, which native linkers refuse in the symbol list of a library.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated: the exports of a component")]
mod exports {
    use super::{Plugin, bindings};

    bindings::export!(Plugin with_types_in bindings);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;
    use connector::Guest;

    fn value(key: &str, value: connector::Input) -> connector::FieldValue {
        connector::FieldValue { key: key.to_owned(), value }
    }

    /// What a host does first: draw the form, fill it in, keep the configuration.
    #[test]
    fn the_exports_without_http_speak_the_contracts_types() {
        let descriptor = Plugin::describe();
        assert_eq!((descriptor.id.as_str(), descriptor.version.as_str()), ("gitlab-seats", env!("CARGO_PKG_VERSION")));
        let credential = &descriptor.credential;
        assert_eq!((credential.header_name.as_str(), credential.prefix.as_str()), ("authorization", "Bearer "));
        assert_eq!(descriptor.fields.len(), 9);
        assert!(descriptor.fields.iter().any(|field| field.key == descriptor.credential.field_key));

        let entered = vec![
            value("host_url", connector::Input::Text("gitlab.example".to_owned())),
            value("token", connector::Input::SecretSet),
        ];
        let kept = Plugin::configure(entered).unwrap();
        assert_eq!(kept.allowed_origins, ["https://gitlab.example/api/v4", "POST https://gitlab.example/api/graphql"]);
        assert!(edge::kept(kept).settings().is_ok(), "what the host keeps can be read back");

        let problems = Plugin::configure(vec![value("x", connector::Input::SecretSet)]).unwrap_err();
        assert_eq!(problems.len(), 3);
    }

    /// Refused before any HTTP, which does not exist outside a component.
    #[test]
    fn a_configuration_of_somebody_else_is_refused_by_test_and_collect() {
        let foreign = || connector::Configuration {
            source_key: "https://gitlab.example#instance".to_owned(),
            display_name: String::new(),
            allowed_origins: Vec::new(),
            help_links: Vec::new(),
            settings: "{}".to_owned(),
        };
        let report = Plugin::test(foreign(), connector::Credential::Injected);
        assert_eq!(report.outcome, connector::CheckStatus::Fail);
        let failure = Plugin::collect(foreign(), connector::Credential::Injected, None).unwrap_err();
        assert!(matches!(failure, connector::Failure::InvalidConfiguration(_)));
    }

    #[test]
    fn a_batch_has_either_a_cursor_or_a_summary() {
        let batch = |then| {
            edge::batch(record::Batch {
                entries: Vec::new(),
                warnings: Vec::new(),
                progress: record::Progress { stage: "accounts", done: 0, expected: None },
                then,
            })
        };
        let going = batch(record::Then::Next("c".to_owned()));
        assert_eq!((going.next.as_deref(), going.summary.is_none()), (Some("c"), true));
        let counts = record::Counts { users: 2, ..record::Counts::default() };
        let ended = batch(record::Then::End(record::Summary { complete: false, counts, requests: 5 }));
        let summary = ended.summary.unwrap();
        assert_eq!((ended.next, summary.completeness), (None, connector::Completeness::Partial));
        assert_eq!((summary.counts.users, summary.requests), (2, 5));
    }
}
