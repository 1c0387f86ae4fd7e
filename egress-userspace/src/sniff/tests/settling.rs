//! What holds for all bytes: an answer, once given, stays.

use crate::sniff::{Wait, detect};
use crate::types::Claim;

/// The claim of `bytes`, after checking it against that of every prefix: undecided until it is known,
/// and the same from then on.
pub(super) fn settle(bytes: &[u8], cap: usize) -> Result<Claim, Wait> {
    let whole = detect(bytes, cap);
    let mut answer = None;
    for end in 0..bytes.len() {
        let (prefix, _) = bytes.split_at(end);
        match (detect(prefix, cap), &answer) {
            (Err(_), None) => {}
            (Ok(claim), None) => answer = Some(claim),
            (now, Some(earlier)) => assert_eq!(now.as_ref(), Ok(earlier), "at {end}: {bytes:x?}"),
        }
    }
    if let Some(earlier) = answer {
        assert_eq!(whole.as_ref(), Ok(&earlier), "{bytes:x?}");
    }
    whole
}

/// The claim as it is found byte by byte, asking only when the last answer says that it is worth it,
/// and how often it was asked.
pub(super) fn byte_by_byte(bytes: &[u8], cap: usize) -> (Result<Claim, Wait>, usize) {
    let mut asked = 1;
    let mut answer = detect(&[], cap);
    let mut seen = 0;
    for end in 1..=bytes.len() {
        let (prefix, _) = bytes.split_at(end);
        match answer {
            Err(wait) if wait.need.is_met(prefix, seen) => answer = detect(prefix, cap),
            Err(_) => continue,
            Ok(_) => break,
        }
        asked += 1;
        seen = end;
    }
    (answer, asked)
}
