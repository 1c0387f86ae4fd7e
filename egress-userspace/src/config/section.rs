//! One declaration of a table's keys: from it come the struct, its defaults, and its reader.

use std::ops::RangeInclusive;

use serde_spanned::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::problem::{Problem, Span, did_you_mean, list};
use super::value::{Ranged, Value, wrong_kind};

/// A table whose keys are known.
pub(super) trait Section: Default {
    /// Its header, without brackets.
    const NAME: &'static str;
    /// Every key, in the order of the reference page.
    const KEYS: &'static [&'static str];
    /// Those that must be there; `check` reports one that is not.
    const REQUIRED: &'static [&'static str];

    /// Reads each key; what is missing or wrong has its default.
    fn read_keys(table: &mut Table<'_, '_>) -> Self;

    /// Checks a table whose every key is right; `header` is where it begins.
    fn check(&self, _header: &Span, _problems: &mut Vec<Problem>) {}
}

/// Declares a [`Section`]: each key with its type, default and, where it has one, range; and a
/// function that checks the whole, if there is more to check. The doc comments are what editors show.
macro_rules! section {
    (@name r#match) => {
        "match"
    };
    (@name $key:ident) => {
        stringify!($key)
    };
    (@read $table:ident, $key:expr) => {
        $table.get($key)
    };
    (@read $table:ident, $key:expr, $range:expr) => {
        $table.get_within($key, &$range)
    };
    (@schema $type:ty) => {
        <$type as $crate::config::schema::Described>::schema()
    };
    (@schema $type:ty, $range:expr) => {
        <$type as $crate::config::schema::Bounded>::schema_within(&$range)
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis $name:ident = $header:literal $(, needs $required:ident)* $(, checked by $check:path)? {
            $(
                $(#[doc = $key_doc:literal])*
                $key:ident: $type:ty = $default:expr $(, within $range:expr)?;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $($(#[doc = $key_doc])* $vis $key: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::config::section::Section for $name {
            const NAME: &'static str = $header;
            const KEYS: &'static [&'static str] = &[
                $($crate::config::section::section!(@name $key),)*
            ];
            const REQUIRED: &'static [&'static str] = &[
                $($crate::config::section::section!(@name $required),)*
            ];

            fn read_keys(table: &mut $crate::config::section::Table<'_, '_>) -> Self {
                let default = Self::default();
                Self {
                    $(
                        $key: $crate::config::section::section!(
                            @read table,
                            $crate::config::section::section!(@name $key) $(, $range)?
                        )
                        .unwrap_or(default.$key),
                    )*
                }
            }

            $(
                fn check(
                    &self,
                    header: &$crate::config::problem::Span,
                    problems: &mut Vec<$crate::config::problem::Problem>,
                ) {
                    $check(self, header, problems);
                }
            )?
        }

        impl $crate::config::value::Value for $name {
            fn read(
                value: &serde_spanned::Spanned<toml::de::DeValue<'_>>,
                problems: &mut Vec<$crate::config::problem::Problem>,
            ) -> Option<Self> {
                $crate::config::section::read(value, problems)
            }
        }

        impl $crate::config::schema::Described for $name {
            fn schema() -> $crate::config::schema::Schema {
                let default = Self::default();
                let properties = vec![$(
                    $crate::config::schema::Property {
                        key: $crate::config::section::section!(@name $key),
                        schema: $crate::config::section::section!(@schema $type $(, $range)?),
                        docs: &[$($key_doc,)*],
                        default: $crate::config::schema::Described::written(&default.$key),
                    },
                )*];
                $crate::config::schema::Schema::table(
                    &[$($doc,)*],
                    properties,
                    <Self as $crate::config::section::Section>::REQUIRED,
                )
            }
        }
    };
}

pub(super) use section;

/// Reads a table's keys and reports those that it does not have.
pub(super) fn read<T: Section>(
    value: &Spanned<DeValue<'_>>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Some(entries) = value.get_ref().as_table() else {
        let expected = format!("a table with keys among {}", list(T::KEYS));
        problems.push(wrong_kind(value, "a table", &expected));
        return None;
    };
    Some(read_table(entries, &value.span(), problems))
}

/// Reads a table's keys; `header` is where it begins.
pub(super) fn read_table<T: Section>(
    entries: &DeTable<'_>,
    header: &Span,
    problems: &mut Vec<Problem>,
) -> T {
    let before = problems.len();
    report_unknown::<T>(entries, problems);
    let section = T::read_keys(&mut Table {
        entries,
        name: T::NAME,
        problems,
    });
    // What is missing after an error may be what was wrong.
    if problems.len() == before {
        section.check(header, problems);
    }
    section
}

fn report_unknown<T: Section>(entries: &DeTable<'_>, problems: &mut Vec<Problem>) {
    let is_unknown = |key: &&Spanned<DeString<'_>>| !T::KEYS.contains(&key.get_ref().as_ref());
    for key in entries.keys().filter(is_unknown) {
        let title = format!("unknown key `{}`", key.get_ref());
        let help = did_you_mean(key.get_ref(), T::KEYS)
            .unwrap_or_else(|| format!("known here: {}", list(T::KEYS)));
        let mut problem = Problem::new(key.span(), title, "not a key here").help(help);
        problem.key = (!T::NAME.is_empty()).then(|| T::NAME.into());
        problems.push(problem);
    }
}

/// A table that is being read.
pub(super) struct Table<'t, 'p> {
    entries: &'t DeTable<'t>,
    name: &'static str,
    problems: &'p mut Vec<Problem>,
}

impl Table<'_, '_> {
    /// The key's value; `None` if it is missing or, which is reported, wrong.
    pub(super) fn get<T: Value>(&mut self, key: &str) -> Option<T> {
        self.read(key, T::read)
    }

    /// The same for a value that has a range.
    pub(super) fn get_within<T: Ranged>(
        &mut self,
        key: &str,
        range: &RangeInclusive<T>,
    ) -> Option<T> {
        self.read(key, |value, problems| {
            T::read_within(value, range, problems)
        })
    }

    fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Spanned<DeValue<'_>>, &mut Vec<Problem>) -> Option<T>,
    ) -> Option<T> {
        let value = self.entries.get(key)?;
        let before = self.problems.len();
        let read = read(value, self.problems);
        // A table within has named its own keys.
        let unnamed = self
            .problems
            .iter_mut()
            .skip(before)
            .filter(|p| p.key.is_none());
        for problem in unnamed {
            let dot = if self.name.is_empty() { "" } else { "." };
            problem.key = Some(format!("{}{dot}{key}", self.name));
        }
        read
    }
}
