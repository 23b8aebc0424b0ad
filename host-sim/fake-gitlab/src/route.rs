//! From a path to what it names: the router of the API, and what lies outside of it.
//!
//! A path that the edition or the version does not have is no route, whoever asks. The handle of a group is its id or
//! its full path with every slash encoded (`a%2Fb`).

use crate::scenario::Scenario;

/// Where the router sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Api(Resource),
    /// `/api/graphql`.
    Graphql,
    /// Of the API, and not there.
    Unknown,
    VersionThree,
    UnknownVersion,
    SignIn,
    /// A page for browsers.
    Page,
}

/// What a path of the API names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Metadata,
    Version,
    User,
    Token,
    License,
    Licenses,
    LicenseById(u64),
    Users,
    UserById(u64),
    Groups,
    Group(String),
    Namespace(String),
    Subscription(String),
    Billable(String),
    Memberships(String, u64),
    Indirect(String, u64),
    /// Direct members.
    Members(String),
    /// `members/all`.
    MembersAll(String),
}

/// Route a path, still encoded.
pub(crate) fn route(path: &str, scenario: Scenario) -> Route {
    let Some(path) = path.strip_prefix(scenario.root()) else { return Route::Page };
    if path == "/users/sign_in" {
        return Route::SignIn;
    }
    let Some(rest) = path.strip_prefix("/api/") else { return Route::Page };
    let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
    match version {
        "v4" => {}
        "graphql" if rest.is_empty() => return Route::Graphql,
        "v3" => return Route::VersionThree,
        _ if version.strip_prefix('v').is_some_and(|digits| digits.parse::<u32>().is_ok()) => {
            return Route::UnknownVersion;
        }
        _ => return Route::Unknown,
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    resource(&rest.split('/').collect::<Vec<_>>(), scenario).map_or(Route::Unknown, Route::Api)
}

fn resource(parts: &[&str], scenario: Scenario) -> Option<Resource> {
    let enterprise = scenario.enterprise();
    Some(match parts {
        ["metadata"] => Resource::Metadata,
        ["version"] => Resource::Version,
        ["user"] => Resource::User,
        ["users"] => Resource::Users,
        ["users", id] => Resource::UserById(id.parse().ok()?),
        ["personal_access_tokens", "self"] => Resource::Token,
        ["license"] if enterprise => Resource::License,
        ["license", id] if enterprise => Resource::LicenseById(id.parse().ok()?),
        ["licenses"] if enterprise => Resource::Licenses,
        ["groups"] => Resource::Groups,
        ["groups", group] => Resource::Group(decoded(group)),
        ["groups", group, "members"] => Resource::Members(decoded(group)),
        ["groups", group, "members", "all"] => Resource::MembersAll(decoded(group)),
        ["groups", group, "billable_members"] if enterprise => Resource::Billable(decoded(group)),
        ["groups", group, "billable_members", user, "memberships"] if enterprise => {
            Resource::Memberships(decoded(group), user.parse().ok()?)
        }
        ["groups", group, "billable_members", user, "indirect"] if enterprise && scenario.indirect_memberships() => {
            Resource::Indirect(decoded(group), user.parse().ok()?)
        }
        ["namespaces", namespace] => Resource::Namespace(decoded(namespace)),
        ["namespaces", namespace, "gitlab_subscription"] if enterprise => Resource::Subscription(decoded(namespace)),
        _ => return None,
    })
}

/// A segment of a path without its percent signs. Bytes that make no text are replaced; no group is called so.
fn decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [byte, others @ ..] = rest {
        let (byte, others) = match rest {
            [b'%', high, low, after @ ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, after),
                _ => (*byte, others),
            },
            _ => (*byte, others),
        };
        bytes.push(byte);
        rest = others;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_resource_of_the_edition_and_the_version() {
        let premium = Scenario::SelfManagedPremium;
        let group = || "example/sub".to_owned();
        for (path, scenario, expected) in [
            ("/api/v4/groups/example%2Fsub", premium, Route::Api(Resource::Group(group()))),
            ("/api/v4/groups/example%2fsub/members/all/", premium, Route::Api(Resource::MembersAll(group()))),
            ("/api/v4/groups/example/sub", premium, Route::Unknown),
            ("/api/v4/namespaces/%zz", premium, Route::Api(Resource::Namespace("%zz".to_owned()))),
            ("/api/v4/groups/7/billable_members", premium, Route::Api(Resource::Billable("7".to_owned()))),
            ("/api/v4/groups/7/billable_members", Scenario::Community, Route::Unknown),
            ("/api/v4/groups/7/billable_members/9/indirect", Scenario::V16_6, Route::Unknown),
            (
                "/api/v4/groups/7/billable_members/9/indirect",
                premium,
                Route::Api(Resource::Indirect("7".to_owned(), 9)),
            ),
            ("/api/v4/users/x", premium, Route::Unknown),
            ("/gitlab/api/v4/user", Scenario::Subpath, Route::Api(Resource::User)),
            ("/api/v4/user", Scenario::Subpath, Route::Page),
        ] {
            assert_eq!(route(path, scenario), expected, "{path} {scenario}");
        }
    }
}
