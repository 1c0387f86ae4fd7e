//! A value in a table: as people read it, as programs do, and how two compare.

use std::cmp::Ordering;

use serde_json::Value;

use super::show;
use crate::types::plain;

/// A value, exact.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// It may hold anything that a client sent.
    Text(String),
    /// So many.
    Count(u64),
    /// So many bytes.
    Bytes(u64),
    /// So many in a second.
    Rate(f64),
    /// So many bytes in a second.
    ByteRate(f64),
    /// A time span in milliseconds.
    Age(u64),
    /// A moment, as RFC 3339 in UTC.
    Moment(String),
    /// It is not known.
    Unknown,
}

impl Cell {
    pub(super) fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Unknown, |text| Self::Text(text.into()))
    }

    pub(super) fn rate(rate: Option<f64>) -> Self {
        rate.map_or(Self::Unknown, Self::Rate)
    }

    pub(super) fn byte_rate(rate: Option<f64>) -> Self {
        rate.map_or(Self::Unknown, Self::ByteRate)
    }

    /// For people, and safe for a terminal.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Text(text) => plain(text),
            Self::Count(count) => count.to_string(),
            Self::Bytes(bytes) => show::bytes(*bytes),
            Self::Rate(rate) => show::rate(*rate),
            Self::ByteRate(rate) => show::byte_rate(*rate),
            Self::Age(millis) => show::age(*millis),
            Self::Moment(time) => plain(show::moment(time)),
            Self::Unknown => "-".into(),
        }
    }

    /// For programs: numbers in whole units.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Moment(text) => text.as_str().into(),
            Self::Count(number) | Self::Bytes(number) | Self::Age(number) => (*number).into(),
            Self::Rate(rate) | Self::ByteRate(rate) => show::rounded(*rate).into(),
            Self::Unknown => Value::Null,
        }
    }

    /// From small to large. What is not known is the smallest; cells of one column are alike otherwise.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) | (Self::Moment(a), Self::Moment(b)) => a.cmp(b),
            (Self::Count(a), Self::Count(b))
            | (Self::Bytes(a), Self::Bytes(b))
            | (Self::Age(a), Self::Age(b)) => a.cmp(b),
            (Self::Rate(a), Self::Rate(b)) | (Self::ByteRate(a), Self::ByteRate(b)) => {
                a.total_cmp(b)
            }
            _ => self.kind().cmp(&other.kind()),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Text(_) => 1,
            Self::Count(_) => 2,
            Self::Bytes(_) => 3,
            Self::Rate(_) => 4,
            Self::ByteRate(_) => 5,
            Self::Age(_) => 6,
            Self::Moment(_) => 7,
        }
    }
}
