//! Rows as GitLab writes them, and records as `host-sim collect` writes them: the same fields by the same rules.

use std::borrow::Cow;
use std::io::Write as _;

use serde::{Deserialize, Deserializer, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::Failure;

/// A page.
pub type Rows<'a> = Vec<Row<'a>>;

/// What the rows of a list are.
pub enum Kind {
    /// Of `/users`.
    Users,
    /// Of `billable_members`.
    Billable {
        /// Pool of the group.
        pool_id: String,
    },
}

/// A text that is borrowed from the body where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A row of either list.
#[derive(Deserialize)]
pub struct Row<'a> {
    id: u64,
    #[serde(borrow)]
    username: Text<'a>,
    name: Option<Text<'a>>,
    state: Option<Text<'a>>,
    email: Option<Text<'a>>,
    public_email: Option<Text<'a>>,
    identities: Option<Vec<Identity<'a>>>,
    created_at: Option<Text<'a>>,
    /// Absent, null, or a day.
    #[serde(default, borrow, deserialize_with = "present")]
    last_activity_on: Option<Option<Text<'a>>>,
    current_sign_in_at: Option<Text<'a>>,
    last_login_at: Option<Text<'a>>,
    last_sign_in_at: Option<Text<'a>>,
    bot: Option<bool>,
    is_admin: Option<bool>,
    using_license_seat: Option<bool>,
    membership_type: Option<Text<'a>>,
    removable: Option<bool>,
}

#[derive(Deserialize)]
struct Identity<'a> {
    #[serde(borrow)]
    provider: Option<Text<'a>>,
    extern_uid: Option<Text<'a>>,
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Text<'a>>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Record<'a> {
    User {
        user_id: String,
        username: &'a str,
        display_name: Option<&'a str>,
        email: Option<&'a str>,
        email_kind: &'static str,
        identities: Vec<Account<'a>>,
        account_state: &'static str,
        account_state_raw: &'a str,
        account_kind: &'static str,
        created_at: Option<String>,
        last_activity_on: Option<&'a str>,
        last_sign_in_at: Option<String>,
        activity: &'static str,
    },
    Assignment {
        pool_id: &'a str,
        user_id: String,
        consumes_seat: Option<bool>,
        non_consuming_reason: Option<&'static str>,
        role: Option<&'a str>,
        via: &'static str,
        reclaimable: Option<bool>,
        assigned_on: Option<&'a str>,
        ends_on: Option<&'a str>,
        last_activity_on: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Account<'a> {
    provider: &'a str,
    external_id: &'a str,
}

impl Kind {
    /// A page as lines, two for each row.
    ///
    /// # Errors
    /// For a row that is not what its list has.
    pub fn lines(&self, rows: &[Row<'_>]) -> Result<Vec<u8>, Failure> {
        let mut lines = Vec::with_capacity(rows.len() * 700);
        for row in rows {
            for record in [row.user()?, self.assignment(row)?] {
                serde_json::to_writer(&mut lines, &record)?;
                lines.write_all(b"\n")?;
            }
        }
        Ok(lines)
    }

    fn assignment<'a>(&'a self, row: &'a Row<'_>) -> Result<Record<'a>, Failure> {
        let (pool_id, consumes, via, reclaimable) = match self {
            Self::Users => ("instance", row.using_license_seat.ok_or("a row without a seat flag")?, "unknown", None),
            Self::Billable { pool_id } => (pool_id.as_str(), true, via(text(&row.membership_type)), row.removable),
        };
        Ok(Record::Assignment {
            pool_id,
            user_id: row.id.to_string(),
            consumes_seat: Some(consumes),
            non_consuming_reason: if consumes { None } else { row.reason() },
            role: None,
            via,
            reclaimable,
            assigned_on: None,
            ends_on: None,
            last_activity_on: None,
        })
    }
}

fn text<'a>(text: &'a Option<Text<'_>>) -> Option<&'a str> {
    text.as_ref().map(|Text(text)| text.as_ref())
}

fn via(membership_type: Option<&str>) -> &'static str {
    match membership_type {
        Some("group_member") => "direct",
        Some("group_invite") => "group-invite",
        Some("project_member") => "project-member",
        Some("project_invite") => "project-invite",
        _ => "unknown",
    }
}

/// An instant in UTC, to the second.
fn moment(text: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let moment = OffsetDateTime::parse(text, &Rfc3339)?.to_offset(UtcOffset::UTC).replace_nanosecond(0)?;
    Ok(Some(moment.format(&Rfc3339)?))
}

impl Row<'_> {
    fn user(&self) -> Result<Record<'_>, Failure> {
        let raw = text(&self.state).unwrap_or_default();
        let sign_in = text(&self.current_sign_in_at).or(text(&self.last_login_at)).or(text(&self.last_sign_in_at));
        let last_activity_on = self.last_activity_on.as_ref().and_then(text);
        let (email, email_kind) = self.address();
        let accounts = self.identities.iter().flatten().filter_map(|identity| {
            Some(Account { provider: text(&identity.provider)?, external_id: text(&identity.extern_uid)? })
        });
        Ok(Record::User {
            user_id: self.id.to_string(),
            username: &self.username.0,
            display_name: text(&self.name).filter(|name| !name.is_empty()),
            email,
            email_kind,
            identities: accounts.collect(),
            account_state: match raw {
                "active" => "active",
                "blocked" | "ldap_blocked" => "blocked",
                "deactivated" => "deactivated",
                "banned" => "banned",
                "blocked_pending_approval" => "pending",
                _ => "other",
            },
            account_state_raw: raw,
            account_kind: self.kind(),
            created_at: moment(text(&self.created_at))?,
            last_activity_on,
            last_sign_in_at: moment(sign_in)?,
            activity: match (&self.last_activity_on, sign_in) {
                (Some(Some(_)), _) | (_, Some(_)) => "known",
                (Some(None), None) => "never",
                (None, None) => "not-readable",
            },
        })
    }

    /// The registered address before the public one.
    fn address(&self) -> (Option<&str>, &'static str) {
        let given = |address: Option<_>| address.filter(|text: &&str| !text.is_empty());
        match (given(text(&self.email)), given(text(&self.public_email))) {
            (Some(email), Some(public)) if email == public && self.is_admin.is_none() => (Some(email), "public"),
            (Some(email), _) => (Some(email), "primary"),
            (None, Some(public)) => (Some(public), "public"),
            (None, None) => (None, "none"),
        }
    }

    /// By GitLab's flag, and by the names of service accounts and tokens where there is none.
    fn kind(&self) -> &'static str {
        let username = self.username.0.as_ref();
        let token = || {
            ["group_", "project_"].iter().any(|prefix| {
                let number = username.strip_prefix(prefix).and_then(|rest| rest.split_once("_bot"));
                number.is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
            })
        };
        match self.bot {
            Some(false) => "human",
            _ if username.starts_with("service_account_") => "service",
            Some(true) => "bot",
            None if token() => "bot",
            None => "unknown",
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match (text(&self.state), self.kind()) {
            (Some("blocked" | "ldap_blocked"), _) => Some("blocked"),
            (Some("deactivated"), _) => Some("deactivated"),
            (Some("banned"), _) => Some("banned"),
            (Some("blocked_pending_approval"), _) => Some("pending-approval"),
            (Some("active"), "bot") => Some("bot"),
            (Some("active"), "service") => Some("service-account"),
            (Some("active"), "human") => Some("minimal-access"),
            _ => None,
        }
    }
}
