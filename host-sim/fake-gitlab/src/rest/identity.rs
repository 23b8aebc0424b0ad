//! Who asks, and whom: `/metadata`, `/version`, `/user`, `/users/:id`, `/personal_access_tokens/self`.

use http::StatusCode;
use serde::Serialize;

use super::Asked;
use crate::answer::{self, Answer};
use crate::calendar::{Day, Instant};
use crate::entity::{self, View};
use crate::token::{Need, Rank, TokenFacts};

type Answered = Result<Answer, Box<Answer>>;

fn admitted(asked: &Asked<'_>, need: Need) -> Result<&'static TokenFacts, Box<Answer>> {
    asked.admit(need).map_err(|refusal| Box::new(answer::refused(refusal)))
}

/// `GET /user`. The fields depend on the flag of the account, whatever Admin Mode says.
pub(super) fn own_account(asked: &Asked<'_>) -> Answered {
    let token = admitted(asked, Need::ReadUser)?;
    let population = &asked.instance.population;
    let account = population.account(population.place_from(token.user_id));
    let view = if account.archetype.administrator { View::WithAdmin } else { View::Public };
    let mut body = Vec::new();
    entity::write(&mut body, &account, population, view);
    Ok(answer::json(StatusCode::OK, body))
}

/// `GET /users/:id`: a profile, or everything to an administrator.
pub(super) fn user_by_id(asked: &Asked<'_>, id: u64) -> Answered {
    let token = admitted(asked, Need::ReadUser)?;
    let population = &asked.instance.population;
    let Some(place) = population.place_of(id) else {
        return Ok(answer::message(StatusCode::NOT_FOUND, "404 User Not Found"));
    };
    let view = match asked.rank(token) {
        Rank::Administrator => View::Details,
        _ => View::Profile,
    };
    let mut body = Vec::new();
    entity::write(&mut body, &population.account(place), population, view);
    Ok(answer::json(StatusCode::OK, body))
}

/// `GET /personal_access_tokens/self` (15.5). Before that, `self` is an id that no token has.
pub(super) fn own_token(asked: &Asked<'_>) -> Answered {
    #[derive(Serialize)]
    struct Row {
        id: u64,
        name: &'static str,
        revoked: bool,
        created_at: Instant,
        /// Newer versions only.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<Option<&'static str>>,
        scopes: &'static [&'static str],
        user_id: u64,
        last_used_at: Option<Instant>,
        active: bool,
        /// Since 18.10.
        #[serde(skip_serializing_if = "Option::is_none")]
        granular: Option<bool>,
        expires_at: Day,
    }
    let token = admitted(asked, Need::Nothing)?;
    let scenario = asked.instance.options.scenario;
    if !scenario.token_self() {
        return Ok(answer::message(StatusCode::NOT_FOUND, "404 Not found"));
    }
    if token.oauth {
        let sentence = "400 Bad request - This endpoint requires token type to be a personal access token";
        return Ok(answer::message(StatusCode::BAD_REQUEST, sentence));
    }
    let today = asked.instance.options.today;
    let days_ago = |days, milliseconds| Instant::at(today.saturating_sub(time::Duration::days(days)), milliseconds);
    let body = serde_json::to_vec(&Row {
        id: token.id,
        name: token.name,
        revoked: false,
        created_at: days_ago(25, 28_811_120),
        description: scenario.at_least(17, 7).then_some(None),
        scopes: token.scopes,
        user_id: token.user_id,
        last_used_at: Some(days_ago(1, 37_200_000)),
        active: true,
        granular: scenario.at_least(18, 10).then_some(false),
        expires_at: Day(token.expires_at(today)),
    });
    Ok(answer::json(StatusCode::OK, body.unwrap_or_default()))
}

#[derive(Serialize)]
struct Kas {
    enabled: bool,
    #[serde(rename = "externalUrl")]
    external_url: Option<&'static str>,
    /// Since 17.6.
    #[serde(rename = "externalK8sProxyUrl", skip_serializing_if = "Option::is_none")]
    external_k8s_proxy_url: Option<Option<&'static str>>,
    version: Option<&'static str>,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    revision: &'static str,
    /// Since 15.2; in `/version` since 15.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    kas: Option<Kas>,
    /// Since 15.6.
    #[serde(skip_serializing_if = "Option::is_none")]
    enterprise: Option<bool>,
}

/// `GET /metadata`.
pub(super) fn metadata(asked: &Asked<'_>) -> Answered {
    described(asked, true)
}

/// `GET /version`: the same since 15.5, before that version and revision.
pub(super) fn version(asked: &Asked<'_>) -> Answered {
    described(asked, asked.instance.options.scenario.version_in_full())
}

fn described(asked: &Asked<'_>, in_full: bool) -> Answered {
    admitted(asked, Need::ReadUser)?;
    let scenario = asked.instance.options.scenario;
    let external_k8s_proxy_url = scenario.at_least(17, 6).then_some(None);
    let kas = Kas { enabled: false, external_url: None, external_k8s_proxy_url, version: None };
    let body = serde_json::to_vec(&Metadata {
        version: scenario.version(),
        revision: scenario.revision(),
        kas: in_full.then_some(kas),
        enterprise: (in_full && scenario.tells_edition()).then_some(scenario.enterprise()),
    });
    Ok(answer::json(StatusCode::OK, body.unwrap_or_default()))
}
