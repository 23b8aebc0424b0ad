//! Alerts on their way to webhooks.
//!
//! | answer | follows |
//! | --- | --- |
//! | 200 to 299 | delivered |
//! | 410 | given up: the receiver is gone for good |
//! | anything else, redirects too; none | tried again by the outbox's back-off, not before the receiver's `Retry-After` |
//!
//! Guarantees: what the outbox holds is sent by one process at a time, and noted; what a process that ended left is sent by the
//! next. To one receiver one delivery goes after the other, and after one that fails the others wait for the next round; slow
//! receivers do not hold up others for longer than a round. The key of the signatures is sealed for its tenant and address, and
//! opens as nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::alerts::outbox::{Due, Next};
use broker::alerts::webhooks::Webhook;
use broker::calendar::instant_text;
use broker::store::audit::Act;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::host::Host;
use super::reading::Clock;
use super::{JourneyError, blocking};
use crate::egress::{Access, Answered, Client, Owner, PostError, Sealed, Secret};

/// Who is noted as acting.
const ACTOR: &str = "outbox";

/// Deliveries of one round. More wait for the next.
const MOST: u32 = 1_000;

/// Of these to one receiver, since a round is as long as its slowest receiver.
const MOST_TO_ONE: usize = 20;

/// Receivers at once.
const AT_ONCE: usize = 16;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Of which tenant.
    pub tenant: String,
    /// To whom.
    pub webhook_no: i64,
    /// Which delivery.
    pub id: String,
    /// `delivered`, `failed` or `given-up`.
    pub outcome: &'static str,
    /// Why it failed.
    pub why: Option<String>,
    /// When it is tried next, RFC 3339.
    pub next_at: Option<String>,
}

/// Why a receiver did not take a delivery.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// There was no answer.
    #[error(transparent)]
    Post(#[from] PostError),
    /// There was another than hoped for.
    #[error("{}", words(.0.status))]
    Answered(Answered),
    /// It could not be sent: the key does not open, or the tenant cannot be served.
    #[error(transparent)]
    Journey(#[from] JourneyError),
}

fn words(status: StatusCode) -> String {
    let more = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    format!("the receiver answered {}{more}", status.as_u16())
}

/// The address as the store keeps it, to which the key is bound.
fn bound_to(url: &str) -> String {
    let url = url::Url::parse(url.trim()).map_or_else(|_| url.to_owned(), String::from);
    // A credential of a source is bound to a bare address: neither opens as the other.
    format!("webhook {url}")
}

impl Host {
    /// Adds a receiver of a tenant's alerts, with the key of its signatures.
    ///
    /// # Errors
    /// [`JourneyError::Store`], [`JourneyError::Webhook`] where the tenant's policy allows no such address.
    pub fn add_webhook(&self, act: Act<'_>, tenant: &str, url: &str, key: &Secret) -> Result<Webhook, JourneyError> {
        let allowed = self.policy(tenant)?.allow_loopback;
        let sealed = self.key().seal(key, Owner { tenant, source: &bound_to(url) })?;
        // What the store refuses of an address it says best; it has to be that of a server first.
        if let Err(PostError::Refused(refusal)) = self.client(tenant)?.may_post(url.trim()) {
            return Err(JourneyError::Webhook(refusal));
        }
        Ok(self.store().add_webhook(act, tenant, url, sealed.as_str(), allowed)?)
    }

    /// Sends a receiver a delivery that tells of nothing.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub async fn test_webhook(&self, clock: &dyn Clock, tenant: &str, webhook_no: i64) -> Result<Answered, NotTaken> {
        let (url, sealed) = self.store().webhook(tenant, webhook_no).map_err(JourneyError::from)?;
        let now = clock.now();
        let id = format!("test-{}", now.unix_timestamp());
        let body = json!({ "id": id, "event": "test", "at": instant_text(now), "tenant": tenant });
        self.post(clock, tenant, &url, &sealed, &body.to_string()).await
    }

    /// Sends what is due, of one tenant or of all; none: another process does it now.
    ///
    /// # Errors
    /// [`JourneyError`] when the outbox cannot be read or noted in. What was not noted is sent again, under the same `id`.
    pub async fn deliver(
        self: &Arc<Self>,
        clock: &Arc<dyn Clock>,
        tenant: Option<&str>,
    ) -> Result<Option<Vec<Attempt>>, JourneyError> {
        let Some(_lock) = self.folder().lock_outbox()? else { return Ok(None) };
        let due = blocking(|| self.store().due_deliveries(clock.now(), MOST))?;
        let mut of_receivers: BTreeMap<i64, Vec<Due>> = BTreeMap::new();
        for due in due.into_iter().filter(|due| tenant.is_none_or(|tenant| due.tenant == tenant)) {
            of_receivers.entry(due.key.webhook_no).or_default().push(due);
        }
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut receivers = JoinSet::new();
        for (_, due) in of_receivers {
            let (host, clock, room) = (Arc::clone(self), Arc::clone(clock), Arc::clone(&room));
            receivers.spawn(async move {
                // Never closed.
                let _place = room.acquire().await;
                host.deliver_to_one(&*clock, due).await
            });
        }
        let mut attempts = Vec::new();
        while let Some(ended) = receivers.join_next().await {
            // One that broke down has noted nothing, and is tried again.
            if let Ok(made) = ended {
                attempts.extend(made?);
            }
        }
        Ok(Some(attempts))
    }

    async fn deliver_to_one(&self, clock: &dyn Clock, all: Vec<Due>) -> Result<Vec<Attempt>, JourneyError> {
        let mut attempts = Vec::new();
        for due in all.into_iter().take(MOST_TO_ONE) {
            let taken = self.post(clock, &due.tenant, &due.url, &due.sealed, &due.body).await;
            let attempt = blocking(|| self.noted(clock, due, taken))?;
            let delivered = attempt.outcome == "delivered";
            attempts.push(attempt);
            if !delivered {
                break;
            }
        }
        Ok(attempts)
    }

    fn noted(&self, clock: &dyn Clock, due: Due, taken: Result<Answered, NotTaken>) -> Result<Attempt, JourneyError> {
        let (store, act) = (self.store(), Act { actor: ACTOR, now: clock.now() });
        let (outcome, why, next) = match taken {
            Ok(_) => {
                store.note_delivered(act, due.key)?;
                ("delivered", None, Next::Gone)
            }
            Err(error) => {
                let why = error.to_string();
                let next = match &error {
                    NotTaken::Answered(answer) if answer.status == StatusCode::GONE => {
                        store.give_up_delivery(act, due.key, &why)?
                    }
                    NotTaken::Answered(answer) => store.note_failed(act, due.key, &why, answer.retry_after)?,
                    _ => store.note_failed(act, due.key, &why, None)?,
                };
                (if next == Next::GivenUp { "given-up" } else { "failed" }, Some(why), next)
            }
        };
        let next_at = if let Next::At(at) = next { Some(instant_text(at)) } else { None };
        let (tenant, webhook_no, id) = (due.tenant, due.key.webhook_no, due.id);
        Ok(Attempt { tenant, webhook_no, id, outcome, why, next_at })
    }

    async fn post(
        &self,
        clock: &dyn Clock,
        tenant: &str,
        url: &str,
        sealed: &str,
        body: &str,
    ) -> Result<Answered, NotTaken> {
        let open = || -> Result<Secret, JourneyError> {
            Ok(self.key().open(&Sealed::new(sealed)?, Owner { tenant, source: &bound_to(url) })?)
        };
        let (key, client) = (open()?, self.client(tenant)?);
        let answer = client.post(&key, clock.now(), url, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(NotTaken::Answered(answer)) }
    }

    /// The client of the tenant, by the policy that it has now.
    fn client(&self, tenant: &str) -> Result<Arc<Client>, JourneyError> {
        Ok(self.tenant(tenant)?.network(Access::default()).client)
    }
}
