//! By what a receiver knows that a delivery comes from this broker, was not changed and is not an old one sent again.
//!
//! The header [`HEADER`] has the value `t=<seconds>,v1=<hex>`:
//!
//! | part | is |
//! | --- | --- |
//! | `t` | when it was sent, seconds since 1970 |
//! | `v1` | HMAC-SHA256, by the webhook's key, of `t`, a full stop and the body as sent; 64 hexadecimal digits |
//!
//! A receiver computes `v1` from the bytes that it got, compares in constant time, refuses a `t` that is more than
//! [`TOLERANCE`] away, and takes an `id` that it has seen for done. [`verified`] does all but the last.

use std::fmt::Write as _;

use ring::hmac;
use time::{Duration, OffsetDateTime};

/// Name of the header.
pub const HEADER: &str = "license-broker-signature";

/// How far the clocks of sender and receiver may be apart.
pub const TOLERANCE: Duration = Duration::minutes(5);

/// The header's value for a body that is sent now. Computed anew for each attempt.
#[must_use]
pub fn signature(key: &[u8], now: OffsetDateTime, body: &str) -> String {
    let seconds = now.unix_timestamp();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), format!("{seconds}.{body}").as_bytes());
    let mut value = format!("t={seconds},v1=");
    for byte in tag.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(value, "{byte:02x}");
    }
    value
}

/// Whether the header fits the body, and is of now.
#[must_use]
pub fn verified(key: &[u8], header: &str, body: &str, now: OffsetDateTime) -> bool {
    let part = |name: &str| header.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let (Some(Ok(seconds)), Some(tag)) = (part("t").map(str::parse::<i64>), part("v1").and_then(bytes)) else {
        return false;
    };
    let apart = seconds.abs_diff(now.unix_timestamp());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    apart <= TOLERANCE.whole_seconds().unsigned_abs()
        && hmac::verify(&key, format!("{seconds}.{body}").as_bytes(), &tag).is_ok()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{TOLERANCE, signature, verified};

    /// The tag was computed with `printf '1772366400.{"a":1}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn signatures_are_those_of_other_tools() {
        assert_eq!(signature(b"key", datetime!(2026-03-01 12:00 UTC), r#"{"a":1}"#), EXPECTED);
    }

    #[test]
    fn another_body_key_time_or_form_is_refused() {
        let now = datetime!(2026-03-01 12:00 UTC);
        let header = signature(b"key", now, "body");
        assert!(verified(b"key", &header, "body", now));
        assert!(
            verified(b"key", &header, "body", now + TOLERANCE) && verified(b"key", &header, "body", now - TOLERANCE)
        );
        assert!(!verified(b"key", &header, "body", now + TOLERANCE + time::Duration::SECOND));
        assert!(!verified(b"other", &header, "body", now));
        assert!(!verified(b"key", &header, "bodY", now));
        let later = header.replace("t=1772366400", "t=1772366401");
        assert_ne!(later, header);
        assert!(!verified(b"key", &later, "body", now), "the time is signed, too");
        for broken in ["", "t=1", "v1=00", "t=x,v1=00", "t=1772366400,v1=", "t=1772366400,v1=0", "t=1772366400,v1=zz"] {
            assert!(!verified(b"key", broken, "body", now), "{broken}");
        }
    }

    const EXPECTED: &str = "t=1772366400,v1=90a64f88ebf606de162bfece044c01c80129bba6361c091018f52b4b50366e6b";
}
