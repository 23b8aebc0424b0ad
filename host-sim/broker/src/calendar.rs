//! Days and instants as the store writes them: text that sorts as the time does.
//!
//! | | form |
//! | --- | --- |
//! | day | `YYYY-MM-DD`, in UTC |
//! | instant | `YYYY-MM-DDTHH:MM:SSZ`, in UTC, to the second |

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

/// The day as text.
#[must_use]
pub fn day_text(day: Date) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

/// The instant as text; parts of a second are dropped.
#[must_use]
pub fn instant_text(instant: OffsetDateTime) -> String {
    let utc = instant.to_offset(UtcOffset::UTC);
    let (hour, minute, second) = utc.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", day_text(utc.date()))
}

/// The day of a day or of an instant, whatever its offset is written as; none if it is neither.
#[must_use]
pub fn day_of(text: &str) -> Option<Date> {
    let format = format_description!("[year]-[month]-[day]");
    Date::parse(text, format).ok().or_else(|| parse_instant(text).map(OffsetDateTime::date))
}

/// The instant in UTC; none if it is none.
#[must_use]
pub fn parse_instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|instant| instant.to_offset(UtcOffset::UTC))
}

#[cfg(test)]
mod tests {
    use time::macros::{date, datetime};

    use super::{day_of, day_text, instant_text, parse_instant};

    #[test]
    fn instants_are_in_utc_whatever_they_came_in() {
        assert_eq!(day_text(date!(2026 - 02 - 03)), "2026-02-03");
        assert_eq!(instant_text(datetime!(2026-02-03 00:30:15.9 +2)), "2026-02-02T22:30:15Z");
        assert_eq!(day_of("2026-02-03T00:30:00+02:00"), Some(date!(2026 - 02 - 02)));
        assert_eq!(day_of("2026-02-03"), Some(date!(2026 - 02 - 03)));
        assert_eq!(parse_instant("2026-02-03T00:30:00.25Z"), Some(datetime!(2026-02-03 00:30:00.25 UTC)));
        for text in ["", "2026-02-30", "yesterday", "2026-02-03T"] {
            assert_eq!((day_of(text), parse_instant(text)), (None, None), "{text}");
        }
    }
}
