//! Which add-ons are there.

use super::Finding;
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::client::Client;
use crate::gitlab::entities::Namespace;
use crate::gitlab::queries::{self, Optional};
use crate::gitlab::refusal::Refusal;
use crate::gitlab::versions::{Feature, Release, has};
use crate::quoting::quoted;
use crate::seats::{self, AddOnPlace};
use crate::survey;

/// Of the instance, or of a group. An empty list means none only to somebody who `may_know`.
pub(super) fn check(
    client: &mut Client<'_>,
    settings: &Settings,
    group: Option<&Namespace>,
    release: Option<Release>,
    may_know: bool,
) -> Finding {
    if !settings.add_ons {
        return Finding::Pass("Add-on seats are not wanted: the settings switch them off.".to_owned());
    }
    let switch_off = "Switch add-on seats off in the settings of this source";
    if !has(release, Feature::AddOns) {
        return Finding::Warn(
            Explanation::new(
                "This version of GitLab does not tell add-on seats such as GitLab Duo; 16.7 was the first.",
            )
            .hint(format!("Upgrade GitLab to have them read. {switch_off} if there are none.")),
        );
    }
    let id = group.map(|group| &group.id);
    let mut optional = Optional::lacking(release);
    let purchases = match queries::ask_purchases(client, &mut optional, id, None) {
        Ok(purchases) => purchases,
        Err(refusal) => {
            let words = refusal.explanation(settings);
            let remedy = match (&refusal, words.hint) {
                (Refusal::NotInSchema(_), _) | (_, None) => format!("{switch_off} if there are none."),
                (_, Some(hint)) => format!("{hint} Or else: {switch_off}."),
            };
            return Finding::Warn(
                Explanation::new(format!("Add-on seats such as GitLab Duo cannot be read: {}", words.message))
                    .hint(remedy),
            );
        }
    };
    if purchases.is_empty() && !may_know {
        return Finding::Warn(Explanation::new("GitLab shows add-on seats to administrators and Owners only.").hint(
            format!(
                "Enter the token of {} to have them read. {switch_off} if there are none.",
                if group.is_some() { "an Owner of the group" } else { "an administrator" }
            ),
        ));
    }
    let place = AddOnPlace { group: id, name: "" };
    let words: Vec<String> = purchases
        .iter()
        .take(10)
        .map(|purchase| {
            let pool = seats::add_on_pool(purchase, place);
            match (pool.entitled, pool.allocated) {
                (Some(bought), Some(given)) => format!("{}, {bought} seats, {given} given to people", pool.feature),
                _ => pool.feature,
            }
        })
        .collect();
    let (whose, at) =
        group.map(survey::path).map_or_else(Default::default, |path| (format!("{path}: "), format!(" for {path}")));
    Finding::Pass(if words.is_empty() {
        format!("No add-ons are bought{at}.")
    } else {
        format!("{whose}{}", quoted(&format!("{}.", words.join("; "))))
    })
}
