//! What stands after the `?`.

use std::str::FromStr;

/// Rows that are told without a limit: more than anyone reads, and a page of modest size.
const DEFAULT_LIMIT: usize = 1_000;

/// What of a query is not right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("unknown parameter: only {known} may be said here")]
    Key { known: &'static str },
    #[error("`limit` is a number of rows")]
    Limit,
    #[error("`sort` is `age` or `bytes`")]
    Sort,
}

/// Which connections are wanted first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// The oldest.
    #[default]
    Age,
    /// Those that moved most.
    Bytes,
}

impl FromStr for Sort {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "age" => Ok(Self::Age),
            "bytes" => Ok(Self::Bytes),
            _ => Err(Wrong::Sort),
        }
    }
}

/// Which connections are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connections {
    pub(super) limit: usize,
    pub(super) sort: Sort,
}

/// Reads `limit` and `sort`.
pub(super) fn connections(query: &str) -> Result<Connections, Wrong> {
    let mut asked = Connections {
        limit: DEFAULT_LIMIT,
        sort: Sort::default(),
    };
    for (key, value) in pairs(query) {
        match key {
            "limit" => asked.limit = value.parse().map_err(|_| Wrong::Limit)?,
            "sort" => asked.sort = value.parse()?,
            _ => {
                return Err(Wrong::Key {
                    known: "`limit` and `sort`",
                });
            }
        }
    }
    Ok(asked)
}

/// Reads `limit`.
pub(super) fn limit(query: &str) -> Result<usize, Wrong> {
    let mut limit = DEFAULT_LIMIT;
    for (key, value) in pairs(query) {
        match key {
            "limit" => limit = value.parse().map_err(|_| Wrong::Limit)?,
            _ => return Err(Wrong::Key { known: "`limit`" }),
        }
    }
    Ok(limit)
}

/// No value that is known here has a character which would be escaped.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_default_and_what_is_not_known_is_refused() {
        let asked = connections("").expect("right");
        assert_eq!((asked.limit, asked.sort), (DEFAULT_LIMIT, Sort::Age));
        let asked = connections("sort=bytes&limit=7").expect("right");
        assert_eq!((asked.limit, asked.sort), (7, Sort::Bytes));
        assert_eq!(connections("sort=name"), Err(Wrong::Sort));
        assert_eq!(connections("limit=-1"), Err(Wrong::Limit));
        assert_eq!(limit("limit=many"), Err(Wrong::Limit));
        assert!(matches!(limit("sort=age"), Err(Wrong::Key { .. })));
        assert!(matches!(connections("x"), Err(Wrong::Key { .. })));
    }
}
