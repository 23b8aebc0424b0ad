//! The figures of one measurement, each beside the bound that it is held to.
//!
//! | form | what is in it |
//! | --- | --- |
//! | table | a figure a row: value, bound, how it stands to it, and from where to where its samples go |
//! | JSON | the same with all samples, and the settings that were measured with |
//! | plot | see [`super::plot`] |
//!
//! Guarantees: a figure that has a bound and could not be measured is not within it, and one figure out of bounds is enough
//! for the sheet not to pass.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::figures::median;
use crate::bill::human_bytes;

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Bytes.
    Bytes,
    /// How many.
    Count,
    /// How many a second.
    PerSecond,
    /// How many times as much.
    Ratio,
    /// A part of a whole, 0 to 1.
    Share,
}

impl Unit {
    /// A value for people.
    #[must_use]
    #[allow(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded for people: a float becomes the nearest number of bytes there is"
    )]
    pub fn words(self, value: f64) -> String {
        match self {
            Self::Ms if value >= 100.0 => format!("{value:.0} ms"),
            Self::Ms => format!("{value:.2} ms"),
            Self::Us => format!("{value:.2} µs"),
            Self::Bytes => human_bytes(value.round() as u64),
            Self::Count if value.fract() == 0.0 => format!("{value:.0}"),
            Self::Count => format!("{value:.1}"),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Ratio => format!("{value:.2}"),
            Self::Share => format!("{:.2} %", value * 100.0),
        }
    }
}

/// What a figure is held to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// It is to be no more.
    AtMost(f64),
    /// It is to be no less.
    AtLeast(f64),
}

impl Bound {
    /// Whether a value is within it.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    /// The bound itself.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }

    /// For people, in the unit of the figure.
    #[must_use]
    pub fn words(self, unit: Unit) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", unit.words(most)),
            Self::AtLeast(least) => format!("≥ {}", unit.words(least)),
        }
    }
}

/// How a figure stands to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has none: it is only told.
    Told,
    /// Within it.
    Within,
    /// Out of it, or not known to be within.
    Broken,
}

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// For programs: `ratio_to_limit`.
    pub name: String,
    /// For people: what it is.
    pub what: String,
    /// The value; none where the machine does not tell.
    pub value: Option<f64>,
    /// Of value, bound and samples.
    pub unit: Unit,
    /// What it is held to.
    pub bound: Option<Bound>,
    /// What the value was made of, one for each round; empty for a figure that is made of others.
    pub samples: Vec<f64>,
}

impl Figure {
    /// A figure that is what it is.
    #[must_use]
    pub fn of(name: &str, what: &str, unit: Unit, value: Option<f64>) -> Self {
        Self { name: name.to_owned(), what: what.to_owned(), value, unit, bound: None, samples: Vec::new() }
    }

    /// The median of its samples; nothing of none.
    #[must_use]
    pub fn median(name: &str, what: &str, unit: Unit, samples: Vec<f64>) -> Self {
        let value = (!samples.is_empty()).then(|| median(&samples));
        Self { samples, ..Self::of(name, what, unit, value) }
    }

    /// The same, held to a bound.
    #[must_use]
    pub fn within(self, bound: Bound) -> Self {
        Self { bound: Some(bound), ..self }
    }

    /// How it stands to its bound.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match (self.bound, self.value) {
            (None, _) => Standing::Told,
            (Some(bound), Some(value)) if bound.holds(value) => Standing::Within,
            (Some(_), _) => Standing::Broken,
        }
    }

    /// The value for people.
    #[must_use]
    pub fn words(&self) -> String {
        self.value.map_or_else(|| "unknown".to_owned(), |value| self.unit.words(value))
    }

    /// From the least to the most of its samples, where these differ.
    fn spread(&self) -> String {
        let least = self.samples.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.samples.len() < 2 {
            return String::new();
        }
        format!("{} … {}", self.unit.words(least), self.unit.words(most))
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, what, value, unit, bound, samples } = self;
        json!({
            "name": name, "what": what, "value": value, "unit": unit, "bound": bound, "standing": self.standing(),
            "samples": samples,
        })
        .serialize(serializer)
    }
}

/// The figures of one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Of the subcommand, and of the files: `collect`.
    pub name: String,
    /// One line for people: what was measured, on what.
    pub title: String,
    /// What it was measured with, by name.
    pub settings: Map<String, Value>,
    /// In the order in which they are shown.
    pub figures: Vec<Figure>,
}

impl Sheet {
    /// An empty one.
    #[must_use]
    pub fn new(name: &str, title: String) -> Self {
        Self { name: name.to_owned(), title, settings: Map::new(), figures: Vec::new() }
    }

    /// The same with one setting more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a figure.
    pub fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Whether every figure is within the bound that it has.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.broken() == 0
    }

    fn broken(&self) -> usize {
        self.figures.iter().filter(|figure| figure.standing() == Standing::Broken).count()
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self { name, title, settings, figures } = self;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        json!({
            "bench": name, "title": title, "settings": settings, "processors": processors, "figures": figures,
            "passed": self.passed(),
        })
    }

    /// The verdict in one line.
    #[must_use]
    pub fn verdict(&self) -> String {
        let bounded = self.figures.iter().filter(|figure| figure.bound.is_some()).count();
        match self.broken() {
            0 => format!("within bounds: all {bounded} figures that have one"),
            broken => format!("out of bounds: {broken} of {bounded} figures that have one"),
        }
    }

    /// The cells of the table, a row for each figure: what, value, bound, mark, samples.
    #[must_use]
    pub fn rows(&self) -> Vec<[String; 5]> {
        let row = |figure: &Figure| {
            let bound = figure.bound.map_or_else(|| "–".to_owned(), |bound| bound.words(figure.unit));
            let mark = if figure.standing() == Standing::Broken { "BROKEN" } else { "" };
            [figure.what.clone(), figure.words(), bound, mark.to_owned(), figure.spread()]
        };
        self.figures.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    use serde_json::json;

    use super::{Bound, Figure, Sheet, Standing, Unit};

    fn figure(value: Option<f64>, bound: Option<Bound>) -> Figure {
        Figure { bound, ..Figure::of("time", "time", Unit::Ms, value) }
    }

    #[test]
    fn a_figure_stands_to_its_bound_and_an_unknown_one_is_not_within() {
        for (value, bound, standing) in [
            (Some(9.0), None, Standing::Told),
            (None, None, Standing::Told),
            (Some(1.3), Some(Bound::AtMost(1.3)), Standing::Within),
            (Some(1.301), Some(Bound::AtMost(1.3)), Standing::Broken),
            (Some(0.8), Some(Bound::AtLeast(0.8)), Standing::Within),
            (Some(0.799), Some(Bound::AtLeast(0.8)), Standing::Broken),
            (None, Some(Bound::AtMost(1.3)), Standing::Broken),
            (Some(f64::NAN), Some(Bound::AtMost(1.3)), Standing::Broken),
            (Some(f64::NAN), Some(Bound::AtLeast(1.3)), Standing::Broken),
        ] {
            assert_eq!(figure(value, bound).standing(), standing, "{value:?} {bound:?}");
            let mut sheet = Sheet::new("one", String::new());
            sheet.add(figure(Some(1.0), Some(Bound::AtMost(1.0))));
            sheet.add(figure(value, bound));
            assert_eq!(sheet.passed(), standing != Standing::Broken, "{value:?} {bound:?}");
        }
    }

    #[test]
    fn a_median_keeps_what_it_was_made_of() {
        let figure = Figure::median("time", "time", Unit::Ms, vec![9.0, 1.0, 2.0]).within(Bound::AtMost(1.5));
        let mut sheet = Sheet::new("one", "title".to_owned()).with("rows", 7);
        sheet.add(figure);
        assert_eq!(sheet.rows(), [["time", "2.00 ms", "≤ 1.50 ms", "BROKEN", "1.00 ms … 9.00 ms"]]);
        assert_eq!(sheet.verdict(), "out of bounds: 1 of 1 figures that have one");
        let document = sheet.to_json();
        assert_eq!(
            document["figures"][0],
            json!({
                "name": "time", "what": "time", "value": 2.0, "unit": "ms", "bound": { "at_most": 1.5 },
                "standing": "broken", "samples": [9.0, 1.0, 2.0],
            })
        );
        assert_eq!((&document["bench"], &document["passed"]), (&json!("one"), &json!(false)));
        assert_eq!(document["settings"], json!({ "rows": 7 }));
        assert_eq!(Figure::median("time", "time", Unit::Ms, vec![]).value, None);
    }

    #[test]
    fn values_are_told_in_their_unit() {
        for (unit, value, words) in [
            (Unit::Ms, 99.994, "99.99 ms"),
            (Unit::Ms, 1_234.4, "1234 ms"),
            (Unit::Us, 21.5, "21.50 µs"),
            (Unit::Bytes, 2_202_009.6, "2.10 MiB"),
            (Unit::Count, 106.0, "106"),
            (Unit::Count, 10.5, "10.5"),
            (Unit::PerSecond, 9_999.6, "10000/s"),
            (Unit::Ratio, 1.296, "1.30"),
            (Unit::Share, 0.0125, "1.25 %"),
        ] {
            assert_eq!(unit.words(value), words);
        }
    }
}
