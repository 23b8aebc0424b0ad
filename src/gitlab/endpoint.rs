//! The endpoints that are read, and how each is asked.
//!
//! Guarantees: every endpoint is a GET below `/api/v4`; values in a path or a query are percent-encoded. Never among
//! them: `/license/usage_export`, whose answer holds the license key; `/groups/:id`, whose answer holds the token of
//! the group's runners; `billable_members` of a self-managed group, which counts by other rules than the license;
//! `DELETE /personal_access_tokens/self`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::gitlab::scalars::Id;

/// Rows asked for at once. GitLab's maximum; it computes the seat flag row by row, so that smaller pages gain nothing.
pub const ROWS_PER_PAGE: u8 = 100;

/// Which page of a list. The next one is decided in [`crate::paging`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The first.
    First,
    /// The one after this keyset cursor (GitLab 16.4 and later), or after this cursor of a GraphQL list.
    Cursor(String),
    /// These rows by number: lists without a keyset, `/users` before 16.4, and where the headers that lead through the
    /// keyset are lost.
    Window(Window),
}

/// A page by number: the rows from `(number - 1) × size` on, `size` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From 1.
    pub number: u64,
    /// 1 to 100.
    pub size: u8,
}

impl Window {
    /// The first rows of a list.
    pub const FIRST: Self = Self { number: 1, size: ROWS_PER_PAGE };

    /// How many rows come before the first of it.
    #[must_use]
    pub fn start(self) -> u64 {
        self.number.saturating_sub(1).saturating_mul(u64::from(self.size))
    }
}

/// Whose memberships are listed in the drill-down of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the group, its subgroups and projects.
    Direct,
    /// In groups that were invited (16.11+).
    Invited,
}

/// One thing to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /metadata`, 15.2 and later. Version and edition.
    Metadata,
    /// `GET /version`, all versions.
    Version,
    /// `GET /user`: whose token it is.
    CurrentUser,
    /// `GET /personal_access_tokens/self`, 15.5 and later: scopes and expiry.
    TokenSelf,
    /// `GET /license`: plan, seats, term. Enterprise Edition; effective administrator.
    License,
    /// `GET /users`: accounts with their seat flag, ascending by id. Effective administrator for the full rows.
    Users {
        /// Which page.
        page: Page,
        /// Rows a page, 1 to 100, unless the page is a window.
        per_page: u8,
    },
    /// `GET /users`, the account with the largest id: whether a walk was at its end.
    NewestUser,
    /// `GET /groups`, top-level ones, ascending by id.
    Groups {
        /// The least role of the token's user there: 50 is Owner, 40 Maintainer, 10 Guest.
        role: u16,
        /// Which rows.
        window: Window,
    },
    /// `GET /namespaces/:id` by number or path: plan and seats of a group.
    Namespace(String),
    /// `GET /namespaces/:id/gitlab_subscription` by number or path: what was bought for a group. Owner.
    Subscription(String),
    /// `GET /groups/:id/billable_members`, ascending by id of the account. Top-level groups of GitLab.com; Owner.
    BillableMembers {
        /// The group.
        group: Id,
        /// Which rows.
        window: Window,
    },
    /// `GET /groups/:id/members/all` with seat information, in the order in which people joined. Any member.
    Members {
        /// The group.
        group: Id,
        /// Which rows.
        window: Window,
    },
    /// The same for some accounts, at most 100, which is also the most that comes.
    MembersAmong {
        /// The group.
        group: Id,
        /// Numbers of accounts.
        users: Vec<Id>,
    },
    /// `GET /groups/:id/billable_members/:user_id/memberships` or `/indirect`. Owner.
    Memberships {
        /// The group.
        group: Id,
        /// The holder of a seat.
        user: Id,
        /// Which.
        reach: Reach,
    },
}

impl Endpoint {
    /// Path and query below the base, such as `/api/v4/user`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        let mut result = self.path().into_owned();
        match self {
            Self::Users { page, per_page } => {
                // Bots of tokens and GitLab's own accounts never hold a seat. Blocked and deactivated people are
                // wanted: they explain where a seat went.
                result.push_str("?exclude_internal=true&without_project_bots=true&");
                // With the keyset, 16.4 and later pass over the number and send their first page again.
                if !matches!(page, Page::Window(_)) {
                    result.push_str("pagination=keyset&");
                }
                result.push_str("order_by=id&sort=asc");
                match page {
                    Page::First => rows(&mut result, None, *per_page),
                    Page::Cursor(cursor) => {
                        rows(&mut result, None, *per_page);
                        result.push_str("&cursor=");
                        encode(&mut result, cursor);
                    }
                    Page::Window(window) => rows(&mut result, Some(window.number), window.size),
                }
            }
            Self::NewestUser => result.push_str(
                "?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=desc&per_page=1",
            ),
            Self::Groups { role, window } => {
                let _ = write!(
                    result,
                    "?min_access_level={role}&top_level_only=true&all_available=false&order_by=id&sort=asc"
                );
                rows(&mut result, Some(window.number), window.size);
            }
            // Without `sort` the order is that of the account's number, the only one that holds still.
            Self::BillableMembers { window, .. } => {
                result.push('?');
                rows(&mut result, Some(window.number), window.size);
            }
            Self::Members { window, .. } => {
                result.push_str("?show_seat_info=true");
                rows(&mut result, Some(window.number), window.size);
            }
            Self::MembersAmong { users, .. } => {
                result.push_str("?show_seat_info=true");
                rows(&mut result, None, ROWS_PER_PAGE);
                for user in users {
                    result.push_str("&user_ids%5B%5D=");
                    result.push_str(user.as_str());
                }
            }
            Self::Memberships { .. } => {
                result.push('?');
                rows(&mut result, None, ROWS_PER_PAGE);
            }
            Self::Metadata
            | Self::Version
            | Self::CurrentUser
            | Self::TokenSelf
            | Self::License
            | Self::Namespace(_)
            | Self::Subscription(_) => {}
        }
        result
    }

    /// Method and path for messages, without base and query.
    #[must_use]
    pub fn name(&self) -> String {
        format!("GET {}", self.path())
    }

    fn path(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Metadata => return Cow::Borrowed("/api/v4/metadata"),
            Self::Version => return Cow::Borrowed("/api/v4/version"),
            Self::CurrentUser => return Cow::Borrowed("/api/v4/user"),
            Self::TokenSelf => return Cow::Borrowed("/api/v4/personal_access_tokens/self"),
            Self::License => return Cow::Borrowed("/api/v4/license"),
            Self::Users { .. } | Self::NewestUser => return Cow::Borrowed("/api/v4/users"),
            Self::Groups { .. } => return Cow::Borrowed("/api/v4/groups"),
            Self::Namespace(name) | Self::Subscription(name) => {
                let mut path = "/api/v4/namespaces/".to_owned();
                encode(&mut path, name);
                if matches!(self, Self::Subscription(_)) {
                    path.push_str("/gitlab_subscription");
                }
                path
            }
            Self::BillableMembers { group, .. } => format!("/api/v4/groups/{}/billable_members", group.as_str()),
            Self::Members { group, .. } | Self::MembersAmong { group, .. } => {
                format!("/api/v4/groups/{}/members/all", group.as_str())
            }
            Self::Memberships { group, user, reach } => {
                let list = match reach {
                    Reach::Direct => "memberships",
                    Reach::Invited => "indirect",
                };
                format!("/api/v4/groups/{}/billable_members/{}/{list}", group.as_str(), user.as_str())
            }
        })
    }
}

fn rows(target: &mut String, number: Option<u64>, size: u8) {
    let separator = if target.ends_with('?') { "" } else { "&" };
    let _ = write!(target, "{separator}per_page={size}");
    if let Some(number) = number {
        let _ = write!(target, "&page={number}");
    }
}

fn encode(target: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => target.push(char::from(byte)),
            other => {
                let _ = write!(target, "%{other:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;

    fn id(digits: &str) -> Id {
        Id::parse(digits).unwrap()
    }

    #[test]
    fn users_are_asked_for_in_the_one_stable_order() {
        let first = Endpoint::Users { page: Page::First, per_page: 100 };
        assert_eq!(
            first.path_and_query(),
            "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=100"
        );
        assert_eq!(first.name(), "GET /api/v4/users");
    }

    #[test]
    fn a_cursor_cannot_add_parameters() {
        let next = Endpoint::Users { page: Page::Cursor("eyJpZCI6I==&admins=true#é".to_owned()), per_page: 2 };
        assert!(next.path_and_query().ends_with("&per_page=2&cursor=eyJpZCI6I%3D%3D%26admins%3Dtrue%23%C3%A9"));
        let numbered = Endpoint::Users { page: Page::Window(Window { number: 7, size: 98 }), per_page: 2 };
        assert!(numbered.path_and_query().ends_with("&per_page=98&page=7"));
    }

    /// Together with `pagination=keyset` recent versions pass over the number and send their first page again.
    #[test]
    fn a_page_by_number_has_the_same_rows_and_order_and_no_keyset() {
        let query = |page: Page| Endpoint::Users { page, per_page: 100 }.path_and_query();
        let keyset = query(Page::First);
        let numbered = query(Page::Window(Window { number: 2, size: 100 }));
        assert_eq!(numbered, format!("{}&page=2", keyset.replace("&pagination=keyset", "")));
        assert_ne!(keyset, keyset.replace("&pagination=keyset", ""));
    }

    #[test]
    fn groups_and_their_lists_are_asked_for_without_an_order_that_moves() {
        let window = Window { number: 3, size: 98 };
        for (endpoint, expected) in [
            (
                Endpoint::Groups { role: 50, window },
                "/api/v4/groups?min_access_level=50&top_level_only=true&all_available=false&order_by=id&sort=asc&per_page=98&page=3",
            ),
            (Endpoint::Namespace("a/b c".to_owned()), "/api/v4/namespaces/a%2Fb%20c"),
            (Endpoint::Subscription("9".to_owned()), "/api/v4/namespaces/9/gitlab_subscription"),
            (Endpoint::Subscription("a/b c".to_owned()), "/api/v4/namespaces/a%2Fb%20c/gitlab_subscription"),
            (
                Endpoint::BillableMembers { group: id("9"), window },
                "/api/v4/groups/9/billable_members?per_page=98&page=3",
            ),
            (
                Endpoint::Members { group: id("9"), window },
                "/api/v4/groups/9/members/all?show_seat_info=true&per_page=98&page=3",
            ),
            (
                Endpoint::MembersAmong { group: id("9"), users: vec![id("1"), id("22")] },
                "/api/v4/groups/9/members/all?show_seat_info=true&per_page=100&user_ids%5B%5D=1&user_ids%5B%5D=22",
            ),
            (
                Endpoint::Memberships { group: id("9"), user: id("4"), reach: Reach::Invited },
                "/api/v4/groups/9/billable_members/4/indirect?per_page=100",
            ),
        ] {
            assert_eq!(endpoint.path_and_query(), expected);
        }
    }

    #[test]
    fn a_window_knows_what_is_before_it() {
        assert_eq!(Window::FIRST.start(), 0);
        assert_eq!(Window { number: 3, size: 98 }.start(), 196);
        assert_eq!(Window { number: u64::MAX, size: 100 }.start(), u64::MAX);
    }
}
