//! What is said of files that are wrong: `cases/NAME.toml` with `cases/NAME.txt`.
//!
//! `UPDATE_CASES=1 cargo nextest run namespaces::tests::cases` writes what is said now.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Scene, errors, file};
use crate::config::Config;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/namespaces/tests/cases")
}

fn text(name: &str) -> String {
    fs::read_to_string(cases().join(name)).expect("a case")
}

fn compare(name: &str, said: &str) {
    let expected = cases().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&expected, said).expect("the case is written");
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert!(
        said == expected,
        "{name}: this is said:\n{said}\nand this was expected:\n{expected}"
    );
}

/// What is said of the file of the namespace `team-a` below the ceilings of `cluster.toml`.
fn check(name: &str) {
    let scene = Scene::new(
        &text("cluster.toml"),
        &[("team-a", &text(&format!("{name}.toml")))],
    );
    let said = errors(file(&scene.read(), "team-a"));
    let directory = format!("{}/", scene.path().display());
    compare(name, &format!("{}\n", said.replace(&directory, "")));
}

#[test]
fn every_key_that_is_the_clusters_to_say_is_refused_with_the_reason() {
    check("refused");
}

#[test]
fn what_is_wrong_with_any_service_is_wrong_with_a_namespaces() {
    check("wrong");
}

#[test]
fn callers_that_nothing_is_said_of_are_not_taken_for_all() {
    check("nobody");
}

#[test]
fn services_that_cannot_be_told_apart_are_shown_together() {
    check("between");
}

#[test]
fn what_is_beyond_the_ceiling_is_shown_with_the_line_that_says_so() {
    check("beyond");
}

#[test]
fn ceilings_that_bound_nothing_are_explained() {
    let errors = Config::from_toml("ceiling.toml", &text("ceiling.toml")).expect_err("errors");
    compare("ceiling", &format!("{errors}\n"));
}
