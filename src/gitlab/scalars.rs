//! Single values in GitLab's answers: identifiers, days, moments, and whether a key was there at all.
//!
//! Guarantees: an [`Id`] keeps every digit, also beyond 64 bits; a [`Moment`] is UTC to the second whatever offset
//! the instance writes; [`Presence`] keeps *absent* and *null* apart, since only the second says *never*.
//!
//! Refuses a date or moment of another form: a wrong date is worse than a failed run. The forms are read and written
//! here and not by the format descriptions of `time`, which are general and add more than 30 KB to the component.

use std::cmp::Ordering;

use serde::Serialize;
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::json::{Error, Read, Reader};

/// Longest accepted identifier, in digits. GitLab's are 64-bit, that is 20.
const LONGEST_ID: usize = 40;

/// An identifier of GitLab: a positive whole number, kept as its digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// An identifier out of its digits; nothing if the text is no number without leading zeros.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let valid = !digits.is_empty()
            && digits.len() <= LONGEST_ID
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| Self(digits.to_owned()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits, kept.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without leading zeros the longer number is the larger one.
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Read for Id {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        const EXPECTED: &str = "an identifier is no positive whole number";
        if reader.peek() == Some(b'"') {
            // GraphQL: "gid://gitlab/User/42".
            return reader.text(|text| Self::parse(text.rsplit('/').next().unwrap_or(text)), EXPECTED);
        }
        let text = reader.raw()?;
        std::str::from_utf8(text).ok().and_then(Self::parse).ok_or_else(|| reader.shape(EXPECTED))
    }
}

/// A calendar day, `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Date);

impl Day {
    /// A day out of `YYYY-MM-DD`.
    fn parse(text: &[u8]) -> Option<Self> {
        let &[century, decade, of_decade, year, b'-', tens, month, b'-', tens_of_days, day] = text else { return None };
        let year = u16::from(number(century, decade)?) * 100 + u16::from(number(of_decade, year)?);
        let month = Month::try_from(number(tens, month)?).ok()?;
        Date::from_calendar_date(year.into(), month, number(tens_of_days, day)?).ok().map(Self)
    }

    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn text(self) -> String {
        written(self.bytes())
    }

    /// The same, not yet a text.
    fn bytes(self) -> [u8; 10] {
        let (year, month, day) = self.0.to_calendar_date();
        // A day is read from four digits, or is one of a clock: it has no sign.
        let year = year.unsigned_abs();
        let [c1, c2] = digits(u8::try_from(year / 100 % 100).unwrap_or(0));
        let [y1, y2] = digits(u8::try_from(year % 100).unwrap_or(0));
        let ([m1, m2], [d1, d2]) = (digits(month.into()), digits(day));
        [c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2]
    }
}

/// A number of two digits.
fn number(tens: u8, ones: u8) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

/// A number below 100 in two digits. The formatter of the standard library does the same in many times the instructions, and a page has
/// hundreds of these.
const fn digits(number: u8) -> [u8; 2] {
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// Digits and what stands between them, as a text.
fn written<const N: usize>(digits: [u8; N]) -> String {
    String::from_utf8(digits.to_vec()).unwrap_or_default()
}

/// Hours and minutes east or west of Greenwich.
fn offset(text: &[u8]) -> Option<UtcOffset> {
    let &[sign @ (b'+' | b'-'), tens, hours, b':', tens_of_minutes, minutes] = text else { return None };
    let sign = if sign == b'-' { -1 } else { 1 };
    let signed = |number: u8| i8::try_from(number).ok().map(|number| sign * number);
    UtcOffset::from_hms(signed(number(tens, hours)?)?, signed(number(tens_of_minutes, minutes)?)?, 0).ok()
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text())
    }
}

impl Read for Day {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.bytes(Self::parse, "a day is not of the form YYYY-MM-DD")
    }
}

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(OffsetDateTime);

impl Moment {
    /// A moment out of `YYYY-MM-DDThh:mm:ss`, any fraction, and `Z` or `±hh:mm`. The fraction is cut off.
    fn parse(text: &[u8]) -> Option<Self> {
        let (day, rest) = text.split_first_chunk::<10>()?;
        let (&[b'T', h1, h2, b':', m1, m2, b':', s1, s2], rest) = rest.split_first_chunk::<9>()? else { return None };
        let second = number(s1, s2)?;
        // A leap second has no place on a Unix clock; it is counted as the one before.
        let second = if second == 60 { 59 } else { second };
        let time = Time::from_hms(number(h1, h2)?, number(m1, m2)?, second).ok()?;
        let zone = match rest {
            [b'.', fraction @ ..] => {
                let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
                fraction.get(digits..).filter(|_| digits > 0)?
            }
            _ => rest,
        };
        let moment = Day::parse(day)?.0.with_time(time);
        if zone == b"Z" {
            return Some(Self(moment.assume_utc()));
        }
        // A year before the first has no form.
        moment
            .assume_offset(offset(zone)?)
            .checked_to_offset(UtcOffset::UTC)
            .filter(|moment| moment.year() >= 0)
            .map(Self)
    }

    /// A moment out of a date as HTTP headers have it, `Wed, 21 Oct 2026 07:28:00 GMT` (RFC 9110, section 5.6.7). The
    /// two obsolete forms are refused, and so is a weekday that is not that of the day.
    pub(super) fn from_http_date(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

        let (weekday, rest) = text.split_once(", ")?;
        let (day, rest) = rest.split_once(' ')?;
        let (month, rest) = rest.split_once(' ')?;
        let (year, rest) = rest.split_once(' ')?;
        let time = rest.strip_suffix(" GMT").filter(|time| time.len() == "hh:mm:ss".len())?;
        let month = MONTHS.into_iter().position(|name| name == month)? + 1;
        let moment = Self::parse(format!("{year}-{month:02}-{day}T{time}Z").as_bytes())?;
        let number = moment.0.weekday().number_days_from_monday();
        WEEKDAYS.get(usize::from(number)).is_some_and(|name| *name == weekday).then_some(moment)
    }

    /// Its UTC day, `YYYY-MM-DD`.
    #[must_use]
    pub fn day(self) -> String {
        Day(self.0.date()).text()
    }

    /// `2026-02-03T06:41:10Z`.
    #[must_use]
    pub fn text(self) -> String {
        let [c1, c2, y1, y2, dash, m1, m2, _, d1, d2] = Day(self.0.date()).bytes();
        let (hour, minute, second) = self.0.to_hms();
        let ([h1, h2], [n1, n2], [s1, s2]) = (digits(hour), digits(minute), digits(second));
        written([c1, c2, y1, y2, dash, m1, m2, dash, d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'])
    }

    /// Seconds since 1970; 0 before.
    pub(super) fn unix_seconds(self) -> u64 {
        u64::try_from(self.0.unix_timestamp()).unwrap_or(0)
    }
}

impl std::fmt::Display for Moment {
    /// `2026-02-03T06:41:10Z`.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.text())
    }
}

impl Read for Moment {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.bytes(Self::parse, "a moment is not of the form of RFC 3339")
    }
}

/// Whether a key was there, and with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence<T> {
    /// The key was not there: GitLab does not say.
    #[default]
    Absent,
    /// The key was there and `null`: GitLab says that there is none.
    Null,
    /// A value.
    Given(T),
}

impl<T> Presence<T> {
    /// The value, if there is one.
    #[must_use]
    pub fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

impl<T: Read> Read for Presence<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.null()? { Ok(Self::Null) } else { T::read(reader).map(Self::Given) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed parse is a failed test")]

    use super::*;
    use crate::gitlab::json::{from_slice, object};

    fn id(json: &str) -> Option<String> {
        from_slice::<Id>(json.as_bytes()).ok().map(|id| id.as_str().to_owned())
    }

    #[test]
    fn identifiers_keep_every_digit() {
        for digits in ["1", "9223372036854775808", "340282366920938463463374607431768211456"] {
            assert_eq!(id(digits).as_deref(), Some(digits));
        }
        assert_eq!(id("\"42\"").as_deref(), Some("42"));
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        for json in ["0", "-1", "1.5", "1e3", "null", "true", "\"a\"", "\"\"", "[1]", "\"007\""] {
            assert_eq!(id(json), None, "{json}");
        }
        assert_eq!(id(&"9".repeat(LONGEST_ID + 1)), None);
    }

    #[test]
    fn identifiers_are_ordered_as_numbers() {
        let ordered = ["2", "10", "99", "100", "18446744073709551616"].map(|digits| Id::parse(digits).unwrap());
        assert!(ordered.is_sorted());
        assert!(Id::parse("9").unwrap() < Id::parse("10").unwrap());
    }

    #[test]
    fn moments_become_utc_seconds() {
        let text = |json: &str| from_slice::<Moment>(json.as_bytes()).ok().map(|moment| moment.to_string());
        assert_eq!(text("\"2026-02-03T06:41:10.999Z\"").as_deref(), Some("2026-02-03T06:41:10Z"));
        assert_eq!(text("\"2026-02-03T00:30:00.000+02:00\"").as_deref(), Some("2026-02-02T22:30:00Z"));
        assert_eq!(text("\"2025-12-31T23:00:00-05:30\"").as_deref(), Some("2026-01-01T04:30:00Z"));
        assert_eq!(text("\"2026-06-30T23:59:60Z\"").as_deref(), Some("2026-06-30T23:59:59Z"));
        for wrong in [
            "\"2026-02-03\"",
            "\"2026-02-30T00:00:00Z\"",
            "\"2026-02-03T24:00:00Z\"",
            "\"2026-02-03T00:00:61Z\"",
            "\"2026-02-03T00:00:00\"",
            "\"2026-02-03T00:00:00.Z\"",
            "\"2026-02-03T00:00:00+0200\"",
            "\"2026-02-03T00:00:00+99:00\"",
            "\"2026-02-03T+1:00:00Z\"",
            "\"2026-02-03T0é:00:00Z\"",
            "\"0000-01-01T00:00:00+01:00\"",
            "\"9999-12-31T23:59:59-01:00\"",
            "\"\"",
            "12",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn http_dates_are_read_in_their_fixed_form_only() {
        let seconds = |text: &str| Moment::from_http_date(text).map(Moment::unix_seconds);
        for (text, unix) in [
            ("Wed, 21 Oct 2026 07:28:00 GMT", 1_792_567_680),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 29 Feb 2024 23:59:60 GMT", 1_709_251_199),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", 0),
        ] {
            assert_eq!(seconds(text), Some(unix), "{text}");
        }
        for wrong in [
            "Thu, 21 Oct 2026 07:28:00 GMT",
            "Wed, 21 Oct 2026 07:28:00 UTC",
            "Wed, 21 Oct 2026 07:28:00 +0000",
            "Wed, 21 Oct 2026 07:28:00",
            "Wed, 21 Oct 2026 07:28:00.5 GMT",
            "Wed, 21 Oct 2026 24:28:00 GMT",
            "Wed, 21 oct 2026 07:28:00 GMT",
            "Wed, 21 10 2026 07:28:00 GMT",
            "Wed 21 Oct 2026 07:28:00 GMT",
            "Wed,  21 Oct 2026 07:28:00 GMT",
            "Thu, 1 Jan 1970 00:00:00 GMT",
            "Sun, 29 Feb 2026 00:00:00 GMT",
            "Wednesday, 21-Oct-26 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2026",
            "Wed, 21 Oct 2026 07:28:00 GMT ",
            "2026-10-21T07:28:00Z",
            "é",
            "",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_are_real_days() {
        let text = |json: &str| from_slice::<Day>(json.as_bytes()).ok().map(|day| day.to_string());
        assert_eq!(text("\"2024-02-29\"").as_deref(), Some("2024-02-29"));
        for wrong in [
            "\"2026-02-29\"",
            "\"2026-2-3\"",
            "\"2026-+2-03\"",
            "\"12026-02-03\"",
            "\"é26-02-03\"",
            "\"2026-02-03T00:00:00Z\"",
            "20260203",
        ] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
    }

    object! {
        /// A row.
        pub struct Row {
            needed {}
            optional {
                /// May be missing or null.
                pub day: Presence<Day>,
            }
        }
    }

    #[test]
    fn absent_and_null_are_different() {
        let read = |json: &str| from_slice::<Row>(json.as_bytes()).unwrap().day;
        assert_eq!(read("{}"), Presence::Absent);
        assert_eq!(read("{\"day\":null}"), Presence::Null);
        assert!(matches!(read("{\"day\":\"2026-01-01\"}"), Presence::Given(_)));
    }
}
