//! The JSON schema of the file, for editors.
//!
//! It is made of the declarations that the reader itself is made of, so what an editor offers is what
//! the gateway takes. (`schemars` describes what serde reads, and serde does not read this file.) What
//! holds between keys is not in it: that, `egress check` says.

mod containers;
mod described;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json, json};

use super::RawConfig;
pub(super) use described::{Bounded, Described};

/// The dialect that the editors' TOML plug-ins read: Taplo, and Even Better TOML.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema, as the text of a file.
pub fn schema() -> String {
    let mut root = RawConfig::schema().0;
    root.insert("$schema".into(), DIALECT.into());
    root.insert("title".into(), "The egress gateway's configuration".into());
    // `{:#}` writes it in lines, as files that are compared have it.
    format!("{:#}\n", Json::Object(root))
}

/// What an editor is told of a value.
#[derive(Clone, Debug)]
pub(super) struct Schema(Map<String, Json>);

/// A key of a table.
pub(super) struct Property {
    /// Its name.
    pub(super) key: &'static str,
    /// Its values.
    pub(super) schema: Schema,
    /// The lines of its doc comment.
    pub(super) docs: &'static [&'static str],
    /// What it has if it is missing; `None`: nothing that can be written.
    pub(super) default: Option<Json>,
}

impl Schema {
    fn of_type(kind: &str) -> Self {
        Self(Map::from_iter([("type".into(), kind.into())]))
    }

    pub(super) fn boolean() -> Self {
        Self::of_type("boolean")
    }

    pub(super) fn string() -> Self {
        Self::of_type("string")
    }

    /// A string that fits a regular expression of ECMA 262.
    pub(super) fn pattern(pattern: &str) -> Self {
        Self::string().with("pattern", pattern.into())
    }

    /// One of these words.
    pub(super) fn words(words: &[&str]) -> Self {
        Self::string().with("enum", json!(words))
    }

    pub(super) fn integer(range: RangeInclusive<u64>) -> Self {
        Self::of_type("integer")
            .with("minimum", (*range.start()).into())
            .with("maximum", (*range.end()).into())
    }

    pub(super) fn number(range: RangeInclusive<f64>) -> Self {
        Self::of_type("number")
            .with("minimum", (*range.start()).into())
            .with("maximum", (*range.end()).into())
    }

    pub(super) fn array(items: Self) -> Self {
        Self::of_type("array").with("items", Json::Object(items.0))
    }

    /// A table in which every key is the file's own choice.
    pub(super) fn map(values: Self) -> Self {
        Self::of_type("object").with("additionalProperties", Json::Object(values.0))
    }

    /// A table with these keys and no other.
    pub(super) fn table(docs: &[&str], properties: Vec<Property>, required: &[&str]) -> Self {
        let properties = properties.into_iter().map(|property| {
            let mut schema = property.schema.describe(&paragraph(property.docs));
            if let Some(default) = property.default {
                schema = schema.with("default", default);
            }
            (property.key.to_owned(), Json::Object(schema.0))
        });
        let table = Self::of_type("object")
            .describe(&paragraph(docs))
            .with("properties", properties.collect::<Map<_, _>>().into())
            .with("additionalProperties", false.into());
        if required.is_empty() {
            return table;
        }
        table.with("required", json!(required))
    }

    /// One or the other.
    pub(super) fn either(self, other: &Self) -> Self {
        Self(Map::from_iter([("anyOf".into(), json!([self.0, other.0]))]))
    }

    /// Says what it is; what has been said goes after it.
    pub(super) fn describe(self, text: &str) -> Self {
        let said = self.0.get("description").and_then(Json::as_str);
        let text = match (text, said) {
            ("", said) => said.unwrap_or_default().to_owned(),
            (text, None) => text.to_owned(),
            (text, Some(said)) => format!("{text}\n\n{said}"),
        };
        if text.is_empty() {
            return self;
        }
        self.with("description", text.into())
    }

    fn with(mut self, keyword: &str, value: Json) -> Self {
        self.0.insert(keyword.into(), value);
        self
    }
}

/// A doc comment as one text: its lines are joined, its paragraphs stay apart.
fn paragraph(docs: &[&str]) -> String {
    let lines: Vec<_> = docs.iter().map(|line| line.trim()).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    paragraphs
        .map(|lines| lines.join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}
