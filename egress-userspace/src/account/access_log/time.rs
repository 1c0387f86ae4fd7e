//! Times as RFC 3339 writes them, in UTC.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// Bytes of a text, of a year before 10000.
const LENGTH: usize = "1970-01-01T00:00:00.000Z".len();
const SECONDS_PER_DAY: u64 = 86_400;
/// Days from 1 March of the year 0 to the Unix epoch.
const EPOCH_FROM_MARCH_0: u64 = 719_468;
/// Days in 400 years, after which the Gregorian calendar repeats.
const DAYS_PER_ERA: u64 = 146_097;

/// A moment since 1970 and before 10000, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    millis: u64,
}

impl From<SystemTime> for Timestamp {
    /// A clock that is set before 1970 reads as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::from(since.subsec_millis());
        Self {
            millis: since.as_secs().saturating_mul(1_000).saturating_add(millis),
        }
    }
}

impl Timestamp {
    /// Adds its text, without a formatter: each line of the access log has one.
    pub(super) fn write(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.text());
    }

    fn text(self) -> [u8; LENGTH] {
        let (year, month, day) = civil(self.seconds() / SECONDS_PER_DAY);
        let (hour, minute, second) = self.clock();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        // From the last digit on, with what stands between two numbers passed over.
        let mut places = text.iter_mut().rev();
        for (count, mut value) in [
            (3, self.millis % 1_000),
            (2, second),
            (2, minute),
            (2, hour),
            (2, day),
            (2, month),
            (4, year),
        ] {
            places.next();
            for place in places.by_ref().take(count) {
                let [digit, ..] = (value % 10).to_le_bytes();
                *place = b'0' + digit;
                value /= 10;
            }
        }
        text
    }

    /// Since 1970.
    #[cfg(feature = "otel")]
    pub(super) fn nanos(self) -> u64 {
        self.millis.saturating_mul(1_000_000)
    }

    fn seconds(self) -> u64 {
        self.millis / 1_000
    }

    /// Hour, minute and second.
    fn clock(self) -> (u64, u64, u64) {
        let seconds = self.seconds() % SECONDS_PER_DAY;
        (seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    /// Reads exactly what is written: `1970-01-01T00:00:00.000Z`, of a day that there is.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let number = |at: Range<usize>| -> Result<u64, NotATime> {
            let digits = text.get(at).ok_or(NotATime)?;
            let all = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| all).ok_or(NotATime)
        };
        let days = days(number(0..4)?, number(5..7)?, number(8..10)?).ok_or(NotATime)?;
        let seconds = number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?;
        let millis = (days * SECONDS_PER_DAY + seconds) * 1_000 + number(20..23)?;
        let time = Self { millis };
        // What is written otherwise, such as a 61st second, is written differently again.
        let same = time.to_string() == text;
        same.then_some(time).ok_or(NotATime)
    }
}

/// A text that is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time such as 2024-02-29T12:34:56.007Z")]
pub struct NotATime;

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Year, month and day, from days since the epoch (Howard Hinnant, "chrono-compatible low-level date
/// algorithms"). Years begin in March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_FROM_MARCH_0;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// Days since the epoch: the inverse of [`civil`]. `None` for what is before it, and for no month.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let from_march = (month + 9) % 12;
    let day = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let (era, year) = (year / 400, year % 400);
    let days = era * DAYS_PER_ERA + year * 365 + year / 4 - year / 100 + day;
    days.checked_sub(EPOCH_FROM_MARCH_0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn known_moments_are_written_as_date_writes_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_210_096_007, "2024-02-29T12:34:56.007Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (1_740_787_200_000, "2025-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(Timestamp::from(time).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from(time)));
        }
    }

    #[test]
    fn only_what_is_written_is_read() {
        for text in [
            "",
            "2024-02-30T00:00:00.000Z",
            "2023-02-29T00:00:00.000Z",
            "2024-13-01T00:00:00.000Z",
            "2024-00-01T00:00:00.000Z",
            "2024-01-00T00:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
            "2024-01-01T24:00:00.000Z",
            "2024-01-01T00:00:60.000Z",
            "2024-01-01T00:00:00.000+00:00",
            "2024-01-01 00:00:00.000Z",
            "2024-01-01T00:00:00Z",
            "2024-01-01T00:00:00.0000Z",
            "+024-01-01T00:00:00.000Z",
            "2024-01-01T00:00:00.\u{e9}0Z",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATime), "{text}");
        }
    }
}
