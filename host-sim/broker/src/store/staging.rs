//! The pages of a run under way.
//!
//! A record that comes again is merged with the earlier one, as the contract says: a present field replaces an earlier
//! one; an absent one, `other`, `unknown` and `not-readable` replace nothing; a `public` address replaces no `primary`
//! one; a verdict replaces the earlier one together with its reason.

use rusqlite::{Transaction, params};

use super::people::Curtain;
use super::{StoreError, figure};
use crate::calendar::{day_of, day_text, instant_text, parse_instant};
use crate::record::{Assignment, Pool, Record, User, Warning};

/// Adds the records of one page to those of the run.
pub(super) fn stage(
    transaction: &Transaction<'_>,
    run_no: i64,
    curtain: &Curtain,
    records: &[Record<'_>],
) -> Result<(), StoreError> {
    for record in records {
        match record {
            Record::Source(source) => {
                let facts = serde_json::to_string(source)
                    .map_err(|error| StoreError::Incoherent(format!("the source cannot be written down: {error}")))?;
                transaction
                    .prepare_cached(
                        "INSERT INTO stage_source (run_no, facts) VALUES (?1, ?2)
                         ON CONFLICT (run_no) DO UPDATE SET facts = excluded.facts",
                    )?
                    .execute(params![run_no, facts])?;
            }
            Record::Pool(pool) => stage_pool(transaction, run_no, pool)?,
            Record::User(user) => stage_user(transaction, run_no, curtain, user)?,
            Record::Assignment(assignment) => stage_seat(transaction, run_no, curtain, assignment)?,
            Record::Warning(warning) => stage_warning(transaction, run_no, warning)?,
            Record::Summary(_) => {}
        }
    }
    Ok(())
}

fn stage_pool(transaction: &Transaction<'_>, run_no: i64, pool: &Pool<'_>) -> Result<(), StoreError> {
    let figure = |name, value: Option<u64>| value.map(|value| figure(name, value)).transpose();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO stage_pool (run_no, pool_id, scope_id, scope_name, product, feature, plan_code, kind,
             license_type, unit, entitled, unlimited, allocated, max_allocated, overage_now, overage_term, term_start,
             term_end, is_trial, auto_renew, as_of)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        )?
        .execute(params![
            run_no,
            pool.pool_id,
            pool.scope_id,
            pool.scope_name,
            pool.product,
            pool.feature,
            pool.plan_code,
            pool.kind,
            pool.license_type,
            pool.unit,
            figure("entitled", pool.entitled)?,
            pool.unlimited,
            figure("allocated", pool.allocated)?,
            figure("max_allocated", pool.max_allocated)?,
            figure("overage_now", pool.overage_now)?,
            figure("overage_term", pool.overage_term)?,
            day("term_start", pool.term_start)?,
            day("term_end", pool.term_end)?,
            pool.is_trial,
            pool.auto_renew,
            day("as_of", pool.as_of)?,
        ])?;
    Ok(())
}

fn stage_user(
    transaction: &Transaction<'_>,
    run_no: i64,
    curtain: &Curtain,
    user: &User<'_>,
) -> Result<(), StoreError> {
    let seen = curtain.user(user);
    let user = &seen.user;
    let identities = serde_json::to_string(&user.identities)
        .map_err(|error| StoreError::Incoherent(format!("identities cannot be written down: {error}")))?;
    transaction
        .prepare_cached(
            "INSERT INTO stage_user (run_no, user_id, username, display_name, email, email_kind, identities,
             account_state, account_state_raw, account_kind, created_at, last_activity_on, last_sign_in_at, activity)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (run_no, user_id) DO UPDATE SET
               username = excluded.username,
               display_name = coalesce(excluded.display_name, display_name),
               email = CASE WHEN excluded.email IS NULL OR (excluded.email_kind <> 'primary' AND email_kind = 'primary')
                       THEN email ELSE excluded.email END,
               email_kind = CASE WHEN excluded.email IS NULL OR (excluded.email_kind <> 'primary' AND email_kind = 'primary')
                       THEN email_kind ELSE excluded.email_kind END,
               identities = iif(excluded.identities = '[]', identities, excluded.identities),
               account_state_raw = iif(excluded.account_state = 'other', account_state_raw, excluded.account_state_raw),
               account_state = iif(excluded.account_state = 'other', account_state, excluded.account_state),
               account_kind = iif(excluded.account_kind = 'unknown', account_kind, excluded.account_kind),
               created_at = coalesce(excluded.created_at, created_at),
               last_activity_on = coalesce(excluded.last_activity_on, last_activity_on),
               last_sign_in_at = coalesce(excluded.last_sign_in_at, last_sign_in_at),
               activity = iif(excluded.activity = 'not-readable', activity, excluded.activity)",
        )?
        .execute(params![
            run_no,
            seen.user_id(),
            seen.username(),
            user.display_name,
            user.email,
            user.email_kind,
            identities,
            user.account_state,
            user.account_state_raw,
            user.account_kind,
            instant("created_at", user.created_at)?,
            day("last_activity_on", user.last_activity_on)?,
            instant("last_sign_in_at", user.last_sign_in_at)?,
            user.activity,
        ])?;
    Ok(())
}

fn stage_seat(
    transaction: &Transaction<'_>,
    run_no: i64,
    curtain: &Curtain,
    seat: &Assignment<'_>,
) -> Result<(), StoreError> {
    let (user_id, seat) = curtain.seat(seat);
    transaction
        .prepare_cached(
            "INSERT INTO stage_seat (run_no, user_id, pool_id, consumes_seat, non_consuming_reason, role, via,
             reclaimable, assigned_on, ends_on, last_activity_on)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (run_no, user_id, pool_id) DO UPDATE SET
               non_consuming_reason = iif(excluded.consumes_seat IS NULL, non_consuming_reason, excluded.non_consuming_reason),
               consumes_seat = coalesce(excluded.consumes_seat, consumes_seat),
               role = coalesce(excluded.role, role),
               via = iif(excluded.via = 'unknown', via, excluded.via),
               reclaimable = coalesce(excluded.reclaimable, reclaimable),
               assigned_on = coalesce(excluded.assigned_on, assigned_on),
               ends_on = coalesce(excluded.ends_on, ends_on),
               last_activity_on = coalesce(excluded.last_activity_on, last_activity_on)",
        )?
        .execute(params![
            run_no,
            user_id,
            seat.pool_id,
            seat.consumes_seat,
            seat.non_consuming_reason,
            seat.role,
            seat.via,
            seat.reclaimable,
            day("assigned_on", seat.assigned_on)?,
            day("ends_on", seat.ends_on)?,
            day("last_activity_on", seat.last_activity_on)?,
        ])?;
    Ok(())
}

fn stage_warning(transaction: &Transaction<'_>, run_no: i64, warning: &Warning<'_>) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO run_warning (run_no, place, code, message, scope) VALUES
             (?1, (SELECT coalesce(max(place), 0) + 1 FROM run_warning WHERE run_no = ?1), ?2, ?3, ?4)",
        )?
        .execute(params![run_no, warning.code, warning.message, warning.scope])?;
    Ok(())
}

/// A day in the store's form.
fn day(what: &'static str, text: Option<&str>) -> Result<Option<String>, StoreError> {
    let Some(text) = text else { return Ok(None) };
    day_of(text)
        .map(|day| Some(day_text(day)))
        .ok_or_else(|| StoreError::Invalid { what, why: format!("{text} is no day") })
}

/// An instant in the store's form: in UTC, so that it sorts and its day is the day that counts.
fn instant(what: &'static str, text: Option<&str>) -> Result<Option<String>, StoreError> {
    let Some(text) = text else { return Ok(None) };
    parse_instant(text)
        .map(|instant| Some(instant_text(instant)))
        .ok_or_else(|| StoreError::Invalid { what, why: format!("{text} is no instant") })
}
