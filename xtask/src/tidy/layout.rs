//! What every file looks like.

use super::Finding;
use super::files::File;

/// A file is read in one sitting; a longer one holds more than one idea.
const LONGEST: usize = 400;

/// No file is longer than [`LONGEST`].
pub(super) fn length(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if lines <= LONGEST {
        return Vec::new();
    }
    vec![Finding::new(
        file,
        lines,
        format!("{lines} lines; {LONGEST} are the most: split it"),
    )]
}

/// Every file says at its head what it is for.
pub(super) fn head(file: &File) -> Vec<Finding> {
    let head = file
        .text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
    if head.is_some_and(|line| line.starts_with("//! ")) {
        return Vec::new();
    }
    vec![Finding::new(
        file,
        1,
        "does not begin with `//! ` and what it is for",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_many_is_found() {
        assert_eq!(length(&File::new("a.rs", &"\n".repeat(LONGEST))), []);
        assert_eq!(
            length(&File::new("a.rs", &"\n".repeat(LONGEST + 1))).len(),
            1
        );
    }

    #[test]
    fn a_missing_head_is_found() {
        for bad in ["", "fn main() {}", "// x\n", "/// x\nfn f() {}"] {
            assert_eq!(head(&File::new("a.rs", bad)).len(), 1, "{bad}");
        }
        for good in ["//! x\n", "#![no_main]\n\n//! x\n"] {
            assert_eq!(head(&File::new("a.rs", good)), [], "{good}");
        }
    }
}
