//! `GET /users`: rows, pages and the headers that lead from one page to the next.
//!
//! | pagination | next page | end | refusals |
//! | --- | --- | --- | --- |
//! | offset | `X-Next-Page`, `Link` | `X-Next-Page` empty | `per_page=0` 400; beyond 50,000 rows 405 (17.0) |
//! | keyset (16.4) | `X-NEXT-CURSOR`, `Link` | neither header; the last page has rows | another order than `id` 405; corrupt cursor 500 |
//!
//! GitLab pages by keyset in five orders; only `id` is played here. `per_page` above 100 is 100 in both forms.

use http::{HeaderName, StatusCode};

use crate::answer::{self, Answer, set};
use crate::cursor::{Cursor, Direction};
use crate::entity::{self, View};
use crate::instance::Instance;
use crate::offset::{COUNTED, Page};
use crate::query::{BadParameter, Query};
use crate::rest;
use crate::selection::Listing;

/// `page` times `per_page` may not exceed this.
const OFFSET_CEILING: u64 = 50_000;

/// What the endpoint fills in and echoes in `Link` when a request does not say.
const DEFAULTS: [(&str, &str); 9] = [
    ("exclude_external", "false"),
    ("exclude_internal", "false"),
    ("order_by", "id"),
    ("page", "1"),
    ("per_page", "20"),
    ("sort", "desc"),
    ("with_custom_attributes", "false"),
    ("without_project_bots", "false"),
    ("without_projects", "false"),
];

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// All rows, all fields.
    Administrator,
    /// All fields, but no blocked or banned account.
    Auditor,
    /// Eight fields, and no blocked or banned account. Not an error, only less.
    Anyone,
}

/// Answer a request that may read the list. `repeat_cursor`: a fault turns the walk back on itself.
pub(crate) fn list(instance: &Instance, reader: Reader, query: &Query, repeat_cursor: bool) -> Answer {
    match try_list(instance, reader, query, repeat_cursor) {
        Ok(answer) => answer,
        Err(bad) => rest::bad_parameter(&bad),
    }
}

fn try_list(instance: &Instance, reader: Reader, query: &Query, repeat_cursor: bool) -> Result<Answer, BadParameter> {
    let page = Page::parse(query)?;
    let listing = Listing::parse(query, reader, instance.options.scenario)?;
    let list = List { instance, reader, query, listing, page };
    if query.get("pagination") == Some("keyset") && instance.options.scenario.keyset() {
        return Ok(list.keyset(repeat_cursor));
    }
    Ok(list.offset())
}

struct List<'a> {
    instance: &'a Instance,
    reader: Reader,
    query: &'a Query,
    listing: Listing,
    page: Page,
}

impl List<'_> {
    fn keyset(&self, repeat_cursor: bool) -> Answer {
        if self.listing.order_by != "id" {
            return answer::keyset_refused();
        }
        let used = match self.query.get("cursor") {
            None => None,
            Some(text) => match Cursor::parse(text) {
                Some(cursor) => Some(cursor),
                None => return answer::internal_error(),
            },
        };
        let people = &self.instance.population;
        let backwards = used.is_some_and(|cursor| cursor.direction == Direction::Previous);
        let (places, more) = self.listing.beside(people, used.map(|cursor| cursor.id), backwards, self.page.take());
        // On the side that the request came from lies at least the page it came from.
        let (before, after) = if backwards { (more, true) } else { (used.is_some(), more) };
        let beside = |there: bool, place: Option<&usize>, direction| match place {
            Some(place) if there => Some(Cursor { id: people.id(*place), direction }),
            _ => None,
        };
        let mut next = beside(after, places.last(), Direction::Next);
        let previous = beside(before, places.first(), Direction::Previous);
        if repeat_cursor {
            // Account 0 precedes all in ascending order, as the last id follows all in descending order.
            let start = if self.listing.ascending { 0 } else { u64::MAX };
            next = Some(used.unwrap_or(Cursor { id: start, direction: Direction::Next }));
        }
        let mut answer = self.rows(&places);
        if let Some(next) = next {
            let next = next.text();
            let link = self.link(&[("cursor", &next)]);
            set(&mut answer, http::header::LINK, &format!("<{link}>; rel=\"next\""));
            if self.instance.options.cursor_headers {
                set(&mut answer, HeaderName::from_static("x-next-cursor"), &next);
            }
        }
        if let Some(previous) = previous.filter(|_| self.instance.options.cursor_headers) {
            set(&mut answer, HeaderName::from_static("x-prev-cursor"), &previous.text());
        }
        answer
    }

    fn offset(&self) -> Answer {
        let Page { number, size } = self.page;
        if self.instance.options.scenario.offset_ceiling() && number.saturating_mul(size) > OFFSET_CEILING {
            return answer::offset_too_deep();
        }
        let take = self.page.take();
        let people = &self.instance.population;
        let (mut places, count) = self.listing.page(people, self.page.skip(), take.saturating_add(1), COUNTED + 1);
        let more = places.len() > take;
        places.truncate(take);
        let mut answer = self.rows(&places);
        self.page.head(&mut answer, count, more, &|replaced| self.link(replaced));
        answer
    }

    fn link(&self, replaced: &[(&str, &str)]) -> String {
        format!("{}/api/v4/users?{}", self.instance.population.external_url, self.query.echo(&DEFAULTS, replaced))
    }

    fn rows(&self, places: &[usize]) -> Answer {
        let people = &self.instance.population;
        match self.reader {
            Reader::Administrator | Reader::Auditor => {
                answer::json_pieces(StatusCode::OK, self.instance.rows.array(people, places))
            }
            Reader::Anyone => {
                let mut body = vec![b'['];
                for place in places {
                    if body.len() > 1 {
                        body.push(b',');
                    }
                    entity::write(&mut body, &people.account(*place), people, View::Basic);
                }
                body.push(b']');
                answer::json(StatusCode::OK, body)
            }
        }
    }
}
