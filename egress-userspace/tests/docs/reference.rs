//! The page of keys says of each what the reader of files itself goes by: its values, its range, its default,
//! and whether it must be there.

use std::collections::{BTreeMap, BTreeSet};

use egress_userspace::config;
use serde_json::{Map, Value};

use crate::assert_none;
use crate::pages;

const PAGE: &str = "config/README.md";
const HEAD: &str = "| key | default | range | meaning |";

/// A key on the page.
#[derive(Clone, Debug)]
struct Row {
    key: String,
    default: String,
    range: String,
    meaning: String,
}

/// The page's tables of keys, by the path of the table in the file: `service.ports`.
fn tables() -> BTreeMap<String, Vec<Row>> {
    let page = std::fs::read_to_string(pages::root().join(PAGE)).expect("the page");
    let mut tables = BTreeMap::<String, Vec<Row>>::new();
    let mut heading = "";
    let mut is_table = false;
    for line in page.lines() {
        if line.starts_with('#') {
            heading = line;
        }
        is_table = line == HEAD || (is_table && line.starts_with('|'));
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        if let [_, key, default, range, meaning, _] = cells.as_slice()
            && is_table
            && line != HEAD
            && !key.starts_with('-')
        {
            tables.entry(path(heading)).or_default().push(Row {
                key: key.trim_matches('`').into(),
                default: default.replace('`', ""),
                range: range.replace('`', ""),
                meaning: meaning.clone(),
            });
        }
    }
    tables
}

/// The path in a heading: ``## `[dns]`: who is asked``.
fn path(heading: &str) -> String {
    let name = heading.split('`').nth(1).unwrap_or_default();
    match name.trim_matches(['[', ']']) {
        "include" => String::new(),
        "from" => "service.from".into(),
        path => path.into(),
    }
}

/// The schema's tables, by their paths.
fn schemas() -> BTreeMap<String, Map<String, Value>> {
    fn walk(path: &str, schema: &Value, found: &mut BTreeMap<String, Map<String, Value>>) {
        let schema = schema.get("items").unwrap_or(schema);
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (key, schema) in properties {
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            walk(&below, schema, found);
        }
        let schema = schema.as_object().expect("a table");
        found.insert(path.into(), schema.clone());
    }
    let schema: Value = serde_json::from_str(&config::schema()).expect("JSON");
    let mut found = BTreeMap::new();
    walk("", &schema, &mut found);
    // The same as in services, which is where the page has it.
    found.remove("route.match.from");
    found
}

/// The words that a value may be, as the page lists them.
fn words(schema: &Value) -> Option<String> {
    let schema = schema.get("items").unwrap_or(schema);
    if schema.get("type") == Some(&"boolean".into()) {
        return Some("true, false".into());
    }
    let words = schema.get("enum")?.as_array()?.iter().map(Value::to_string);
    Some(words.collect::<Vec<_>>().join(", "))
}

/// The range of a value, without quotes.
fn range(schema: &Value) -> Option<String> {
    if schema.get("type") == Some(&"integer".into()) {
        let end = |key| schema.get(key).map(Value::to_string);
        return Some(format!("{} to {}", end("minimum")?, end("maximum")?));
    }
    // Of what is written with a unit, the last words of its description are the range.
    let said = schema.get("description")?.as_str()?.rsplit("\n\n").next()?;
    let (least, most) = said.split_once(" to ")?;
    let is_one = |end: &str| end.starts_with(|c: char| c.is_ascii_digit()) && !end.contains(' ');
    (is_one(least) && is_one(most)).then(|| said.into())
}

/// A default as the page has it, as the schema would.
fn value(written: &str) -> Option<Value> {
    let table: Map<String, Value> = toml::from_str(&format!("key = {written}")).ok()?;
    table.get("key").cloned()
}

/// Bytes, also of a size with a unit: two ways to write the same.
fn bytes(value: &Value) -> Option<u64> {
    let kibi = |text: &str| text.strip_suffix("KiB")?.parse::<u64>().ok();
    value
        .as_u64()
        .or_else(|| Some(kibi(value.as_str()?)? * 1024))
}

fn same(one: &Value, other: &Value) -> bool {
    one == other || (bytes(one).is_some() && bytes(one) == bytes(other))
}

/// What is wrong with a row.
fn look(table: &str, row: &Row, schema: &Value, required: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(words) = words(schema)
        && row.range != words
    {
        wrong.push(format!("the values are {words}"));
    }
    if let Some(range) = range(schema)
        && row.range.replace('"', "") != range
    {
        wrong.push(format!("the range is {range}"));
    }
    let says_so = row.meaning.contains("required") || row.range == "one or more";
    if says_so != required {
        wrong.push(format!("that it is required is {required}"));
    }
    match (schema.get("default"), row.default.as_str()) {
        (_, "") if required => {}
        (Some(default), written) => {
            if !value(written).is_some_and(|written| same(&written, default)) {
                wrong.push(format!("the default is {default}"));
            }
        }
        (None, "" | "{}") => {}
        // That these are the defaults the tests of the configuration itself show.
        (None, _) if table == "service" || !table.contains('.') => {}
        (None, _) => wrong.push("it has no default".into()),
    }
    if row.meaning.is_empty() {
        wrong.push("its meaning is missing".into());
    }
    wrong
}

#[test]
fn every_key_has_the_values_the_range_and_the_default_that_the_page_says() {
    let tables = tables();
    let schemas = schemas();
    let mut wrong = Vec::new();
    let mut looked = 0;
    for (path, schema) in &schemas {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |key: &str| required.is_some_and(|keys| keys.contains(&key.into()));
        let rows = tables.get(path).cloned().unwrap_or_default();
        for (key, schema) in properties.into_iter().flatten() {
            // The tables themselves have headings.
            let is_table = path.is_empty() && key != "include";
            let row = rows.iter().find(|row| row.key == *key);
            let said = match row {
                Some(row) => look(path, row, schema, is_required(key)),
                None if is_table => continue,
                None => vec!["it is not on the page".into()],
            };
            looked += 1;
            wrong.extend(
                said.iter()
                    .map(|why| format!("{PAGE}: {path}.{key}: {why}")),
            );
        }
        let known = |row: &&Row| properties.is_none_or(|keys| !keys.contains_key(&row.key));
        let strange = rows.iter().filter(known);
        wrong.extend(strange.map(|row| format!("{PAGE}: {path}.{}: no such key", row.key)));
    }
    let known: BTreeSet<_> = schemas.keys().collect();
    let strange = tables.keys().filter(|path| !known.contains(path));
    wrong.extend(strange.map(|path| format!("{PAGE}: no such table: {path}")));
    assert_none(&wrong);
    assert!(looked > 100, "only {looked} keys were looked at");
}

#[test]
fn a_row_that_says_something_else_is_found() {
    let schema = serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 9, "default": 5 });
    let row = |default: &str, range: &str, meaning: &str| Row {
        key: "key".into(),
        default: default.into(),
        range: range.into(),
        meaning: meaning.into(),
    };
    let wrong = |row: &Row| look("dns", row, &schema, false).len();
    assert_eq!(wrong(&row("5", "1 to 9", "how many")), 0);
    assert_eq!(wrong(&row("4", "1 to 9", "how many")), 1);
    assert_eq!(wrong(&row("", "1 to 9", "how many")), 1);
    assert_eq!(wrong(&row("5", "1 to 10", "how many")), 1);
    assert_eq!(wrong(&row("5", "1 to 9", "required")), 1);
    assert_eq!(wrong(&row("5", "1 to 9", "")), 1);
}
