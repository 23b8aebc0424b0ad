//! The endpoints that are read, and how each is asked.
//!
//! Guarantees: every endpoint is a GET below `/api/v4`; values in a query are percent-encoded. Never among them:
//! `/license/usage_export`, whose answer holds the license key, and `DELETE /personal_access_tokens/self`.

use std::fmt::Write as _;

/// Which page of a list. The next one is decided in [`crate::paging`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The first.
    First,
    /// The one after this keyset cursor (GitLab 16.4 and later).
    Cursor(String),
    /// This page by number: before 16.4, where the keyset parameters are passed over, and where the headers that
    /// lead through the keyset are lost.
    Number(u64),
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
        /// Rows a page, 1 to 100.
        per_page: u8,
    },
}

impl Endpoint {
    /// Path and query below the base, such as `/api/v4/user`.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        let path = self.path();
        let Self::Users { page, per_page } = self else {
            return path.to_owned();
        };
        // Bots of tokens and GitLab's own accounts never hold a seat. Blocked and deactivated people are wanted: they
        // explain where a seat went.
        let pagination = match page {
            Page::First | Page::Cursor(_) => "pagination=keyset&",
            // With the keyset, 16.4 and later pass over the number and send their first page again.
            Page::Number(_) => "",
        };
        let mut result = format!(
            "{path}?exclude_internal=true&without_project_bots=true&{pagination}order_by=id&sort=asc&per_page={per_page}"
        );
        match page {
            Page::First => {}
            Page::Cursor(cursor) => {
                result.push_str("&cursor=");
                encode(&mut result, cursor);
            }
            Page::Number(number) => {
                let _ = write!(result, "&page={number}");
            }
        }
        result
    }

    /// Method and path for messages, without base and query.
    #[must_use]
    pub fn name(&self) -> String {
        format!("GET {}", self.path())
    }

    const fn path(&self) -> &'static str {
        match self {
            Self::Metadata => "/api/v4/metadata",
            Self::Version => "/api/v4/version",
            Self::CurrentUser => "/api/v4/user",
            Self::TokenSelf => "/api/v4/personal_access_tokens/self",
            Self::License => "/api/v4/license",
            Self::Users { .. } => "/api/v4/users",
        }
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
    use super::*;

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
        let numbered = Endpoint::Users { page: Page::Number(7), per_page: 2 };
        assert!(numbered.path_and_query().ends_with("&per_page=2&page=7"));
    }

    /// Together with `pagination=keyset` recent versions pass over the number and send their first page again.
    #[test]
    fn a_page_by_number_has_the_same_rows_and_order_and_no_keyset() {
        let query = |page: Page| Endpoint::Users { page, per_page: 100 }.path_and_query();
        let keyset = query(Page::First);
        let numbered = query(Page::Number(2));
        assert_eq!(numbered, format!("{}&page=2", keyset.replace("&pagination=keyset", "")));
        assert_ne!(keyset, keyset.replace("&pagination=keyset", ""));
    }
}
