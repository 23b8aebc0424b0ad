//! The facts of a group, told without going by way of any answer.

use time::UtcOffset;

use super::Group;
use super::facts::{BillableFacts, GroupFacts, MemberFacts, MembershipFacts, SubgroupFacts};
use super::participant::{Membership, OWNER, Participant, Source};
use crate::population::Population;

impl Group {
    /// Everything that is true of the group; `caller_id` is the account that asks.
    pub(crate) fn facts(&self, population: &Population, caller_id: u64) -> GroupFacts {
        let spec = &self.spec;
        let people = |places: &[usize]| -> Vec<Participant> {
            places.iter().filter_map(|place| self.people.get(*place).copied()).collect()
        };
        GroupFacts {
            id: spec.id,
            name: spec.name.to_owned(),
            path: spec.path.to_owned(),
            full_path: spec.path.to_owned(),
            plan: spec.plan.code.to_owned(),
            trial: spec.plan.trial,
            exclude_guests: spec.plan.exclude_guests(),
            caller_access_level: self.access(caller_id, population),
            ldap_synced: spec.ldap_synced,
            subscription: self.subscription.clone(),
            billable_members_count: self.seats(),
            subgroups: self
                .subgroups()
                .map(|subgroup| SubgroupFacts {
                    id: subgroup.id,
                    name: subgroup.name.to_owned(),
                    full_path: format!("{}/{}", spec.path, subgroup.path),
                })
                .to_vec(),
            billable: people(&self.billable).iter().map(|one| self.billable_facts(one, population)).collect(),
            members: people(&self.members).iter().filter_map(|one| self.member_facts(one, population)).collect(),
            add_ons: self.add_ons.clone(),
        }
    }

    fn billable_facts(&self, one: &Participant, population: &Population) -> BillableFacts {
        let account = population.account(one.place);
        let email = self.email(&account, population).map(str::to_owned);
        let (direct, indirect): (Vec<_>, Vec<_>) =
            one.memberships(&self.spec, population).into_iter().partition(|membership| membership.source.direct());
        let both = || direct.iter().chain(&indirect);
        let since = both().map(|membership| membership.created_at).min().unwrap_or(one.since);
        let membership_type = one.membership_type.unwrap_or_default();
        BillableFacts {
            user_id: account.id,
            state: account.archetype.state.name(),
            locked: account.archetype.locked,
            email,
            last_activity_on: account.last_activity_on.map(|day| day.0),
            last_login_at: account.current_sign_in_at.map(|instant| instant.0.to_offset(UtcOffset::UTC)),
            created_at: account.created_at.0.to_offset(UtcOffset::UTC),
            membership_type,
            removable: !membership_type.ends_with("invite"),
            is_last_owner: self.one_owner && one.level == OWNER,
            highest_access_level: both().map(|membership| membership.level).max().unwrap_or(one.level),
            seat_since: since.to_offset(UtcOffset::UTC).date(),
            memberships: direct.iter().map(|membership| self.membership_facts(membership)).collect(),
            indirect: indirect.iter().map(|membership| self.membership_facts(membership)).collect(),
            username: account.username,
            name: account.name,
        }
    }

    fn membership_facts(&self, membership: &Membership) -> MembershipFacts {
        let (source_id, source_full_name) = self.source(membership.source);
        MembershipFacts {
            id: membership.id,
            source_id,
            source_full_name,
            created_at: membership.created_at.to_offset(UtcOffset::UTC),
            expires_at: membership.expires_at,
            access_level: membership.level,
            custom_role: membership.role.map(|role| role.name),
        }
    }

    fn member_facts(&self, one: &Participant, population: &Population) -> Option<MemberFacts> {
        let account = population.account(one.place);
        let row = one.row(&self.spec, population)?;
        Some(MemberFacts {
            user_id: account.id,
            state: account.archetype.state.name(),
            email: account.written_email().filter(|_| self.enterprise_user(&account, population)).map(str::to_owned),
            access_level: row.level,
            created_at: row.created_at.to_offset(UtcOffset::UTC),
            expires_at: row.expires_at,
            membership_state: if row.awaiting { "awaiting" } else { "active" },
            custom_role: row.role.map(|role| role.name),
            is_using_seat: self.is_using_seat(one, population),
            direct: row.source == Source::Group,
            username: account.username,
            name: account.name,
        })
    }
}
