//! How a value of each type is read.

use std::fmt;
use std::num::NonZeroU16;
use std::ops::RangeInclusive;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::Problem;

/// A type that a value of the file can be read as.
pub(super) trait Value: Sized {
    /// Reads the value, or reports everything that is wrong with it.
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self>;
}

/// A type whose values have an order.
pub(super) trait Ranged: Value + PartialOrd {
    /// As it is written in the file.
    fn show(&self) -> String;

    /// Reads a value, or reports that it is not in `range`.
    fn read_within(
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<Self>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let read = Self::read(value, problems)?;
        if range.contains(&read) {
            return Some(read);
        }
        problems.push(out_of_range(value, &read.show(), range));
        None
    }
}

/// The problem of a value that is not in `range`.
fn out_of_range<T: Ranged>(
    value: &Spanned<DeValue<'_>>,
    shown: &str,
    range: &RangeInclusive<T>,
) -> Problem {
    let label = format!(
        "expected {} to {}",
        range.start().show(),
        range.end().show()
    );
    Problem::new(value.span(), format!("{shown} is out of range"), label)
}

/// Why a string is not a value.
pub(super) struct Reject {
    title: String,
    help: Option<String>,
}

impl Reject {
    pub(super) fn new(title: impl fmt::Display) -> Self {
        Self {
            title: title.to_string(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

/// Reads a value that is written as a string; `expected` completes "expected …".
pub(super) fn string<T>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
    expected: &str,
    parse: impl FnOnce(&str) -> Result<T, Reject>,
) -> Option<T> {
    let Some(text) = value.get_ref().as_str() else {
        problems.push(wrong_kind(value, "a string", expected));
        return None;
    };
    match parse(text) {
        Ok(parsed) => Some(parsed),
        Err(Reject { title, help }) => {
            let problem = Problem::new(value.span(), title, format!("expected {expected}"));
            problems.push(problem.maybe_help(help));
            None
        }
    }
}

/// The problem of a value of another kind than the one that is wanted.
pub(super) fn wrong_kind(value: &Spanned<DeValue<'_>>, wanted: &str, expected: &str) -> Problem {
    let title = format!("{} where {wanted} is wanted", kind(value.get_ref()));
    Problem::new(value.span(), title, format!("expected {expected}"))
}

/// What a value is, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

impl<T: Value> Value for Spanned<T> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        Some(Self::new(value.span(), T::read(value, problems)?))
    }
}

/// A value, and whether nothing in it was wrong. What is missing from one that is not whole may be
/// what was wrong, and so proves nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Marked<T> {
    pub(super) value: T,
    pub(super) whole: bool,
}

impl<T: Value> Value for Marked<T> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let value = T::read(value, problems)?;
        Some(Self {
            value,
            whole: problems.len() == before,
        })
    }
}

/// A key that may be missing: one that is there has a value.
impl<T: Value> Value for Option<Spanned<T>> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        Value::read(value, problems).map(Some)
    }
}

/// The same for what is large and hardly ever there.
impl<T: Value> Value for Option<Box<Spanned<T>>> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        Value::read(value, problems).map(|value| Some(Box::new(value)))
    }
}

/// A key that may be missing, and has a range.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Given<T>(pub(super) Option<T>);

/// The range of a key that may be missing.
pub(super) fn given<T>(range: RangeInclusive<T>) -> RangeInclusive<Given<T>> {
    let (least, most) = range.into_inner();
    Given(Some(least))..=Given(Some(most))
}

impl<T: Value> Value for Given<T> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        T::read(value, problems).map(|value| Self(Some(value)))
    }
}

impl<T: Ranged + Copy> Ranged for Given<T> {
    fn show(&self) -> String {
        self.0.as_ref().map(T::show).unwrap_or_default()
    }

    fn read_within(
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<Self>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let read = match (range.start().0, range.end().0) {
            (Some(least), Some(most)) => T::read_within(value, &(least..=most), problems),
            _ => T::read(value, problems),
        };
        read.map(|value| Self(Some(value)))
    }
}

impl<T: Value> Value for Vec<T> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let Some(items) = value.get_ref().as_array() else {
            let help = match value.get_ref() {
                DeValue::String(text) => Some(format!("write [\"{}\"]", text.escape_debug())),
                DeValue::Table(_) => Some("a header is in double brackets: [[…]]".into()),
                _ => None,
            };
            let problem = wrong_kind(value, "an array", "an array: `[…]`");
            problems.push(problem.maybe_help(help));
            return None;
        };
        // A large registry is mostly arrays of one item: growing would take room for four.
        let mut read = Self::with_capacity(items.len());
        read.extend(items.iter().filter_map(|item| T::read(item, problems)));
        Some(read)
    }
}

/// The whole number in `value`, if it is one.
pub(super) fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
                Self::read_within(value, &(Self::MIN..=Self::MAX), problems)
            }
        }

        impl Ranged for $type {
            fn show(&self) -> String {
                self.to_string()
            }

            /// One step, so that a number too large for the type is told its true range.
            fn read_within(
                value: &Spanned<DeValue<'_>>,
                range: &RangeInclusive<Self>,
                problems: &mut Vec<Problem>,
            ) -> Option<Self> {
                let Some(number) = integer(value.get_ref()) else {
                    let expected = format!("{} to {}", range.start(), range.end());
                    problems.push(wrong_kind(value, "a whole number", &expected));
                    return None;
                };
                let fitting = Self::try_from(number).ok().filter(|n| range.contains(n));
                if fitting.is_none() {
                    problems.push(out_of_range(value, &number.to_string(), range));
                }
                fitting
            }
        }
    )*};
}

integers!(u8, u16, u32, u64);

impl Value for bool {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            problems.push(wrong_kind(value, "true or false", "`true` or `false`"));
        }
        read
    }
}

/// A port.
impl Value for NonZeroU16 {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let port = u16::read_within(value, &(1..=u16::MAX), problems)?;
        Self::new(port)
    }
}
