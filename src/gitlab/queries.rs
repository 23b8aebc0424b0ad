//! The GraphQL queries, each of which asks for one thing.
//!
//! Guarantees: what is asked for gets the name that REST has for it, by aliases, so that one type reads both. A field or
//! argument that not every version has is left out when this GitLab is known to lack it: [`Optional`].
//!
//! Refuses to ask for everything at once: an unknown field fails the whole query. Only [`opening`] asks for two things, and who
//! sends it asks for each apart where it fails.

use super::client::Client;
use super::entities::{Purchase, Things};
use super::graphql::{self, Answer, Query, QueryError, Variable};
use super::json::Read;
use super::refusal::Refusal;
use super::scalars::Id;
use super::versions::{Feature, Release, has};
use crate::transport::Response;

/// Fields and arguments that can be left out, as bits: what a run has learned that this GitLab lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optional(pub u32);

/// Names in the schema, each with the bit of its place. What is missing is unknown then, which is no failure. Names that
/// are not here are those without which an answer says nothing.
const OPTIONAL: [&str; 19] = [
    "lastDuoActivityOn",
    "lastLoginAt",
    "lastActivityOn",
    "state",
    "bot",
    "filterByAssignedSeat",
    "sort",
    "publicEmail",
    "createdAt",
    "addOnAssignments",
    "purchasedQuantity",
    "assignedQuantity",
    "usersInLicenseCount",
    "billableUsersCount",
    "maximumUserCount",
    "trial",
    "expiresAt",
    "addOnPurchases",
    "DUO_ENTERPRISE",
];

/// How often a query is asked with less: GitLab names at most five unknown fields at once (`validate_max_errors`).
const MOST_ROUNDS: usize = 5;

impl Optional {
    /// What `release` is known to lack.
    #[must_use]
    pub fn lacking(release: Option<Release>) -> Self {
        let mut lacks = 0;
        if !has(release, Feature::ActivityForAll) {
            lacks |= Self::bit("lastActivityOn");
        }
        if !has(release, Feature::DuoEnterprise) {
            lacks |= Self::bit("DUO_ENTERPRISE");
        }
        if !has(release, Feature::PurchaseList) {
            lacks |= Self::bit("addOnPurchases");
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
                // A value of an enumeration is named in the sentence alone.
                QueryError::Schema(sentence) if sentence.contains("DUO_ENTERPRISE") => {
                    self.0 |= Self::bit("DUO_ENTERPRISE");
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

    /// What was learned since `before`, by its names in the schema.
    pub fn since(self, before: Self) -> impl Iterator<Item = &'static str> {
        OPTIONAL.into_iter().filter(move |name| before.asks(name) && !self.asks(name))
    }

    fn bit(name: &str) -> u32 {
        OPTIONAL.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
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
    let mut text = "id username name".to_owned();
    optional.field(&mut text, "publicEmail", "public_email");
    optional.field(&mut text, "state", "state");
    optional.field(&mut text, "bot", "bot");
    optional.field(&mut text, "lastActivityOn", "last_activity_on");
    text
}

/// The same with the day of the account.
fn account(optional: Optional) -> String {
    let mut text = person(optional);
    optional.field(&mut text, "createdAt", "created_at");
    text
}

const PAGE: &str = "pageInfo { endCursor hasNextPage }";

/// The license, for callers whom REST refuses it (`currentLicense`, B.5 of GitLab's EE schema, 13.x and later).
#[must_use]
pub fn license(optional: Optional) -> Query {
    let mut fields = "plan starts_at: startsAt".to_owned();
    for (name, as_rest) in [
        ("expiresAt", "expires_at"),
        ("usersInLicenseCount", "user_limit"),
        ("billableUsersCount", "active_users"),
        ("maximumUserCount", "maximum_user_count"),
        ("trial", "trial"),
    ] {
        optional.field(&mut fields, name, as_rest);
    }
    Query::new(&["{ license: currentLicense { ", &fields, " } }"].concat())
}

/// Accounts of an instance as everybody sees them. Blocked ones are not among them.
#[must_use]
pub fn users(optional: Optional, after: Option<&str>) -> Query {
    let text = [
        "($after: String) { list: users(first: 100, after: $after) { edges { node { ",
        &account(optional),
        " } } ",
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
         INHERITED, DESCENDANTS, SHARED_FROM_GROUPS], first: 100, after: $after) { edges { node { user { ",
        &account(optional),
        " } } } ",
        PAGE,
        " } } }",
    ];
    Query::new(&text.concat()).with("path", Variable::Text(path.to_owned())).with("after", cursor(after))
}

/// Version and edition of an instance with its add-ons, from a GitLab that has the list of them (17.5+): those have `metadata` with
/// both fields, too. Everybody who is signed in may read it (`read_instance_metadata` in `app/graphql/types/metadata_type.rb`, 18.x),
/// but for fine-grained tokens without that permission.
#[must_use]
pub fn opening() -> Query {
    let text = ["{ metadata { version enterprise } purchases: addOnPurchases ", &purchase(Optional::default()), " }"];
    Query::new(&text.concat())
}

/// The fields of an add-on.
fn purchase(optional: Optional) -> String {
    let mut fields = "{ id name".to_owned();
    optional.field(&mut fields, "purchasedQuantity", "bought");
    optional.field(&mut fields, "assignedQuantity", "assigned");
    fields.push_str(" }");
    fields
}

/// The add-ons that run, of a group or of the instance. Before 17.5 there is no list of them, only one by its name.
#[must_use]
pub fn purchases(group: Option<&Id>, optional: Optional) -> Query {
    let fields = purchase(optional);
    let namespace = group.map_or(Variable::Null, |id| Variable::Text(["gid://gitlab/Group/", id.as_str()].concat()));
    let text = if optional.asks("addOnPurchases") {
        ["($ns: NamespaceID) { purchases: addOnPurchases(namespaceId: $ns) ", &fields, " }"].concat()
    } else {
        let mut text = "($ns: NamespaceID) {".to_owned();
        let mut one = |name: &str, add_on: &str| {
            text.push_str(
                &[" ", name, ": addOnPurchase(addOnType: ", add_on, ", namespaceId: $ns) ", &fields].concat(),
            );
        };
        one("pro", "CODE_SUGGESTIONS");
        if optional.asks("DUO_ENTERPRISE") {
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
    if optional.asks("addOnAssignments") {
        fields.push_str(" held: addOnAssignments(addOnPurchaseIds: $ids, first: 1) { nodes { addOnPurchase { id } } }");
    }
    let list = [&arguments, ") { edges { cursor node { ", &fields, " } } ", PAGE, " }"].concat();
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

/// Ask for single things, or for a page of people; where this GitLab lacks fields, again without them, and keep in mind
/// which.
///
/// # Errors
/// When no answer of GraphQL came.
pub fn ask<T: Read>(
    client: &mut Client<'_>,
    optional: &mut Optional,
    query: impl Fn(Optional) -> Query,
) -> Result<Answer<T>, Refusal> {
    let first = client.query(&query(*optional));
    ask_again(client, optional, query, first)
}

/// The same where the first answer is there.
///
/// # Errors
/// When no answer of GraphQL came.
pub fn ask_again<T: Read>(
    client: &mut Client<'_>,
    optional: &mut Optional,
    query: impl Fn(Optional) -> Query,
    first: Result<Response, Refusal>,
) -> Result<Answer<T>, Refusal> {
    let mut answer: Answer<T> = graphql::decode(first, client.clock())?;
    for _ in 0..MOST_ROUNDS {
        if answer.data.is_some() || !optional.learn(&answer.errors) {
            break;
        }
        let next = client.query(&query(*optional));
        answer = graphql::decode(next, client.clock())?;
    }
    Ok(answer)
}

/// Ask for the add-ons of a group or of the instance; with the answer that is there already, if there is one.
///
/// # Errors
/// When no answer of GraphQL came, or what it says in place of the add-ons.
pub fn ask_purchases(
    client: &mut Client<'_>,
    optional: &mut Optional,
    group: Option<&Id>,
    first: Option<Result<Response, Refusal>>,
) -> Result<Vec<Purchase>, Refusal> {
    let first = first.unwrap_or_else(|| client.query(&purchases(group, *optional)));
    let answer: Answer<Things> = ask_again(client, optional, |optional| purchases(group, optional), first)?;
    let Things { purchases, pro, enterprise, .. } = answer.into_data()?;
    Ok(purchases.into_iter().flatten().chain(pro).chain(enterprise).collect())
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
