//! What the headers of a page say about the next one.
//!
//! Guarantees one rule for every version of GitLab, in this order: `X-NEXT-CURSOR`; `cursor` in the `Link` with
//! `rel="next"`; a filled `X-Next-Page`; `page` in that `Link`; otherwise nothing follows, unless a proxy took the
//! headers away: [`Next::NotSaid`]. Of a `Link` only the one query parameter is taken. Its host is the one in the
//! instance's configuration, often a wrong one, and a token must never follow it.
//!
//! Refuses a next page that cannot be asked for. Totals are not relied on to find the end: GitLab leaves them out beyond
//! 10,000 rows.

use crate::transport::Response;

/// Longest accepted cursor, in bytes: GitLab's are some 100, and a run's own cursor has to hold it.
const LONGEST_CURSOR: usize = 2048;

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The page after this keyset cursor.
    Cursor(String),
    /// A page by number.
    Numbered,
    /// Nothing: a header that leads on is there and empty.
    End,
    /// No such header at all. At the end of a keyset that is how GitLab says so; elsewhere a proxy may have taken it.
    NotSaid,
}

/// What follows this page.
///
/// # Errors
/// When the server names a next page that cannot be asked for.
pub fn next(response: &Response) -> Result<Next, BadNext> {
    if let Some(cursor) = filled(response.header("x-next-cursor")) {
        return cursor_page(cursor.to_owned());
    }
    let link = next_link(response);
    if let Some(cursor) = link.and_then(|link| query_value(link, "cursor")) {
        return cursor_page(cursor);
    }
    if let Some(number) = filled(response.header("x-next-page")) {
        return numbered(number);
    }
    if let Some(number) = link.and_then(|link| query_value(link, "page")) {
        return numbered(&number);
    }
    let said = ["x-next-page", "x-next-cursor"].into_iter().any(|name| response.header(name).is_some());
    Ok(if said { Next::End } else { Next::NotSaid })
}

/// The number of rows of the whole list, where GitLab says: offset lists of up to 10 000.
#[must_use]
pub fn total(response: &Response) -> Option<u64> {
    response.header("x-total")?.trim().parse().ok()
}

/// The number of rows that the server puts on a page, where it says: lists by number. Less than was asked for where it
/// allows no more.
#[must_use]
pub fn per_page(response: &Response) -> Option<usize> {
    response.header("x-per-page")?.trim().parse().ok()
}

/// The server names a next page that is no page number, or a cursor longer than 2048 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer names a next page that cannot be asked for")]
pub struct BadNext;

/// Whether a server's cursor can be sent back and kept.
#[must_use]
pub fn is_fit(cursor: &str) -> bool {
    cursor.len() <= LONGEST_CURSOR && !cursor.contains(char::is_control)
}

fn cursor_page(cursor: String) -> Result<Next, BadNext> {
    if is_fit(&cursor) { Ok(Next::Cursor(cursor)) } else { Err(BadNext) }
}

/// Only that there is one: which rows it holds is decided by [`super::Walk`].
fn numbered(text: &str) -> Result<Next, BadNext> {
    match text.parse::<u64>() {
        Ok(number) if number > 0 => Ok(Next::Numbered),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{and_header, json};

    fn after(headers: &[(&str, &str)]) -> Result<Next, BadNext> {
        let answer = headers.iter().fold(json(200, "[]"), |answer, (name, value)| and_header(answer, name, value));
        next(&answer)
    }

    fn cursor(text: &str) -> Result<Next, BadNext> {
        Ok(Next::Cursor(text.to_owned()))
    }

    const LINK_NEXT: &str = "<https://wrong.example/api/v4/users?cursor=eyJ%3D&page=1&per_page=100>; rel=\"next\"";

    #[test]
    fn an_empty_header_is_the_end_and_no_header_says_nothing() {
        assert_eq!(after(&[]), Ok(Next::NotSaid));
        assert_eq!(after(&[("x-next-page", ""), ("x-next-cursor", " ")]), Ok(Next::End));
        assert_eq!(after(&[("x-next-page", "")]), Ok(Next::End));
        let others = "<https://h/?page=1>; rel=\"first\", <https://h/?page=9>; rel=\"last\"";
        assert_eq!(after(&[("link", others)]), Ok(Next::NotSaid));
    }

    #[test]
    fn the_first_header_of_the_rule_wins() {
        let all = [("x-next-page", "7"), ("link", LINK_NEXT), ("x-next-cursor", "abc")];
        assert_eq!(after(&all), cursor("abc"));
        assert_eq!(after(&[("x-next-page", "7"), ("link", LINK_NEXT)]), cursor("eyJ="));
        let offset = "<https://h/?page=3>; rel=\"next\"";
        assert_eq!(after(&[("x-next-page", "7"), ("link", offset)]), Ok(Next::Numbered));
        assert_eq!(after(&[("x-next-page", ""), ("link", offset)]), Ok(Next::Numbered));
        let empty_cursor = "<https://h/?cursor=&page=4>; rel=\"next\"";
        assert_eq!(after(&[("link", empty_cursor)]), Ok(Next::Numbered));
    }

    #[test]
    fn links_are_read_in_every_legal_spelling() {
        let both = format!("<https://h/?page=1>; rel=\"prev\", {LINK_NEXT}, <https://h/?page=1>; rel=\"first\"");
        assert_eq!(after(&[("link", &both)]), cursor("eyJ="));
        assert_eq!(after(&[("link", "<https://h/?a=<&cursor=x>; rel=next")]), Ok(Next::NotSaid));
        assert_eq!(after(&[("link", "</api?cursor=x,y>;title=\"a\"; REL=\"Next\"")]), cursor("x,y"));
        assert_eq!(after(&[("link", "<https://h/?page=1>; rel=\"prev\""), ("link", LINK_NEXT)]), cursor("eyJ="));
    }

    #[test]
    fn a_page_that_cannot_be_asked_for_is_an_error() {
        assert_eq!(after(&[("x-next-page", "zero")]), Err(BadNext));
        assert_eq!(after(&[("x-next-page", "0")]), Err(BadNext));
        assert_eq!(after(&[("x-next-cursor", &"x".repeat(LONGEST_CURSOR + 1))]), Err(BadNext));
        assert!(after(&[("x-next-cursor", &"x".repeat(LONGEST_CURSOR))]).is_ok());
    }
}
