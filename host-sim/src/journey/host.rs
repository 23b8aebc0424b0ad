//! The host of a broker: engine, store, key, and each step of the journey with the plugin and in the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use broker::store::Store;
use broker::store::audit::Act;
use broker::store::sources::{Approved, Entered, Source};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::connection::Connection;
use super::consent;
use super::folder::DataFolder;
use super::form::{Form, FormError};
use super::{JourneyError, blocking};
use crate::admission::Refusal;
use crate::code_cache::CodeCache;
use crate::contract::{CheckStatus, Descriptor, TestReport};
use crate::egress::{Owner, Sealed, SealingKey, Secret};
use crate::engine::{CallOutcome, Engine, EngineOptions, LoadError, Plugin};
use crate::policy::limit_file;
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::tenant::Tenant;

/// What the host allows a tenant's plugins. Kept with the tenant, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantPolicy {
    /// Addresses of this machine, and plain http to them.
    pub allow_loopback: bool,
    /// Addresses of private networks.
    pub allow_private_network: bool,
    /// Authorities trusted beside those of the system, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// Other limits than the usual ones, in TOML.
    pub limits: Option<String>,
}

/// One process's broker.
pub struct Host {
    folder: DataFolder,
    store: Arc<Store>,
    key: SealingKey,
    engine: Engine,
    cache: Option<CodeCache>,
    tenants: Mutex<BTreeMap<String, (String, Tenant)>>,
    plugins: Mutex<BTreeMap<String, Plugin>>,
}

/// What an administrator enters.
pub struct Entry<'a> {
    /// The component.
    pub component: &'a [u8],
    /// Address of the service.
    pub url: &'a str,
    /// The plugin's other fields.
    pub settings: &'a [(String, String)],
    /// The credential.
    pub secret: Secret,
}

/// What is entered anew of a source; the rest stays.
#[derive(Default)]
pub struct Change<'a> {
    /// Another component.
    pub component: Option<&'a [u8]>,
    /// Another address.
    pub url: Option<&'a str>,
    /// All of the plugin's other fields, in place of those before.
    pub settings: Option<&'a [(String, String)]>,
    /// Another credential.
    pub secret: Option<Secret>,
}

impl Host {
    /// Opens a data folder. Without a key of its own choice the host uses the folder's.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub fn open(path: &Path, key: Option<SealingKey>, cache: Option<CodeCache>) -> Result<Self, JourneyError> {
        let folder = DataFolder::open(path)?;
        let store = Arc::new(folder.store()?);
        let key = match key {
            Some(key) => key,
            None => folder.key()?,
        };
        let engine = Engine::new(Limits::default(), EngineOptions::default())?;
        let (tenants, plugins) = Default::default();
        Ok(Self { folder, store, key, engine, cache, tenants, plugins })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The key of what is sealed.
    pub(super) fn key(&self) -> &SealingKey {
        &self.key
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Whether a tenant could be served so.
    ///
    /// # Errors
    /// [`JourneyError`], when not.
    pub fn check_policy(&self, policy: &TenantPolicy) -> Result<(), JourneyError> {
        self.made(policy).map(drop)
    }

    /// Sets what the host allows a tenant's plugins.
    ///
    /// # Errors
    /// [`JourneyError`], when the tenant could not be served so.
    pub fn set_policy(&self, act: Act<'_>, tenant: &str, policy: &TenantPolicy) -> Result<(), JourneyError> {
        self.made(policy)?;
        let text = serde_json::to_string(policy)
            .map_err(|error| JourneyError::Stored { what: format!("tenant {tenant}"), why: error.to_string() })?;
        self.store.set_policy(act, tenant, &text, &policy.to_string())?;
        Ok(())
    }

    /// What the host allows a tenant's plugins.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub fn policy(&self, tenant: &str) -> Result<TenantPolicy, JourneyError> {
        parse_policy(tenant, &self.store.tenant(tenant)?.policy)
    }

    /// Configures a source: the plugin has understood what was entered. Nothing was asked of the service yet.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub async fn add(&self, act: Act<'_>, tenant: &str, entry: Entry<'_>) -> Result<Source, JourneyError> {
        let served = self.tenant(tenant)?;
        let plugin = self.plugin_of(entry.component, served.limits())?;
        let descriptor = served.plugin(&plugin).describe().await.result?;
        let form = Form::of(&descriptor, entry.url, entry.settings)?;
        let connection = Connection::open(&served, &plugin, &form, Some(entry.secret.clone())).await?;
        let sealed = self.seal(tenant, &form, &descriptor, &entry.secret)?;
        let digest = self.folder.keep_plugin(entry.component)?;
        let (entered, configuration) = texts(&form, &connection)?;
        let entered = entered_of(&connection, &digest, &entered, &configuration);
        Ok(blocking(|| self.store.add_source(act, tenant, &entered, sealed.as_str()))?)
    }

    /// Changes what was entered, or the credential.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub async fn edit(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: i64,
        change: Change<'_>,
    ) -> Result<Source, JourneyError> {
        let source = self.store.source(tenant, source_no)?;
        let served = self.tenant(tenant)?;
        let (plugin, digest) = match change.component {
            Some(component) => (self.plugin_of(component, served.limits())?, self.folder.keep_plugin(component)?),
            None => (self.plugin(&source.plugin, served.limits())?, source.plugin.clone()),
        };
        let descriptor = served.plugin(&plugin).describe().await.result?;
        let before = form_of(&source)?;
        let url = change.url.or_else(|| before.url(&descriptor)).ok_or(FormError::NoAddress)?;
        let settings = change.settings.map_or_else(|| before.settings(&descriptor), <[_]>::to_vec);
        let form = Form::of(&descriptor, url, &settings)?;
        // The secret is bound to the address: at another one it is to be entered again, and not sent there unasked.
        let secret = match change.secret {
            Some(secret) => secret,
            None => self.unseal(tenant, source_no, &form, &descriptor)?,
        };
        let connection = Connection::open(&served, &plugin, &form, Some(secret.clone())).await?;
        let sealed = self.seal(tenant, &form, &descriptor, &secret)?;
        let (entered, configuration) = texts(&form, &connection)?;
        let entered = entered_of(&connection, &digest, &entered, &configuration);
        Ok(self.store.edit_source(act, tenant, source_no, Some(&entered), Some(sealed.as_str()))?)
    }

    /// Test connection, noted with the source.
    ///
    /// # Errors
    /// [`JourneyError`]. A failed check is no error: see the report.
    pub async fn test(&self, act: Act<'_>, source: &Source) -> Result<CallOutcome<TestReport>, JourneyError> {
        let connection = self.connect(source).await?;
        let mut outcome = connection.plugin.test(&connection.network, &connection.config).await;
        let report = match outcome.result {
            Ok(report) => redacted(report, &connection),
            Err(error) => return Err(error.into()),
        };
        let passed = report.outcome != CheckStatus::Fail;
        let text = report_json(&report).to_string();
        blocking(|| self.store.note_test_of(act, source, &text, passed))?;
        outcome.result = Ok(report);
        Ok(outcome)
    }

    /// Approve and Merge.
    ///
    /// # Errors
    /// [`JourneyError::Store`].
    pub fn approve(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<(Source, Approved), JourneyError> {
        Ok(self.store.approve_source(act, tenant, source_no)?)
    }

    /// A stored source, ready to be tested and collected, if the plugin asks for no more than was agreed to.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub async fn connect(&self, source: &Source) -> Result<Connection, JourneyError> {
        let served = self.tenant(&source.tenant)?;
        let plugin = self.plugin(&source.plugin, served.limits())?;
        let descriptor = served.plugin(&plugin).describe().await.result?;
        let form = form_of(source)?;
        let secret = self.unseal(&source.tenant, source.source_no, &form, &descriptor)?;
        let connection = Connection::open(&served, &plugin, &form, Some(secret)).await?;
        consent::check(source, &descriptor, &form, &connection.config)?;
        Ok(connection)
    }

    /// What a source was set up with, and the plugin's words for it.
    ///
    /// # Errors
    /// [`JourneyError`].
    pub async fn form(&self, source: &Source) -> Result<(Form, Descriptor), JourneyError> {
        let served = self.tenant(&source.tenant)?;
        let plugin = served.plugin(&self.plugin(&source.plugin, served.limits())?);
        let descriptor = plugin.describe().await.result?;
        Ok((form_of(source)?, descriptor))
    }

    fn seal(
        &self,
        tenant: &str,
        form: &Form,
        descriptor: &Descriptor,
        secret: &Secret,
    ) -> Result<Sealed, JourneyError> {
        Ok(self.key.seal(secret, Owner { tenant, source: &bound_to(form, descriptor)? })?)
    }

    fn unseal(
        &self,
        tenant: &str,
        source_no: i64,
        form: &Form,
        descriptor: &Descriptor,
    ) -> Result<Secret, JourneyError> {
        let sealed = Sealed::new(&self.store.credential(tenant, source_no)?)?;
        Ok(self.key.open(&sealed, Owner { tenant, source: &bound_to(form, descriptor)? })?)
    }

    /// The tenant, with the policy that it has now.
    pub(super) fn tenant(&self, name: &str) -> Result<Tenant, JourneyError> {
        let policy = self.store.tenant(name)?.policy;
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, tenant)) = tenants.get(name)
            && *made_for == policy
        {
            return Ok(tenant.clone());
        }
        let tenant = self.made(&parse_policy(name, &policy)?)?;
        tenants.insert(name.to_owned(), (policy, tenant.clone()));
        Ok(tenant)
    }

    fn made(&self, policy: &TenantPolicy) -> Result<Tenant, JourneyError> {
        let limits = match &policy.limits {
            Some(text) => limit_file::parse(text).map_err(|fault| JourneyError::Stored {
                what: "the tenant's limits".to_owned(),
                why: fault.to_string(),
            })?,
            None => Limits::default(),
        };
        let network = NetworkPolicy { loopback: policy.allow_loopback, private: policy.allow_private_network };
        Ok(Tenant::new(&self.engine, limits, network, policy.ca_file.as_deref())?)
    }

    /// A kept plugin, loaded once, if it is of a size that the tenant may load.
    fn plugin(&self, digest: &str, limits: &Limits) -> Result<Plugin, JourneyError> {
        let kept = self.plugins.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        match kept {
            Some(plugin) => {
                fits(plugin.manifest().size, limits)?;
                Ok(plugin)
            }
            None => self.plugin_of(&self.folder.plugin(digest, self.engine.limits().component_bytes)?, limits),
        }
    }

    fn plugin_of(&self, component: &[u8], limits: &Limits) -> Result<Plugin, JourneyError> {
        fits(component.len(), limits)?;
        let plugin = blocking(|| self.engine.load_through(component, self.cache.as_ref()))?;
        let digest = plugin.manifest().sha256.to_string();
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, plugin.clone());
        Ok(plugin)
    }
}

/// The engine's own limit is that of all tenants; one of them may have less.
fn fits(size: usize, limits: &Limits) -> Result<(), JourneyError> {
    let limit = limits.component_bytes;
    if size <= limit { Ok(()) } else { Err(LoadError::from(Refusal::TooLarge { size, limit }).into()) }
}

impl std::fmt::Display for TenantPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words = Vec::new();
        if self.allow_loopback {
            words.push("loopback");
        }
        if self.allow_private_network {
            words.push("private networks");
        }
        if self.ca_file.is_some() {
            words.push("authorities of its own");
        }
        if self.limits.is_some() {
            words.push("limits of its own");
        }
        f.write_str(if words.is_empty() { "the usual" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

fn parse_policy(tenant: &str, text: &str) -> Result<TenantPolicy, JourneyError> {
    serde_json::from_str(text)
        .map_err(|error| JourneyError::Stored { what: format!("tenant {tenant}"), why: error.to_string() })
}

fn form_of(source: &Source) -> Result<Form, JourneyError> {
    serde_json::from_str(&source.entered)
        .map_err(|error| JourneyError::Stored { what: format!("source {}", source.source_no), why: error.to_string() })
}

/// What a credential is bound to: the server that was entered, not a path on it.
fn bound_to(form: &Form, descriptor: &Descriptor) -> Result<String, JourneyError> {
    let origins = form.origins(descriptor)?;
    Ok(origins.first().ok_or(FormError::NoAddress)?.to_string())
}

fn texts(form: &Form, connection: &Connection) -> Result<(String, String), JourneyError> {
    let entered = serde_json::to_string(form)
        .map_err(|error| JourneyError::Stored { what: "the form".to_owned(), why: error.to_string() })?;
    let config = &connection.config;
    let configuration = json!({ "allowed_origins": config.allowed_origins, "settings": config.settings });
    Ok((entered, configuration.to_string()))
}

fn entered_of<'a>(
    connection: &'a Connection,
    plugin: &'a str,
    entered: &'a str,
    configuration: &'a str,
) -> Entered<'a> {
    Entered {
        source_key: &connection.config.source_key,
        display_name: &connection.config.display_name,
        vendor: &connection.descriptor.vendor,
        plugin,
        entered,
        configuration,
    }
}

/// A report without the secret, should the service have echoed it.
fn redacted(mut report: TestReport, connection: &Connection) -> TestReport {
    for check in &mut report.checks {
        check.detail = connection.redact(&check.detail);
        check.hint = check.hint.as_deref().map(|hint| connection.redact(hint));
    }
    report
}

/// The word for a check's status.
#[must_use]
pub fn status_name(status: CheckStatus) -> &'static str {
    match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Warn => "warn",
        CheckStatus::Fail => "fail",
        CheckStatus::Skipped => "skipped",
    }
}

/// A report as JSON: `outcome`, and `checks` with `id`, `title`, `status`, `detail` and `hint` each.
#[must_use]
pub fn report_json(report: &TestReport) -> serde_json::Value {
    let checks: Vec<_> = report
        .checks
        .iter()
        .map(|check| {
            json!({
                "id": check.id, "title": check.title, "status": status_name(check.status),
                "detail": check.detail, "hint": check.hint,
            })
        })
        .collect();
    json!({ "outcome": status_name(report.outcome), "checks": checks })
}
