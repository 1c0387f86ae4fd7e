//! Words that may stand only in some files.

use super::Finding;
use super::code::{Token, starts_with};
use super::files::File;

/// The gateway's package.
const GATEWAY: &str = "egress-userspace";

/// Crates that only one module of the gateway knows, and that module's files.
const CONFINED: &[(&str, &str)] = &[
    ("aya", "kernel"),
    ("aya_log", "kernel"),
    ("egress_common", "kernel"),
];

/// Where `unsafe` may be: the system calls without a safe wrapper, the promises about map types, and
/// the kernel programs.
const UNSAFE: &[&str] = &[
    "egress-userspace/src/net/sys.rs",
    "egress-userspace/src/net/sys/",
    "egress-common/",
    "egress-ebpf/",
];

/// Unfinished, or forgotten.
const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// aya and the contract with the kernel programs are known to one module alone.
pub(super) fn crates(file: &File) -> Vec<Finding> {
    let Some(path) = file.within(GATEWAY) else {
        return Vec::new();
    };
    let foreign = |word: &str| {
        let (_, home) = CONFINED.iter().find(|(name, _)| *name == word)?;
        let at_home = path.starts_with(&format!("{home}/")) || path == format!("{home}.rs");
        (!at_home).then_some(home)
    };
    find(file, |tokens| {
        let word = tokens
            .first()
            .filter(|_| tokens.get(1).is_some_and(|t| t.text == "::"))?;
        let home = foreign(&word.text)?;
        Some(format!("only `{home}` may use `{}`", word.text))
    })
}

/// `unsafe` is where it can be found.
pub(super) fn unsafety(file: &File) -> Vec<Finding> {
    if UNSAFE.iter().any(|place| file.path.starts_with(place)) {
        return Vec::new();
    }
    find(file, |tokens| {
        starts_with(tokens, &["unsafe"])
            .then(|| format!("`unsafe` is only in {}", UNSAFE.join(", ")))
    })
}

/// No macro is left that stands for something unfinished.
pub(super) fn macros(file: &File) -> Vec<Finding> {
    find(file, |tokens| {
        let name = MACROS
            .iter()
            .find(|name| starts_with(tokens, &[name, "!"]))?;
        Some(format!("`{name}!` is for work in progress"))
    })
}

/// What can fail is handled, or `expect` says why it cannot; tests say what they expect.
pub(super) fn unwraps(file: &File) -> Vec<Finding> {
    find(file, |tokens| {
        let is_shipped = tokens.first().is_some_and(|token| !token.in_test);
        (is_shipped && starts_with(tokens, &[".", "unwrap", "(", ")"]))
            .then(|| "`.unwrap()` outside of tests".into())
    })
}

/// Asks at every token.
fn find(file: &File, ask: impl Fn(&[Token]) -> Option<String>) -> Vec<Finding> {
    let tails = (0..file.tokens.len()).filter_map(|i| file.tokens.get(i..));
    tails
        .filter_map(|tail| Some(Finding::new(file, tail.first()?.line, ask(tail)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(rule: super::super::Rule, path: &str, text: &str, lines: &[usize]) {
        let found: Vec<_> = rule(&File::new(path, text))
            .into_iter()
            .map(|f| f.line)
            .collect();
        assert_eq!(found, lines, "{path}: {text}");
    }

    #[test]
    fn a_confined_crate_is_found_outside_of_its_module() {
        let text = "\nuse aya::Ebpf;\nfn f(_: egress_common::Orig) {}";
        assert_found(crates, "egress-userspace/src/conn/mod.rs", text, &[2, 3]);
        assert_found(crates, "egress-userspace/src/kernels.rs", text, &[2, 3]);
        assert_found(crates, "egress-userspace/src/kernel/maps.rs", text, &[]);
        assert_found(crates, "egress-ebpf/src/main.rs", text, &[]);
        assert_found(
            crates,
            "egress-userspace/src/conn/mod.rs",
            "// aya::x\nlet aya = 1;",
            &[],
        );
    }

    #[test]
    fn unsafe_is_found_where_it_may_not_be() {
        assert_found(
            unsafety,
            "egress-userspace/src/net/mod.rs",
            "\nunsafe { f() }",
            &[2],
        );
        assert_found(unsafety, "xtask/src/main.rs", "unsafe fn f() {}", &[1]);
        assert_found(
            unsafety,
            "egress-userspace/src/net/sys.rs",
            "unsafe { f() }",
            &[],
        );
        assert_found(
            unsafety,
            "xtask/src/main.rs",
            "// unsafe\n#![forbid(unsafe_code)]",
            &[],
        );
    }

    #[test]
    fn unfinished_work_is_found_in_tests_too() {
        assert_found(
            macros,
            "a/src/lib.rs",
            "todo!()\nunimplemented!()\ndbg!(x)",
            &[1, 2, 3],
        );
        assert_found(macros, "a/src/tests.rs", "fn f() { todo!() }", &[1]);
        assert_found(macros, "a/src/lib.rs", "let todo = 1; // todo!()", &[]);
    }

    #[test]
    fn an_unwrap_is_found_only_in_what_ships() {
        assert_found(
            unwraps,
            "a/src/lib.rs",
            "x\n  .unwrap()\n#[cfg(test)] mod t { y.unwrap() }",
            &[2],
        );
        assert_found(unwraps, "a/src/lib/tests.rs", "x.unwrap()", &[]);
        assert_found(
            unwraps,
            "a/src/lib.rs",
            "x.unwrap_or(1).unwrap_or_default()",
            &[],
        );
    }
}
