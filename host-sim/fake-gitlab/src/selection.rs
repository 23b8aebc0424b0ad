//! Which accounts a request for `/users` is about, and in which order.
//!
//! Parameters that GitLab reserves to those who may read administrators' data are ignored for others, as it ignores
//! them. Not supported, and ignored: `extern_uid`, `two_factor`, `without_projects`, `skip_ldap`, `public_email`,
//! custom attributes.

use std::ops::Range;

use time::OffsetDateTime;

use crate::archetype::{AccountKind, State};
use crate::calendar::parse_moment;
use crate::population::Population;
use crate::query::{BadParameter, Query};
use crate::scenario::Scenario;
use crate::users::Reader;

/// What the list is ordered by.
const ORDERS: [&str; 5] = ["id", "name", "username", "created_at", "updated_at"];

/// The conditions on an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Blocked and banned accounts are shown to administrators only.
    all_states: bool,
    active: bool,
    blocked: bool,
    external: bool,
    exclude_external: bool,
    exclude_internal: bool,
    exclude_active: bool,
    without_project_bots: bool,
    humans: bool,
    exclude_humans: bool,
    admins: bool,
    username: Option<String>,
    search: Option<String>,
    created_after: Option<OffsetDateTime>,
    created_before: Option<OffsetDateTime>,
}

/// Conditions and order.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) selection: Selection,
    pub(crate) order_by: &'static str,
    pub(crate) ascending: bool,
}

impl Listing {
    pub(crate) fn parse(query: &Query, reader: Reader, scenario: Scenario) -> Result<Self, BadParameter> {
        let administrator = reader != Reader::Anyone;
        let recent = scenario.recent_user_filters();
        let order_by = query.one_of("order_by", &ORDERS, "id")?;
        let sort = query.one_of("sort", &["asc", "desc"], "desc")?;
        let lowercase = |name| query.get(name).map(str::to_lowercase);
        let moment = |name: &str| match query.get(name) {
            None => Ok(None),
            Some(text) => match parse_moment(text) {
                Some(moment) => Ok(Some(moment).filter(|_| administrator)),
                None => Err(BadParameter(format!("{name} is invalid"))),
            },
        };
        Ok(Self {
            selection: Selection {
                all_states: reader == Reader::Administrator,
                active: query.flag("active")?,
                blocked: query.flag("blocked")?,
                external: query.flag("external")?,
                exclude_external: query.flag("exclude_external")?,
                exclude_internal: query.flag("exclude_internal")?,
                exclude_active: recent && query.flag("exclude_active")?,
                without_project_bots: query.flag("without_project_bots")?,
                humans: recent && query.flag("humans")?,
                exclude_humans: recent && query.flag("exclude_humans")?,
                admins: query.flag("admins")? && administrator,
                username: lowercase("username"),
                search: lowercase("search"),
                created_after: moment("created_after")?,
                created_before: moment("created_before")?,
            },
            // Older versions drop the order that an ordinary account asks for, and keep the finder's own.
            order_by: if recent || administrator { order_by } else { "id" },
            ascending: sort == "asc" && (recent || administrator),
        })
    }

    fn in_order<'a>(
        &self,
        places: impl DoubleEndedIterator<Item = usize> + 'a,
    ) -> Box<dyn Iterator<Item = usize> + 'a> {
        if self.ascending { Box::new(places) } else { Box::new(places.rev()) }
    }

    /// The places of one offset page, and how many places match in all, counted no further than `count_to`.
    pub(crate) fn page(&self, of: &Population, skip: usize, take: usize, count_to: usize) -> (Vec<usize>, usize) {
        let matching = self.in_order(self.selection.made_within(of)).filter(|place| self.selection.admits(of, *place));
        let wanted = skip.saturating_add(take).max(count_to);
        let matching: Vec<usize> = match self.order_by {
            "name" | "username" => {
                let mut all: Vec<usize> = matching.collect();
                let by_name = self.order_by == "name";
                all.sort_by_cached_key(|place| {
                    let account = of.account(*place);
                    if by_name { account.name } else { account.username }
                });
                if !self.ascending {
                    all.reverse();
                }
                all
            }
            // Accounts are made in the order of their ids, and the stand-in never changes one.
            _ => matching.take(wanted).collect(),
        };
        let count = matching.len().min(count_to);
        (matching.into_iter().skip(skip).take(take).collect(), count)
    }

    /// Up to `take` places that follow account `id` in the order by id, or precede it, and whether there are more
    /// on that side. Without an id: from the start.
    pub(crate) fn beside(&self, of: &Population, id: Option<u64>, backwards: bool, take: usize) -> (Vec<usize>, bool) {
        let upwards = self.ascending != backwards;
        let Range { start, end } = self.selection.made_within(of);
        let places: Box<dyn Iterator<Item = usize>> = match (id, upwards) {
            (None, true) => Box::new(start..end),
            (None, false) => Box::new((start..end).rev()),
            (Some(id), true) => Box::new(of.place_after(id).max(start)..end),
            (Some(id), false) => Box::new((start..of.place_from(id).min(end)).rev()),
        };
        let mut found: Vec<usize> =
            places.filter(|place| self.selection.admits(of, *place)).take(take.saturating_add(1)).collect();
        let more = found.len() > take;
        found.truncate(take);
        if backwards {
            found.reverse();
        }
        (found, more)
    }
}

impl Selection {
    /// The places outside of which nobody was made in the time that is asked for: a window of a million accounts is found without
    /// looking at those before it.
    fn made_within(&self, of: &Population) -> Range<usize> {
        let start = self.created_after.map_or(0, |after| of.first_made(|made| made >= after));
        let end = self.created_before.map_or(of.len(), |before| of.first_made(|made| made > before));
        start..end.max(start)
    }

    /// Whether an account is in the list. The cheap conditions come first: the others make the account.
    fn admits(&self, of: &Population, place: usize) -> bool {
        if !of.present(place) {
            return false;
        }
        let archetype = of.archetype(place);
        let human = archetype.kind == AccountKind::Human;
        let active = archetype.state == State::Active;
        if (!self.all_states && archetype.state.forbidden())
            || (self.active && !active)
            || (self.exclude_active && active)
            || (self.blocked && !matches!(archetype.state, State::Blocked | State::LdapBlocked))
            || (self.external && !archetype.external)
            || (self.exclude_external && archetype.external)
            || (self.exclude_internal && archetype.kind == AccountKind::Internal)
            || (self.without_project_bots && archetype.kind == AccountKind::ProjectBot)
            || (self.humans && !human)
            || (self.exclude_humans && human)
            || (self.admins && !archetype.administrator)
        {
            return false;
        }
        if self.created_after.is_some() || self.created_before.is_some() {
            let created = of.created_at(place).0;
            // Both ends belong to the range.
            if self.created_after.is_some_and(|after| created < after)
                || self.created_before.is_some_and(|before| created > before)
            {
                return false;
            }
        }
        if self.username.is_none() && self.search.is_none() {
            return true;
        }
        let account = of.account(place);
        let username = account.username.to_lowercase();
        if self.username.as_ref().is_some_and(|wanted| *wanted != username) {
            return false;
        }
        self.search.as_ref().is_none_or(|wanted| {
            username.contains(wanted)
                || account.name.to_lowercase().contains(wanted)
                || (self.all_states && account.email.to_lowercase() == *wanted)
        })
    }
}
