//! The fuzz target's corpus, replayed.

use std::path::Path;

use crate::config::Config;

#[test]
fn every_text_of_the_corpus_is_read_or_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/config");
    let files: Vec<_> = folder.read_dir().expect("the corpus").collect();
    assert!(!files.is_empty());
    for file in files {
        let path = file.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        if let Err(errors) = Config::from_toml("corpus.toml", &text) {
            let first = errors.iter().next().expect("a reason");
            assert!(
                first.line >= 1 && first.line <= text.lines().count() + 1,
                "{}",
                path.display()
            );
        }
    }
}
