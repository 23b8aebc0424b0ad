//! The tokens that the stand-in knows, one for each kind of caller, and what becomes of a request that carries one.
//!
//! The texts are fixed and public: they open nothing but a stand-in. Whatever is not in the table is an unknown token.

use time::{Date, Duration};

use crate::scenario::Scenario;

/// Scope names in GitLab's spelling.
const READ_API: &str = "read_api";
const READ_USER: &str = "read_user";
const ADMIN_MODE: &str = "admin_mode";

/// Account ids of the owners of tokens.
pub(crate) const ROOT_ID: u64 = 1;
pub(crate) const MEMBER_ID: u64 = 2;
pub(crate) const BLOCKED_ID: u64 = 3;
/// On GitLab.com only.
pub(crate) const MAINTAINER_ID: u64 = 4;
pub(crate) const STRANGER_ID: u64 = 5;
pub(crate) const GROUP_BOT_ID: u64 = 6;
pub(crate) const SERVICE_ID: u64 = 7;

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

    /// An OAuth access token of the first account; scopes `read_api`, `read_user`. Only `Authorization: Bearer` takes it.
    pub const OAUTH: &'static str = "stand-in-oauth-0009";
    /// Of the second account where it is an auditor: in the scenario `auditor` alone.
    pub const AUDITOR: &'static str = "glpat-stand-in-auditor-0010";
    /// Of the second account where it has an admin custom role: in the scenario `custom-admin-role` alone.
    pub const CUSTOM_ADMIN_ROLE: &'static str = "glpat-stand-in-custom-role-0011";
    /// GitLab.com: Owner of top-level groups.
    pub const OWNER: &'static str = "glpat-stand-in-owner-0012";
    /// GitLab.com: Maintainer of groups, Owner of none.
    pub const MAINTAINER: &'static str = "glpat-stand-in-maintainer-0013";
    /// GitLab.com: a group access token with the role Owner.
    pub const GROUP_TOKEN: &'static str = "glpat-stand-in-group-token-0014";
    /// GitLab.com: of a service account with the role Owner.
    pub const SERVICE_ACCOUNT: &'static str = "glpat-stand-in-service-account-0015";
    /// GitLab.com: of an account that is in no group.
    pub const STRANGER: &'static str = "glpat-stand-in-stranger-0016";

    /// Every token with what it is for, for listings and tables of tests. The first eight belong to accounts that every
    /// scenario has: on GitLab.com the first account is the Owner of groups and no administrator, the second a Developer.
    pub const ALL: [TokenFacts; 16] = [
        token(4711, Self::ADMINISTRATOR, "administrator", ROOT_ID, &[READ_API, READ_USER], Fate::Lasting),
        token(4712, Self::ADMIN_MODE, "admin-mode", ROOT_ID, &[READ_API, READ_USER, ADMIN_MODE], Fate::Lasting),
        token(4713, Self::EXPIRED, "expired", ROOT_ID, &[READ_API, READ_USER], Fate::Expired),
        token(4714, Self::REVOKED, "revoked", ROOT_ID, &[READ_API, READ_USER], Fate::Revoked),
        token(4715, Self::USER_SCOPE, "user-scope", ROOT_ID, &[READ_USER], Fate::Lasting),
        token(4716, Self::MEMBER, "member", MEMBER_ID, &[READ_API, READ_USER], Fate::Lasting),
        token(4717, Self::EXPIRING, "expiring", ROOT_ID, &[READ_API, READ_USER], Fate::Expiring),
        token(4718, Self::BLOCKED, "blocked", BLOCKED_ID, &[READ_API, READ_USER], Fate::Lasting),
        token(4719, Self::OAUTH, "oauth", ROOT_ID, &[READ_API, READ_USER], Fate::Lasting).oauth(),
        token(4720, Self::AUDITOR, "auditor", MEMBER_ID, &[READ_API, READ_USER], Fate::Lasting).of(Realm::Auditor),
        token(4721, Self::CUSTOM_ADMIN_ROLE, "custom-role", MEMBER_ID, &[READ_API, READ_USER], Fate::Lasting)
            .of(Realm::CustomAdminRole),
        token(4722, Self::OWNER, "owner", ROOT_ID, &[READ_API, READ_USER], Fate::Lasting).of(Realm::GitlabCom),
        token(4723, Self::MAINTAINER, "maintainer", MAINTAINER_ID, &[READ_API, READ_USER], Fate::Lasting)
            .of(Realm::GitlabCom),
        // Tokens of groups know no `read_user`.
        token(4724, Self::GROUP_TOKEN, "group-token", GROUP_BOT_ID, &[READ_API], Fate::Lasting).of(Realm::GitlabCom),
        token(4725, Self::SERVICE_ACCOUNT, "service-account", SERVICE_ID, &[READ_API, READ_USER], Fate::Lasting)
            .of(Realm::GitlabCom),
        token(4726, Self::STRANGER, "stranger", STRANGER_ID, &[READ_API, READ_USER], Fate::Lasting)
            .of(Realm::GitlabCom),
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
    TokenFacts { id, secret, name, user_id, scopes, oauth: false, fate, realm: Realm::Everywhere }
}

/// Whether a token still opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Lasting,
    Expiring,
    Expired,
    Revoked,
}

/// Which scenarios know a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Realm {
    Everywhere,
    Auditor,
    CustomAdminRole,
    GitlabCom,
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
    /// An OAuth access token: no personal access token, and taken from `Authorization: Bearer` only.
    pub oauth: bool,
    fate: Fate,
    realm: Realm,
}

impl TokenFacts {
    const fn oauth(self) -> Self {
        Self { oauth: true, ..self }
    }

    const fn of(self, realm: Realm) -> Self {
        Self { realm, ..self }
    }

    /// Whether the account that it belongs to is there in that role; elsewhere the token is an unknown one.
    #[must_use]
    pub fn known_in(&self, scenario: Scenario) -> bool {
        match self.realm {
            Realm::Everywhere => true,
            Realm::Auditor => scenario == Scenario::Auditor,
            Realm::CustomAdminRole => scenario == Scenario::CustomAdminRole,
            Realm::GitlabCom => scenario.gitlab_com(),
        }
    }

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
static KNOWN: [TokenFacts; Tokens::ALL.len()] = Tokens::ALL;

/// A credential as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented<'a> {
    pub(crate) text: &'a str,
    /// As `Authorization: Bearer`, the only way for OAuth tokens.
    pub(crate) bearer: bool,
}

/// Whether the credential does, checked in GitLab's order: the token itself, its scopes, then its owner.
pub(crate) fn admit(
    presented: Option<Presented<'_>>,
    need: Need,
    scenario: Scenario,
) -> Result<&'static TokenFacts, Refusal> {
    let presented = presented.ok_or(Refusal::Missing)?;
    let found = KNOWN
        .iter()
        .find(|token| token.secret == presented.text && (presented.bearer || !token.oauth) && token.known_in(scenario))
        .ok_or(Refusal::Unknown)?;
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

/// What a caller may do on the whole instance, by ascending right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    Ordinary,
    /// Reads everything but blocked accounts and what belongs to the administration.
    Auditor,
    /// An admin custom role with `read_admin_users` and `read_admin_subscription`: accounts and `currentLicense`.
    CustomAdmin,
    Administrator,
}

/// What a token's owner may do on the instance by way of REST: an administrator without the scope `admin_mode` is
/// ordinary where Admin Mode is on (GitLab 16.1 and later). GitLab.com has no administrators among its customers.
pub(crate) fn rank(token: &TokenFacts, scenario: Scenario) -> Rank {
    match (token.user_id, scenario) {
        _ if scenario.gitlab_com() => Rank::Ordinary,
        (ROOT_ID, _) if !scenario.enforces_admin_mode() || token.has(ADMIN_MODE) => Rank::Administrator,
        (MEMBER_ID, Scenario::Auditor) => Rank::Auditor,
        (MEMBER_ID, Scenario::CustomAdminRole) => Rank::CustomAdmin,
        _ => Rank::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_header(text: &str) -> Option<Presented<'_>> {
        Some(Presented { text, bearer: false })
    }

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
            (Some(Tokens::OWNER), Need::ReadApi, Err(Refusal::Unknown)),
            (Some(Tokens::AUDITOR), Need::ReadApi, Err(Refusal::Unknown)),
        ] {
            let admitted = admit(secret.and_then(by_header), need, Scenario::SelfManagedPremium);
            assert_eq!(admitted.map(|token| token.id), expected, "{secret:?} {need:?}");
        }
    }

    #[test]
    fn an_oauth_token_comes_as_bearer_or_not_at_all() {
        for (bearer, expected) in [(true, Ok(4719)), (false, Err(Refusal::Unknown))] {
            let presented = Some(Presented { text: Tokens::OAUTH, bearer });
            let admitted = admit(presented, Need::ReadApi, Scenario::GitlabComOauth);
            assert_eq!(admitted.map(|token| token.id), expected);
        }
    }

    #[test]
    fn rights_on_the_instance_follow_scope_account_and_scenario() {
        let who = |secret| Tokens::ALL.into_iter().find(|token| token.secret == secret);
        for (secret, scenario, expected) in [
            (Tokens::ADMINISTRATOR, Scenario::SelfManagedPremium, Rank::Administrator),
            (Tokens::ADMINISTRATOR, Scenario::AdminMode, Rank::Ordinary),
            (Tokens::ADMIN_MODE, Scenario::AdminMode, Rank::Administrator),
            (Tokens::MEMBER, Scenario::SelfManagedPremium, Rank::Ordinary),
            (Tokens::AUDITOR, Scenario::Auditor, Rank::Auditor),
            (Tokens::CUSTOM_ADMIN_ROLE, Scenario::CustomAdminRole, Rank::CustomAdmin),
            (Tokens::ADMINISTRATOR, Scenario::GitlabCom, Rank::Ordinary),
        ] {
            assert_eq!(who(secret).map(|token| rank(&token, scenario)), Some(expected), "{secret} {scenario}");
        }
    }
}
