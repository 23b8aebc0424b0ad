//! Accounts as JSON, field by field in GitLab's order.
//!
//! | entity | who gets it |
//! | --- | --- |
//! | `UserBasic` | the list, for everybody who is not effectively an administrator |
//! | `UserPublic` | an ordinary account's own `GET /user` |
//! | `User` | `GET /users/:id`, for everybody who is not effectively an administrator |
//! | `UserDetailsWithAdmin` | `GET /users/:id`, for an effective administrator |
//! | `UserWithAdmin` | an administrator's own `GET /user`, and the list for an effective administrator |
//!
//! A key that an edition or version does not have is absent, never null.

use serde::Serialize;

mod single;

use crate::account::Account;
use crate::calendar::{Day, Instant};
use crate::population::Population;
use single::{Details, Profile};

/// Which fields an account is shown with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Basic,
    /// A profile as everybody sees it.
    Profile,
    Public,
    WithAdmin,
    /// With the counts and addresses of sign-ins, too.
    Details,
}

/// Append the account as a JSON object.
///
/// Serialising these types into memory cannot fail: no map has keys other than text, no number is unbounded.
pub(crate) fn write(into: &mut Vec<u8>, account: &Account, of: &Population, view: View) {
    let basic = Basic::of(account, of);
    let written = match view {
        View::Basic => serde_json::to_writer(&mut *into, &basic),
        View::Profile => serde_json::to_writer(&mut *into, &Profile::of(&Full::of(account, of, basic, false))),
        View::Details => serde_json::to_writer(&mut *into, &Details::of(account, Full::of(account, of, basic, true))),
        View::Public => serde_json::to_writer(&mut *into, &Full::of(account, of, basic, false)),
        View::WithAdmin => serde_json::to_writer(&mut *into, &Full::of(account, of, basic, true)),
    };
    debug_assert!(written.is_ok());
}

/// `UserBasic`.
#[derive(Serialize)]
pub(crate) struct Basic<'a> {
    id: u64,
    username: &'a str,
    public_email: Option<&'a str>,
    name: &'a str,
    state: &'static str,
    /// Since 16.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    avatar_url: Option<String>,
    web_url: String,
}

impl<'a> Basic<'a> {
    pub(crate) fn of(account: &'a Account, population: &Population) -> Self {
        let site = &population.external_url;
        let pictured = account.profile & 0b11 != 0;
        Self {
            id: account.id,
            username: &account.username,
            public_email: account.public_email(),
            name: &account.name,
            state: account.archetype.state.name(),
            locked: population.scenario.locked().then_some(account.archetype.locked),
            avatar_url: pictured.then(|| format!("{site}/uploads/-/system/user/avatar/{}/avatar.png", account.id)),
            web_url: format!("{site}/{}", account.username),
        }
    }
}

#[derive(Serialize)]
struct Full<'a> {
    // Keys are written in the order of the fields, which is part of the truth; those of a flattened one in its place.
    #[serde(flatten)]
    basic: Basic<'a>,
    created_at: Instant,
    bio: &'static str,
    location: &'static str,
    linkedin: &'static str,
    twitter: &'static str,
    /// Since 16.3 or so; the older scenario is 16.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    discord: Option<&'static str>,
    website_url: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    github: Option<&'static str>,
    #[serde(flatten)]
    at_work: AtWork,
    last_sign_in_at: Option<Instant>,
    confirmed_at: Option<Instant>,
    last_activity_on: Option<Day>,
    email: &'a str,
    theme_id: u64,
    color_scheme_id: u64,
    projects_limit: u64,
    current_sign_in_at: Option<Instant>,
    identities: Vec<IdentityRow<'a>>,
    can_create_group: bool,
    can_create_project: bool,
    two_factor_enabled: bool,
    external: bool,
    private_profile: bool,
    commit_email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_language: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_runners_minutes_limit: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_shared_runners_minutes_limit: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scim_identities: Option<[(); 0]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Option<Creator>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    using_license_seat: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_auditor: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioned_by_group_id: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enterprise_group_id: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enterprise_group_associated_at: Option<Option<Instant>>,
}

/// What people tell of themselves; the part that profiles have in the same order.
#[derive(Serialize)]
struct AtWork {
    job_title: &'static str,
    pronouns: Option<&'static str>,
    organization: &'static str,
    bot: bool,
    work_information: Option<&'static str>,
    followers: u64,
    following: u64,
    is_followed: bool,
    local_time: Option<&'static str>,
}

#[derive(Serialize)]
struct IdentityRow<'a> {
    provider: &'a str,
    extern_uid: &'a str,
    /// Enterprise code only.
    #[serde(skip_serializing_if = "Option::is_none")]
    saml_provider_id: Option<Option<u64>>,
}

/// `created_by`: an administrator made some of the accounts by hand.
#[derive(Serialize)]
struct Creator {
    id: u64,
    username: &'static str,
    name: &'static str,
    state: &'static str,
    avatar_url: Option<String>,
    web_url: String,
}

impl<'a> Full<'a> {
    fn of(account: &'a Account, population: &Population, basic: Basic<'a>, with_admin: bool) -> Self {
        let scenario = population.scenario;
        let enterprise = scenario.enterprise();
        let recent = scenario.at_least(17, 0);
        let chance = |bit: u32| account.profile >> bit & 1 == 1;
        let number = |bit: u32, bound: u64| (account.profile >> bit) % bound;
        let by_hand = chance(9) && chance(10) && account.id > 1 && !account.bot;
        let may_create = !account.archetype.external;
        Self {
            basic,
            created_at: account.created_at,
            bio: if chance(11) { "" } else { "Builds things \u{2014} \"mostly\" backends.\nHusby & sons." },
            location: if chance(12) { "" } else { "Zürich" },
            linkedin: "",
            twitter: "",
            discord: recent.then_some(""),
            website_url: if chance(13) && chance(14) { "https://people.example.test" } else { "" },
            github: scenario.at_least(18, 0).then_some(""),
            at_work: AtWork {
                job_title: if chance(15) { "" } else { "Software engineer" },
                pronouns: chance(16).then_some("they/them"),
                organization: "",
                bot: account.bot,
                work_information: (!chance(15)).then_some("Software engineer"),
                followers: number(17, 12),
                following: number(20, 9),
                is_followed: false,
                local_time: chance(24).then_some("8:41 AM"),
            },
            last_sign_in_at: account.last_sign_in_at,
            confirmed_at: account.confirmed_at,
            last_activity_on: account.last_activity_on,
            email: &account.email,
            theme_id: 1 + number(25, 11),
            color_scheme_id: 1 + number(29, 6),
            projects_limit: if account.archetype.external { 0 } else { 100_000 },
            current_sign_in_at: account.current_sign_in_at,
            identities: account
                .identities
                .iter()
                .map(|identity| IdentityRow {
                    provider: identity.provider,
                    extern_uid: &identity.extern_uid,
                    saml_provider_id: enterprise.then_some(None),
                })
                .collect(),
            can_create_group: may_create,
            can_create_project: may_create,
            two_factor_enabled: chance(33),
            external: account.archetype.external,
            private_profile: chance(34) && chance(35),
            commit_email: &account.email,
            preferred_language: recent.then_some("en"),
            shared_runners_minutes_limit: enterprise.then_some(None),
            extra_shared_runners_minutes_limit: enterprise.then_some(None),
            scim_identities: (enterprise && scenario.scim_identities()).then_some([]),
            is_admin: with_admin.then_some(account.archetype.administrator),
            note: with_admin.then_some((chance(36) && chance(37)).then_some("checked at the last review")),
            namespace_id: with_admin.then_some(account.id + 1),
            created_by: (with_admin && scenario.created_by()).then(|| by_hand.then(|| Creator::root(population))),
            using_license_seat: account.seat.filter(|_| with_admin),
            is_auditor: (with_admin && scenario.plan().is_some()).then_some(account.archetype.auditor),
            provisioned_by_group_id: (with_admin && enterprise).then_some(None),
            enterprise_group_id: (with_admin && enterprise && scenario.at_least(16, 3)).then_some(None),
            enterprise_group_associated_at: (with_admin && enterprise && scenario.at_least(16, 3)).then_some(None),
        }
    }
}

impl Creator {
    fn root(population: &Population) -> Self {
        Self {
            id: crate::token::ROOT_ID,
            username: "root",
            name: "Administrator",
            state: "active",
            avatar_url: None,
            web_url: format!("{}/root", population.external_url),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::scenario::Scenario;
    use serde_json::Value;

    fn row(scenario: Scenario, place: usize, view: View) -> Value {
        let population = Population::new(&Options { scenario, ..Options::default() }, String::new());
        let mut bytes = Vec::new();
        write(&mut bytes, &population.account(place), &population, view);
        serde_json::from_slice(&bytes).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_basic_entity_has_eight_keys() {
        let basic = row(Scenario::SelfManagedPremium, 1, View::Basic);
        let mut expected = ["id", "username", "public_email", "name", "state", "locked", "avatar_url", "web_url"];
        expected.sort_unstable();
        assert_eq!(keys(&basic), expected);
    }

    #[test]
    fn an_ordinary_account_shows_nothing_of_administration() {
        let own = row(Scenario::SelfManagedPremium, 1, View::Public);
        for key in ["is_admin", "using_license_seat", "note", "is_auditor", "created_by", "namespace_id"] {
            assert!(own.get(key).is_none(), "{key}");
        }
        assert!(own.get("last_activity_on").is_some() && own.get("scim_identities").is_some());
        assert_eq!(own.as_object().unwrap().len(), 44);
    }

    #[test]
    fn editions_and_versions_lack_keys() {
        let seat = "using_license_seat";
        let premium = row(Scenario::SelfManagedPremium, 0, View::WithAdmin);
        assert_eq!((&premium["is_admin"], &premium[seat]), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(premium.as_object().unwrap().len(), 53);
        let community = row(Scenario::Community, 0, View::WithAdmin);
        for key in [seat, "is_auditor", "scim_identities", "shared_runners_minutes_limit", "enterprise_group_id"] {
            assert!(community.get(key).is_none(), "{key}");
        }
        let unlicensed = row(Scenario::Unlicensed, 0, View::WithAdmin);
        assert_eq!(unlicensed[seat], Value::Bool(false));
        assert!(unlicensed.get("is_auditor").is_none());
        assert!(row(Scenario::Older, 0, View::WithAdmin).get("locked").is_none());
    }
}
