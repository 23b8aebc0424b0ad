//! The part of GitLab's schema that is played: types, fields, arguments, and which version has each.
//!
//! Where the version is not documented, one is chosen: the arguments `active` and `humans` of `users` come with 16.8,
//! `lastDuoActivityOn` with 18.3, `sort` and `search` of eligible users with the field itself.

use crate::scenario::Scenario;

mod table;

pub(super) use table::INPUTS;

/// Types that have fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Query,
    CurrentUser,
    Metadata,
    User,
    Users,
    UserEdge,
    License,
    Purchase,
    EligibleUser,
    EligibleUsers,
    EligibleUserEdge,
    Assignment,
    Assignments,
    AssignmentEdge,
    Namespace,
    Group,
    Member,
    Members,
    MemberEdge,
    AccessLevel,
    PageInfo,
}

/// What a field gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Leaf(&'static str),
    Object(Type),
    List(Type),
    /// A page of a connection: costs more, the more rows it may have.
    Connection(Type),
}

/// From which version something exists, up to which, and in which edition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    from: (u32, u32),
    before: (u32, u32),
    enterprise: bool,
}

impl Since {
    pub(super) fn holds(self, scenario: Scenario) -> bool {
        let at_least = |(major, minor)| scenario.at_least(major, minor);
        at_least(self.from) && !at_least(self.before) && (!self.enterprise || scenario.enterprise())
    }
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) gives: Gives,
    pub(super) arguments: &'static [Argument],
    pub(super) since: Since,
}

/// An argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) takes: Input,
    pub(super) list: bool,
    pub(super) required: bool,
    pub(super) since: Since,
}

/// Types of values that are given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) kind: InputKind,
    pub(super) since: Since,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum InputKind {
    Text,
    /// Text or number.
    Id,
    /// `gid://gitlab/…`.
    GlobalId,
    Whole,
    Flag,
    /// One of these words, each from its version on.
    Words(&'static [(&'static str, (u32, u32))]),
}

impl Argument {
    /// Its type as GitLab writes it.
    pub(super) fn text(&self) -> String {
        let name = self.takes.name;
        let items = if self.list { format!("[{name}!]") } else { name.to_owned() };
        if self.required { format!("{items}!") } else { items }
    }
}

impl Type {
    /// Its name in GitLab's schema.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Query => "Query",
            Self::CurrentUser => "CurrentUser",
            Self::Metadata => "Metadata",
            Self::User => "UserCore",
            Self::Users => "UserCoreConnection",
            Self::UserEdge => "UserCoreEdge",
            Self::License => "CurrentLicense",
            Self::Purchase => "AddOnPurchase",
            Self::EligibleUser => "AddOnUser",
            Self::EligibleUsers => "AddOnUserConnection",
            Self::EligibleUserEdge => "AddOnUserEdge",
            Self::Assignment => "UserAddOnAssignment",
            Self::Assignments => "UserAddOnAssignmentConnection",
            Self::AssignmentEdge => "UserAddOnAssignmentEdge",
            Self::Namespace => "Namespace",
            Self::Group => "Group",
            Self::Member => "GroupMember",
            Self::Members => "GroupMemberConnection",
            Self::MemberEdge => "GroupMemberEdge",
            Self::AccessLevel => "AccessLevel",
            Self::PageInfo => "PageInfo",
        }
    }

    /// The type of the edges of a connection.
    pub(super) const fn edge(self) -> Self {
        match self {
            Self::EligibleUsers => Self::EligibleUserEdge,
            Self::Assignments => Self::AssignmentEdge,
            Self::Members => Self::MemberEdge,
            _ => Self::UserEdge,
        }
    }

    /// The field of this name, if the version has it.
    pub(super) fn field(self, name: &str, scenario: Scenario) -> Option<&'static Definition> {
        if name == "__typename" {
            return Some(&table::TYPENAME);
        }
        self.definitions().iter().find(|field| field.name == name && field.since.holds(scenario))
    }
}

impl Type {
    /// The field of this name in any version.
    pub(super) fn any_field(self, name: &str) -> Option<&'static Definition> {
        self.definitions().iter().find(|field| field.name == name)
    }
}
