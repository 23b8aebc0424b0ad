//! A sheet as a picture: a strip for each figure, on a scale of its own from zero.
//!
//! ```text
//! wall time                 |▒▒▒▒▒▒▒▒▒▒·▒·▒▒·      ┃       1234 ms, ≤ 1500 ms
//!                                     samples    bound
//! ```
//!
//! Guarantees: the same sheet makes the same picture, byte for byte; words are written as text, so they can be searched and
//! are escaped.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::sheet::{Bound, Figure, Sheet, Standing};

/// Pixels.
const WIDTH: u32 = 1_100;
const STRIP: u32 = 34;
const HEAD: u32 = 64;
const FOOT: u32 = 18;
/// Where strips begin and end; left of it is what a figure is, right of it its value.
const LEFT: i32 = 400;
const RIGHT: i32 = 810;

const WITHIN: RGBColor = RGBColor(0x3b, 0x82, 0x5f);
const BROKEN: RGBColor = RGBColor(0xc2, 0x3b, 0x3b);
const TOLD: RGBColor = RGBColor(0x7a, 0x8a, 0x9a);
const WORDS: RGBColor = RGBColor(0x22, 0x2a, 0x33);

/// Most characters of what a figure is.
const LONGEST: usize = 62;

/// The picture as SVG.
///
/// # Errors
/// What the drawing library says. It fails on no sheet that is known.
pub fn svg(sheet: &Sheet) -> Result<String, String> {
    let strips = u32::try_from(sheet.figures.len()).unwrap_or(u32::MAX);
    let height = STRIP.saturating_mul(strips).saturating_add(HEAD + FOOT);
    let mut picture = String::new();
    {
        let root = SVGBackend::with_string(&mut picture, (WIDTH, height)).into_drawing_area();
        draw(&root, sheet).map_err(|error| error.to_string())?;
        root.present().map_err(|error| error.to_string())?;
    }
    Ok(picture)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn style(size: i32, colour: RGBColor, side: HPos) -> TextStyle<'static> {
    TextStyle {
        font: ("sans-serif", size).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(side, VPos::Center),
    }
}

fn draw<'a>(root: &Area<'a>, sheet: &Sheet) -> Drawn<'a> {
    root.fill(&WHITE)?;
    let colour = if sheet.passed() { WITHIN } else { BROKEN };
    root.draw(&Text::new(sheet.title.clone(), (16, 20), style(16, WORDS, HPos::Left)))?;
    root.draw(&Text::new(sheet.verdict(), (16, 44), style(13, colour, HPos::Left)))?;
    let mut top = pixels(HEAD);
    for figure in &sheet.figures {
        strip(root, figure, top + pixels(STRIP) / 2)?;
        top += pixels(STRIP);
    }
    Ok(())
}

fn strip<'a>(root: &Area<'a>, figure: &Figure, middle: i32) -> Drawn<'a> {
    let colour = match figure.standing() {
        Standing::Within => WITHIN,
        Standing::Broken => BROKEN,
        Standing::Told => TOLD,
    };
    let mut what: String = figure.what.chars().take(LONGEST).collect();
    if what.len() < figure.what.len() {
        what.push('…');
    }
    root.draw(&Text::new(what, (LEFT - 12, middle), style(13, WORDS, HPos::Right)))?;
    let bound = figure.bound.map(Bound::value);
    let all = figure.samples.iter().copied().chain(figure.value).chain(bound);
    let most = all.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let at = |value: f64| LEFT + part(value, most, RIGHT - LEFT);
    root.draw(&Rectangle::new([(LEFT, middle - 9), (RIGHT, middle + 9)], RGBColor(0xf1, 0xf3, 0xf5).filled()))?;
    if let Some(value) = figure.value {
        root.draw(&Rectangle::new([(LEFT, middle - 9), (at(value), middle + 9)], colour.mix(0.55).filled()))?;
    }
    for sample in &figure.samples {
        root.draw(&Circle::new((at(*sample), middle), 3, colour.stroke_width(1)))?;
    }
    if let Some(bound) = bound {
        let line = vec![(at(bound), middle - 13), (at(bound), middle + 13)];
        root.draw(&PathElement::new(line, WORDS.stroke_width(2)))?;
    }
    let bound = figure.bound.map(|bound| format!(", {}", bound.words(figure.unit))).unwrap_or_default();
    let value = format!("{}{bound}", figure.words());
    root.draw(&Text::new(value, (RIGHT + 12, middle), style(13, colour, HPos::Left)))
}

/// So many of `of` pixels as `value` is of `most`; none of what is no number.
#[allow(clippy::as_conversions, clippy::cast_possible_truncation, reason = "between 0 and the width of a strip")]
fn part(value: f64, most: f64, of: i32) -> i32 {
    let part = if most > 0.0 && value.is_finite() { (value / most).clamp(0.0, 1.0) } else { 0.0 };
    (part * f64::from(of)).round() as i32
}

fn pixels(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::sheet::{Bound, Figure, Sheet, Unit};
    use super::{BROKEN, TOLD, WITHIN, part, svg};

    fn sheet(value: Option<f64>, bound: Option<Bound>) -> Sheet {
        let mut sheet = Sheet::new("one", "a <title> & more".to_owned());
        let figure = Figure { value, bound, ..Figure::median("f", "a <figure>", Unit::Ratio, vec![1.0, 2.0, 3.0]) };
        sheet.add(figure);
        sheet
    }

    #[test]
    fn a_picture_shows_figure_samples_and_bound() {
        for (value, bound, colour, words) in [
            (Some(2.0), Some(Bound::AtMost(4.0)), WITHIN, "2.00, ≤ 4.00"),
            (Some(2.0), Some(Bound::AtLeast(4.0)), BROKEN, "2.00, ≥ 4.00"),
            (None, Some(Bound::AtMost(4.0)), BROKEN, "unknown, ≤ 4.00"),
            (Some(2.0), None, TOLD, "2.00"),
        ] {
            let picture = svg(&sheet(value, bound)).unwrap();
            assert_eq!(picture, svg(&sheet(value, bound)).unwrap());
            assert_eq!(picture.matches("<circle").count(), 3, "{picture}");
            assert_eq!(picture.matches("<polyline").count(), usize::from(bound.is_some()), "{picture}");
            let hex = format!("{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2);
            assert!(picture.contains(&hex) && picture.contains(words), "{picture}");
            assert!(picture.contains("a &lt;title&gt; &amp; more") && !picture.contains("<figure>"), "{picture}");
        }
    }

    #[test]
    fn a_scale_begins_at_zero_and_ends_with_the_largest() {
        assert_eq!([part(0.0, 4.0, 100), part(2.0, 4.0, 100), part(4.0, 4.0, 100)], [0, 50, 100]);
        assert_eq!([part(9.0, 0.0, 100), part(f64::NAN, 1.0, 100), part(-3.0, 4.0, 100)], [0, 0, 0]);
        // Nothing measured, and nothing to draw.
        assert!(svg(&Sheet::new("none", String::new())).unwrap().contains("all 0 figures"));
    }
}
