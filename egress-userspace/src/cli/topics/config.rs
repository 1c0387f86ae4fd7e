//! `egress help config`, and egress.toml(5): the keys, as the reader itself declares them.

use clap::Command;
use serde_json::{Map, Value as Json};

use crate::cli::DEFAULT_CONFIG;
use crate::cli::pages::{Page, Part};
use crate::config::schema;

const ABOUT_THE_FILE: &str = "\
The file is TOML. It is read when the gateway starts, on SIGHUP, and when it, or a file that it names, changes; all of it \
takes effect at once, or, if anything is wrong, nothing. A key that is not on this page is an error; `egress check` \
shows each with its line.

Durations are strings such as `\"250ms\"`, `\"5s\"`, `\"1m30s\"`, `\"1h\"`; sizes are numbers of bytes or strings such as \
`\"64KiB\"`; networks are CIDRs without host bits, or single addresses.";

const SMALLEST: &str = "\
[[scope]]
cgroups = [\"/apps.slice\"]

[[service]]
name = \"api\"
hosts = [\"api.example.com\"]
ports = [{ number = 443, protocol = \"TLS\" }]
resolution = \"DNS\"";

/// The page.
pub(super) fn page(_: &Command) -> Page {
    let mut parts = vec![
        Part::section("Description"),
        Part::Text(ABOUT_THE_FILE.into()),
    ];
    // What was made of a value can be read as one.
    let root: Json = serde_json::from_str(&schema()).unwrap_or_default();
    table(&mut parts, "at the top", &root);
    parts.extend([
        Part::section("Example"),
        Part::Verbatim(SMALLEST.into()),
        Part::section("Files"),
        Part::entry(DEFAULT_CONFIG, "Where it is if `--config` names no other."),
        Part::section("See also"),
        Part::Text("egress(8), egress-check(8), egress-schema(8), egress-reasons(7)".into()),
    ]);
    Page {
        name: "egress.toml".into(),
        section: "5",
        about: "the configuration of the egress gateway".into(),
        parts,
    }
}

/// The keys of a table, then of those below it.
fn table(parts: &mut Vec<Part>, header: &str, schema: &Json) {
    let Some(keys) = schema.get("properties").and_then(Json::as_object) else {
        return;
    };
    let text = schema.get("description").and_then(Json::as_str);
    if header == "at the top" {
        parts.push(Part::section("Keys above the first table"));
    } else {
        parts.push(Part::Heading(header.into()));
        parts.extend(text.map(|text| Part::Text(without_header(text))));
    }
    let (tables, values): (Vec<_>, Vec<_>) = keys.iter().partition(|(_, key)| below(key).is_some());
    let required = schema.get("required").and_then(Json::as_array);
    for (name, key) in values {
        let is_required = required.is_some_and(|all| all.contains(&name.as_str().into()));
        parts.push(Part::entry(name, value(key, is_required)));
    }
    for (name, key) in tables {
        let name = path(header, name);
        let Some((is_array, inner)) = below(key) else {
            continue;
        };
        let (open, close) = if is_array { ("[[", "]]") } else { ("[", "]") };
        table(parts, &format!("{open}{name}{close}"), inner);
    }
}

/// What is said of a table, without its header, which is right above.
fn without_header(text: &str) -> String {
    let said = text
        .strip_prefix('`')
        .and_then(|text| text.split_once("]`: "));
    let text = said.map_or(text, |(_, said)| said);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// A table's name below that of its parent, whose brackets it lets go.
fn path(header: &str, name: &str) -> String {
    match header.trim_matches(['[', ']']) {
        "at the top" => name.into(),
        parent => format!("{parent}.{name}"),
    }
}

/// The table that a key's value is, or each of its values.
fn below(key: &Json) -> Option<(bool, &Json)> {
    match key.get("items") {
        Some(items) => items.get("properties").map(|_| (true, items)),
        None => key.get("properties").map(|_| (false, key)),
    }
}

/// What a value means, and which it may be.
fn value(key: &Json, is_required: bool) -> String {
    let mut text = key
        .get("description")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    let mut notes = Vec::new();
    // A range of what is written as a string is said in words, in a paragraph of its own.
    if let Some((said, range)) = text.rsplit_once("\n\n")
        && !range.ends_with('.')
    {
        notes.push(format!("{range}."));
        text.truncate(said.len());
    }
    notes.extend(values(key));
    match key.get("default") {
        Some(default) => notes.push(format!("Default: `{default}`.")),
        None if is_required => notes.push("Required.".into()),
        None => {}
    }
    if !notes.is_empty() {
        text.push_str("\n\n");
        text.push_str(&notes.join(" "));
    }
    text
}

/// The values that a key may have, where the schema can name them.
fn values(key: &Json) -> Option<String> {
    let words = |words: &[Json]| {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        words.join(", ")
    };
    let inner = key.get("items").unwrap_or(key);
    let several = if key.get("items").is_some() {
        "Each one of"
    } else {
        "One of"
    };
    if let Some(named) = inner.get("enum").and_then(Json::as_array) {
        return Some(format!("{several} {}.", words(named)));
    }
    match kind(inner)? {
        "integer" => {
            let (least, most) = (key.get("minimum")?, key.get("maximum")?);
            Some(format!("{least} to {most}."))
        }
        "boolean" => Some("`true` or `false`.".into()),
        _ => None,
    }
}

fn kind(schema: &Json) -> Option<&str> {
    schema
        .as_object()
        .and_then(|schema: &Map<_, _>| schema.get("type")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(of: &str) -> Vec<(String, String)> {
        let page = page(&Command::new("egress"));
        let mut parts = page.parts.into_iter();
        parts.find(|part| *part == Part::Heading(of.into()));
        parts
            .take_while(|part| !matches!(part, Part::Heading(_)))
            .filter_map(|part| match part {
                Part::Entry { term, text } => Some((term, text)),
                _ => None,
            })
            .collect()
    }

    #[track_caller]
    fn assert_says(table: &str, key: &str, expected: &str) {
        let entries = entries(table);
        let found = entries.iter().find(|(term, _)| term == key);
        assert!(
            found.is_some_and(|(_, text)| text.contains(expected)),
            "{table} {key}: {entries:?}"
        );
    }

    #[test]
    fn each_key_is_there_with_what_it_may_be() {
        assert_says(
            "[gateway]",
            "mode",
            "`\"enforce\"`, `\"audit\"`. Default: `\"enforce\"`.",
        );
        assert_says("[gateway]", "listen_port", "1 to 65535. Default: `15001`.");
        assert_says("[gateway]", "drain", "0s to 1h. Default: `\"5s\"`.");
        assert_says("[gateway]", "strict", "`true` or `false`. Default: `true`.");
        assert_says("[[service.ports]]", "number", "Required.");
        assert_says("[service.traffic_policy.tls]", "sni", "The name to ask for");
        assert_says("[[route.match.from]]", "uid", "0 to 4294967294.");
        assert_says("KEYS ABOVE THE FIRST TABLE", "include", "More files");
    }
}
