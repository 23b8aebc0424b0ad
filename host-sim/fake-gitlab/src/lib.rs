//! A stand-in for GitLab, self-managed and GitLab.com, for demonstrations, tests and benchmarks.
//!
//! It answers the read-only endpoints that tell who holds a seat as GitLab does, down to headers, error bodies and the
//! silent differences between callers, editions and versions. The data is invented from a seed and the same each time;
//! [`FakeGitlab::truth`] says what a client must find.
//!
//! | Endpoint | Who | Answer |
//! | --- | --- | --- |
//! | `GET /api/v4/metadata`, `/version` | any token of `read_user` or `read_api` | version and edition |
//! | `GET /api/v4/user` | the same | the caller, with administration's fields if the account is an administrator's |
//! | `GET /api/v4/personal_access_tokens/self` | any token | the token; 400 for one of OAuth |
//! | `GET /api/v4/license`, `/license/:id`, `/licenses` | effective administrator, `read_api` | the license, `null` without one |
//! | `GET /api/v4/users`, `/users/:id` | any token of `read_user` or `read_api` | all accounts in full to an effective administrator, otherwise less |
//! | `GET /api/v4/groups` | anybody | the groups of the caller; none without a token |
//! | `GET /api/v4/groups/:id`, `/members`, `/members/all` | members of the group | the group, its members, on request with their seats |
//! | `GET /api/v4/groups/:id/billable_members` | Owner, auditor | who takes a seat; 400 to others |
//! | `…/billable_members/:user_id/memberships`, `/indirect` | Owner, unless synchronised with LDAP | why, and since when |
//! | `GET /api/v4/namespaces/:id` | members of the group | plan and billing, as far as role and version allow |
//! | `GET /api/v4/namespaces/:id/gitlab_subscription` | Owner, auditor | what was bought |
//! | `POST /api/graphql` | anybody; each field has its own right | licenses, accounts, members, add-on purchases and their holders |
//! | other paths of the API | anybody | 404 `{"error":"404 Not Found"}`, `v3` 410 |
//! | other paths | anybody | 302 to `/users/sign_in` |
//!
//! [`Options::faults`] makes it fail in the ways that [`Fault`] spells; the scenarios `hostile` and `hostile-com` play data
//! that nobody expects. [`Options::script`] and [`FakeGitlab::play`] let days pass on one address. It does not play writes or TLS. Its tokens are public: see [`Tokens`]. Servers that are no GitLab and
//! mean harm are in [`rogue`].

mod account;
mod answer;
mod archetype;
mod calendar;
mod cursor;
mod entity;
mod fault;
mod graphql;
mod groups;
mod hostile;
mod instance;
mod journal;
mod license;
mod names;
mod offset;
mod options;
mod population;
mod query;
mod random;
mod rest;
pub mod rogue;
mod route;
mod rows;
mod scenario;
mod script;
mod selection;
mod server;
mod throttle;
mod token;
mod truth;
mod users;

pub use archetype::AccountKind;
pub use fault::{Endpoint, Fault, FaultKind, FaultSyntax, INSERTED_ID, Occurrence};
pub use groups::{
    AddOnFacts, BillableFacts, GroupFacts, HolderFacts, MemberFacts, MembershipFacts, SubgroupFacts, SubscriptionFacts,
};
pub use journal::LoggedRequest;
pub use license::LicenseFacts;
pub use options::{CONFIGURED_URL, FEWEST_USERS, LicenseTerm, LinkBase, MOST_USERS, Options};
pub use scenario::{Scenario, UnknownScenario};
pub use script::{Change, Misfit, Renewal, Script, ScriptError};
pub use server::{FakeGitlab, StartError, start};
pub use token::{TokenFacts, Tokens};
pub use truth::{CallerFacts, Counts, IdentityFacts, Truth, UserFacts};
