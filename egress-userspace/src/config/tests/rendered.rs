//! What an operator sees of each error: `cases/NAME.toml` with `cases/NAME.txt`.
//!
//! `UPDATE_CASES=1 cargo nextest run config::tests::rendered` writes what is said now.

use std::fs;
use std::path::Path;

use crate::config::Config;

fn check(name: &str) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/cases");
    let text = fs::read_to_string(cases.join(format!("{name}.toml"))).expect("a case");
    let errors = Config::from_toml(&format!("{name}.toml"), &text).expect_err("errors");
    let said = format!("{errors}\n");
    let expected = cases.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&expected, &said).expect("the case is written");
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
fn a_file_that_governs_nothing_is_refused() {
    check("empty");
}
