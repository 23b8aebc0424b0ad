//! Dates and instants as GitLab writes them: days as `YYYY-MM-DD`, instants as ISO 8601 with milliseconds and `Z`, or
//! with an offset on instances that have a time zone configured.

use serde::{Serialize, Serializer};
use time::{Date, OffsetDateTime, UtcOffset};

/// A day; serialises as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) Date);

/// An instant with the offset in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) OffsetDateTime);

impl Instant {
    /// Midnight at the start of `day` in UTC, and `milliseconds` on top.
    pub(crate) fn at(day: Date, milliseconds: i64) -> Self {
        Self(day.midnight().assume_utc().saturating_add(time::Duration::milliseconds(milliseconds)))
    }

    /// The same moment, written as in central Europe in summer.
    pub(crate) fn written_in_summer_time(self) -> Self {
        Self(UtcOffset::from_hms(2, 0, 0).map_or(self.0, |offset| self.0.to_offset(offset)))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hour, minute, second, milli) = self.0.to_hms_milli();
        write!(f, "{}T{hour:02}:{minute:02}:{second:02}.{milli:03}", Day(self.0.date()))?;
        match self.0.offset().as_hms() {
            (0, 0, _) => f.write_str("Z"),
            (hours, minutes, _) => {
                let sign = if hours < 0 || minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs())
            }
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The moment as RFC 1123 text, the form of `Date` and of `RateLimit-ResetTime`.
pub(crate) fn http_date(moment: OffsetDateTime) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let moment = moment.to_offset(UtcOffset::UTC);
    let weekday = DAYS.get(usize::from(moment.weekday().number_days_from_monday())).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(u8::from(moment.month())).wrapping_sub(1)).copied().unwrap_or_default();
    let (hour, minute, second) = moment.to_hms();
    format!("{weekday}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", moment.day(), moment.year())
}

/// Read `YYYY-MM-DD` or an ISO 8601 instant, as `created_after` and `created_before` accept them. A bare day is its
/// start in UTC.
pub(crate) fn parse_moment(text: &str) -> Option<OffsetDateTime> {
    use time::format_description::well_known::{Iso8601, Rfc3339};
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(text, &Iso8601::PARSING))
        .ok()
        .or_else(|| Date::parse(text, &Iso8601::PARSING).ok().map(|day| day.midnight().assume_utc()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    #[test]
    fn instants_are_written_as_gitlab_writes_them() {
        let instant = Instant::at(date!(2026 - 02 - 03), 6 * 3_600_000 + 7);
        assert_eq!(instant.to_string(), "2026-02-03T06:00:00.007Z");
        assert_eq!(instant.written_in_summer_time().to_string(), "2026-02-03T08:00:00.007+02:00");
        assert_eq!(instant.written_in_summer_time().0, instant.0);
        assert_eq!(http_date(datetime!(2015-10-21 07:28:00 UTC)), "Wed, 21 Oct 2015 07:28:00 GMT");
    }

    #[test]
    fn moments_are_read_in_the_accepted_forms() {
        assert_eq!(parse_moment("2026-02-03"), Some(datetime!(2026-02-03 00:00 UTC)));
        assert_eq!(parse_moment("2026-02-03T04:05:06Z"), Some(datetime!(2026-02-03 04:05:06 UTC)));
        assert_eq!(parse_moment("2026-02-03T04:05:06.5+02:00"), Some(datetime!(2026-02-03 02:05:06.5 UTC)));
        assert_eq!(parse_moment("yesterday"), None);
    }
}
