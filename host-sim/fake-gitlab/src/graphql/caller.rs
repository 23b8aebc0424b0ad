//! Who poses a query, and what it may see.

use crate::groups::{Group, OWNER, Subgroup};
use crate::instance::Instance;
use crate::token::{self, ROOT_ID, Rank, TokenFacts};
use crate::users::Reader;

/// The caller; without a token, the public.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) token: Option<&'static TokenFacts>,
    pub(super) rank: Rank,
}

/// A group that a query names.
#[derive(Debug, Clone)]
pub(super) struct Space<'a> {
    pub(super) group: &'a Group,
    pub(super) subgroup: Option<Subgroup>,
}

impl Space<'_> {
    pub(super) fn id(&self) -> u64 {
        self.subgroup.as_ref().map_or(self.group.spec.id, |subgroup| subgroup.id)
    }

    pub(super) fn name(&self) -> &'static str {
        self.subgroup.as_ref().map_or(self.group.spec.name, |subgroup| subgroup.name)
    }

    pub(super) fn path(&self) -> String {
        let path = self.group.spec.path;
        self.subgroup.as_ref().map_or_else(|| path.to_owned(), |subgroup| format!("{path}/{}", subgroup.path))
    }
}

impl Caller {
    /// GitLab lets every query that carries a token past Admin Mode, whatever its scopes say.
    pub(super) fn new(token: Option<&'static TokenFacts>, instance: &Instance) -> Self {
        let scenario = instance.options.scenario;
        let rank = token.map_or(Rank::Ordinary, |token| match token::rank(token, scenario) {
            Rank::Ordinary if token.user_id == ROOT_ID && !scenario.gitlab_com() => Rank::Administrator,
            rank => rank,
        });
        Self { token, rank }
    }

    /// What a query of this caller may cost.
    pub(super) fn complexity(self) -> u64 {
        match (self.token, self.rank) {
            (None, _) => 200,
            (_, Rank::Administrator) => 300,
            _ => 250,
        }
    }

    pub(super) fn administrator(self) -> bool {
        self.rank == Rank::Administrator
    }

    /// `read_licenses`.
    pub(super) fn reads_license(self) -> bool {
        matches!(self.rank, Rank::Administrator | Rank::CustomAdmin)
    }

    /// Which accounts are shown; `None` to the public.
    pub(super) fn reader(self) -> Option<Reader> {
        self.token?;
        Some(match self.rank {
            Rank::Administrator | Rank::CustomAdmin => Reader::Administrator,
            Rank::Auditor => Reader::Auditor,
            Rank::Ordinary => Reader::Anyone,
        })
    }

    fn level(self, group: &Group, instance: &Instance) -> Option<u8> {
        group.access(self.token?.user_id, &instance.population)
    }

    /// Whether the caller has an Owner's rights in a group.
    pub(super) fn owns(self, group: &Group, instance: &Instance) -> bool {
        self.administrator() || self.level(group, instance) == Some(OWNER)
    }

    /// The group with this full path, if the caller may know of it.
    pub(super) fn space<'a>(self, path: &str, instance: &'a Instance) -> Option<Space<'a>> {
        let sees_all = matches!(self.rank, Rank::Administrator | Rank::Auditor);
        let mut spaces = instance.groups().all.iter().flat_map(|group| {
            let parts = group.subgroups().into_iter().map(Some);
            std::iter::once(None).chain(parts).map(move |subgroup| Space { group, subgroup })
        });
        let found = spaces.find(|space| space.path().eq_ignore_ascii_case(path))?;
        (sees_all || self.level(found.group, instance).is_some()).then_some(found)
    }

    /// The group with this global id, if the caller owns it.
    pub(super) fn owned<'a>(self, gid: &str, instance: &'a Instance) -> Option<&'a Group> {
        let id = gid.rsplit_once('/')?.1.parse::<u64>().ok()?;
        let group = instance.groups().all.iter().find(|group| group.spec.id == id)?;
        self.owns(group, instance).then_some(group)
    }
}
