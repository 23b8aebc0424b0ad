//! What can go wrong, one word for each kind, and where a kind makes sense.

use super::endpoint::Endpoint;

/// Where a kind can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fits {
    /// Every endpoint. GraphQL answers in its own shape where it has one.
    Anywhere,
    /// The endpoints of REST, and `any`.
    Rest,
    /// REST's lists.
    Lists,
    /// `users`.
    Users,
    /// What the instance says of its version.
    Version,
    /// Lists whose rows come and go.
    Moving,
    /// GraphQL.
    Graphql,
    /// GraphQL's connections.
    Connections,
}

impl Fits {
    pub(super) const fn admits(self, endpoint: Endpoint) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Rest => !endpoint.graphql(),
            Self::Lists => endpoint.lists(),
            Self::Users => matches!(endpoint, Endpoint::Users),
            Self::Version => matches!(endpoint, Endpoint::Metadata | Endpoint::Version),
            Self::Moving => endpoint.moves() || endpoint.moves_in_graphql(),
            Self::Graphql => endpoint.graphql(),
            Self::Connections => endpoint.pages_of_graphql(),
        }
    }
}

/// Declares the kinds once: variant, word, place and sentence.
macro_rules! kinds {
    ($($(#[doc = $about:literal])+ $kind:ident = $word:literal, $fits:ident;)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultKind {
            $($(#[doc = $about])+ $kind,)+
        }

        /// Words of the syntax.
        pub(super) const WORDS: &[(FaultKind, &str)] = &[$((FaultKind::$kind, $word),)+];

        impl FaultKind {
            pub(super) const fn fits(self) -> Fits {
                match self { $(Self::$kind => Fits::$fits,)+ }
            }
        }
    };
}

kinds! {
    /// 429 of the throttle per user, over in a second: `Retry later` as text, `Retry-After: 1`, `RateLimit-*`.
    RateLimitText = "rate-limit-text", Anywhere;
    /// The same, over in a minute.
    RateLimitTextLong = "rate-limit-text-long", Anywhere;
    /// 429 of the limit per endpoint, JSON whose `message` is an object, without headers.
    RateLimitJson = "rate-limit-json", Anywhere;
    /// The same with `Retry-After: 1`.
    RateLimitJsonRetry = "rate-limit-json-retry", Anywhere;
    /// 200 with a sign-in page.
    Html = "html", Anywhere;
    /// 502 of nginx.
    Html502 = "html-502", Anywhere;
    /// 503 of nginx.
    Html503 = "html-503", Anywhere;
    /// 504 of nginx.
    Html504 = "html-504", Anywhere;
    /// 403 of a CDN that takes the client for a robot.
    Html403Challenge = "html-403-challenge", Anywhere;
    /// 500 of the application, as JSON.
    Error500 = "error-500", Anywhere;
    /// 503 of the application, as JSON.
    Error503 = "error-503", Anywhere;
    /// 503 of maintenance mode: JSON, `Retry-After: 900`.
    Maintenance = "maintenance", Anywhere;
    /// 401 for a token that nobody knows.
    Unauthorized = "unauthorized", Anywhere;
    /// 401 for a revoked token.
    Revoked = "revoked", Anywhere;
    /// 401 for an expired token.
    Expired = "expired", Anywhere;
    /// 401 for an impersonation token where impersonation is off.
    Impersonation = "impersonation", Anywhere;
    /// 403 `{"message":"403 Forbidden"}`.
    Forbidden = "forbidden", Rest;
    /// 403 for a blocked account.
    Blocked = "blocked", Anywhere;
    /// 403 for a token whose scopes are too small; GraphQL says 401.
    InsufficientScope = "insufficient-scope", Anywhere;
    /// 403 for a fine-grained token without the permission; in GraphQL, null with an error.
    Granular = "granular", Anywhere;
    /// 404 of a record: `message`.
    NotFound = "not-found", Rest;
    /// 404 of the router: `error`.
    NoRoute = "no-route", Anywhere;
    /// 302 to the sign-in page.
    RedirectSignIn = "redirect-sign-in", Anywhere;
    /// 302 to another host.
    RedirectOtherHost = "redirect-other-host", Anywhere;
    /// 403 with an empty body.
    IpBlock = "ip-block", Anywhere;
    /// The connection is closed without an answer.
    Reset = "reset", Anywhere;
    /// No answer until the stand-in stops.
    Hang = "hang", Anywhere;
    /// The true answer, two seconds late.
    Slow = "slow", Anywhere;
    /// The true answer, announced at full length, broken off half-way.
    Cut = "cut", Anywhere;
    /// The first half of the true answer as though it were all: the length is right, the JSON is not.
    TruncatedJson = "truncated-json", Anywhere;
    /// 200 `null`.
    NullBody = "null-body", Anywhere;
    /// 200 with JSON of another kind.
    OtherJson = "other-json", Anywhere;
    /// 200 `[]` under the true headers.
    EmptyList = "empty-list", Lists;
    /// 200 `[]` that always names a next page.
    EmptyPageWithNext = "empty-page-with-next", Lists;
    /// The true rows without any header of paging.
    DropHeaders = "drop-headers", Lists;
    /// The true rows without `X-Total`, `X-Total-Pages` and the link to the last page.
    DropTotal = "drop-total", Lists;
    /// The true rows; the next page is in `Link` alone, on another host.
    ForeignLink = "foreign-link", Lists;
    /// The first page, whichever was asked for, always with a next one.
    FirstPageAgain = "first-page-again", Lists;
    /// The true headers over the first half of the rows, as behind something that drops rows.
    HalfPage = "half-page", Lists;
    /// Half of the `per_page` asked for, and no header of paging.
    HalfPageNoHeaders = "half-page-no-headers", Lists;
    /// All rows at once, as though they were one page: `per_page` is passed over.
    TooManyRows = "too-many-rows", Lists;
    /// 405: the offset is too deep.
    TooDeep = "too-deep", Users;
    /// 405: no keyset pagination.
    KeysetRefused = "keyset-refused", Users;
    /// The true page, whose next cursor is the one just used.
    RepeatCursor = "repeat-cursor", Users;
    /// From this request on the first row of the list is gone.
    RowDeleted = "row-deleted", Moving;
    /// From this request on the list begins with a row more: its first one again, with the id
    /// [`INSERTED_ID`](crate::INSERTED_ID).
    RowInserted = "row-inserted", Moving;
    /// From this request on the first row of the list is gone, and there is one more at its end: its last one again, with
    /// the id [`INSERTED_ID`](crate::INSERTED_ID). As many rows as before.
    RowSwapped = "row-swapped", Moving;
    /// 200 that hides the version.
    NoVersion = "no-version", Version;
    /// 503 of GraphQL: the query took too long.
    GraphqlTimeout = "graphql-timeout", Graphql;
    /// 200 without data: the query is too complex.
    GraphqlTooComplex = "graphql-too-complex", Graphql;
    /// 200 without data: the last leaf of the query is not in the schema.
    UndefinedField = "undefined-field", Graphql;
    /// 200 without data: no leaf of the query is in the schema but those by which rows are told apart and paged.
    UndefinedEveryField = "undefined-every-field", Graphql;
    /// 200 with the root field null and an error: not there, or not allowed.
    NullWithErrors = "null-with-errors", Graphql;
    /// Half of the nodes; the others are on the next page.
    ShortPage = "short-page", Connections;
    /// No node, and a new cursor behind which the page that was asked for is to be had.
    NoNodes = "no-nodes", Connections;
    /// The true nodes, a next page, and the cursor just used.
    RepeatEndCursor = "repeat-end-cursor", Connections;
    /// The true nodes, a next page, and no cursor.
    NullEndCursor = "null-end-cursor", Connections;
}

impl FaultKind {
    /// Whether it lasts: what has happened to a list stays so.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::RowDeleted | Self::RowInserted | Self::RowSwapped)
    }
}
