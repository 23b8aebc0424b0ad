//! From what was entered to something that can be tested and collected.
//!
//! The order is that of trust: what was entered is parsed by the plugin without network, the origins it then asks for are
//! compared with what was typed, and only then is a secret attached to them.

use super::JourneyError;
use super::form::Form;
use crate::collection::Collection;
use crate::contract::{Configuration, Descriptor};
use crate::egress::{Access, Injection, Network, Secret};
use crate::engine::Plugin;
use crate::policy::limits::Limits;
use crate::policy::origin::Grant;
use crate::tenant::Tenant;

/// A plugin with its parsed settings, its grant and its secret, within the limits of a tenant.
pub struct Connection {
    /// The limits.
    pub limits: Limits,
    /// The plugin.
    pub plugin: Plugin,
    /// What it is.
    pub descriptor: Descriptor,
    /// What it made of the form.
    pub config: Configuration,
    /// The network, as far as it is granted.
    pub network: Network,
    secret: Option<Secret>,
}

impl Connection {
    /// Has the plugin parse the form, and grants what was typed.
    ///
    /// # Errors
    /// [`JourneyError`], with the secret taken out of its words by whoever shows them: see [`redact`].
    pub async fn open(
        tenant: &Tenant,
        plugin: &Plugin,
        form: &Form,
        secret: Option<Secret>,
    ) -> Result<Self, JourneyError> {
        let plugin = tenant.plugin(plugin);
        let descriptor = plugin.describe().await.result?;
        let config = plugin.configure(&form.values(&descriptor)).await.result?.map_err(JourneyError::Problems)?;
        let grant = Grant::below(&config.allowed_origins, &form.typed(&descriptor)?)?;
        let credential = &descriptor.credential;
        let injection = secret
            .clone()
            .map(|secret| Injection::new(&credential.header_name, &credential.prefix, secret))
            .transpose()?;
        let network = tenant.network(Access { grant, injection });
        Ok(Self { limits: tenant.limits().clone(), plugin, descriptor, config, network, secret })
    }

    /// What is to be collected, and with what.
    #[must_use]
    pub fn collection(&self) -> Collection<'_> {
        Collection { plugin: &self.plugin, network: &self.network, config: &self.config, limits: &self.limits }
    }

    /// Words from outside, without the secret: a server may echo what it was sent.
    #[must_use]
    pub fn redact(&self, words: &str) -> String {
        redact(self.secret.as_ref(), words)
    }
}

/// Words from outside, without the secret.
#[must_use]
pub fn redact(secret: Option<&Secret>, words: &str) -> String {
    secret.map_or_else(|| words.to_owned(), |secret| secret.redact(words))
}
