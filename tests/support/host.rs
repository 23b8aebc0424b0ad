//! A broker's host in this process, under a clock that is set.

use std::sync::Mutex;

use broker::store::audit::Act;
use broker::store::sources::Source;
use broker::store::tenants::Identity;
use fake_gitlab::Tokens;
use host_sim::collection::Observer;
use host_sim::contract::Progress;
use host_sim::egress::Secret;
use host_sim::journey::host::{Entry, Host, TenantPolicy};
use host_sim::journey::reading::Clock;
use time::OffsetDateTime;

use super::component;

/// A clock that stands still where it is set.
pub struct SetClock(Mutex<OffsetDateTime>);

impl SetClock {
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Mutex::new(now))
    }

    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for SetClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

/// Looks at nothing.
pub struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: &Progress) {}

    fn waiting(&mut self, _: std::time::Duration, _: &str) {}
}

/// The tenant of [`approved`].
pub const TENANT: &str = "acme";

/// A GitLab on loopback that has gone the whole way, at the time of `act`.
pub async fn approved(host: &Host, url: &str, act: Act<'_>, policy: TenantPolicy) -> Source {
    host.store().add_tenant(act, TENANT, Identity::Full, None).unwrap();
    host.set_policy(act, TENANT, &TenantPolicy { allow_loopback: true, ..policy }).unwrap();
    let component = std::fs::read(component()).unwrap();
    let secret = Secret::new(Tokens::ADMINISTRATOR.to_owned()).unwrap();
    let source = host.add(act, TENANT, Entry { component: &component, url, settings: &[], secret }).await.unwrap();
    host.test(act, &source).await.unwrap();
    host.store().save_source(act, TENANT, source.source_no).unwrap();
    host.approve(act, TENANT, source.source_no).unwrap().0
}
