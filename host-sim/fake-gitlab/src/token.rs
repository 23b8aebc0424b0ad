//! The tokens that the stand-in knows, one for each kind of caller, and what becomes of a request that carries one.
//!
//! The texts are fixed and public: they open nothing but a stand-in. Whatever is not in the table is an unknown token.

use time::{Date, Duration};

/// Scope names in GitLab's spelling.
const READ_API: &str = "read_api";
const READ_USER: &str = "read_user";
const ADMIN_MODE: &str = "admin_mode";

/// Account ids of the owners of tokens.
pub(crate) const ROOT_ID: u64 = 1;
pub(crate) const MEMBER_ID: u64 = 2;
pub(crate) const BLOCKED_ID: u64 = 3;

/// The texts of all tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens;

impl Tokens {
    /// Administrator; scopes `read_api`, `read_user`.
    pub const ADMINISTRATOR: &'static str = "glpat-stand-in-administrator-0001";
    /// Administrator; also with the scope `admin_mode`.
    pub const ADMIN_MODE: &'static str = "glpat-stand-in-admin-mode-0002";
    /// The administrator's, expired.
    pub const EXPIRED: &'static str = "glpat-stand-in-expired-0003";
    /// The administrator's, revoked.
    pub const REVOKED: &'static str = "glpat-stand-in-revoked-0004";
    /// Administrator; scope `read_user` alone: 403 `insufficient_scope` where `read_api` is needed.
    pub const USER_SCOPE: &'static str = "glpat-stand-in-user-scope-0005";
    /// An ordinary account; scopes `read_api`, `read_user`.
    pub const MEMBER: &'static str = "glpat-stand-in-member-0006";
    /// Administrator; ends in five days.
    pub const EXPIRING: &'static str = "glpat-stand-in-expiring-0007";
    /// Of an account that was blocked.
    pub const BLOCKED: &'static str = "glpat-stand-in-blocked-0008";

    /// Every token with what it is for, for listings and tables of tests.
    pub const ALL: [TokenFacts; 8] = [
        token(4711, Self::ADMINISTRATOR, "administrator", ROOT_ID, &[READ_API, READ_USER], Fate::Lasting),
        token(4712, Self::ADMIN_MODE, "admin-mode", ROOT_ID, &[READ_API, READ_USER, ADMIN_MODE], Fate::Lasting),
        token(4713, Self::EXPIRED, "expired", ROOT_ID, &[READ_API, READ_USER], Fate::Expired),
        token(4714, Self::REVOKED, "revoked", ROOT_ID, &[READ_API, READ_USER], Fate::Revoked),
        token(4715, Self::USER_SCOPE, "user-scope", ROOT_ID, &[READ_USER], Fate::Lasting),
        token(4716, Self::MEMBER, "member", MEMBER_ID, &[READ_API, READ_USER], Fate::Lasting),
        token(4717, Self::EXPIRING, "expiring", ROOT_ID, &[READ_API, READ_USER], Fate::Expiring),
        token(4718, Self::BLOCKED, "blocked", BLOCKED_ID, &[READ_API, READ_USER], Fate::Lasting),
    ];
}

const fn token(
    id: u64,
    secret: &'static str,
    name: &'static str,
    user_id: u64,
    scopes: &'static [&'static str],
    fate: Fate,
) -> TokenFacts {
    TokenFacts { id, secret, name, user_id, scopes, fate }
}

/// Whether a token still opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lasting,
    Expiring,
    Expired,
    Revoked,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenFacts {
    /// Row id, `id` of `GET /personal_access_tokens/self`.
    pub id: u64,
    /// What is sent.
    pub secret: &'static str,
    /// Short name of the kind of caller, `kebab-case`.
    pub name: &'static str,
    /// Id of the account that it belongs to.
    pub user_id: u64,
    /// Scopes, in GitLab's spelling.
    pub scopes: &'static [&'static str],
    fate: Fate,
}

impl TokenFacts {
    /// `expires_at`: the day at whose start the token stops to work.
    #[must_use]
    pub fn expires_at(&self, today: Date) -> Date {
        let days = match self.fate {
            Fate::Lasting | Fate::Revoked => 200,
            Fate::Expiring => 5,
            Fate::Expired => -3,
        };
        today.saturating_add(Duration::days(days))
    }

    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.contains(&scope)
    }
}

/// What an endpoint asks of the token's scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Any valid token.
    Nothing,
    /// `read_api`, or the `read_user` that `/user`, `/users`, `/metadata` and `/version` also accept.
    ReadUser,
    /// `read_api`.
    ReadApi,
}

/// Why a credential does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Unknown,
    Expired,
    Revoked,
    Scope,
    Blocked,
}

/// `Tokens::ALL` with an address, so that callers can be told by reference.
static KNOWN: [TokenFacts; 8] = Tokens::ALL;

/// Whether the credential does, checked in GitLab's order: the token itself, its scopes, then its owner.
pub(crate) fn admit(presented: Option<&str>, need: Need) -> Result<&'static TokenFacts, Refusal> {
    let presented = presented.ok_or(Refusal::Missing)?;
    let found = KNOWN.iter().find(|token| token.secret == presented).ok_or(Refusal::Unknown)?;
    match found.fate {
        Fate::Expired => return Err(Refusal::Expired),
        Fate::Revoked => return Err(Refusal::Revoked),
        Fate::Lasting | Fate::Expiring => {}
    }
    let enough = match need {
        Need::Nothing => true,
        Need::ReadUser => found.has(READ_API) || found.has(READ_USER),
        Need::ReadApi => found.has(READ_API),
    };
    if !enough {
        return Err(Refusal::Scope);
    }
    if found.user_id == BLOCKED_ID {
        return Err(Refusal::Blocked);
    }
    Ok(found)
}

/// Whether a caller counts as an administrator for REST: the flag of the account, and with Admin Mode on also the
/// scope (GitLab 16.1 and later).
pub(crate) fn effective_administrator(token: &TokenFacts, admin_mode_on: bool) -> bool {
    token.user_id == ROOT_ID && (!admin_mode_on || token.has(ADMIN_MODE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_refused_before_its_scopes_and_its_owner() {
        for (secret, need, expected) in [
            (None, Need::Nothing, Err(Refusal::Missing)),
            (Some("glpat-something"), Need::Nothing, Err(Refusal::Unknown)),
            (Some(Tokens::EXPIRED), Need::ReadApi, Err(Refusal::Expired)),
            (Some(Tokens::REVOKED), Need::ReadApi, Err(Refusal::Revoked)),
            (Some(Tokens::USER_SCOPE), Need::ReadApi, Err(Refusal::Scope)),
            (Some(Tokens::BLOCKED), Need::Nothing, Err(Refusal::Blocked)),
            (Some(Tokens::USER_SCOPE), Need::ReadUser, Ok(4715)),
            (Some(Tokens::USER_SCOPE), Need::Nothing, Ok(4715)),
            (Some(Tokens::MEMBER), Need::ReadApi, Ok(4716)),
            (Some(Tokens::EXPIRING), Need::ReadApi, Ok(4717)),
        ] {
            assert_eq!(admit(secret, need).map(|token| token.id), expected, "{secret:?} {need:?}");
        }
    }

    #[test]
    fn admin_mode_asks_for_its_scope_only_where_it_is_on() {
        let who = |secret| Tokens::ALL.into_iter().find(|token| token.secret == secret);
        for (secret, on, expected) in [
            (Tokens::ADMINISTRATOR, false, true),
            (Tokens::ADMINISTRATOR, true, false),
            (Tokens::ADMIN_MODE, true, true),
            (Tokens::MEMBER, false, false),
        ] {
            assert_eq!(who(secret).map(|token| effective_administrator(&token, on)), Some(expected));
        }
    }
}
