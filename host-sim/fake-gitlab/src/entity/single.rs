//! The entities of `GET /users/:id`: less than a list shows to an administrator, or more.

use serde::Serialize;

use super::Full;
use crate::account::Account;
use crate::archetype::Membership;
use crate::calendar::Instant;

/// `User`.
#[derive(Serialize)]
pub(super) struct Profile<'a> {
    id: u64,
    username: &'a str,
    public_email: Option<&'a str>,
    name: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<bool>,
    avatar_url: &'a Option<String>,
    web_url: &'a str,
    created_at: Instant,
    bio: &'static str,
    location: &'static str,
    website_url: &'static str,
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

impl<'a> Profile<'a> {
    pub(super) fn of(full: &'a Full<'a>) -> Self {
        Self {
            id: full.id,
            username: full.username,
            public_email: full.public_email,
            name: full.name,
            state: full.state,
            locked: full.locked,
            avatar_url: &full.avatar_url,
            web_url: &full.web_url,
            created_at: full.created_at,
            bio: full.bio,
            location: full.location,
            website_url: full.website_url,
            job_title: full.job_title,
            pronouns: full.pronouns,
            organization: full.organization,
            bot: full.bot,
            work_information: full.work_information,
            followers: full.followers,
            following: full.following,
            is_followed: full.is_followed,
            local_time: full.local_time,
        }
    }
}

/// `UserDetailsWithAdmin`.
#[derive(Serialize)]
pub(super) struct Details<'a> {
    #[serde(flatten)]
    full: Full<'a>,
    highest_role: Option<u8>,
    current_sign_in_ip: Option<&'static str>,
    last_sign_in_ip: Option<&'static str>,
    sign_in_count: u64,
}

impl<'a> Details<'a> {
    pub(super) fn of(account: &Account, full: Full<'a>) -> Self {
        let here = |there: bool| there.then_some("203.0.113.7");
        Self {
            highest_role: match account.archetype.membership {
                Membership::Working => Some(30),
                Membership::Guest => Some(10),
                Membership::Minimal => Some(5),
                Membership::Nothing => None,
            },
            current_sign_in_ip: here(full.current_sign_in_at.is_some()),
            last_sign_in_ip: here(full.last_sign_in_at.is_some()),
            sign_in_count: account.profile % 400 * u64::from(full.current_sign_in_at.is_some()),
            full,
        }
    }
}
