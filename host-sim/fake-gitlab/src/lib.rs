//! A stand-in for a self-managed GitLab instance, for demonstrations, tests and benchmarks.
//!
//! It answers the read-only endpoints that tell who holds a seat as GitLab does, down to headers, error bodies and the
//! silent differences between callers, editions and versions. The data is invented from a seed and the same each time;
//! [`FakeGitlab::truth`] says what a client must find.
//!
//! | Endpoint | Who | Answer |
//! | --- | --- | --- |
//! | `GET /api/v4/metadata`, `/version` | any token of `read_user` or `read_api` | version and edition |
//! | `GET /api/v4/user` | the same | the caller, with administration's fields if the account is an administrator's |
//! | `GET /api/v4/personal_access_tokens/self` | any token | the token |
//! | `GET /api/v4/license` | effective administrator, `read_api` | the license, `null` without one |
//! | `GET /api/v4/users` | any token of `read_user` or `read_api` | all accounts in full to an effective administrator, otherwise less |
//! | other paths of the API | anybody | 404 `{"error":"404 Not Found"}`, `v3` 410 |
//! | other paths | anybody | 302 to `/users/sign_in` |
//!
//! It does not play GraphQL, groups, writes or TLS. Its tokens are public: see [`Tokens`].

mod account;
mod answer;
mod archetype;
mod calendar;
mod cursor;
mod entity;
mod fault;
mod instance;
mod journal;
mod license;
mod names;
mod options;
mod population;
mod query;
mod random;
mod rows;
mod scenario;
mod selection;
mod server;
mod throttle;
mod token;
mod truth;
mod users;

pub use archetype::AccountKind;
pub use fault::{Endpoint, Fault, FaultKind, FaultSyntax};
pub use journal::LoggedRequest;
pub use license::LicenseFacts;
pub use options::{CONFIGURED_URL, FEWEST_USERS, LicenseTerm, LinkBase, MOST_USERS, Options};
pub use scenario::{Scenario, UnknownScenario};
pub use server::{FakeGitlab, StartError, start};
pub use token::{TokenFacts, Tokens};
pub use truth::{Counts, IdentityFacts, Truth, UserFacts};
