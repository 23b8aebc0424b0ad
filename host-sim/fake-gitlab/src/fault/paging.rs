//! Faults of lists: the true answer with other rows or other headers. One of another answer is among them: what hides the
//! version.
//!
//! They know nothing of the data: the endpoint is asked, perhaps with other parameters, and what it says is changed on
//! its way out. Answers other than 200 are left alone.

use http::{HeaderName, StatusCode};
use url::form_urlencoded;

use super::kind::FaultKind;
use super::{Struck, rows, size, version};
use crate::answer::{self, Answer, set};
use crate::cursor::{Cursor, Direction};
use crate::query::Query;

/// A host that is neither the stand-in nor its configured name.
const FOREIGN: &str = "https://gitlab.elsewhere.example";

pub(super) const HEADERS: [&str; 9] = [
    "link",
    "x-page",
    "x-per-page",
    "x-next-page",
    "x-prev-page",
    "x-total",
    "x-total-pages",
    "x-next-cursor",
    "x-prev-cursor",
];

/// A request for a list.
pub(crate) struct List<'a> {
    /// Answers the same request with these parameters instead.
    pub(crate) ask: &'a dyn Fn(&Query) -> Answer,
    /// The query as it came.
    pub(crate) query: &'a str,
    /// The list's own address as the instance writes it, without a query.
    pub(crate) url: String,
}

/// The answer under a fault of this module; `None` for faults of another sort.
pub(crate) fn twist(struck: Struck, list: &List<'_>) -> Option<Answer> {
    let asked = Parameters::parse(list.query);
    let honest = || list.answer(&asked);
    let with_next = |answer: Answer| list.with_next(answer, &asked);
    Some(match struck.kind {
        FaultKind::EmptyList => changed(honest(), emptied),
        FaultKind::EmptyPageWithNext => changed(honest(), |answer| with_next(emptied(answer))),
        FaultKind::DropHeaders => changed(honest(), size::bare),
        FaultKind::DropTotal => changed(honest(), without_total),
        FaultKind::ForeignLink => changed(honest(), abroad),
        FaultKind::FirstPageAgain => {
            let first = list.answer(&asked.clone().without("page").without("cursor"));
            changed(first, with_next)
        }
        FaultKind::RowDeleted => changed(honest(), |answer| rows::without_first(list, &asked, answer)),
        FaultKind::RowInserted => changed(honest(), |answer| rows::with_one_more(list, &asked, answer)),
        FaultKind::RowSwapped => changed(honest(), |answer| rows::with_first_swapped(list, &asked, answer)),
        FaultKind::HalfPage => changed(honest(), size::halved),
        FaultKind::HalfPageNoHeaders => changed(honest(), |_| size::clamped(list, &asked)),
        FaultKind::TooManyRows => changed(honest(), |answer| size::whole(list, &asked, answer)),
        FaultKind::NoVersion => changed(honest(), |answer| version::hidden(struck.endpoint, answer)),
        _ => return None,
    })
}

fn changed(answer: Answer, change: impl FnOnce(Answer) -> Answer) -> Answer {
    if answer.status() == StatusCode::OK { change(answer) } else { answer }
}

fn emptied(answer: Answer) -> Answer {
    answer::with_body(answer, "[]")
}

pub(super) fn text<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Put in place of the header, or take it away.
pub(super) fn put(answer: &mut Answer, name: &'static str, value: Option<&str>) {
    match value {
        Some(value) => set(answer, HeaderName::from_static(name), value),
        None => drop(answer.headers_mut().remove(name)),
    }
}

/// The links of an answer, each with its relation.
fn links(answer: &Answer) -> Vec<(String, String)> {
    let whole = text(answer, "link").unwrap_or_default();
    let parts = whole.split(", ").filter_map(|link| link.strip_prefix('<')?.strip_suffix('"'));
    let apart = parts.filter_map(|link| link.split_once(">; rel=\""));
    apart.map(|(url, relation)| (relation.to_owned(), url.to_owned())).collect()
}

pub(super) fn put_links(answer: &mut Answer, links: &[(String, String)]) {
    let all: Vec<String> = links.iter().map(|(relation, url)| format!("<{url}>; rel=\"{relation}\"")).collect();
    put(answer, "link", Some(all.join(", ").as_str()).filter(|all| !all.is_empty()));
}

fn put_link(answer: &mut Answer, relation: &str, url: Option<String>) {
    let mut all = links(answer);
    all.retain(|(other, _)| other != relation);
    all.extend(url.map(|url| (relation.to_owned(), url)));
    put_links(answer, &all);
}

fn without_total(mut answer: Answer) -> Answer {
    put(&mut answer, "x-total", None);
    put(&mut answer, "x-total-pages", None);
    put_link(&mut answer, "last", None);
    answer
}

/// All links on a foreign host, and no other header that says where the next page is.
fn abroad(mut answer: Answer) -> Answer {
    for name in ["x-next-page", "x-next-cursor", "x-prev-cursor"] {
        put(&mut answer, name, None);
    }
    let moved: Vec<_> = links(&answer)
        .into_iter()
        .map(|(relation, url)| {
            let host_ends = url.match_indices('/').nth(2).map_or(url.len(), |(place, _)| place);
            (relation, format!("{FOREIGN}{}", url.get(host_ends..).unwrap_or_default()))
        })
        .collect();
    put_links(&mut answer, &moved);
    answer
}

impl List<'_> {
    pub(super) fn answer(&self, parameters: &Parameters) -> Answer {
        (self.ask)(&Query::parse(&parameters.text()))
    }

    pub(super) fn link(&self, parameters: &Parameters) -> String {
        format!("{}?{}", self.url, parameters.text())
    }

    /// The answer with a next page, also if there is none.
    fn with_next(&self, mut answer: Answer, asked: &Parameters) -> Answer {
        if links(&answer).iter().any(|(relation, _)| relation == "next") {
            return answer;
        }
        if answer.headers().contains_key("x-page") {
            self.point(&mut answer, asked, Some(asked.page() + 1));
        } else {
            let used = asked.get("cursor").map_or_else(before_all, str::to_owned);
            answer = self.keyset_next(answer, asked, &used);
        }
        answer
    }

    /// Let a keyset answer name the page behind this cursor as its next.
    pub(super) fn keyset_next(&self, mut answer: Answer, asked: &Parameters, cursor: &str) -> Answer {
        let url = self.link(&asked.clone().with("cursor", cursor));
        put_link(&mut answer, "next", Some(url));
        // Instances that do not send the header keep to `Link`.
        if answer.headers().contains_key("x-next-cursor") {
            put(&mut answer, "x-next-cursor", Some(cursor));
        }
        answer
    }

    /// Let an offset answer name this next page, or none.
    pub(super) fn point(&self, answer: &mut Answer, asked: &Parameters, next: Option<u64>) {
        let number = next.map(|page| page.to_string());
        put(answer, "x-next-page", Some(number.as_deref().unwrap_or_default()));
        let url = number.map(|page| self.link(&asked.clone().with("page", &page)));
        put_link(answer, "next", url);
    }

    /// Let an offset answer announce this many rows, if it announces any number.
    pub(super) fn count(&self, answer: &mut Answer, asked: &Parameters, change: i64) {
        let number = |name| text(answer, name).and_then(|number| number.parse::<u64>().ok());
        let (Some(total), Some(per_page)) = (number("x-total"), number("x-per-page")) else { return };
        let total = total.saturating_add_signed(change);
        let pages = total.div_ceil(per_page.max(1)).max(1).to_string();
        put(answer, "x-total", Some(&total.to_string()));
        put(answer, "x-total-pages", Some(&pages));
        let url = self.link(&asked.clone().with("page", &pages));
        put_link(answer, "last", Some(url));
    }
}

/// The cursor in front of every row: no account has the id 0.
pub(super) fn before_all() -> String {
    Cursor { id: 0, direction: Direction::Next }.text()
}

/// The parameters of a request, in their order, repeated ones repeated.
#[derive(Debug, Clone)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().rev().filter(|(other, value)| other == name && !value.is_empty());
        values.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn page(&self) -> u64 {
        self.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(other, _)| other != name);
        self
    }

    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.0.push((name.to_owned(), value.to_owned()));
        changed
    }

    fn text(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}
