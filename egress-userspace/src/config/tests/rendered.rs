//! What an operator sees of each error: `cases/NAME.toml` with `cases/NAME.txt`.
//!
//! `UPDATE_CASES=1 cargo nextest run config::tests::rendered` writes what is said now.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/cases")
}

fn check(name: &str) {
    let text = fs::read_to_string(cases().join(format!("{name}.toml"))).expect("a case");
    let errors = Config::from_toml(&format!("{name}.toml"), &text).expect_err("errors");
    compare(name, &format!("{errors}\n"));
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

#[test]
fn several_errors_of_syntax_are_shown_at_once() {
    check("syntax");
}

#[test]
fn every_wrong_key_and_value_is_shown_with_what_was_expected() {
    check("keys");
}

#[test]
fn every_service_that_makes_no_sense_is_explained() {
    check("service");
}

#[test]
fn services_that_cannot_be_told_apart_are_shown_together() {
    check("between");
}

#[test]
fn listeners_that_nobody_could_use_or_trust_are_explained() {
    check("listener");
}

#[test]
fn what_should_be_in_brackets_is_shown_with_them_also_in_a_windows_file() {
    check("brackets");
}

#[test]
fn a_file_that_governs_nothing_is_refused() {
    check("empty");
}

#[test]
fn callers_that_nobody_can_be_are_explained() {
    check("from");
}

#[test]
fn names_that_cannot_be_trusted_as_asked_are_explained() {
    check("names");
}

#[test]
fn traffic_policies_that_make_no_sense_are_explained() {
    check("traffic");
}

#[test]
fn routes_that_lead_nowhere_are_explained() {
    check("route");
}

#[test]
fn errors_of_all_files_are_shown_each_under_its_own_name() {
    let folder = cases().join("include");
    let errors = Config::read(&folder.join("main.toml")).expect_err("errors");
    let said = format!("{errors}\n").replace(&format!("{}/", folder.display()), "");
    compare("include", &said);
}

#[test]
fn what_operators_write_at_first_is_answered_with_what_they_meant() {
    check("operators");
}
