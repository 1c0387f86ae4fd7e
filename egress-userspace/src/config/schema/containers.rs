//! What may be missing, or be several, looks like what it has in it.

use std::ops::RangeInclusive;

use serde_json::Value as Json;
use serde_spanned::Spanned;

use super::{Bounded, Described, Schema};
use crate::config::value::{Given, Marked, Ranged};

impl<T: Bounded + Copy> Described for Given<T> {
    fn schema() -> Schema {
        T::schema()
    }
}

impl<T: Bounded + Copy> Bounded for Given<T> {
    fn schema_within(range: &RangeInclusive<Self>) -> Schema
    where
        Self: Ranged,
    {
        match (range.start().0, range.end().0) {
            (Some(least), Some(most)) => T::schema_within(&(least..=most)),
            _ => T::schema(),
        }
    }
}

impl<T: Described> Described for Option<Box<Spanned<T>>> {
    fn schema() -> Schema {
        T::schema()
    }
}

impl<T: Described> Described for Spanned<T> {
    fn schema() -> Schema {
        T::schema()
    }

    fn written(&self) -> Option<Json> {
        self.get_ref().written()
    }
}

impl<T: Described> Described for Marked<T> {
    fn schema() -> Schema {
        T::schema()
    }

    fn written(&self) -> Option<Json> {
        self.value.written()
    }
}

impl<T: Described> Described for Option<Spanned<T>> {
    fn schema() -> Schema {
        T::schema()
    }

    fn written(&self) -> Option<Json> {
        self.as_ref()?.written()
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema() -> Schema {
        Schema::array(T::schema())
    }

    fn written(&self) -> Option<Json> {
        self.iter().map(T::written).collect()
    }
}
