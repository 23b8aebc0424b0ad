//! The endpoints of the REST API: who may read what, and the bodies.
//!
//! Order of the checks, as in GitLab: the token and its scopes, then the object, which is 404 to who may not know of
//! it, then the right, then the parameters.

mod billable;
mod groups;
mod identity;
mod members;
mod namespaces;

use http::StatusCode;

use crate::answer::{self, Answer};
use crate::fault::FaultKind;
use crate::groups::{Group, OWNER, Subgroup};
use crate::instance::Instance;
use crate::query::{BadParameter, Query};
use crate::route::Resource;
use crate::token::{self, Need, Presented, Rank, Refusal, TokenFacts};
use crate::users::{self, Reader};

/// A request for a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) instance: &'a Instance,
    /// Without the relative root, still encoded; what `Link` repeats.
    pub(crate) path: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) credential: Option<Presented<'a>>,
    pub(crate) struck: Option<FaultKind>,
}

/// A group that a request names, and what the caller is in it.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) group: &'a Group,
    /// The part of it that is meant, if not the whole.
    pub(crate) subgroup: Option<Subgroup>,
    /// Access level of the caller in the top-level group.
    pub(crate) level: Option<u8>,
    pub(crate) rank: Rank,
}

impl Target<'_> {
    /// All rights of an Owner: by membership, or as an administrator of the instance.
    pub(crate) fn owner(&self) -> bool {
        self.level == Some(OWNER) || self.rank == Rank::Administrator
    }

    /// `read_billing` and `read_billable_member`, which auditors have too.
    pub(crate) fn reads_billing(&self) -> bool {
        self.owner() || self.rank == Rank::Auditor
    }

    /// `admin_group_member`, which even an Owner lacks where memberships come from LDAP.
    pub(crate) fn admin_group_member(&self) -> bool {
        self.owner() && !self.group.spec.ldap_synced
    }

    /// Id of what is meant.
    pub(crate) fn id(&self) -> u64 {
        self.subgroup.as_ref().map_or(self.group.spec.id, |subgroup| subgroup.id)
    }

    /// Its full path.
    pub(crate) fn full_path(&self) -> String {
        let path = self.group.spec.path;
        self.subgroup.as_ref().map_or_else(|| path.to_owned(), |subgroup| format!("{path}/{}", subgroup.path))
    }
}

impl<'a> Asked<'a> {
    fn admit(&self, need: Need) -> Result<&'static TokenFacts, Refusal> {
        token::admit(self.credential, need, self.instance.options.scenario)
    }

    fn rank(&self, token: &TokenFacts) -> Rank {
        token::rank(token, self.instance.options.scenario)
    }

    /// An address for `Link`: this request with some parameters replaced.
    pub(crate) fn link(&self, defaults: &[(&str, &str)], replaced: &[(&str, &str)]) -> String {
        let site = &self.instance.population.external_url;
        format!("{site}{}?{}", self.path, self.query.echo(defaults, replaced))
    }

    /// The group with this id or full path, if the caller may know of it.
    fn target(&self, handle: &str, token: &TokenFacts) -> Option<Target<'a>> {
        let rank = self.rank(token);
        let population = &self.instance.population;
        let sees_all = matches!(rank, Rank::Administrator | Rank::Auditor);
        self.instance.groups().all.iter().find_map(|group| {
            let spec = &group.spec;
            let number = handle.parse::<u64>().ok();
            let named = |id, path: &str| number == Some(id) || handle.eq_ignore_ascii_case(path);
            let path_of = |subgroup: &Subgroup| format!("{}/{}", spec.path, subgroup.path);
            let subgroup = group.subgroups().into_iter().find(|sub| named(sub.id, &path_of(sub)));
            if subgroup.is_none() && !named(spec.id, spec.path) {
                return None;
            }
            let level = group.access(token.user_id, population);
            (sees_all || level.is_some()).then_some(Target { group, subgroup, level, rank })
        })
    }

    /// The same for an endpoint of groups, which is hidden from who sends no token, too.
    fn group(&self, handle: &str) -> Result<Target<'a>, Box<Answer>> {
        let hidden = || Box::new(answer::message(StatusCode::NOT_FOUND, "404 Group Not Found"));
        let token = match self.admit(Need::ReadApi) {
            Ok(token) => token,
            Err(Refusal::Missing) => return Err(hidden()),
            Err(refusal) => return Err(Box::new(answer::refused(refusal))),
        };
        self.target(handle, token).ok_or_else(hidden)
    }
}

/// 400 for a parameter.
pub(crate) fn bad_parameter(BadParameter(sentence): &BadParameter) -> Answer {
    answer::error(StatusCode::BAD_REQUEST, sentence)
}

/// 400 of the endpoints of billable members for who lacks the right and for subgroups.
fn bad_request() -> Answer {
    answer::message(StatusCode::BAD_REQUEST, "400 Bad request")
}

fn forbidden() -> Answer {
    answer::message(StatusCode::FORBIDDEN, "403 Forbidden")
}

/// Append a row as JSON. Serialising these rows into memory cannot fail: no map has keys other than text.
fn write_row<T: serde::Serialize>(into: &mut Vec<u8>, row: &T) {
    let written = serde_json::to_writer(into, row);
    debug_assert!(written.is_ok());
}

/// Answer a request for a resource.
pub(crate) fn answer(asked: &Asked<'_>, resource: &Resource) -> Answer {
    let answered = match resource {
        Resource::Groups => groups::list(asked),
        Resource::Group(handle) => asked.group(handle).map(|target| groups::show(asked, &target)),
        Resource::Namespace(handle) => namespaces::show(asked, handle),
        Resource::Subscription(handle) => namespaces::subscription(asked, handle),
        Resource::Billable(handle) => asked.group(handle).map(|target| billable::list(asked, &target)),
        Resource::Memberships(handle, user) => {
            asked.group(handle).map(|target| billable::memberships(asked, &target, *user, true))
        }
        Resource::Indirect(handle, user) => {
            asked.group(handle).map(|target| billable::memberships(asked, &target, *user, false))
        }
        Resource::Members(handle) => asked.group(handle).map(|target| members::list(asked, &target, false)),
        Resource::MembersAll(handle) => asked.group(handle).map(|target| members::list(asked, &target, true)),
        Resource::Users => users(asked),
        Resource::UserById(id) => identity::user_by_id(asked, *id),
        Resource::User => identity::own_account(asked),
        Resource::Token => identity::own_token(asked),
        Resource::Metadata => identity::metadata(asked),
        Resource::Version => identity::version(asked),
        Resource::License | Resource::Licenses | Resource::LicenseById(_) => license(asked, resource),
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

fn users(asked: &Asked<'_>) -> Result<Answer, Box<Answer>> {
    let token = asked.admit(Need::ReadUser).map_err(|refusal| match refusal {
        Refusal::Missing => {
            let sentence = "403 Forbidden - Not authorized to access /api/v4/users";
            Box::new(answer::message(StatusCode::FORBIDDEN, sentence))
        }
        refusal => Box::new(answer::refused(refusal)),
    })?;
    let reader = match asked.rank(token) {
        Rank::Administrator | Rank::CustomAdmin => Reader::Administrator,
        Rank::Auditor => Reader::Auditor,
        Rank::Ordinary => Reader::Anyone,
    };
    Ok(users::list(asked.instance, reader, asked.query, asked.struck == Some(FaultKind::RepeatCursor)))
}

/// Effective administrators only; GitLab.com has none among its callers.
fn license(asked: &Asked<'_>, resource: &Resource) -> Result<Answer, Box<Answer>> {
    let token = asked.admit(Need::ReadApi).map_err(|refusal| Box::new(answer::refused(refusal)))?;
    if asked.rank(token) != Rank::Administrator {
        return Ok(forbidden());
    }
    let body = match resource {
        Resource::Licenses => crate::license::list(&asked.instance.licenses()),
        Resource::LicenseById(id) => match asked.instance.licenses().iter().find(|facts| facts.id == *id) {
            Some(facts) => crate::license::body(Some(facts)),
            None => return Ok(answer::message(StatusCode::NOT_FOUND, "404 Not found")),
        },
        _ => crate::license::body(asked.instance.license_facts().as_ref()),
    };
    Ok(answer::json(StatusCode::OK, body))
}
