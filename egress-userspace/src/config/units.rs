//! Durations and sizes, a number with its unit; and fractions, without.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::Problem;
use super::value::{Ranged, Reject, Value, integer, string, wrong_kind};
use crate::types::OnRevoke;

/// What a duration looks like, for messages.
const DURATION: &str = "a duration such as \"250ms\", \"5s\", \"1m30s\" or \"1h\"";
/// What a size looks like, for messages.
const SIZE: &str = "a size such as 16384, \"64KiB\" or \"1GiB\"";

/// Units of time, in milliseconds.
const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
/// Units of size, in bytes.
const SIZES: [(&str, u64); 4] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(usize);

impl ByteSize {
    /// `n` × 1024 bytes.
    pub const fn kib(n: usize) -> Self {
        Self(n << 10)
    }

    /// `n` × 1024² bytes.
    pub const fn mib(n: usize) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Fraction(f64);

impl Fraction {
    /// Nothing.
    pub const NONE: Self = Self(0.0);
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// From 0 to 1.
    pub fn share(self) -> f64 {
        self.0
    }
}

impl Value for Fraction {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = match value.get_ref() {
            DeValue::Float(float) => Some(float.as_str().to_owned()),
            other => integer(other).map(|whole| whole.to_string()),
        };
        let number = text.and_then(|text| text.parse().ok());
        if number.is_none() {
            problems.push(wrong_kind(value, "a number", "0.0 to 1.0"));
        }
        number.map(Self)
    }
}

impl Ranged for Fraction {
    /// With a point, as TOML has it. What is no number is in no range.
    fn show(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Reads a duration as a configuration has it, such as `1m30s`.
pub fn duration(text: &str) -> Option<Duration> {
    sum(text, &TIMES).map(Duration::from_millis)
}

impl Value for Duration {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        if let Some(number) = integer(value.get_ref()) {
            let title = format!("{number} has no unit");
            let problem = Problem::new(value.span(), title, format!("expected {DURATION}"));
            problems.push(problem.help(format!("for seconds, write \"{number}s\"")));
            return None;
        }
        string(value, problems, DURATION, |text| {
            let millis = sum(text, &TIMES)
                .ok_or_else(|| Reject::new(format!("{text:?} is not a duration")))?;
            Ok(Self::from_millis(millis))
        })
    }
}

/// A bound on time that can be off: `"0s"`.
impl Value for Option<Duration> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let duration = Duration::read(value, problems)?;
        Some((!duration.is_zero()).then_some(duration))
    }
}

impl Ranged for Option<Duration> {
    fn show(&self) -> String {
        self.unwrap_or_default().show()
    }
}

impl Ranged for Duration {
    fn show(&self) -> String {
        let millis = self.as_millis();
        let exact = TIMES
            .iter()
            .rev()
            .find(|(_, unit)| millis.is_multiple_of(u128::from(*unit)));
        let (unit, size) = exact.copied().unwrap_or(("ms", 1));
        if millis == 0 {
            "0s".into()
        } else {
            format!("{}{unit}", millis / u128::from(size))
        }
    }
}

/// When an administrator takes a permission back, half a second is as good as none, and a connection
/// that goes on for more than an hour has not been ended.
const DRAIN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);

impl Value for OnRevoke {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "\"close\", \"keep\" or \"drain(30s)\"";
        string(value, problems, expected, |text| {
            match text {
                "close" => return Ok(Self::Close),
                "keep" => return Ok(Self::Keep),
                "drain" => return Err(Reject::new("\"drain\" does not say for how long")),
                _ => {}
            }
            let inner = text
                .strip_prefix("drain(")
                .and_then(|t| t.strip_suffix(')'))
                .ok_or_else(|| Reject::new(format!("unknown value {text:?}")))?;
            let millis = sum(inner, &TIMES)
                .ok_or_else(|| Reject::new(format!("{inner:?} is not a duration")))?;
            let drain = Duration::from_millis(millis);
            if DRAIN.contains(&drain) {
                return Ok(Self::Drain(drain));
            }
            let (least, most) = (DRAIN.start().show(), DRAIN.end().show());
            let reject = Reject::new(format!("{} is out of range", drain.show()));
            Err(reject.help(format!("a drain lasts {least} to {most}")))
        })
    }
}

impl Value for ByteSize {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        if let Some(number) = integer(value.get_ref()) {
            let bytes = usize::try_from(number).ok().map(Self);
            if bytes.is_none() {
                let title = format!("{number} is not a size");
                problems.push(Problem::new(
                    value.span(),
                    title,
                    format!("expected {SIZE}"),
                ));
            }
            return bytes;
        }
        string(value, problems, SIZE, |text| {
            let bytes = sum(text, &SIZES).and_then(|bytes| usize::try_from(bytes).ok());
            bytes
                .map(Self)
                .ok_or_else(|| Reject::new(format!("{text:?} is not a size")))
        })
    }
}

impl Ranged for ByteSize {
    fn show(&self) -> String {
        let bytes = self.0 as u64;
        let exact = SIZES
            .iter()
            .rev()
            .find(|(_, unit)| bytes.is_multiple_of(*unit));
        let (unit, size) = exact.copied().unwrap_or(("B", 1));
        format!("{}{unit}", bytes / size)
    }
}

/// The sum of one or more numbers, each with its unit; `None` if it is not that, or too large.
fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*size)?)?;
        if tail.is_empty() {
            return Some(sum);
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_numbers_with_units() {
        for (text, millis) in [("250ms", 250), ("5s", 5000), ("1m30s", 90_000), ("0s", 0)] {
            assert_eq!(sum(text, &TIMES), Some(millis), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5s5",
            "1.5s",
            "5sec",
            "5d",
            "99999999999999999h",
        ] {
            assert_eq!(sum(text, &TIMES), None, "{text}");
        }
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        for text in ["250ms", "5s", "90s", "2m", "1h", "0s"] {
            let shown = Duration::from_millis(sum(text, &TIMES).expect("a duration")).show();
            assert_eq!(shown, text);
        }
        for text in ["1000B", "1KiB", "64MiB", "3GiB"] {
            let bytes = sum(text, &SIZES).and_then(|bytes| bytes.try_into().ok());
            assert_eq!(ByteSize(bytes.expect("a size")).show(), text);
        }
    }
}
