//! The fuzz targets' corpora, replayed as they are and damaged.

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;

use super::settling::{byte_by_byte, settle};
use crate::sniff::DEFAULT_CAP;

const TARGETS: [&str; 2] = ["client_hello", "http_head"];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "fuzz/corpus", target]
        .iter()
        .collect();
    let files = std::fs::read_dir(&folder).expect("the corpus");
    files
        .map(|file| std::fs::read(file.expect("an entry").path()).expect("a file"))
        .collect()
}

fn check(input: &[u8]) {
    let answer = settle(input, DEFAULT_CAP);
    // Its hints may make the driver wait where it could know, but never know something else.
    if let (Ok(found), _) = byte_by_byte(input, DEFAULT_CAP) {
        assert_eq!(Ok(found), answer, "{input:x?}");
    }
}

#[test]
fn answers_to_the_corpus_never_change_with_more_bytes() {
    for target in TARGETS {
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "{target}");
        for input in &inputs {
            check(input);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_to_a_damaged_corpus_never_change_with_more_bytes(
        target in prop::sample::select(&TARGETS[..]),
        which in any::<Index>(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        more in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut input = which.get(&corpus(target)).clone();
        input.extend(more);
        for (at, byte) in damage {
            *at.get_mut(&mut input) = byte;
        }
        check(&input);
    }
}
