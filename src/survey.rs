//! What is there to be read: which GitLab, whose token, and how much it opens. Asked by `test` and `collect` alike, so
//! that one never promises what the other cannot keep.
//!
//! | access | who | what can be read |
//! | --- | --- | --- |
//! | [`Licensing::Read`] | effective administrator | all |
//! | [`Licensing::None`], [`Licensing::Community`] | anybody | accounts; there are no seats |
//! | [`Licensing::Hidden`], full rows | auditor, custom role with `read_admin_users` | who holds a seat |
//! | [`Licensing::Hidden`] | anybody else, administrators whom Admin Mode stops among them | a lower bound |
//! | groups with role 50 | Owner on GitLab.com | all of the group |
//! | groups with role 40 | Maintainer on GitLab.com | a lower bound |
//!
//! Guarantees: what decides is what GitLab answers, not the name of a role. `/user` says `is_admin` to an administrator
//! whom Admin Mode stops; `/users` answers 200 with less in it. What was answered is not asked
//! again; what a run asked for in the hope that it is wanted, and did not get, is asked for when it is.
//!
//! Refuses nothing: each answer is kept with the refusal that came in its place.

use crate::clock::Clock;
use crate::configuration::settings::{Deployment, Settings};
use crate::failure::Explanation;
use crate::gitlab::client::{Ask, Client, UNANSWERED};
use crate::gitlab::endpoint::{Endpoint, Page, ROWS_PER_PAGE, Window};
use crate::gitlab::entities::{
    CurrentUser, License, Metadata, Namespace, PersonRow, Purchase, Subscription, Things, TokenSelf,
};
use crate::gitlab::graphql::{self, Answer, QueryError};
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::{Refusal, decode, page_of};
use crate::gitlab::scalars::Id;
use crate::gitlab::versions::{self, Release};
use crate::quoting::quoted;
use crate::seats;
use crate::transport::{Response, TransportError, Unreachable};

/// Role of an owner of a group.
pub const OWNER: u16 = 50;

/// Role of a maintainer.
pub const MAINTAINER: u16 = 40;

/// Role of a guest: any membership.
pub const GUEST: u16 = 10;

/// Groups listed at once: as many as a cursor holds.
pub const GROUPS_PER_PAGE: u8 = crate::paging::MEDIUM;

/// What everybody's GitLab tells.
#[derive(Debug)]
pub struct Identity {
    /// Version and edition.
    pub metadata: Result<Metadata, Refusal>,
    /// The token's user. A run asks only where nothing else that it asks proves that GitLab takes the token.
    pub user: Option<Result<CurrentUser, Refusal>>,
    /// The token; asked for by `test` only.
    pub token: Option<Result<TokenSelf, Refusal>>,
}

/// In place of a user who was not asked for. `test`, which shows what came in place of the user, always asks.
static NOT_ASKED: Refusal = Refusal::NoAnswer(TransportError::Unreachable(Unreachable::Other));

impl Identity {
    /// The token's user.
    ///
    /// # Errors
    /// What came in its place.
    pub fn user(&self) -> Result<&CurrentUser, &Refusal> {
        self.user.as_ref().map_or(Err(&NOT_ASKED), Result::as_ref)
    }

    /// With the answer of `/metadata`, and what more was asked for.
    fn of(
        client: &mut Client<'_>,
        mut metadata: Result<Metadata, Refusal>,
        user: Option<Result<CurrentUser, Refusal>>,
        token: Option<Result<TokenSelf, Refusal>>,
    ) -> Self {
        // Before 15.2 only the older of the two endpoints is there.
        if metadata == Err(Refusal::NoSuchEndpoint) {
            metadata = decode(client.ask(&Endpoint::Version), client.clock());
        }
        let mut identity = Self { metadata, user, token };
        let metadata = &identity.metadata;
        if metadata.as_ref().is_ok_and(|metadata| metadata.version.is_none()) || metadata.as_ref().is_err_and(hides) {
            // Who answers as GitLab does for the user is GitLab, and something before it hides its version.
            let is_gitlab = identity.know_user(client).is_ok();
            identity.metadata = match identity.metadata {
                metadata if is_gitlab => Ok(metadata.unwrap_or_default()),
                Ok(_) => Err(Refusal::another_service()),
                refused => refused,
            };
        }
        identity
    }

    /// Ask for the user, unless it is known already.
    fn know_user(&mut self, client: &mut Client<'_>) -> Result<&CurrentUser, &Refusal> {
        let clock = client.clock();
        self.user.get_or_insert_with(|| decode(client.ask(&Endpoint::CurrentUser), clock)).as_ref()
    }

    /// Whether the code is that of the Enterprise Edition; before 15.6 only the version tells.
    fn says_enterprise(&self) -> bool {
        self.metadata.as_ref().is_ok_and(|metadata| {
            metadata.enterprise == Some(true)
                || metadata.version.as_deref().is_some_and(|version| version.ends_with("-ee"))
        })
    }

    /// The release, if it is told.
    #[must_use]
    pub fn release(&self) -> Option<Release> {
        self.metadata.as_ref().ok()?.version.as_deref().and_then(versions::release)
    }
}

/// What the caller may know of an instance's license.
#[derive(Debug)]
pub enum Licensing {
    /// All of it.
    Read(License),
    /// There is none.
    None,
    /// There is none in this edition.
    Community,
    /// GitLab does not tell this caller; with what it tells them by GraphQL.
    Hidden(Option<License>),
}

/// An instance.
#[derive(Debug)]
pub struct Instance {
    /// Version and user.
    pub identity: Identity,
    /// The license.
    pub licensing: Result<Licensing, Refusal>,
    /// One row of `/users`; asked for where something can be read of it.
    pub row: Option<Result<Option<PersonRow>, Refusal>>,
    /// What a run asked for beside, where it wants add-ons.
    pub beside: Option<Beside>,
}

/// What most runs need next, asked for before it is known whether this one does: for administrators of a licensed Enterprise Edition of
/// today. For others it may be in vain, and is not missed where it did not come.
#[derive(Debug)]
pub struct Beside {
    /// The add-ons, where the query brought all that it asked for; otherwise they are to be asked for alone.
    pub purchases: Option<Vec<Purchase>>,
    /// The first page of accounts.
    pub accounts: Result<(Response, Vec<PersonRow>), Refusal>,
}

impl Instance {
    /// Whether Admin Mode is what stops an administrator: it lets `/user` tell the flag and `/users` answer with less in
    /// it, to a token without the scope (15.8+). A refused list, or a token that has the scope, has another cause.
    #[must_use]
    pub fn is_stopped_by_admin_mode(&self) -> bool {
        let is_admin = self.identity.user().is_ok_and(|user| user.is_admin == Some(true));
        let scopes = self.identity.token.as_ref().and_then(|token| token.as_ref().ok()?.scopes.as_ref());
        let has_scope = scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == "admin_mode"));
        let row = self.row.as_ref().and_then(|row| row.as_ref().ok()?.as_ref());
        is_admin
            && !has_scope
            && row.is_some_and(|row| !seats::has_full_rows(row))
            && versions::has(self.identity.release(), versions::Feature::AdminModeScope)
    }

    /// Whether `/users` has the rows of an administrator.
    #[must_use]
    pub fn has_full_rows(&self) -> bool {
        match &self.row {
            Some(Ok(Some(row))) => seats::has_full_rows(row),
            Some(_) => false,
            None => matches!(self.licensing, Ok(Licensing::Read(_) | Licensing::None)),
        }
    }
}

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// *Test connection*: the token is asked about, too, and a row of `/users` in any case.
    Test,
    /// A run: a row only where the license leaves in doubt what it holds.
    Collect,
}

/// Ask a self-managed instance.
pub fn instance(client: &mut Client<'_>, purpose: For) -> Instance {
    let clock = client.clock();
    let (identity, license, beside) = if purpose == For::Collect && client.settings().add_ons {
        let (license, metadata, beside) = look_ahead(client);
        let license = read_license(license, clock);
        let metadata = match (metadata, &license) {
            (Some(metadata), _) => Ok(metadata),
            // Whoever does not answer, or takes no token, is not asked for more.
            (None, Err(refusal)) if !hides(refusal) => Err(refusal.clone()),
            (None, _) => decode(client.ask(&Endpoint::Metadata), clock),
        };
        (Identity::of(client, metadata, None, None), license, Some(beside))
    } else {
        let (identity, more) = identity(client, &[Ask::Get(&Endpoint::License)], purpose == For::Test, purpose);
        (identity, read_license(more.into_iter().next().unwrap_or(UNANSWERED), clock), None)
    };
    let licensing = match license {
        Ok(Some(license)) => Ok(Licensing::Read(license)),
        Ok(None) => Ok(Licensing::None),
        // An Enterprise Edition has the endpoint: something else has answered.
        Err(Refusal::NoSuchEndpoint) if !identity.says_enterprise() => Ok(Licensing::Community),
        Err(Refusal::NotAllowed) => Ok(Licensing::Hidden(None)),
        Err(refusal) => Err(refusal),
    };
    let mut instance = Instance { identity, licensing, row: None, beside };
    // GitLab answers for its license to an effective administrator only, which says all that a run needs to know of the caller.
    let is_admin = matches!(instance.licensing, Ok(Licensing::Read(_) | Licensing::None));
    let needs_user = purpose == For::Test || !is_admin && instance.licensing.is_ok();
    if needs_user && instance.identity.know_user(client).is_err() || instance.licensing.is_err() {
        return instance;
    }
    if purpose == For::Test || !is_admin {
        instance.row = Some(match instance.beside.as_ref().map(|beside| &beside.accounts) {
            Some(Ok((_, rows))) => Ok(rows.first().cloned()),
            // Sent away, it goes on with nothing.
            Some(Err(refusal @ Refusal::TooOften(_))) => Err(refusal.clone()),
            _ => decode::<Vec<PersonRow>>(client.ask(&first_accounts(1)), clock).map(|rows| rows.into_iter().next()),
        });
    }
    if let Ok(Licensing::Hidden(seen)) = &mut instance.licensing {
        let mut optional = Optional::default();
        match queries::ask(client, &mut optional, queries::license) {
            // What passes is no answer: the same license would be another pool a day later.
            Ok(Answer { errors, .. })
                if errors.iter().any(|error| matches!(error, QueryError::TimedOut | QueryError::TooOften)) =>
            {
                instance.licensing = Err(errors.into_iter().next().map_or(Refusal::TooOften(None), Refusal::from));
            }
            Ok(Answer { data, .. }) => *seen = data.and_then(|things: Things| things.license).map(License::from),
            Err(refusal @ (Refusal::NoAnswer(_) | Refusal::TooOften(_) | Refusal::ServerError(_))) => {
                instance.licensing = Err(refusal);
            }
            Err(_) => {}
        }
    }
    instance
}

/// The license, if there is one.
fn read_license(answer: Result<Response, Refusal>, clock: &dyn Clock) -> Result<Option<License>, Refusal> {
    let license = decode(answer, clock)?;
    if license == Some(License::default()) { Err(Refusal::another_service()) } else { Ok(license) }
}

/// The license, version and edition if they were told, and what comes beside.
fn look_ahead(client: &mut Client<'_>) -> (Result<Response, Refusal>, Option<Metadata>, Beside) {
    let (query, accounts) = (queries::opening(), first_accounts(ROWS_PER_PAGE));
    let asks = [Ask::Get(&Endpoint::License), Ask::HopedQuery(&query), Ask::Hoped(&accounts)];
    let mut answers = client.send(&asks).into_iter();
    let mut next = || answers.next().unwrap_or(UNANSWERED);
    let license = next();
    // Whatever is wrong with a part of it is asked for apart.
    let things = graphql::decode(next(), client.clock()).and_then(Answer::<Things>::into_data).unwrap_or_default();
    let beside = Beside { purchases: things.purchases, accounts: page_of(next(), client.clock()) };
    (license, things.metadata.filter(|metadata| metadata.version.is_some()), beside)
}

/// The first accounts, so many.
const fn first_accounts(per_page: u8) -> Endpoint {
    Endpoint::Users { page: Page::First, per_page }
}

/// The groups of GitLab.com.
#[derive(Debug)]
pub struct Groups {
    /// Version and user.
    pub identity: Identity,
    /// The groups found, or the one that the settings name.
    pub found: Result<Found, Refusal>,
    /// What was bought for the group that the settings name; asked for by a run only.
    pub subscription: Option<Result<Subscription, Refusal>>,
}

/// Groups and what the caller is in them.
#[derive(Debug)]
pub enum Found {
    /// The one of the settings; its role shows when it is read.
    Named(Namespace),
    /// The first of those with at least this role.
    Listed {
        /// [`OWNER`] or [`MAINTAINER`].
        role: u16,
        /// The first groups.
        groups: Vec<Namespace>,
        /// The answer that they came in, without its body: its headers say whether there are more.
        answer: Response,
        /// Those of the first groups of a Maintainer in which the caller is no Owner, if an Owner of others; looked for by
        /// `test` only.
        left_out: Vec<Namespace>,
    },
    /// None.
    Nothing,
}

/// Ask GitLab.com for groups: those of which the caller is an owner, else those of which they are a maintainer.
pub fn groups(client: &mut Client<'_>, purpose: For) -> Groups {
    let settings = client.settings();
    let clock = client.clock();
    let first = settings.group.as_ref().map_or_else(|| first_groups(OWNER), |group| Endpoint::Namespace(group.clone()));
    let maintained = first_groups(MAINTAINER);
    let more = match (&settings.group, purpose) {
        (Some(group), For::Collect) => return named(client, group),
        (None, For::Test) => vec![Ask::Get(&first), Ask::Get(&maintained)],
        _ => vec![Ask::Get(&first)],
    };
    let (identity, more) = identity(client, &more, true, purpose);
    let mut more = more.into_iter();
    let first = more.next().unwrap_or(UNANSWERED);
    if identity.user().is_err() {
        // Without a user `/groups` answers 200 with public groups.
        return Groups { identity, found: Ok(Found::Nothing), subscription: None };
    }
    let found = if settings.group.is_some() {
        decode(first, clock).map(Found::Named)
    } else {
        page_of(first, clock).and_then(|(answer, groups)| {
            if !groups.is_empty() {
                let mut left_out = Vec::new();
                if let Some(maintained) = more.next().filter(|_| tells_all(&groups)) {
                    left_out = others(maintained, &|id| groups.iter().any(|owned| owned.id == *id), clock);
                }
                return Ok(Found::Listed { role: OWNER, groups, answer, left_out });
            }
            let maintained = more.next().unwrap_or_else(|| client.ask(&maintained));
            let (answer, groups) = page_of(maintained, clock)?;
            Ok(if groups.is_empty() {
                Found::Nothing
            } else {
                Found::Listed { role: MAINTAINER, groups, answer, left_out: Vec::new() }
            })
        })
    };
    Groups { identity, found, subscription: None }
}

/// Ask for the group that the settings name, for a run. A namespace is shown to users alone, so that only one that is not found leaves open
/// whose token it is.
fn named(client: &mut Client<'_>, group: &str) -> Groups {
    let clock = client.clock();
    let (namespace, bought) = (Endpoint::Namespace(group.to_owned()), Endpoint::Subscription(group.to_owned()));
    let (mut identity, answers) = identity(client, &[Ask::Get(&namespace), Ask::Get(&bought)], false, For::Collect);
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(UNANSWERED);
    let found = decode(next(), clock).map(Found::Named);
    let subscription = Some(decode(next(), clock));
    if matches!(found, Err(Refusal::NotFound)) {
        // If that is refused, it is what the run fails with.
        let _ = identity.know_user(client);
    }
    Groups { identity, found, subscription }
}

/// The first groups in which the caller has this role.
#[must_use]
pub const fn first_groups(role: u16) -> Endpoint {
    Endpoint::Groups { role, window: Window { number: 1, size: GROUPS_PER_PAGE } }
}

/// Whether these are all groups. On a full page an Owner's own groups may come behind: nothing can be said of those that are not
/// there.
pub fn tells_all(groups: &[Namespace]) -> bool {
    groups.len() < usize::from(GROUPS_PER_PAGE)
}

/// Of the first groups of a Maintainer, those that are not `owned`; none where they cannot be read.
pub fn others(maintained: Result<Response, Refusal>, owned: &dyn Fn(&Id) -> bool, clock: &dyn Clock) -> Vec<Namespace> {
    let mut groups: Vec<Namespace> = page_of(maintained, clock).map_or_else(|_| Vec::new(), |(_, groups)| groups);
    groups.retain(|group| !owned(&group.id));
    groups
}

/// Version and, where they are to be known, user and token, together with some things more.
fn identity(
    client: &mut Client<'_>,
    more: &[Ask<'_>],
    asks_user: bool,
    purpose: For,
) -> (Identity, Vec<Result<Response, Refusal>>) {
    let clock = client.clock();
    let mut asks = vec![Ask::Get(&Endpoint::Metadata)];
    if asks_user {
        asks.push(Ask::Get(&Endpoint::CurrentUser));
    }
    if purpose == For::Test {
        asks.push(Ask::Get(&Endpoint::TokenSelf));
    }
    asks.extend(more);
    let mut answers = client.send(&asks).into_iter();
    let mut next = || answers.next().unwrap_or(UNANSWERED);
    let metadata: Result<Metadata, Refusal> = decode(next(), clock);
    let user = asks_user.then(|| decode(next(), clock));
    let token = (purpose == For::Test).then(|| decode(next(), clock));
    let more = more.iter().map(|_| next()).collect();
    (Identity::of(client, metadata, user, token), more)
}

/// Whether a refusal says that this one thing is not to be had, and nothing of GitLab's state or of the token.
const fn hides(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NoSuchEndpoint | Refusal::NotFound | Refusal::NotAllowed | Refusal::BrowserCheck(403))
}

/// What is said of groups that an Owner of others is only a Maintainer of.
pub fn left_out(groups: &[Namespace]) -> String {
    let paths: Vec<String> = groups.iter().take(5).map(path).collect();
    let more = if groups.len() > 5 { " and others" } else { "" };
    format!(
        "The token's user is a Maintainer and no Owner of {}{more}: these groups are left out, since only Owners see all seats.",
        paths.join(", ")
    )
}

/// Whether seats are counted for this namespace: for groups without one above them.
#[must_use]
pub fn is_top_level(namespace: &Namespace) -> bool {
    namespace.parent_id.is_none() && namespace.kind.as_deref() != Some("user")
}

/// What is said of one for which they are not.
pub fn not_top_level(namespace: &Namespace) -> Explanation {
    Explanation::new(format!("{} is no top-level group, and seats are counted for those.", path(namespace)))
        .hint("Enter the path of the group that pays for the seats.")
}

/// The path of a group, for people.
pub fn path(group: &Namespace) -> String {
    quoted(group.full_path.as_deref().or(group.name.as_deref()).unwrap_or_default())
}

/// What the settings are about.
#[must_use]
pub const fn is_gitlab_com(settings: &Settings) -> bool {
    matches!(settings.deployment, Deployment::GitlabCom)
}
