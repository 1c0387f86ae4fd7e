//! The schema that editors have says what the gateway takes.

use std::path::Path;

use serde_json::{Map, Value as Json};
use toml::de::DeTable;

use super::schema;
use crate::config::listener::{RawListener, RawPeer};
use crate::config::scope::RawScope;
use crate::config::section::{Section, read_table};
use crate::config::service::{RawEndpoint, RawPort, RawService};
use crate::config::tests::{GOLDEN, MINIMAL, STRICT, load, settings};

/// The errors that an editor shows.
fn errors(text: &str) -> Vec<String> {
    let schema: Json = serde_json::from_str(&schema()).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let file: Json = toml::from_str(text).expect("TOML");
    validator
        .iter_errors(&file)
        .map(|e| e.to_string())
        .collect()
}

#[test]
fn the_file_beside_the_examples_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/egress.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, schema()).expect("it is written");
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        file == schema(),
        "config/egress.schema.json is another: UPDATE_SCHEMA=1 cargo nextest run schema"
    );
}

#[test]
fn the_example_files_are_valid() {
    for text in [GOLDEN, MINIMAL, STRICT] {
        assert_eq!(errors(text), Vec::<String>::new());
    }
}

#[test]
fn a_wrong_key_or_value_is_not_valid() {
    let wrong = [
        "[gatway]",
        "[gateway]\nmodus = 'audit'",
        "[gateway]\nmode = 'AUDIT'",
        "[gateway]\nlisten_port = 0",
        "[gateway]\nlisten_port = '15001'",
        "[gateway]\nstrict = 'yes'",
        "[gateway]\ndrain = 5",
        "[gateway]\ndrain = '5 seconds'",
        "[gateway]\nattach = 'sys/fs/cgroup'",
        "[gateway]\ninternal = ['ten']",
        "[dns]\nattempts = 11",
        "[sniff]\nmax_bytes = '1MB'",
        "[admin]\nmetrics = '15020'",
        "[[scope]]",
        "[[service]]",
        "[[service]]\nname = 'one thing'\nports = []",
        "[[service]]\nname = 'a'\nports = [{ number = 443 }]",
        "[[service]]\nname = 'a'\nports = [{ number = 443, protocol = 'tls' }]",
        "[[service]]\nname = 'a'\nports = []\nhosts = ['https://a.example/']",
        "[[service]]\nname = 'a'\nports = []\nhosts = ['*']",
        "[[service]]\nname = 'a'\nports = []\nhosts = ['a.example:443']",
        "[[service]]\nname = 'a'\nports = []\nendpoints = [{ ports = { a = 0 } }]",
    ];
    for text in wrong {
        assert_ne!(errors(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_keys_that_must_be_there_are_those_that_are_reported() {
    assert_required::<RawScope>();
    assert_required::<RawService>();
    assert_required::<RawListener>();
    assert_required::<RawPeer>();
    assert_required::<RawPort>();
    assert_required::<RawEndpoint>();
}

#[track_caller]
fn assert_required<T: Section>() {
    let mut problems = Vec::new();
    read_table::<T>(&DeTable::new(), &(0..0), &mut problems);
    let said: Vec<_> = problems.iter().map(|p| format!("{p:?}")).collect();
    assert_eq!(said.len(), T::REQUIRED.len(), "{}: {said:?}", T::NAME);
    for key in T::REQUIRED {
        let named = |said: &String| said.contains(&format!("`{key}`"));
        assert!(said.iter().any(named), "{}.{key}: {said:?}", T::NAME);
    }
}

#[test]
fn the_defaults_are_written_as_the_file_has_them() {
    let schema: Json = serde_json::from_str(&schema()).expect("JSON");
    let properties = |table: &Json| -> Map<String, Json> {
        let properties = table.get("properties").and_then(Json::as_object);
        properties.cloned().unwrap_or_default()
    };
    let mut written = MINIMAL.to_owned();
    for (section, table) in properties(&schema) {
        let defaults: Map<_, _> = properties(&table)
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.get("default")?.clone())))
            .collect();
        if !defaults.is_empty() {
            let text = toml::to_string(&defaults).expect("TOML");
            written = format!("{written}\n[{section}]\n{text}");
        }
    }
    let right = load("minimal.toml", MINIMAL);
    assert_eq!(
        settings(&load("written", &written)),
        settings(&right),
        "{written}"
    );
}

#[test]
fn every_key_is_explained() {
    fn look(path: &str, schema: &Json, silent: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(Json::as_object);
        for (key, schema) in properties.into_iter().flatten() {
            let path = format!("{path}.{key}");
            if schema.get("description").is_none() {
                silent.push(path.clone());
            }
            look(&path, schema, silent);
            if let Some(items) = schema.get("items") {
                look(&path, items, silent);
            }
        }
    }
    let mut silent = Vec::new();
    look(
        "",
        &serde_json::from_str(&schema()).expect("JSON"),
        &mut silent,
    );
    assert_eq!(silent, Vec::<String>::new());
}
