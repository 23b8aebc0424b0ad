//! Every type, field and argument, in the order of GitLab's documentation.

use super::{Argument, Definition, Gives, Input, InputKind, Since, Type};

const ALWAYS: Since = Since { from: (0, 0), before: (u32::MAX, 0), enterprise: false };
const EE: Since = Since { enterprise: true, ..ALWAYS };

const fn since(major: u32, minor: u32) -> Since {
    Since { from: (major, minor), ..ALWAYS }
}

const fn ee_since(major: u32, minor: u32) -> Since {
    Since { from: (major, minor), ..EE }
}

const fn input(name: &'static str, kind: InputKind, since: Since) -> Input {
    Input { name, kind, since }
}

const ID: Input = input("ID", InputKind::Id, ALWAYS);
const STRING: Input = input("String", InputKind::Text, ALWAYS);
const INT: Input = input("Int", InputKind::Whole, ALWAYS);
const BOOLEAN: Input = input("Boolean", InputKind::Flag, ALWAYS);
const NAMESPACE_ID: Input = input("NamespaceID", InputKind::GlobalId, ALWAYS);
const PURCHASE_ID: Input = input("GitlabSubscriptionsAddOnPurchaseID", InputKind::GlobalId, ee_since(16, 5));
const ADD_ON_TYPE: Input = input(
    "GitlabSubscriptionsAddOnType",
    InputKind::Words(&[
        ("CODE_SUGGESTIONS", (0, 0)),
        ("DUO_ENTERPRISE", (17, 3)),
        ("DUO_AMAZON_Q", (17, 8)),
        ("DUO_CORE", (18, 0)),
    ]),
    ee_since(16, 5),
);
const USER_SORT: Input =
    input("GitlabSubscriptionsUserSort", InputKind::Words(&[("ID_ASC", (0, 0)), ("ID_DESC", (0, 0))]), ee_since(16, 5));
const SORT: Input = input("Sort", InputKind::Words(&[("CREATED_ASC", (0, 0)), ("CREATED_DESC", (0, 0))]), ALWAYS);
const RELATION: Input = input(
    "GroupMemberRelation",
    InputKind::Words(&[
        ("DIRECT", (0, 0)),
        ("INHERITED", (0, 0)),
        ("DESCENDANTS", (0, 0)),
        ("SHARED_FROM_GROUPS", (0, 0)),
    ]),
    ALWAYS,
);

/// Every type of a value that is given, by which variables are declared.
pub(crate) const INPUTS: [Input; 10] =
    [ID, STRING, INT, BOOLEAN, NAMESPACE_ID, PURCHASE_ID, ADD_ON_TYPE, USER_SORT, SORT, RELATION];

const fn takes(name: &'static str, takes: Input) -> Argument {
    Argument { name, takes, list: false, required: false, since: ALWAYS }
}

impl Argument {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn list(self) -> Self {
        Self { list: true, ..self }
    }

    const fn since(self, since: Since) -> Self {
        Self { since, ..self }
    }
}

const FIRST: Argument = takes("first", INT);
const AFTER: Argument = takes("after", STRING);
const SEARCH: Argument = takes("search", STRING);
const NAMESPACE: Argument = takes("namespaceId", NAMESPACE_ID);
const TYPE: Argument = takes("addOnType", ADD_ON_TYPE).required();

const PATH: &[Argument] = &[takes("fullPath", ID).required()];
const ELIGIBLE: &[Argument] = &[
    TYPE,
    takes("addOnPurchaseIds", PURCHASE_ID).list().required(),
    takes("filterByAssignedSeat", STRING).since(since(17, 5)),
    takes("sort", USER_SORT),
    SEARCH,
    FIRST,
    AFTER,
];

const fn field(name: &'static str, gives: Gives) -> Definition {
    Definition { name, gives, arguments: &[], since: ALWAYS }
}

const fn text(name: &'static str) -> Definition {
    field(name, Gives::Leaf("String"))
}

const fn id() -> Definition {
    field("id", Gives::Leaf("ID"))
}

const fn number(name: &'static str) -> Definition {
    field(name, Gives::Leaf("Int"))
}

const fn day(name: &'static str) -> Definition {
    field(name, Gives::Leaf("Date"))
}

const fn time(name: &'static str) -> Definition {
    field(name, Gives::Leaf("Time"))
}

const fn flag(name: &'static str) -> Definition {
    field(name, Gives::Leaf("Boolean"))
}

impl Definition {
    const fn since(self, since: Since) -> Self {
        Self { since, ..self }
    }

    const fn taking(self, arguments: &'static [Argument]) -> Self {
        Self { arguments, ..self }
    }
}

const QUERY: &[Definition] = &[
    field("currentUser", Gives::Object(Type::CurrentUser)),
    field("currentLicense", Gives::Object(Type::License)).since(EE),
    field("metadata", Gives::Object(Type::Metadata)),
    field("users", Gives::Connection(Type::Users)).taking(&[
        takes("ids", ID).list(),
        takes("usernames", STRING).list(),
        takes("active", BOOLEAN).since(since(16, 8)),
        takes("humans", BOOLEAN).since(since(16, 8)),
        takes("sort", SORT),
        SEARCH,
        FIRST,
        AFTER,
    ]),
    field("addOnPurchases", Gives::List(Type::Purchase)).since(ee_since(17, 5)).taking(&[NAMESPACE]),
    field("addOnPurchase", Gives::Object(Type::Purchase)).since(ee_since(16, 7)).taking(&[TYPE, NAMESPACE]),
    field("selfManagedAddOnEligibleUsers", Gives::Connection(Type::EligibleUsers))
        .since(ee_since(16, 7))
        .taking(ELIGIBLE),
    field("namespace", Gives::Object(Type::Namespace)).taking(PATH),
    field("group", Gives::Object(Type::Group)).taking(PATH),
];

const METADATA: &[Definition] = &[text("version"), text("revision"), flag("enterprise").since(since(15, 6))];

const USER: &[Definition] = &[
    id(),
    text("username"),
    text("name"),
    field("state", Gives::Leaf("UserState")),
    flag("bot"),
    text("publicEmail"),
    time("createdAt"),
    day("lastActivityOn").since(since(16, 6)),
];

const ELIGIBLE_USER: &[Definition] = &[
    id(),
    text("username"),
    text("name"),
    field("state", Gives::Leaf("UserState")),
    flag("bot"),
    text("publicEmail"),
    day("lastActivityOn"),
    time("lastLoginAt"),
    day("lastDuoActivityOn").since(since(18, 3)),
    field("addOnAssignments", Gives::Connection(Type::Assignments)).taking(&[
        takes("addOnPurchaseIds", PURCHASE_ID).list().required(),
        FIRST,
        AFTER,
    ]),
];

const LICENSE: &[Definition] = &[
    id(),
    text("type"),
    text("plan"),
    text("name"),
    text("email"),
    text("company"),
    day("startsAt"),
    day("expiresAt"),
    day("blockChangesAt"),
    day("activatedAt"),
    day("createdAt"),
    time("lastSync"),
    number("usersInLicenseCount"),
    number("billableUsersCount"),
    number("maximumUserCount"),
    number("usersOverLicenseCount"),
    flag("trial"),
    text("subscriptionName").since(since(19, 0)),
    flag("hasGitlabCreditsAddOn").since(since(19, 0)),
];

const fn of(name: &'static str, node: Type) -> Definition {
    field(name, Gives::List(node))
}

const PAGE_INFO: Definition = field("pageInfo", Gives::Object(Type::PageInfo));

const PURCHASE: &[Definition] = &[id(), text("name"), number("purchasedQuantity"), number("assignedQuantity")];

const ASSIGNMENT: &[Definition] = &[field("addOnPurchase", Gives::Object(Type::Purchase))];

const NAMESPACE_FIELDS: &[Definition] = &[
    id(),
    text("name"),
    field("fullPath", Gives::Leaf("ID")),
    field("addOnPurchase", Gives::Object(Type::Purchase))
        .since(Since { before: (18, 0), ..ee_since(16, 2) })
        .taking(&[takes("addOnName", STRING).required()]),
    field("addOnEligibleUsers", Gives::Connection(Type::EligibleUsers)).since(ee_since(16, 5)).taking(ELIGIBLE),
];

const GROUP: &[Definition] = &[
    id(),
    text("name"),
    field("fullPath", Gives::Leaf("ID")),
    number("billableMembersCount").since(EE),
    field("groupMembers", Gives::Connection(Type::Members)).taking(&[
        takes("relations", RELATION).list(),
        SEARCH,
        FIRST,
        AFTER,
    ]),
];

const MEMBER: &[Definition] = &[
    id(),
    time("createdAt"),
    time("expiresAt"),
    field("accessLevel", Gives::Object(Type::AccessLevel)),
    field("user", Gives::Object(Type::User)),
];

const ACCESS_LEVEL: &[Definition] = &[number("integerValue"), field("stringValue", Gives::Leaf("AccessLevelEnum"))];

const PAGE_INFO_FIELDS: &[Definition] =
    &[text("endCursor"), flag("hasNextPage"), text("startCursor"), flag("hasPreviousPage")];

const CURSOR: Definition = text("cursor");

const fn node(node: Type) -> Definition {
    field("node", Gives::Object(node))
}

const USERS: &[Definition] = &[of("edges", Type::UserEdge), of("nodes", Type::User), PAGE_INFO];

const USER_EDGE: &[Definition] = &[CURSOR, node(Type::User)];

const ELIGIBLE_USERS: &[Definition] =
    &[of("edges", Type::EligibleUserEdge), of("nodes", Type::EligibleUser), PAGE_INFO];

const ELIGIBLE_USER_EDGE: &[Definition] = &[CURSOR, node(Type::EligibleUser)];

const MEMBERS: &[Definition] = &[of("edges", Type::MemberEdge), of("nodes", Type::Member), PAGE_INFO];

const MEMBER_EDGE: &[Definition] = &[CURSOR, node(Type::Member)];

const ASSIGNMENTS: &[Definition] = &[of("edges", Type::AssignmentEdge), of("nodes", Type::Assignment), PAGE_INFO];

const ASSIGNMENT_EDGE: &[Definition] = &[CURSOR, node(Type::Assignment)];

/// Asked of any type.
pub(super) static TYPENAME: Definition = field("__typename", Gives::Leaf("String"));

impl Type {
    /// The fields of every version.
    pub(super) const fn definitions(self) -> &'static [Definition] {
        match self {
            Self::Query => QUERY,
            Self::CurrentUser | Self::User => USER,
            Self::License => LICENSE,
            Self::Metadata => METADATA,
            Self::EligibleUser => ELIGIBLE_USER,
            Self::Purchase => PURCHASE,
            Self::Assignment => ASSIGNMENT,
            Self::Namespace => NAMESPACE_FIELDS,
            Self::Group => GROUP,
            Self::Member => MEMBER,
            Self::AccessLevel => ACCESS_LEVEL,
            Self::PageInfo => PAGE_INFO_FIELDS,
            Self::Users => USERS,
            Self::UserEdge => USER_EDGE,
            Self::EligibleUsers => ELIGIBLE_USERS,
            Self::EligibleUserEdge => ELIGIBLE_USER_EDGE,
            Self::Members => MEMBERS,
            Self::MemberEdge => MEMBER_EDGE,
            Self::Assignments => ASSIGNMENTS,
            Self::AssignmentEdge => ASSIGNMENT_EDGE,
        }
    }
}
