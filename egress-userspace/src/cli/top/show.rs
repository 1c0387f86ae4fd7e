//! Values as people read them, in few characters and without spaces, so that columns stay columns in a pipe.

/// Prefixes of bytes: each is 1000 of the one before it, as network speeds have it.
const PREFIXES: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// What is left out of a moment, and where it ends.
const YEAR: &str = "2026-";
const TO_THE_MINUTE: &str = "2026-11-27T13:02";
const TO_THE_SECOND: &str = "2026-11-27T13:02:29";

/// Bytes with three digits: `999B`, `1.50MB`.
pub(super) fn bytes(bytes: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "three digits are shown, and f64 has fifteen"
    )]
    let bytes = bytes as f64;
    scaled(bytes)
}

/// Bytes in a second: `1.50MB/s`.
pub(super) fn byte_rate(rate: f64) -> String {
    format!("{}/s", scaled(rate))
}

/// Events in a second; a few are shown with a decimal.
pub(super) fn rate(rate: f64) -> String {
    if rate == 0.0 {
        "0/s".into()
    } else if rate < 10.0 {
        format!("{rate:.1}/s")
    } else {
        format!("{rate:.0}/s")
    }
}

/// To a thousandth: a look's moment is known no better.
pub(super) fn rounded(rate: f64) -> f64 {
    (rate * 1e3).round() / 1e3
}

/// The two largest units: `850ms`, `12s`, `3m04s`, `5h20m`, `3d4h`.
pub(super) fn age(millis: u64) -> String {
    let seconds = millis / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (seconds, minutes, hours, days) {
        (0, ..) => format!("{millis}ms"),
        (_, 0, ..) => format!("{seconds}s"),
        (_, _, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (_, _, _, 0) => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// RFC 3339 down to the second, without its year and zone: `11-27T13:02:29`.
pub(super) fn moment(time: &str) -> &str {
    time.get(YEAR.len()..TO_THE_SECOND.len()).unwrap_or(time)
}

/// The same down to the minute: `11-27T13:02`.
pub(super) fn to_the_minute(time: &str) -> &str {
    time.get(YEAR.len()..TO_THE_MINUTE.len()).unwrap_or(time)
}

fn scaled(value: f64) -> String {
    let mut value = value;
    let mut prefixes = PREFIXES.iter();
    let mut prefix = prefixes.next().copied().unwrap_or_default();
    // What would be rounded to four digits has the next prefix.
    while value >= 999.5 {
        let Some(next) = prefixes.next() else { break };
        value /= 1_000.0;
        prefix = next;
    }
    let digits = match value {
        _ if prefix == "B" => 0,
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        for (count, shown) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1.00kB"),
            (9_994, "9.99kB"),
            (9_996, "10.0kB"),
            (999_499, "999kB"),
            (999_500, "1.00MB"),
            (1_500_000_000, "1.50GB"),
            (u64::MAX, "18447PB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }

    #[test]
    fn rates_are_told_per_second() {
        assert_eq!(byte_rate(0.4), "0B/s");
        assert_eq!(byte_rate(12_345.6), "12.3kB/s");
        assert_eq!(
            [rate(0.0), rate(0.25), rate(12.6)],
            ["0/s", "0.2/s", "13/s"]
        );
    }

    #[test]
    fn ages_have_two_units() {
        for (millis, shown) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (184_000, "3m04s"),
            (19_200_000, "5h20m"),
            (273_600_000, "3d4h"),
        ] {
            assert_eq!(age(millis), shown);
        }
    }

    #[test]
    fn a_moment_is_cut_and_what_is_none_is_not() {
        assert_eq!(moment("2026-11-27T13:02:29.123Z"), "11-27T13:02:29");
        assert_eq!(moment("now"), "now");
    }
}
