//! What each version of GitLab lacks: the one table.
//!
//! Guarantees: a version number is compared here and nowhere else. Every line says since when something is there and
//! what is missing before, in words for an administrator.
//!
//! Refuses to guess low: a version that cannot be read, as behind a proxy that hides it, counts as the newest, and what
//! is missing then shows by GitLab's refusal.
//!
//! Source: GitLab changelogs 13 to 16 and the history notes of its documentation from 17.0 on.

/// Major and minor number: `18.8.2-ee` is (18, 8).
pub type Release = (u16, u16);

/// Major and minor number of what `/metadata` says.
#[must_use]
pub fn release(version: &str) -> Option<Release> {
    let mut numbers = version.split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The first release that this plugin is tested against.
pub const OLDEST_TESTED: Release = (15, 4);

/// Something that not every version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `using_license_seat` on accounts.
    SeatFlag,
    /// `GET /personal_access_tokens/self`.
    TokenSelf,
    /// `GET /users` by keyset.
    Keyset,
    /// `lastActivityOn` of everybody through GraphQL.
    ActivityForAll,
    /// Add-on purchases and their holders through GraphQL, on the instance too.
    AddOns,
    /// `GET /groups/:id/billable_members/:user_id/indirect`.
    Indirect,
    /// The scope `admin_mode`, without which a token of an administrator may be nobody's.
    AdminModeScope,
    /// A second add-on with seats, `DUO_ENTERPRISE`.
    DuoEnterprise,
    /// The list `addOnPurchases`; before it, one purchase by its name.
    PurchaseList,
    /// Only the holders of an add-on seat; before it, all who might get one.
    HolderFilter,
    /// Minimal Access takes no seat on a self-managed Premium.
    FreeMinimalAccess,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Since {
    /// What.
    pub feature: Feature,
    /// The first release with it.
    pub release: Release,
    /// What an administrator misses before; `None` where nothing is missing and only the way there is another.
    pub missed: Option<&'static str>,
}

/// The table, oldest first.
pub const TABLE: [Since; 11] = [
    since(Feature::SeatFlag, (13, 5), Some("who holds a seat (13.5)")),
    since(Feature::TokenSelf, (15, 5), Some("scopes and end of the token (15.5)")),
    since(Feature::AdminModeScope, (15, 8), None),
    since(Feature::Keyset, (16, 4), None),
    since(Feature::ActivityForAll, (16, 6), None),
    since(Feature::AddOns, (16, 7), Some("add-on seats such as GitLab Duo (16.7)")),
    since(Feature::Indirect, (16, 11), None),
    since(Feature::DuoEnterprise, (17, 3), None),
    since(Feature::PurchaseList, (17, 5), None),
    since(Feature::HolderFilter, (17, 5), None),
    since(Feature::FreeMinimalAccess, (18, 9), None),
];

const fn since(feature: Feature, release: Release, missed: Option<&'static str>) -> Since {
    Since { feature, release, missed }
}

/// Whether `release` has `feature`; an unknown release has everything.
#[must_use]
pub fn has(release: Option<Release>, feature: Feature) -> bool {
    release.is_none_or(|release| TABLE.iter().all(|line| line.feature != feature || line.release <= release))
}

/// What `release` lacks that an administrator misses, in words.
pub fn missed(release: Release) -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(move |line| line.release > release).filter_map(|line| line.missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_up_to_its_minor_number() {
        for (text, expected) in [
            ("18.8.2-ee", Some((18, 8))),
            ("19.3.0-pre", Some((19, 3))),
            ("17.11", Some((17, 11))),
            ("17.4-jh", Some((17, 4))),
            ("17", None),
            ("", None),
            ("v17.4.1", None),
        ] {
            assert_eq!(release(text), expected, "{text}");
        }
    }

    #[test]
    fn the_table_is_in_order_and_names_each_feature_once() {
        for pair in TABLE.windows(2) {
            assert!(matches!(pair, [earlier, later] if earlier.release <= later.release), "{pair:?}");
        }
        for line in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.feature == line.feature).count(), 1, "{line:?}");
        }
    }

    #[test]
    fn a_feature_begins_with_its_release_and_an_unknown_version_has_all() {
        assert!(!has(Some((16, 3)), Feature::Keyset));
        assert!(has(Some((16, 4)), Feature::Keyset) && has(Some((19, 0)), Feature::Keyset));
        assert!(has(None, Feature::HolderFilter));
        assert_eq!(
            missed((15, 4)).collect::<Vec<_>>(),
            ["scopes and end of the token (15.5)", "add-on seats such as GitLab Duo (16.7)"]
        );
        assert_eq!(missed((19, 2)).count(), 0);
    }
}
