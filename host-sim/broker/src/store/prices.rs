//! What a seat costs, by the customer's contract: no vendor's interface tells it.

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;

use super::audit::{self, Act};
use super::{Store, StoreError, sources};

/// Highest price of one seat for one year, cents: no sum of a million seats leaves 64 bits.
pub const HIGHEST_PRICE: i64 = 100_000_000;

/// The price of one seat for one year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Price {
    /// In hundredths of the currency, 0 to [`HIGHEST_PRICE`].
    pub cents: i64,
    /// Three capital letters, as ISO 4217 has them.
    pub currency: String,
}

impl Store {
    /// Sets what one seat of a pool costs for a year.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] source or pool; [`StoreError::Invalid`] price or currency.
    pub fn set_price(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: i64,
        pool_id: &str,
        price: &Price,
    ) -> Result<(), StoreError> {
        if !(0..=HIGHEST_PRICE).contains(&price.cents) {
            return Err(StoreError::Invalid { what: "the price", why: format!("0 to {HIGHEST_PRICE} cents") });
        }
        if price.currency.len() != 3 || !price.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(StoreError::Invalid {
                what: "the currency",
                why: "three capital letters, such as EUR".to_owned(),
            });
        }
        self.write(|transaction| {
            let (pool_no, name) = pool(transaction, tenant, source_no, pool_id)?;
            transaction.execute(
                "INSERT INTO price (pool_no, cents, currency) VALUES (?1, ?2, ?3)
                 ON CONFLICT (pool_no) DO UPDATE SET cents = excluded.cents, currency = excluded.currency",
                params![pool_no, price.cents, price.currency],
            )?;
            let detail = format!("{pool_id}: {} cents ({}) for a seat and year", price.cents, price.currency);
            audit::note(transaction, act, Some(tenant), Some(&name), "set-price", Some(&detail))
        })
    }

    /// Forgets what a seat of a pool costs.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] source or pool.
    pub fn clear_price(&self, act: Act<'_>, tenant: &str, source_no: i64, pool_id: &str) -> Result<(), StoreError> {
        self.write(|transaction| {
            let (pool_no, name) = pool(transaction, tenant, source_no, pool_id)?;
            transaction.execute("DELETE FROM price WHERE pool_no = ?1", [pool_no])?;
            audit::note(transaction, act, Some(tenant), Some(&name), "clear-price", Some(pool_id))
        })
    }
}

/// The pool's number and its source's name.
fn pool(
    transaction: &Transaction<'_>,
    tenant: &str,
    source_no: i64,
    pool_id: &str,
) -> Result<(i64, String), StoreError> {
    let source = sources::by_no(transaction, tenant, source_no)?;
    let pool_no = transaction
        .query_row(
            "SELECT pool_no FROM pool WHERE source_no = ?1 AND pool_id = ?2",
            params![source_no, pool_id],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(|| StoreError::Unknown { what: "pool", name: format!("{pool_id} of the source {source_no}") })?;
    Ok((pool_no, source.display_name))
}
