//! The id of a pod.

use std::fmt;
use std::str::FromStr;

/// Digits of each group of a UUID (RFC 9562 section 4).
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Those of all.
const DIGITS: usize = 32;

/// A pod's `metadata.uid`: a UUID, of which cgroups and API may write the separators differently. A static
/// pod's is a hash of as many digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodUid(u128);

/// A text is no pod's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 hexadecimal digits, as a UUID")]
pub struct PodUidError;

impl FromStr for PodUid {
    type Err = PodUidError;

    /// As the API writes it, as systemd has it in a slice's name (with `_`), or without separators.
    fn from_str(text: &str) -> Result<Self, PodUidError> {
        let groups = text.split(['-', '_']);
        let lengths = || groups.clone().map(str::len);
        let is_hex = text.bytes().filter(u8::is_ascii_hexdigit).count() == DIGITS;
        if !is_hex || !(lengths().eq(GROUPS) || lengths().eq([DIGITS])) {
            return Err(PodUidError);
        }
        let digits: String = groups.collect();
        u128::from_str_radix(&digits, 16)
            .map(Self)
            .map_err(|_| PodUidError)
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
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
            "2c48913cb29f11e79350020968147796",
            "2C48913C-B29F-11E7-9350-020968147796",
        ] {
            assert_eq!(text.parse(), Ok(uid), "{text}");
        }
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
