//! Pools with the figures of one snapshot.

use rusqlite::params;

use super::{Query, Stored, prepared, stored_row, view};
use crate::export::ExportError;
use crate::store::Store;
use crate::view::View;

stored_row! {
    /// A pool in a snapshot. A figure that the vendor does not tell is empty, never 0.
    PoolRow {
        /// Number of the source.
        source_no: i64 => Integer,
        /// Name of the source.
        source: String => Text,
        /// Who sells it.
        vendor: String => Text,
        /// The vendor's id of the pool.
        pool_id: String => Text,
        /// What it is bought for, such as a group.
        scope_id: String => Text,
        /// The same in words.
        scope_name: String => Text,
        /// The product.
        product: String => Text,
        /// What of it was bought.
        feature: String => Text,
        /// The vendor's name of the plan.
        plan_code: Option<String> => Text,
        /// `base` or `add-on`.
        kind: String => Text,
        /// `named-user` and the like.
        license_type: String => Text,
        /// What is counted.
        unit: String => Text,
        /// Bought.
        entitled: Option<i64> => Integer,
        /// Whether there is no limit.
        unlimited: bool => Boolean,
        /// In use, by the vendor's count.
        allocated: Option<i64> => Integer,
        /// Still to be given: bought less in use, at least 0.
        free: Option<i64> => Integer,
        /// Most in use in this term.
        max_allocated: Option<i64> => Integer,
        /// In use beyond what was bought.
        overage_now: Option<i64> => Integer,
        /// To be paid at the end of the term.
        overage_term: Option<i64> => Integer,
        /// First day of the term.
        term_start: Option<String> => Day,
        /// Last day of the term, which still counts.
        term_end: Option<String> => Day,
        /// Whether it is a trial.
        is_trial: Option<bool> => Boolean,
        /// Whether the term renews by itself.
        auto_renew: Option<bool> => Boolean,
        /// The day of the vendor's count.
        as_of: Option<String> => Day,
        /// Who holds a seat, by the assignments.
        holders: i64 => Integer,
        /// Who consumes one, by the vendor's verdict.
        consuming: i64 => Integer,
        /// Number of the snapshot.
        snapshot_run: i64 => Integer,
        /// Its day.
        snapshot_on: String => Day,
    }
}

const SELECT: &str = "
    SELECT s.source_no, s.display_name AS source, s.vendor, l.pool_id, l.scope_id, l.scope_name, l.product, l.feature,
           l.plan_code, l.kind, l.license_type, l.unit, f.entitled, f.unlimited, f.allocated,
           iif(f.unlimited, NULL, max(f.entitled - f.allocated, 0)) AS free, f.max_allocated, f.overage_now, f.overage_term,
           f.term_start, f.term_end, f.is_trial, f.auto_renew, f.as_of, f.holders, f.consuming, f.run_no AS snapshot_run,
           r.taken_on AS snapshot_on
    FROM source s JOIN pool l USING (source_no) JOIN pool_figures f ON f.pool_no = l.pool_no AND f.run_no = ?2
    JOIN run r ON r.run_no = f.run_no
    WHERE s.source_no = ?1 ORDER BY l.pool_id";

impl Stored for PoolRow {
    fn each(
        store: &Store,
        query: &Query<'_>,
        mut each: impl FnMut(Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let View { reader, sources, .. } = view(store, query)?;
        let mut statement = prepared::<Self>(&reader, SELECT)?;
        for source in sources {
            let mut rows = statement.query(params![source.source_no, source.run_no])?;
            while let Some(row) = rows.next()? {
                each(Self::of(row)?)?;
            }
        }
        Ok(())
    }
}
