//! The GraphQL queries, each of which asks for one thing.
//!
//! Guarantees: what is asked for gets the name that REST has for it, by aliases, so that one type reads both. A field or
//! argument that not every version has is left out when this GitLab is known to lack it: [`Optional`].
//!
//! Refuses to ask for everything at once: an unknown field fails the whole query.

use serde::de::DeserializeOwned;

use super::client::Client;
use super::entities::{Data, Things};
use super::graphql::{self, Answer, Query, QueryError, Variable};
use super::refusal::Refusal;
use super::scalars::Id;
use super::versions::{Feature, Release, has};

/// Fields and arguments that can be left out, as bits: what a run has learned that this GitLab lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optional(pub u8);

/// Name in the schema, bit, and what is missed without it.
const OPTIONAL: [(&str, u8); 7] = [
    ("lastDuoActivityOn", 1),
    ("lastLoginAt", 2),
    ("lastActivityOn", 4),
    ("state", 8),
    ("bot", 16),
    ("filterByAssignedSeat", 32),
    ("sort", 64),
];

impl Optional {
    /// What `release` is known to lack.
    #[must_use]
    pub fn lacking(release: Option<Release>) -> Self {
        let mut lacks = 0;
        if !has(release, Feature::ActivityForAll) {
            lacks |= Self::bit("lastActivityOn");
        }
        if !has(release, Feature::HolderFilter) {
            lacks |= Self::bit("filterByAssignedSeat") | Self::bit("lastDuoActivityOn");
        }
        Self(lacks)
    }

    /// Learn from the errors of a query. Whether it can be asked again with less.
    pub fn learn(&mut self, errors: &[QueryError]) -> bool {
        let before = self.0;
        for error in errors {
            match error {
                QueryError::UndefinedField { field: name, .. }
                | QueryError::UndefinedArgument { argument: name, .. } => {
                    self.0 |= Self::bit(name);
                }
                _ => {}
            }
        }
        self.0 != before
    }

    /// Whether this is asked for.
    #[must_use]
    pub fn asks(self, name: &str) -> bool {
        self.0 & Self::bit(name) == 0
    }

    fn bit(name: &str) -> u8 {
        OPTIONAL.iter().find(|(known, _)| *known == name).map_or(0, |(_, bit)| *bit)
    }

    fn field(self, text: &mut String, name: &str, as_rest: &str) {
        if self.asks(name) {
            text.push(' ');
            if name != as_rest {
                text.push_str(as_rest);
                text.push_str(": ");
            }
            text.push_str(name);
        }
    }
}

/// The fields of a person.
fn person(optional: Optional) -> String {
    let mut text = "id username name public_email: publicEmail".to_owned();
    optional.field(&mut text, "state", "state");
    optional.field(&mut text, "bot", "bot");
    optional.field(&mut text, "lastActivityOn", "last_activity_on");
    text
}

const PAGE: &str = "pageInfo { endCursor hasNextPage }";

/// The license, for callers whom REST refuses it (`currentLicense`, B.5 of GitLab's EE schema, 13.x and later).
#[must_use]
pub fn license() -> Query {
    Query::new(
        "{ license: currentLicense { plan starts_at: startsAt expires_at: expiresAt user_limit: usersInLicenseCount \
         active_users: billableUsersCount maximum_user_count: maximumUserCount trial } }",
    )
}

/// Accounts of an instance as everybody sees them. Blocked ones are not among them.
#[must_use]
pub fn users(optional: Optional, after: Option<&str>) -> Query {
    let text = [
        "($after: String) { list: users(first: 100, after: $after) { nodes { created_at: createdAt ",
        &person(optional),
        " } ",
        PAGE,
        " } }",
    ];
    Query::new(&text.concat()).with("after", cursor(after))
}

/// Members of a group, of those below it and of invited ones.
#[must_use]
pub fn group_members(path: &str, optional: Optional, after: Option<&str>) -> Query {
    let text = [
        "($path: ID!, $after: String) { scope: group(fullPath: $path) { list: groupMembers(relations: [DIRECT, \
         INHERITED, DESCENDANTS, SHARED_FROM_GROUPS], first: 100, after: $after) { nodes { user { created_at: createdAt ",
        &person(optional),
        " } } ",
        PAGE,
        " } } }",
    ];
    Query::new(&text.concat()).with("path", Variable::Text(path.to_owned())).with("after", cursor(after))
}

/// The add-ons that run, of a group or of the instance. Before 17.5 there is no list of them, only one by its name.
#[must_use]
pub fn purchases(group: Option<&Id>, release: Option<Release>) -> Query {
    const FIELDS: &str = "{ id name bought: purchasedQuantity assigned: assignedQuantity }";
    let namespace = group.map_or(Variable::Null, |id| Variable::Text(["gid://gitlab/Group/", id.as_str()].concat()));
    let text = if has(release, Feature::PurchaseList) {
        ["($ns: NamespaceID) { purchases: addOnPurchases(namespaceId: $ns) ", FIELDS, " }"].concat()
    } else {
        let mut text = "($ns: NamespaceID) {".to_owned();
        let mut one = |name: &str, add_on: &str| {
            text.push_str(&[" ", name, ": addOnPurchase(addOnType: ", add_on, ", namespaceId: $ns) ", FIELDS].concat());
        };
        one("pro", "CODE_SUGGESTIONS");
        // The second add-on with seats came with 17.3.
        if release.is_none_or(|release| release >= (17, 3)) {
            one("enterprise", "DUO_ENTERPRISE");
        }
        text.push_str(" }");
        text
    };
    Query::new(&text).with("ns", namespace)
}

/// Who holds a seat of an add-on, of a group by its path or of the instance.
#[must_use]
pub fn holders(path: Option<&str>, add_on: &str, purchase: &Id, optional: Optional, after: Option<&str>) -> Query {
    let mut arguments = "(addOnType: $type, addOnPurchaseIds: $ids, first: 100, after: $after".to_owned();
    if optional.asks("filterByAssignedSeat") {
        arguments.push_str(", filterByAssignedSeat: \"true\"");
    }
    if optional.asks("sort") {
        arguments.push_str(", sort: ID_ASC");
    }
    let mut fields = person(optional);
    optional.field(&mut fields, "lastLoginAt", "last_login_at");
    optional.field(&mut fields, "lastDuoActivityOn", "last_duo_activity_on");
    let list = [
        &arguments,
        ") { nodes { ",
        &fields,
        " held: addOnAssignments(addOnPurchaseIds: $ids, first: 1) { nodes { addOnPurchase { id } } } } ",
        PAGE,
        " }",
    ]
    .concat();
    let variables =
        "$type: GitlabSubscriptionsAddOnType!, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!, $after: String";
    let text = match path {
        Some(_) => [
            "($path: ID!, ",
            variables,
            ") { scope: namespace(fullPath: $path) { list: addOnEligibleUsers",
            &list,
            " } }",
        ]
        .concat(),
        None => ["(", variables, ") { list: selfManagedAddOnEligibleUsers", &list, " }"].concat(),
    };
    let gid = ["gid://gitlab/GitlabSubscriptions::AddOnPurchase/", purchase.as_str()].concat();
    let query = Query::new(&text)
        .with("type", Variable::Text(add_on.to_owned()))
        .with("ids", Variable::Texts(vec![gid]))
        .with("after", cursor(after));
    match path {
        Some(path) => query.with("path", Variable::Text(path.to_owned())),
        None => query,
    }
}

fn cursor(after: Option<&str>) -> Variable {
    after.map_or(Variable::Null, |after| Variable::Text(after.to_owned()))
}

/// Ask for single things.
///
/// # Errors
/// When no answer of GraphQL came.
pub fn ask(client: &mut Client<'_>, query: &Query) -> Result<Answer<Things>, Refusal> {
    let answer = client.query(query)?;
    graphql::read(&answer, client.clock())
}

/// Ask for a page of people; if this GitLab lacks fields, once more without them, and keep in mind which.
///
/// # Errors
/// When no answer of GraphQL came.
pub fn ask_list<T: DeserializeOwned>(
    client: &mut Client<'_>,
    optional: &mut Optional,
    query: impl Fn(Optional) -> Query,
) -> Result<Answer<Data<T>>, Refusal> {
    let first = client.query(&query(*optional))?;
    let first: Answer<Data<T>> = graphql::read(&first, client.clock())?;
    if first.data.is_some() || !optional.learn(&first.errors) {
        return Ok(first);
    }
    let second = client.query(&query(*optional))?;
    graphql::read(&second, client.clock())
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
