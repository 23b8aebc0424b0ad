//! Whom a tenant wants told of alerts.
//!
//! | address | |
//! | --- | --- |
//! | `https://…` | accepted |
//! | `http://` to this machine, `https://` to this machine | when loopback is allowed, for development |
//! | `http://` to any other | refused: what is sent names the customer's figures |
//! | with user information or a fragment | refused: the one is a secret in the clear, the other is never sent |
//! | longer than 2048 bytes | refused |
//!
//! Where a name leads is seen when it is connected to: see the egress of the host. The path may be a secret of the receiver's;
//! the log of who did what has the origin alone.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use url::{Host, Url};

use crate::store::audit::{self, Act};
use crate::store::{Store, StoreError, tenants};

/// Longest address, bytes. Longer ones are not handled alike by all servers.
const LONGEST: usize = 2048;

/// A receiver of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Its number, which is never given again.
    pub webhook_no: i64,
    /// Where alerts are posted to.
    pub url: String,
    /// Deliveries that are still to be made.
    pub pending: u64,
}

fn parsed(text: &str, allow_loopback: bool) -> Result<Url, StoreError> {
    let invalid = |why: &str| StoreError::Invalid { what: "the webhook's address", why: why.to_owned() };
    if text.len() > LONGEST {
        return Err(invalid("it is longer than 2048 bytes"));
    }
    let url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => return Err(invalid("it names no server")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it has a user name or a password in it; deliveries are signed instead"));
    }
    if url.fragment().is_some() {
        return Err(invalid("it has a fragment (#…), which is never sent"));
    }
    match url.scheme() {
        "https" | "http" if loopback && !allow_loopback => Err(invalid("it is of this machine, which is not allowed")),
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err(invalid("what is sent would travel unencrypted; use https")),
        _ => Err(invalid("use https")),
    }
}

impl Store {
    /// Adds a receiver, with the sealed key of its signatures. It hears of what is raised from now on.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant, [`StoreError::Invalid`] address, [`StoreError::Exists`].
    pub fn add_webhook(
        &self,
        act: Act<'_>,
        tenant: &str,
        url: &str,
        sealed: &str,
        allow_loopback: bool,
    ) -> Result<Webhook, StoreError> {
        let url = parsed(url, allow_loopback)?;
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            let made = transaction.execute(
                "INSERT INTO webhook (tenant_no, url, sealed) VALUES (?1, ?2, ?3) ON CONFLICT (tenant_no, url) DO NOTHING",
                params![tenant_no, url.as_str(), sealed],
            )?;
            let origin = url.origin().ascii_serialization();
            if made == 0 {
                return Err(StoreError::Exists { what: "webhook", name: format!("of this address at {origin}") });
            }
            let webhook_no = transaction.last_insert_rowid();
            audit::note(transaction, act, Some(tenant), None, "add-webhook", Some(&origin))?;
            Ok(Webhook { webhook_no, url: url.into(), pending: 0 })
        })
    }

    /// A tenant's receivers, by number.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn webhooks(&self, tenant: &str) -> Result<Vec<Webhook>, StoreError> {
        let reader = self.reader()?;
        let tenant_no = tenants::by_name(&reader, tenant)?.tenant_no;
        let mut statement = reader.prepare(
            "SELECT webhook_no, url, (SELECT count(*) FROM delivery d WHERE d.webhook_no = w.webhook_no AND d.next_at IS NOT NULL)
             FROM webhook w WHERE tenant_no = ?1 ORDER BY webhook_no",
        )?;
        let webhooks = statement.query_map([tenant_no], |row| {
            Ok(Webhook { webhook_no: row.get(0)?, url: row.get(1)?, pending: row.get(2)? })
        })?;
        Ok(webhooks.collect::<Result<_, _>>()?)
    }

    /// The whole address of a receiver, and the sealed key of its signatures.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn webhook(&self, tenant: &str, webhook_no: i64) -> Result<(String, String), StoreError> {
        let reader = self.reader()?;
        let tenant_no = tenants::by_name(&reader, tenant)?.tenant_no;
        reader
            .query_row(
                "SELECT url, sealed FROM webhook WHERE tenant_no = ?1 AND webhook_no = ?2",
                params![tenant_no, webhook_no],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?
            .ok_or_else(|| StoreError::Unknown {
                what: "webhook",
                name: format!("{webhook_no} of the tenant {tenant}"),
            })
    }

    /// Removes a receiver, with what was still to be sent to it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn remove_webhook(&self, act: Act<'_>, tenant: &str, webhook_no: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            let url: Option<String> = transaction
                .query_row(
                    "DELETE FROM webhook WHERE tenant_no = ?1 AND webhook_no = ?2 RETURNING url",
                    params![tenant_no, webhook_no],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(url) = url else {
                return Err(StoreError::Unknown {
                    what: "webhook",
                    name: format!("{webhook_no} of the tenant {tenant}"),
                });
            };
            let origin = Url::parse(&url).ok().map(|url| url.origin().ascii_serialization());
            audit::note(transaction, act, Some(tenant), None, "remove-webhook", origin.as_deref())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn addresses() {
        for (url, without, with) in [
            ("https://hooks.example.com/a?b=c", true, true),
            ("https://hooks.example.com:8443/", true, true),
            ("http://hooks.example.com/", false, false),
            ("http://127.0.0.1:9/", false, true),
            ("https://127.0.0.1:9/", false, true),
            ("http://localhost/", false, true),
            ("http://a.localhost./", false, true),
            ("http://[::1]/", false, true),
            ("http://[::ffff:127.0.0.1]/", false, true),
            ("http://0x7f.1/", false, true),
            ("http://localhost.example.com/", false, false),
            ("http://10.0.0.1/", false, false),
            ("https://user@hooks.example.com/", false, false),
            ("https://:secret@hooks.example.com/", false, false),
            ("https://hooks.example.com/#a", false, false),
            ("ftp://127.0.0.1/", false, false),
            ("file:///etc/passwd", false, false),
            ("hooks.example.com", false, false),
            ("", false, false),
        ] {
            assert_eq!((parsed(url, false).is_ok(), parsed(url, true).is_ok()), (without, with), "{url}");
        }
        let of = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(parsed(&of(2048), false).is_ok() && parsed(&of(2049), false).is_err());
    }
}
