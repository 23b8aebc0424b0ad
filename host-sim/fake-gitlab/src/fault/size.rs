//! Pages of another size than was asked for: half of their rows, half of `per_page`, or every row at once.

use http::StatusCode;

use super::paging::{HEADERS, List, Parameters, put, put_links, text};
use super::rows::{Row, cursor, offset, per_page, rows, with_rows};
use crate::answer::Answer;

/// The headers of the page over the first half of its rows; of one row, none.
pub(super) fn halved(answer: Answer) -> Answer {
    let all = rows(&answer);
    with_rows(answer, all.get(..all.len() / 2).unwrap_or_default())
}

/// The page as though half of `per_page` had been asked for, at least one, and nothing that tells so.
pub(super) fn clamped(list: &List<'_>, asked: &Parameters) -> Answer {
    let half = (per_page(asked) / 2).max(1).to_string();
    bare(list.answer(&asked.clone().with("per_page", &half)))
}

/// Without any header of paging.
pub(super) fn bare(mut answer: Answer) -> Answer {
    HEADERS.iter().for_each(|name| drop(answer.headers_mut().remove(*name)));
    answer
}

/// Every row of the list, under keyset from the cursor on, in one page under headers that know of no other.
pub(super) fn whole(list: &List<'_>, asked: &Parameters, mut answer: Answer) -> Answer {
    let numbered = offset(&answer);
    let all = gathered(list, if numbered { asked.clone().without("page") } else { asked.clone() });
    put(&mut answer, "x-next-cursor", None);
    if !numbered {
        put_links(&mut answer, &[]);
        return with_rows(answer, &all);
    }
    let size = all.len().max(per_page(asked)).to_string();
    let counted = answer.headers().contains_key("x-total");
    for (name, value) in [("x-page", "1"), ("x-per-page", &size), ("x-next-page", ""), ("x-prev-page", "")] {
        put(&mut answer, name, Some(value));
    }
    let link = list.link(&asked.clone().with("page", "1").with("per_page", &size));
    let mut links = vec![("first".to_owned(), link.clone())];
    if counted {
        put(&mut answer, "x-total", Some(&all.len().to_string()));
        put(&mut answer, "x-total-pages", Some("1"));
        links.push(("last".to_owned(), link));
    }
    put_links(&mut answer, &links);
    with_rows(answer, &all)
}

/// The rows of all pages from this one on. A page that is refused ends them.
fn gathered(list: &List<'_>, from: Parameters) -> Vec<Row> {
    let mut all = Vec::new();
    let mut next = Some(from.with("per_page", "100"));
    while let Some(asked) = next {
        let page = list.answer(&asked);
        if page.status() != StatusCode::OK {
            break;
        }
        all.extend(rows(&page));
        let number = text(&page, "x-next-page").filter(|number| !number.is_empty());
        next = match (number, cursor(&page)) {
            (Some(number), _) => Some(asked.with("page", number)),
            (None, Some(cursor)) => Some(asked.with("cursor", &cursor)),
            (None, None) => None,
        };
    }
    all
}
