//! The settings after parsing: what the plugin gives to the host to keep, and gets back with every call.
//!
//! Guarantees: the text of one set of settings is always the same; it holds no secret; reading refuses everything
//! that [`crate::configuration::configure`] would not have written, so that a changed text cannot lead a
//! credential elsewhere.

use serde::{Deserialize, Serialize};

use super::base_url::BaseUrl;
use crate::gitlab::json::{by_serde, object};

/// Version of the written form.
const FORM: u8 = 1;

/// How much of a person is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityLevel {
    /// Name, address, accounts elsewhere.
    Full,
    /// The login name and nothing more.
    Username,
    /// `user-<id>` for a login name, and nothing more.
    Pseudonym,
}

/// How the instance is run, decided once by `configure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deployment {
    /// GitLab's own service.
    GitlabCom,
    /// An instance of the customer's, or Dedicated.
    SelfManaged,
}

/// Parsed settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where GitLab is.
    pub base_url: BaseUrl,
    /// How it is run.
    pub deployment: Deployment,
    /// Only this top-level group; GitLab.com only.
    pub group: Option<String>,
    /// Whether an Owner's run reads the lists of members of a group, too.
    pub members: bool,
    /// Whether to look up role and date of every holder.
    pub memberships: bool,
    /// Whether add-on seats are wanted.
    pub add_ons: bool,
    /// How much of a person is delivered.
    pub identity: IdentityLevel,
    /// Requests at once, 1 to 16.
    pub max_concurrency: u8,
}

/// The text is not one that this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The stored settings were not made by this version of the plugin.")]
pub struct NotOurs;

by_serde!(Deployment, IdentityLevel);

object! {
    /// The written form, in this order.
    #[derive(Serialize)]
    pub struct Written {
        needed {
            /// Version of this form.
            pub v: u8,
            /// Where GitLab is.
            pub base_url: String,
            /// How it is run.
            pub deployment: Deployment,
        }
        optional {
            /// Only this group.
            pub group: Option<String>,
            /// Whether lists of members are not wanted. Written only then: settings of before the field stay what they are.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            pub without_members: bool,
            /// Whether memberships are wanted.
            pub memberships: bool,
            /// Whether add-ons are wanted.
            pub add_ons: bool,
            /// How much of a person is delivered.
            pub identity: Option<IdentityLevel>,
            /// Requests at once.
            pub max_concurrency: u8,
        }
    }
}

impl Settings {
    /// Canonical JSON, keys in a fixed order.
    ///
    /// # Errors
    /// None in practice; the type is that of the JSON writer.
    pub fn to_text(&self) -> Result<String, NotOurs> {
        let written = Written {
            v: FORM,
            base_url: self.base_url.to_string(),
            deployment: self.deployment,
            group: self.group.clone(),
            without_members: !self.members,
            memberships: self.memberships,
            add_ons: self.add_ons,
            identity: Some(self.identity),
            max_concurrency: self.max_concurrency,
        };
        serde_json::to_string(&written).map_err(|_| NotOurs)
    }

    /// Read what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// When the text is not exactly that, down to spelling.
    pub fn from_text(text: &str) -> Result<Self, NotOurs> {
        let written: Written = serde_json::from_slice(text.as_bytes()).map_err(|_| NotOurs)?;
        let settings = Self {
            base_url: BaseUrl::parse(&written.base_url).map_err(|_| NotOurs)?,
            deployment: written.deployment,
            group: written.group,
            members: !written.without_members,
            memberships: written.memberships,
            add_ons: written.add_ons,
            identity: written.identity.ok_or(NotOurs)?,
            max_concurrency: written.max_concurrency,
        };
        let in_range = (1..=super::MOST_CONCURRENT).contains(&settings.max_concurrency);
        if written.v != FORM || !in_range || settings.to_text()? != text {
            return Err(NotOurs);
        }
        Ok(settings)
    }

    /// Stable identity of the source: base and scope.
    #[must_use]
    pub fn source_key(&self) -> String {
        match (self.deployment, &self.group) {
            (Deployment::SelfManaged, _) => format!("{}#instance", self.base_url),
            (Deployment::GitlabCom, None) => format!("{}#groups", self.base_url),
            (Deployment::GitlabCom, Some(group)) => format!("{}#group:{group}", self.base_url),
        }
    }

    /// Host, port and path; on GitLab.com with the group.
    #[must_use]
    pub fn display_name(&self) -> String {
        let place = format!("{}{}", self.base_url.authority(), self.base_url.path());
        match &self.group {
            Some(group) => format!("{place}/{group}"),
            None => place,
        }
    }

    /// The page that creates a token, filled in.
    #[must_use]
    pub fn token_page(&self) -> String {
        token_page(&self.base_url, "read_api,read_user")
    }

    /// The same with the scope that Admin Mode asks for.
    #[must_use]
    pub fn admin_token_page(&self) -> String {
        token_page(&self.base_url, "read_api,read_user,admin_mode")
    }
}

/// The page of `base` that creates a personal access token with these scopes.
#[must_use]
pub fn token_page(base: &BaseUrl, scopes: &str) -> String {
    format!("{base}/-/user_settings/personal_access_tokens?name=license-broker&scopes={scopes}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;

    fn settings() -> Settings {
        Settings {
            base_url: BaseUrl::parse("http://localhost:8080/gitlab").unwrap(),
            deployment: Deployment::SelfManaged,
            group: None,
            members: true,
            memberships: false,
            add_ons: true,
            identity: IdentityLevel::Full,
            max_concurrency: 4,
        }
    }

    #[test]
    fn settings_survive_writing_and_reading() {
        let text = settings().to_text().unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"base_url":"http://localhost:8080/gitlab","deployment":"self-managed","group":null,"memberships":false,"add_ons":true,"identity":"full","max_concurrency":4}"#
        );
        assert_eq!(Settings::from_text(&text), Ok(settings()));
    }

    #[test]
    fn a_switch_that_is_new_is_written_where_it_is_off() {
        let off = Settings { members: false, ..settings() };
        let text = off.to_text().unwrap();
        assert_eq!(text, settings().to_text().unwrap().replace("null,", "null,\"without_members\":true,"));
        assert_eq!(Settings::from_text(&text), Ok(off));
        assert_eq!(Settings::from_text(&text.replace("members\":true", "members\":false")), Err(NotOurs));
    }

    #[test]
    fn anything_else_is_not_ours() {
        let text = settings().to_text().unwrap();
        for changed in [
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("localhost", "LOCALHOST"),
            text.replace("localhost", "user@localhost"),
            text.replace(":4}", ":0}"),
            text.replace(":4}", ":17}"),
            text.replace(":4}", ":4,\"x\":1}"),
            text.replace("{\"v", "{ \"v"),
            String::new(),
        ] {
            assert_ne!(changed, text);
            assert_eq!(Settings::from_text(&changed), Err(NotOurs), "{changed}");
        }
    }

    #[test]
    fn names_tell_scope_and_place() {
        let mut settings = settings();
        assert_eq!(settings.source_key(), "http://localhost:8080/gitlab#instance");
        assert_eq!(settings.display_name(), "localhost:8080/gitlab");
        settings.base_url = BaseUrl::parse("gitlab.com").unwrap();
        settings.deployment = Deployment::GitlabCom;
        assert_eq!(settings.source_key(), "https://gitlab.com#groups");
        settings.group = Some("acme".to_owned());
        assert_eq!(settings.source_key(), "https://gitlab.com#group:acme");
        assert_eq!(settings.display_name(), "gitlab.com/acme");
    }
}
