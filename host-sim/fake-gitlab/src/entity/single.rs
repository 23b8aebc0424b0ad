//! The entities of `GET /users/:id`: less than a list shows to an administrator, or more.

use serde::Serialize;

use super::{AtWork, Basic, Full};
use crate::account::Account;
use crate::archetype::Membership;
use crate::calendar::Instant;

/// `User`.
#[derive(Serialize)]
pub(super) struct Profile<'a> {
    #[serde(flatten)]
    basic: &'a Basic<'a>,
    created_at: Instant,
    bio: &'static str,
    location: &'static str,
    website_url: &'static str,
    #[serde(flatten)]
    at_work: &'a AtWork,
}

impl<'a> Profile<'a> {
    pub(super) fn of(full: &'a Full<'a>) -> Self {
        Self {
            basic: &full.basic,
            created_at: full.created_at,
            bio: full.bio,
            location: full.location,
            website_url: full.website_url,
            at_work: &full.at_work,
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
