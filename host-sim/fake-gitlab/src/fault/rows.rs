//! Lists whose first row vanishes, or that begin or end with a row more, while somebody walks through them.
//!
//! Every page is put together from the pages of the list as it is: under offset pagination all rows move by one place,
//! under keyset pagination only what lies before the cursor has changed.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::paging::{List, Parameters, before_all, text};
use crate::answer::{self, Answer};
use crate::cursor::{Cursor, Direction};

/// Name and username of the row that was not there before.
pub(crate) const NEWCOMER: &str = "row-inserted";

/// Its id under the faults `row-inserted` and `row-swapped`. No account has it: GitLab's ids begin with 1, which is the first account's, so
/// that none is left below all others.
pub const INSERTED_ID: u64 = 4_294_967_295;

pub(super) type Row = Box<RawValue>;

/// The page without the first row of the list.
pub(super) fn without_first(list: &List<'_>, asked: &Parameters, mut answer: Answer) -> Answer {
    if !offset(&answer) {
        return match asked.get("cursor") {
            Some(_) => answer,
            None => after_first(list, asked, answer),
        };
    }
    let page = asked.page();
    let following = list.answer(&asked.clone().with("page", &(page + 1).to_string()));
    let next = rows(&following);
    let moved: Vec<Row> = rows(&answer).into_iter().skip(1).chain(next.first().cloned()).collect();
    let more = next.len() > 1 || text(&following, "x-next-page").is_some_and(|page| !page.is_empty());
    list.point(&mut answer, asked, more.then_some(page + 1));
    list.count(&mut answer, asked, -1);
    with_rows(answer, &moved)
}

/// The first keyset page of what follows the first row.
fn after_first(list: &List<'_>, asked: &Parameters, answer: Answer) -> Answer {
    let one = list.answer(&asked.clone().with("per_page", "1"));
    match cursor(&one) {
        Some(cursor) => {
            let mut page = list.answer(&asked.clone().with("cursor", &cursor));
            // Nothing precedes it any more.
            page.headers_mut().remove("x-prev-cursor");
            page
        }
        // The list had one row, or none.
        None => with_rows(answer, &[]),
    }
}

/// The page of the list with one row before its first.
pub(super) fn with_one_more(list: &List<'_>, asked: &Parameters, mut answer: Answer) -> Answer {
    let own = rows(&answer);
    if !offset(&answer) {
        let Some(newcomer) = newcomer(own.first()).filter(|_| asked.get("cursor").is_none()) else { return answer };
        return before_first(list, asked, &own, newcomer, answer);
    }
    let page = asked.page();
    let per_page = text(&answer, "x-per-page").and_then(|number| number.parse().ok()).unwrap_or(20);
    let moved_in = match page {
        1 => newcomer(own.first()),
        _ => rows(&list.answer(&asked.clone().with("page", &(page - 1).to_string()))).pop(),
    };
    // A page beyond the end brings nothing, unless the page before it was full.
    let before_is_full =
        page == 1 || !own.is_empty() || text(&answer, "x-total").is_none_or(|total| full(total, per_page, page));
    let moved: Vec<Row> =
        moved_in.into_iter().filter(|_| before_is_full).chain(own.iter().cloned()).take(per_page).collect();
    let more = own.len() == per_page;
    list.point(&mut answer, asked, more.then_some(page + 1));
    list.count(&mut answer, asked, 1);
    with_rows(answer, &moved)
}

/// The page of the list without its first row and with one more behind its last. Neither a number of rows nor one of
/// pages changes.
pub(super) fn with_first_swapped(list: &List<'_>, asked: &Parameters, answer: Answer) -> Answer {
    let own = rows(&answer);
    if !offset(&answer) {
        return last_swapped(list, asked, answer);
    }
    let next = text(&answer, "x-next-page").unwrap_or_default().to_owned();
    let moved_in = match next.as_str() {
        "" => newcomer(own.last()),
        next => rows(&list.answer(&asked.clone().with("page", next))).first().cloned(),
    };
    let moved: Vec<Row> = own.into_iter().skip(1).chain(moved_in).collect();
    with_rows(answer, &moved)
}

/// The same under keyset: the first page is without the first row, and what comes behind the last is met when the walk
/// gets there, on a page of its own where the last one is full.
fn last_swapped(list: &List<'_>, asked: &Parameters, answer: Answer) -> Answer {
    let used = asked.get("cursor").and_then(Cursor::parse);
    if used.is_some_and(|used| used.direction == Direction::Previous || used.id == INSERTED_ID) {
        return answer;
    }
    let page = if used.is_some() { answer } else { after_first(list, asked, answer) };
    if cursor(&page).is_some() {
        return page;
    }
    let mut all = rows(&page);
    if all.len() < per_page(asked) {
        // A page behind the true last row is empty, and so is what is left of a list of one.
        let copied = all.last().cloned().or_else(|| last(list, asked));
        all.extend(newcomer(copied.as_ref()));
        return with_rows(page, &all);
    }
    match all.last().and_then(id) {
        Some(id) => list.keyset_next(page, asked, &Cursor { id, direction: Direction::Next }.text()),
        None => page,
    }
}

/// The last row of a list under keyset: the one before the far end of all ids.
fn last(list: &List<'_>, asked: &Parameters) -> Option<Row> {
    let id = if asked.get("sort") == Some("asc") { u64::MAX } else { 0 };
    let cursor = Cursor { id, direction: Direction::Previous }.text();
    rows(&list.answer(&asked.clone().with("per_page", "1").with("cursor", &cursor))).pop()
}

/// Rows that a page was asked for to have, as every version reads it.
pub(super) fn per_page(asked: &Parameters) -> usize {
    asked.get("per_page").and_then(|number| number.parse().ok()).unwrap_or(20).clamp(1, 100)
}

fn id(row: &Row) -> Option<u64> {
    serde_json::from_str::<Value>(row.get()).ok()?.get("id")?.as_u64()
}

/// Whether `total` rows fill all pages before this one.
fn full(total: &str, per_page: usize, page: u64) -> bool {
    let before = u64::try_from(per_page).unwrap_or(0).saturating_mul(page - 1);
    total.parse::<u64>().is_ok_and(|total| total == before)
}

/// The first keyset page with the newcomer at its head; its cursor leads to the first row that found no place.
fn before_first(list: &List<'_>, asked: &Parameters, own: &[Row], newcomer: Row, answer: Answer) -> Answer {
    let per_page = per_page(asked);
    if own.len() < per_page {
        let all: Vec<Row> = std::iter::once(newcomer).chain(own.iter().cloned()).collect();
        return with_rows(answer, &all);
    }
    if per_page == 1 {
        return list.keyset_next(with_rows(answer, &[newcomer]), asked, &before_all());
    }
    let shorter = list.answer(&asked.clone().with("per_page", &(per_page - 1).to_string()));
    let all: Vec<Row> = std::iter::once(newcomer).chain(rows(&shorter)).collect();
    match cursor(&shorter) {
        Some(cursor) => list.keyset_next(with_rows(shorter, &all), asked, &cursor),
        None => with_rows(shorter, &all),
    }
}

pub(super) fn offset(answer: &Answer) -> bool {
    answer.headers().contains_key("x-page")
}

/// The cursor of the next page, from `Link`, which every version has.
pub(super) fn cursor(answer: &Answer) -> Option<String> {
    let (query, _) = text(answer, "link")?.split_once('?')?.1.split_once(">; rel=\"next\"")?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned())
}

pub(super) fn rows(answer: &Answer) -> Vec<Row> {
    serde_json::from_slice(&answer.body().whole()).unwrap_or_default()
}

pub(super) fn with_rows(answer: Answer, rows: &[Row]) -> Answer {
    answer::with_body(answer, serde_json::to_vec(rows).unwrap_or_default())
}

/// The row that comes before all or behind all: the one there again under another id and name.
fn newcomer(copied: Option<&Row>) -> Option<Row> {
    let mut row: Map<String, Value> = serde_json::from_str(copied?.get()).ok()?;
    row.insert("id".to_owned(), Value::from(INSERTED_ID));
    for key in ["username", "name"] {
        row.insert(key.to_owned(), Value::from(NEWCOMER));
    }
    serde_json::value::to_raw_value(&row).ok()
}
