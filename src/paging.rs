//! Where the next page of a list is, and whether a page may be believed.
//!
//! Guarantees one rule for every version of GitLab, in this order: `X-NEXT-CURSOR`; `cursor` in the `Link` with
//! `rel="next"`; a filled `X-Next-Page`; `page` in that `Link`; otherwise the list is at its end. Of a `Link` only the
//! one query parameter is taken. Its host is the one in the instance's configuration, often a wrong one, and a token
//! must never follow it. A full page without any of these may have lost them to a proxy: [`unnamed_next`].
//!
//! Refuses pages that do not lead on: ids must grow. That catches a cursor which repeats, a circle of any length, and
//! a server that passes over the parameters and sends its first page for ever. Totals are not relied on to find the
//! end: GitLab leaves them out beyond 10 000 rows.

use crate::gitlab::endpoint::Page;
use crate::gitlab::scalars::Id;
use crate::transport::Response;

/// Longest accepted cursor, in bytes: GitLab's are some 100, and a run's own cursor has to hold it.
const LONGEST_CURSOR: usize = 2048;

/// The page after this one; `None` at the end of the list.
///
/// # Errors
/// When the server names a next page that cannot be asked for.
pub fn next_page(response: &Response) -> Result<Option<Page>, BadNext> {
    if let Some(cursor) = filled(response.header("x-next-cursor")) {
        return cursor_page(cursor.to_owned()).map(Some);
    }
    let link = next_link(response);
    if let Some(cursor) = link.and_then(|link| query_value(link, "cursor")) {
        return cursor_page(cursor).map(Some);
    }
    if let Some(number) = filled(response.header("x-next-page")) {
        return numbered(number).map(Some);
    }
    match link.and_then(|link| query_value(link, "page")) {
        Some(number) => numbered(&number).map(Some),
        None => Ok(None),
    }
}

/// The page to try after a full one for which [`next_page`] found none: a proxy may have taken the headers away.
///
/// `None` where their absence is the end: after a cursor, which came in such a header, and where `X-Next-Page` or
/// `X-NEXT-CURSOR` is there and empty. GitLab ends its numbered lists with the former.
#[must_use]
pub fn unnamed_next(asked: &Page, response: &Response) -> Option<Page> {
    if ["x-next-page", "x-next-cursor"].into_iter().any(|name| response.header(name).is_some()) {
        return None;
    }
    match asked {
        Page::First => Some(Page::Number(2)),
        Page::Number(number) => number.checked_add(1).map(Page::Number),
        Page::Cursor(_) => None,
    }
}

/// The number of rows of the whole list, where GitLab says: offset lists of up to 10 000.
#[must_use]
pub fn total(response: &Response) -> Option<u64> {
    response.header("x-total")?.trim().parse().ok()
}

/// The server names a next page that is no page number, or a cursor longer than 2048 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer names a next page that cannot be asked for")]
pub struct BadNext;

fn cursor_page(cursor: String) -> Result<Page, BadNext> {
    if cursor.len() > LONGEST_CURSOR || cursor.contains(char::is_control) {
        return Err(BadNext);
    }
    Ok(Page::Cursor(cursor))
}

fn numbered(text: &str) -> Result<Page, BadNext> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(Page::Number(number)),
        _ => Err(BadNext),
    }
}

fn filled(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

/// The target with `rel="next"` among all `Link` headers.
fn next_link(response: &Response) -> Option<&str> {
    response.header_values("link").flat_map(|header| header.split('<').skip(1)).find_map(|part| {
        let (target, parameters) = part.split_once('>')?;
        let is_next =
            parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
            });
        is_next.then_some(target)
    })
}

fn query_value(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

/// The rows of a page that lead on, and how many did not.
#[derive(Debug, PartialEq, Eq)]
pub struct Sifted<T> {
    /// Rows with growing ids, all beyond the last one seen.
    pub rows: Vec<T>,
    /// Rows that came twice or out of order.
    pub dropped: u64,
    /// The largest id so far.
    pub last: Option<Id>,
}

impl<T> Sifted<T> {
    /// Keep the rows whose id is beyond `last` and beyond those before them.
    pub fn sift(rows: Vec<T>, last: Option<Id>, id: impl Fn(&T) -> &Id) -> Self {
        let mut sifted = Self { rows: Vec::with_capacity(rows.len()), dropped: 0, last };
        for row in rows {
            if sifted.last.as_ref().is_some_and(|last| id(&row) <= last) {
                sifted.dropped += 1;
            } else {
                sifted.last = Some(id(&row).clone());
                sifted.rows.push(row);
            }
        }
        sifted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::*;
    use crate::scripted::{and_header, json};

    fn next(headers: &[(&str, &str)]) -> Result<Option<Page>, BadNext> {
        let answer = headers.iter().fold(json(200, "[]"), |answer, (name, value)| and_header(answer, name, value));
        next_page(&answer)
    }

    fn cursor(text: &str) -> Result<Option<Page>, BadNext> {
        Ok(Some(Page::Cursor(text.to_owned())))
    }

    const LINK_NEXT: &str = "<https://wrong.example/api/v4/users?cursor=eyJ%3D&page=1&per_page=100>; rel=\"next\"";

    #[test]
    fn without_any_header_the_list_is_at_its_end() {
        assert_eq!(next(&[]), Ok(None));
        assert_eq!(next(&[("x-next-page", ""), ("x-next-cursor", " ")]), Ok(None));
        assert_eq!(
            next(&[("link", "<https://h/?page=1>; rel=\"first\", <https://h/?page=9>; rel=\"last\"")]),
            Ok(None)
        );
    }

    #[test]
    fn the_first_header_of_the_rule_wins() {
        let all = [("x-next-page", "7"), ("link", LINK_NEXT), ("x-next-cursor", "abc")];
        assert_eq!(next(&all), cursor("abc"));
        assert_eq!(next(&[("x-next-page", "7"), ("link", LINK_NEXT)]), cursor("eyJ="));
        let offset = "<https://h/?page=3>; rel=\"next\"";
        assert_eq!(next(&[("x-next-page", "7"), ("link", offset)]), Ok(Some(Page::Number(7))));
        assert_eq!(next(&[("x-next-page", ""), ("link", offset)]), Ok(Some(Page::Number(3))));
        let empty_cursor = "<https://h/?cursor=&page=4>; rel=\"next\"";
        assert_eq!(next(&[("link", empty_cursor)]), Ok(Some(Page::Number(4))));
    }

    #[test]
    fn links_are_read_in_every_legal_spelling() {
        let both = format!("<https://h/?page=1>; rel=\"prev\", {LINK_NEXT}, <https://h/?page=1>; rel=\"first\"");
        assert_eq!(next(&[("link", &both)]), cursor("eyJ="));
        assert_eq!(next(&[("link", "<https://h/?a=<&cursor=x>; rel=next")]), Ok(None));
        assert_eq!(next(&[("link", "</api?cursor=x,y>;title=\"a\"; REL=\"Next\"")]), cursor("x,y"));
        assert_eq!(next(&[("link", "<https://h/?page=1>; rel=\"prev\""), ("link", LINK_NEXT)]), cursor("eyJ="));
    }

    #[test]
    fn a_page_that_cannot_be_asked_for_is_an_error() {
        assert_eq!(next(&[("x-next-page", "zero")]), Err(BadNext));
        assert_eq!(next(&[("x-next-page", "0")]), Err(BadNext));
        assert_eq!(next(&[("x-next-cursor", &"x".repeat(LONGEST_CURSOR + 1))]), Err(BadNext));
        assert!(next(&[("x-next-cursor", &"x".repeat(LONGEST_CURSOR))]).is_ok());
    }

    #[test]
    fn a_page_that_names_no_next_is_followed_by_number_unless_headers_come_through() {
        let bare = json(200, "[]");
        assert_eq!(unnamed_next(&Page::First, &bare), Some(Page::Number(2)));
        assert_eq!(unnamed_next(&Page::Number(2), &bare), Some(Page::Number(3)));
        assert_eq!(unnamed_next(&Page::Number(u64::MAX), &bare), None);
        assert_eq!(unnamed_next(&Page::Cursor("aa".to_owned()), &bare), None);
        for header in ["x-next-page", "x-next-cursor"] {
            assert_eq!(unnamed_next(&Page::First, &and_header(bare.clone(), header, "")), None, "{header}");
        }
    }

    fn sift(ids: &[&str], last: Option<&str>) -> (Vec<String>, u64, Option<String>) {
        let ids: Vec<Id> = ids.iter().map(|id| Id::parse(id).unwrap()).collect();
        let sifted = Sifted::sift(ids, last.and_then(Id::parse), |id| id);
        let text = |id: &Id| id.as_str().to_owned();
        (sifted.rows.iter().map(text).collect(), sifted.dropped, sifted.last.as_ref().map(text))
    }

    #[test]
    fn rows_that_do_not_lead_on_are_dropped_and_counted() {
        assert_eq!(sift(&["1", "9", "10"], None), (vec!["1".into(), "9".into(), "10".into()], 0, Some("10".into())));
        assert_eq!(sift(&["5", "3", "5", "7"], Some("3")), (vec!["5".into(), "7".into()], 2, Some("7".into())));
        assert_eq!(sift(&["1", "2"], Some("2")), (vec![], 2, Some("2".into())));
        assert_eq!(sift(&[], Some("2")), (vec![], 0, Some("2".into())));
    }
}
