//! The values of the fields of a valid query.

use graphql_parser::Pos;
use serde_json::{Map, Value, json};

use super::caller::{Caller, Space};
use super::connection::{Bounds, Style, Turn};
use super::document::{Field, Given, Operation};
use super::endpoints;
use super::moved::{Row, newcomer};
use super::problem::{GRANULAR, NOT_ALLOWED, Problem};
use super::schema::Type;
use super::validate::PAGE;
use super::values::{level_word, of_license, of_user, second};
use crate::account::Account;
use crate::calendar::Day;
use crate::fault::{Endpoint, FaultKind, Struck};
use crate::groups::{AddOnFacts, Membership};
use crate::instance::Instance;
use crate::license::LicenseFacts;

/// Something that has fields.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Query,
    /// An account, and whether it is the caller's own.
    User(Box<Account>, Type),
    License(Box<LicenseFacts>),
    Metadata,
    Purchase(&'a AddOnFacts),
    /// Somebody who may have an add-on seat, the id by which purchases know the holder, and the purchases there are.
    Eligible(Box<Account>, u64, &'a [AddOnFacts]),
    Assignment(&'a AddOnFacts),
    Namespace(Space<'a>),
    Group(Space<'a>),
    /// A membership, and whose.
    Member(Row, Membership),
    AccessLevel(u8),
    /// Rows, each with its cursor.
    Page(Type, Vec<(String, Node<'a>)>, Bounds),
    Edge(Type, String, Box<Node<'a>>),
    PageInfo(Bounds),
}

/// What a field gives.
pub(super) enum Got<'a> {
    Leaf(Value),
    Object(Node<'a>),
    List(Vec<Node<'a>>),
    Null,
    /// Null, and a sentence among the errors.
    Denied(String),
}

impl<'a> Got<'a> {
    pub(super) fn optional(node: Option<Node<'a>>) -> Self {
        node.map_or(Self::Null, Self::Object)
    }

    pub(super) fn denied() -> Self {
        Self::Denied(NOT_ALLOWED.to_owned())
    }
}

impl Node<'_> {
    fn ty(&self) -> Type {
        match self {
            Self::Query => Type::Query,
            Self::User(_, ty) | Self::Page(ty, ..) | Self::Edge(ty, ..) => *ty,
            Self::License(_) => Type::License,
            Self::Metadata => Type::Metadata,
            Self::Purchase(_) => Type::Purchase,
            Self::Eligible(..) => Type::EligibleUser,
            Self::Assignment(_) => Type::Assignment,
            Self::Namespace(_) => Type::Namespace,
            Self::Group(_) => Type::Group,
            Self::Member(..) => Type::Member,
            Self::AccessLevel(_) => Type::AccessLevel,
            Self::PageInfo(_) => Type::PageInfo,
        }
    }
}

/// The arguments of a field, variables filled in.
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    /// A list of texts; one value does for a list of one.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self.0.get(name)? {
            Value::Array(items) => Some(items.iter().map(text).collect()),
            Value::Null => None,
            one => Some(vec![text(one)]),
        }
    }

    /// The page that is asked for.
    pub(super) fn turn(&self, style: Style, fault: Option<FaultKind>) -> Result<Turn, String> {
        let first = self.0.get("first").and_then(Value::as_i64).map_or(PAGE, |first| u64::try_from(first).unwrap_or(0));
        let after = self.text("after").filter(|after| !after.is_empty());
        Turn::new(style, after, first.min(PAGE), fault).ok_or_else(|| "Please provide a valid cursor".to_owned())
    }
}

/// One query being answered.
pub(super) struct Resolution<'a> {
    pub(super) instance: &'a Instance,
    pub(super) caller: Caller,
    values: Map<String, Value>,
    struck: Option<Struck>,
    /// The fault of paging for the root field at hand.
    pub(super) paging: Option<FaultKind>,
    problems: Vec<Problem>,
}

impl<'a> Resolution<'a> {
    pub(super) fn new(
        instance: &'a Instance,
        caller: Caller,
        values: Map<String, Value>,
        struck: Option<Struck>,
    ) -> Self {
        Self { instance, caller, values, struck, paging: None, problems: Vec::new() }
    }

    /// Data and errors.
    pub(super) fn run(mut self, operation: &Operation) -> (Value, Vec<Problem>) {
        let mut data = Map::new();
        for field in &operation.fields {
            let struck = self.struck.filter(|struck| {
                matches!(struck.endpoint, Endpoint::Graphql | Endpoint::Any)
                    || endpoints(field).contains(&struck.endpoint)
            });
            self.paging = struck.map(|struck| struck.kind);
            let sentence = match self.paging {
                Some(FaultKind::NullWithErrors) => Some(NOT_ALLOWED),
                Some(FaultKind::Granular) => Some(GRANULAR),
                _ => None,
            };
            let path = vec![json!(field.key)];
            let value = match sentence {
                Some(sentence) => self.deny(sentence, field.place, path),
                None => self.value(&Node::Query, field, path),
            };
            data.insert(field.key.clone(), value);
        }
        (Value::Object(data), self.problems)
    }

    fn deny(&mut self, sentence: &str, place: Pos, path: Vec<Value>) -> Value {
        self.problems.push(Problem::new(sentence.to_owned(), place).at(path));
        Value::Null
    }

    fn object(&mut self, node: &Node<'a>, fields: &[Field], path: &[Value]) -> Value {
        let mut object = Map::new();
        for field in fields {
            let mut path = path.to_vec();
            path.push(json!(field.key));
            let value = self.value(node, field, path);
            object.insert(field.key.clone(), value);
        }
        Value::Object(object)
    }

    fn value(&mut self, node: &Node<'a>, field: &Field, path: Vec<Value>) -> Value {
        let given = field.arguments.iter().filter_map(|(name, given)| Some((name.clone(), self.given(given)?)));
        let arguments = Arguments(given.collect());
        let got = match field.name.as_str() {
            "__typename" => Got::Leaf(json!(node.ty().name())),
            name => self.got(node, name, &arguments),
        };
        match got {
            Got::Leaf(value) => value,
            Got::Object(node) => self.object(&node, &field.fields, &path),
            Got::List(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for (number, node) in nodes.iter().enumerate() {
                    let mut path = path.clone();
                    path.push(json!(number));
                    items.push(self.object(node, &field.fields, &path));
                }
                Value::Array(items)
            }
            Got::Null => Value::Null,
            Got::Denied(sentence) => self.deny(&sentence, field.place, path),
        }
    }

    /// The value of an argument; `None` for a variable that was not sent.
    fn given(&self, given: &Given) -> Option<Value> {
        match given {
            Given::Variable(name) => self.values.get(name).cloned(),
            Given::Word(word) => Some(json!(word)),
            Given::Plain(value) => Some(value.clone()),
            Given::List(items) => Some(items.iter().filter_map(|item| self.given(item)).collect()),
        }
    }

    fn got(&mut self, node: &Node<'a>, name: &str, arguments: &Arguments) -> Got<'a> {
        match node {
            Node::Query => self.root(name, arguments),
            Node::User(account, _) => Got::Leaf(of_user(account, name)),
            Node::License(facts) => Got::Leaf(of_license(facts, name)),
            Node::Metadata => Got::Leaf(match name {
                "version" => json!(self.instance.options.scenario.version()),
                "revision" => json!(self.instance.options.scenario.revision()),
                _ => json!(self.instance.options.scenario.enterprise()),
            }),
            Node::Purchase(purchase) => Got::Leaf(match name {
                "id" => json!(purchase.gid),
                "name" => json!(purchase.name),
                "purchasedQuantity" => json!(purchase.purchased_quantity),
                _ => json!(purchase.assigned_quantity),
            }),
            Node::Eligible(account, holder, purchases) => {
                self.of_eligible(account, *holder, purchases, name, arguments)
            }
            Node::Assignment(purchase) => Got::Object(Node::Purchase(purchase)),
            Node::Namespace(space) => self.of_namespace(space, name, arguments),
            Node::Group(space) => self.of_group(space, name, arguments),
            Node::Member(row, membership) => match name {
                "id" => Got::Leaf(json!(format!("gid://gitlab/GroupMember/{}", membership.id))),
                "createdAt" => Got::Leaf(json!(second(membership.created_at))),
                // Declared as a time, written as the day that it is.
                "expiresAt" => Got::Leaf(json!(membership.expires_at.map(Day))),
                "accessLevel" => Got::Object(Node::AccessLevel(membership.level)),
                _ => Got::Object(self.person(*row)),
            },
            Node::AccessLevel(level) => Got::Leaf(match name {
                "integerValue" => json!(level),
                _ => json!(level_word(*level)),
            }),
            Node::Page(_, _, bounds) if name == "pageInfo" => Got::Object(Node::PageInfo(bounds.clone())),
            Node::Page(ty, rows, _) if name == "edges" => {
                let edge =
                    |(cursor, node): &(String, Node<'a>)| Node::Edge(ty.edge(), cursor.clone(), Box::new(node.again()));
                Got::List(rows.iter().map(edge).collect())
            }
            Node::Page(_, rows, _) => Got::List(rows.iter().map(|(_, node)| node.again()).collect()),
            Node::Edge(_, cursor, _) if name == "cursor" => Got::Leaf(json!(cursor)),
            Node::Edge(_, _, node) => Got::Object(node.again()),
            Node::PageInfo(bounds) => Got::Leaf(match name {
                "endCursor" => json!(bounds.end),
                "startCursor" => json!(bounds.start),
                "hasNextPage" => json!(bounds.next),
                _ => json!(bounds.previous),
            }),
        }
    }

    fn root(&mut self, name: &str, arguments: &Arguments) -> Got<'a> {
        let (instance, caller) = (self.instance, self.caller);
        let scenario = instance.options.scenario;
        match name {
            "currentUser" => Got::optional(
                caller.token.map(|token| self.user(instance.population.place_from(token.user_id), Type::CurrentUser)),
            ),
            "currentLicense" if scenario.gitlab_com() || !caller.reads_license() => Got::denied(),
            "currentLicense" => Got::optional(instance.license_facts().map(|facts| Node::License(Box::new(facts)))),
            // Of those who are signed in.
            "metadata" => Got::optional(caller.token.map(|_| Node::Metadata)),
            "users" => self.users(arguments),
            "addOnPurchases" => Got::List(self.purchases(arguments).iter().map(Node::Purchase).collect()),
            "addOnPurchase" => {
                let wanted = arguments.text("addOnType");
                let found = self.purchases(arguments).iter().find(|purchase| Some(purchase.name) == wanted);
                Got::optional(found.map(Node::Purchase))
            }
            "selfManagedAddOnEligibleUsers" if scenario.gitlab_com() || !caller.administrator() => Got::denied(),
            "selfManagedAddOnEligibleUsers" => self.eligible(None, arguments),
            "namespace" => Got::optional(self.space(arguments).map(Node::Namespace)),
            _ => Got::optional(self.space(arguments).map(Node::Group)),
        }
    }

    fn space(&self, arguments: &Arguments) -> Option<Space<'a>> {
        self.caller.space(arguments.text("fullPath")?, self.instance)
    }

    /// The purchases that the caller may see, of the group named or of the instance.
    fn purchases(&self, arguments: &Arguments) -> &'a [AddOnFacts] {
        let instance = self.instance;
        match arguments.text("namespaceId") {
            Some(gid) => self.caller.owned(gid, instance).map_or(&[], |group| group.add_ons.as_slice()),
            None if self.caller.administrator() => &instance.groups().add_ons,
            None => &[],
        }
    }

    fn user(&self, place: usize, ty: Type) -> Node<'a> {
        Node::User(Box::new(self.instance.population.account(place)), ty)
    }

    /// The account of a row.
    pub(super) fn account(&self, row: Row) -> Box<Account> {
        let account = self.instance.population.account(row.place());
        Box::new(if row.is_new() { newcomer(account) } else { account })
    }

    pub(super) fn person(&self, row: Row) -> Node<'a> {
        Node::User(self.account(row), Type::User)
    }
}

impl<'a> Node<'a> {
    /// The node of a page once more: a query may ask for `nodes` and `edges`, each under several keys.
    fn again(&self) -> Node<'a> {
        match self {
            Self::User(account, ty) => Self::User(account.clone(), *ty),
            Self::Eligible(account, holder, purchases) => Self::Eligible(account.clone(), *holder, purchases),
            Self::Assignment(purchase) => Self::Assignment(purchase),
            Self::Member(row, membership) => Self::Member(*row, *membership),
            // Nothing else is a row of a page.
            _ => Self::Query,
        }
    }
}
