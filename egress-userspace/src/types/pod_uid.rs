//! The id of a pod.

use std::fmt;
use std::str::FromStr;

/// Digits of each group of a UUID (RFC 9562 section 4).
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Those of all.
const DIGITS: usize = 32;

/// What a pod is told by: its `metadata.uid`, a UUID whose separators cgroups and API write differently; or, of
/// a static pod, the hash of its manifest, as many digits without separators.
///
/// A hash is never a UUID, whatever its digits: a pod's annotations, in which the API has the hash, are the
/// tenant's own to write, and must not make it another pod.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PodUid {
    /// Of the API.
    Uuid(u128),
    /// Of a static pod's manifest.
    Hash(u128),
}

/// A text is no pod's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 hexadecimal digits, as a UUID")]
pub struct PodUidError;

impl FromStr for PodUid {
    type Err = PodUidError;

    /// As the API writes it, or as systemd has it in a slice's name (with `_`); without separators it is a hash.
    fn from_str(text: &str) -> Result<Self, PodUidError> {
        let lengths = || text.split(['-', '_']).map(str::len);
        let digits = || text.chars().filter_map(|char| char.to_digit(16));
        if digits().count() != DIGITS {
            return Err(PodUidError);
        }
        let number = digits().fold(0, |number, digit| number << 4 | u128::from(digit));
        // With all the digits there is no room in the groups for anything else.
        if lengths().eq(GROUPS) {
            Ok(Self::Uuid(number))
        } else if text.len() == DIGITS {
            Ok(Self::Hash(number))
        } else {
            Err(PodUidError)
        }
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Uuid(number) => number,
            Self::Hash(number) => return write!(f, "{number:032x}"),
        };
        let digits = format!("{number:032x}");
        let mut rest = digits.as_str();
        for (index, length) in GROUPS.into_iter().enumerate() {
            let (group, after) = rest.split_at(length);
            let separator = if index == 0 { "" } else { "-" };
            write!(f, "{separator}{group}")?;
            rest = after;
        }
        Ok(())
    }
}

impl fmt::Debug for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_written_it_is_the_same_pod() {
        let api = "2c48913c-b29f-11e7-9350-020968147796";
        let uid: PodUid = api.parse().expect("a uid");
        assert_eq!(uid.to_string(), api);
        for text in [
            "2c48913c_b29f_11e7_9350_020968147796",
            "2C48913C-B29F-11E7-9350-020968147796",
        ] {
            assert_eq!(text.parse(), Ok(uid), "{text}");
        }
    }

    #[test]
    fn a_hash_is_no_uuid_of_the_same_digits() {
        let hash = "2c48913cb29f11e79350020968147796";
        let uid: PodUid = hash.parse().expect("a hash");
        assert_eq!(uid.to_string(), hash);
        assert_ne!("2c48913c-b29f-11e7-9350-020968147796".parse(), Ok(uid));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "2c48913c-b29f-11e7-9350-02096814779",
            "2c48913c-b29f-11e7-9350-0209681477966",
            "2c48913cb29f-11e7-9350-020968147796",
            "2c48913c--b29f-11e7-9350-02096814779",
            "2c48913cb29f11e7935002096814779g",
            "-2c48913cb29f11e79350020968147796---",
            "2c48913c-b29f-11e7-9350-0209681477é",
        ] {
            assert_eq!(text.parse::<PodUid>(), Err(PodUidError), "{text}");
        }
    }
}
