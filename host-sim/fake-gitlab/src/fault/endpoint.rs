//! The endpoints at which faults are addressed, and how a request is told to be one of them.
//!
//! One table for paths, one for the root fields of GraphQL. A path that is in neither is counted by `any` alone.

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /metadata`
    Metadata,
    /// `GET /version`
    Version,
    /// `GET /user`
    User,
    /// `GET /personal_access_tokens/self`
    Token,
    /// `GET /license`
    License,
    /// `GET /users`
    Users,
    /// `GET /groups`
    Groups,
    /// `GET /namespaces/:id`
    Namespace,
    /// `GET /namespaces/:id/gitlab_subscription`
    Subscription,
    /// `GET /groups/:id/billable_members`
    Billable,
    /// `GET /groups/:id/members` and `/members/all`
    Members,
    /// `GET /groups/:id/billable_members/:user_id/memberships`
    Memberships,
    /// `GET /groups/:id/billable_members/:user_id/indirect`
    Indirect,
    /// `POST /api/graphql`, whatever it asks for.
    Graphql,
    /// A query for `currentLicense`.
    GraphqlLicense,
    /// A query for `users`.
    GraphqlUsers,
    /// A query for `addOnPurchases`, `addOnPurchase`, or the `addOnPurchase` of a namespace.
    GraphqlPurchases,
    /// A query for `selfManagedAddOnEligibleUsers`, or the `addOnEligibleUsers` of a namespace.
    GraphqlHolders,
    /// A query for `group`.
    GraphqlMembers,
    /// Every request.
    Any,
}

/// Words of the syntax.
pub(super) const WORDS: [(Endpoint, &str); 20] = [
    (Endpoint::Metadata, "metadata"),
    (Endpoint::Version, "version"),
    (Endpoint::User, "user"),
    (Endpoint::Token, "token"),
    (Endpoint::License, "license"),
    (Endpoint::Users, "users"),
    (Endpoint::Groups, "groups"),
    (Endpoint::Namespace, "namespace"),
    (Endpoint::Subscription, "subscription"),
    (Endpoint::Billable, "billable"),
    (Endpoint::Members, "members"),
    (Endpoint::Memberships, "memberships"),
    (Endpoint::Indirect, "indirect"),
    (Endpoint::Graphql, "graphql"),
    (Endpoint::GraphqlLicense, "graphql-license"),
    (Endpoint::GraphqlUsers, "graphql-users"),
    (Endpoint::GraphqlPurchases, "graphql-purchases"),
    (Endpoint::GraphqlHolders, "graphql-holders"),
    (Endpoint::GraphqlMembers, "graphql-members"),
    (Endpoint::Any, "any"),
];

/// Paths below `/api/v4/`; `*` is one segment.
const PATHS: [(&str, Endpoint); 14] = [
    ("metadata", Endpoint::Metadata),
    ("version", Endpoint::Version),
    ("user", Endpoint::User),
    ("personal_access_tokens/self", Endpoint::Token),
    ("license", Endpoint::License),
    ("users", Endpoint::Users),
    ("groups", Endpoint::Groups),
    ("namespaces/*", Endpoint::Namespace),
    ("namespaces/*/gitlab_subscription", Endpoint::Subscription),
    ("groups/*/billable_members", Endpoint::Billable),
    ("groups/*/members", Endpoint::Members),
    ("groups/*/members/all", Endpoint::Members),
    ("groups/*/billable_members/*/memberships", Endpoint::Memberships),
    ("groups/*/billable_members/*/indirect", Endpoint::Indirect),
];

/// Root fields of GraphQL, and for `namespace` the field within.
const FIELDS: [(&str, Option<&str>, Endpoint); 8] = [
    ("currentLicense", None, Endpoint::GraphqlLicense),
    ("users", None, Endpoint::GraphqlUsers),
    ("addOnPurchases", None, Endpoint::GraphqlPurchases),
    ("addOnPurchase", None, Endpoint::GraphqlPurchases),
    ("namespace", Some("addOnPurchase"), Endpoint::GraphqlPurchases),
    ("namespace", Some("addOnEligibleUsers"), Endpoint::GraphqlHolders),
    ("selfManagedAddOnEligibleUsers", None, Endpoint::GraphqlHolders),
    ("group", None, Endpoint::GraphqlMembers),
];

impl Endpoint {
    /// The endpoint of a path, given relative to the root of the instance.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        if path == "/api/graphql" {
            return Some(Self::Graphql);
        }
        let path = path.strip_prefix("/api/v4/")?;
        let path = path.strip_suffix('/').unwrap_or(path);
        PATHS.iter().find(|(pattern, _)| fits(pattern, path)).map(|(_, endpoint)| *endpoint)
    }

    /// The endpoint of a root field, or of a field within a root field.
    pub(crate) fn of_field(root: &str, within: Option<&str>) -> Option<Self> {
        FIELDS.iter().find(|(name, field, _)| *name == root && *field == within).map(|(_, _, endpoint)| *endpoint)
    }

    /// Whether its answers are lists in pages of REST.
    pub(super) const fn lists(self) -> bool {
        matches!(self, Self::Users | Self::Groups | Self::Memberships | Self::Indirect) || self.moves()
    }

    /// Whether rows of its list in pages of REST can come and go during a walk.
    pub(super) const fn moves(self) -> bool {
        matches!(self, Self::Users | Self::Billable | Self::Members)
    }

    /// Whether rows of its connection can.
    pub(super) const fn moves_in_graphql(self) -> bool {
        matches!(self, Self::GraphqlUsers | Self::GraphqlHolders | Self::GraphqlMembers)
    }

    /// Whether it is asked in GraphQL.
    pub(super) const fn graphql(self) -> bool {
        matches!(self, Self::Graphql | Self::GraphqlLicense | Self::GraphqlPurchases) || self.pages_of_graphql()
    }

    /// Whether GraphQL may answer with a connection there.
    pub(super) const fn pages_of_graphql(self) -> bool {
        matches!(self, Self::Graphql) || self.moves_in_graphql()
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(part)) if !part.is_empty() => {}
            (Some(wanted), Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_endpoints_and_others_to_none() {
        for (path, expected) in [
            ("/api/v4/users", Some(Endpoint::Users)),
            ("/api/v4/users/", Some(Endpoint::Users)),
            ("/api/v4/users/7", None),
            ("/api/v4/groups/9/members/all", Some(Endpoint::Members)),
            ("/api/v4/groups/a%2Fb/members", Some(Endpoint::Members)),
            ("/api/v4/groups//members", None),
            ("/api/v4/groups/9/billable_members", Some(Endpoint::Billable)),
            ("/api/v4/groups/9/billable_members/7/memberships", Some(Endpoint::Memberships)),
            ("/api/v4/groups/9/billable_members/7/indirect", Some(Endpoint::Indirect)),
            ("/api/v4/namespaces/9", Some(Endpoint::Namespace)),
            ("/api/v4/namespaces/9/gitlab_subscription", Some(Endpoint::Subscription)),
            ("/api/v4/namespaces", None),
            ("/api/graphql", Some(Endpoint::Graphql)),
            ("/users", None),
        ] {
            assert_eq!(Endpoint::of_path(path), expected, "{path}");
        }
    }
    #[test]
    fn root_fields_lead_to_their_endpoints_and_a_namespace_by_what_is_asked_of_it() {
        for (root, within, expected) in [
            ("currentLicense", None, Some(Endpoint::GraphqlLicense)),
            ("users", None, Some(Endpoint::GraphqlUsers)),
            ("addOnPurchases", None, Some(Endpoint::GraphqlPurchases)),
            ("addOnPurchase", None, Some(Endpoint::GraphqlPurchases)),
            ("selfManagedAddOnEligibleUsers", None, Some(Endpoint::GraphqlHolders)),
            ("group", None, Some(Endpoint::GraphqlMembers)),
            ("namespace", None, None),
            ("namespace", Some("addOnPurchase"), Some(Endpoint::GraphqlPurchases)),
            ("namespace", Some("addOnEligibleUsers"), Some(Endpoint::GraphqlHolders)),
            ("currentUser", None, None),
        ] {
            assert_eq!(Endpoint::of_field(root, within), expected, "{root} {within:?}");
        }
    }
}
