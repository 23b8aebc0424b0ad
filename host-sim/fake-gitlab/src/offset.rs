//! Offset pagination: the page asked for, and the headers that lead to the others.
//!
//! `per_page` is 20 when not given and 100 at most; 0 is refused. `X-Next-Page` is empty on the last page. Where more
//! than 10,000 rows match, `X-Total`, `X-Total-Pages` and the link to the last page are missing.

use http::{HeaderName, StatusCode};

use crate::answer::{self, Answer, set};
use crate::query::{BadParameter, Query};

/// More rows than this are not counted.
pub(crate) const COUNTED: usize = 10_000;

/// Makes an address for `Link` from the parameters that it replaces in the request.
pub(crate) type Address<'a> = &'a dyn Fn(&[(&str, &str)]) -> String;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u64,
    /// From 1 to 100.
    pub(crate) size: u64,
}

impl Page {
    pub(crate) fn parse(query: &Query) -> Result<Self, BadParameter> {
        let size = match query.integer("per_page")? {
            Some(0) => return Err(BadParameter("per_page has a value not allowed".to_owned())),
            Some(number) => u64::try_from(number).map_or(20, |number| number.min(100)),
            None => 20,
        };
        let number = query.integer("page")?.and_then(|page| u64::try_from(page).ok()).unwrap_or(1).max(1);
        Ok(Self { number, size })
    }

    /// Rows before the page.
    pub(crate) fn skip(self) -> usize {
        usize::try_from((self.number - 1).saturating_mul(self.size)).unwrap_or(usize::MAX)
    }

    /// Rows of a full page.
    pub(crate) fn take(self) -> usize {
        usize::try_from(self.size).unwrap_or(100)
    }

    /// Set the headers of a page of a list of `count` rows, counted no further than one above [`COUNTED`]; `more` tells
    /// whether a page follows.
    pub(crate) fn head(self, answer: &mut Answer, count: usize, more: bool, link: Address<'_>) {
        let text = |number: u64| number.to_string();
        let number = |there: bool, number: u64| if there { text(number) } else { String::new() };
        let mut header = |name, value: &str| set(answer, HeaderName::from_static(name), value);
        header("x-page", &text(self.number));
        header("x-per-page", &text(self.size));
        header("x-next-page", &number(more, self.number.saturating_add(1)));
        header("x-prev-page", &number(self.number > 1, self.number - 1));

        let mut links = Vec::new();
        let mut lead = |relation: &str, page: u64| {
            let link = link(&[("page", &text(page)), ("per_page", &text(self.size))]);
            links.push(format!("<{link}>; rel=\"{relation}\""));
        };
        if self.number > 1 {
            lead("prev", self.number - 1);
        }
        if more {
            lead("next", self.number.saturating_add(1));
        }
        lead("first", 1);
        if count <= COUNTED {
            let pages = u64::try_from(count.div_ceil(self.take().max(1))).unwrap_or(u64::MAX).max(1);
            lead("last", pages);
            header("x-total", &count.to_string());
            header("x-total-pages", &text(pages));
        }
        set(answer, http::header::LINK, &links.join(", "));
    }
}

/// One page of `rows`, each appended by `write`.
pub(crate) fn list<T>(
    query: &Query,
    rows: &[T],
    link: Address<'_>,
    mut write: impl FnMut(&mut Vec<u8>, &T),
) -> Result<Answer, BadParameter> {
    let page = Page::parse(query)?;
    let mut body = vec![b'['];
    for row in rows.iter().skip(page.skip()).take(page.take()) {
        if body.len() > 1 {
            body.push(b',');
        }
        write(&mut body, row);
    }
    body.push(b']');
    let mut answer = answer::json(StatusCode::OK, body);
    let more = page.skip().saturating_add(page.take()) < rows.len();
    page.head(&mut answer, rows.len(), more, link);
    Ok(answer)
}
