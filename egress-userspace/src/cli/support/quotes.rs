//! What quotes the configuration, and may quote a secret that is in it, without what it quotes.

use serde_json::{Value, json};

use crate::config::{ConfigErrors, ReadError};

/// Where a text begins to be somebody else's: an error with its lines, or something between quotes.
const QUOTES: [&str; 5] = ["error: ", "warning: ", "\"", "`", "\n"];

/// What is wrong with a configuration, as the places where it is.
pub(super) fn places(error: &ReadError) -> Value {
    let places = |errors: &ConfigErrors| {
        let each = errors.iter().map(|error| {
            json!({
                "file": error.file,
                "line": error.line,
                "column": error.column,
                "key": error.key,
            })
        });
        each.collect()
    };
    match error {
        ReadError::Invalid(errors) => places(errors),
        ReadError::Io { .. } => json!(error.to_string()),
    }
}

/// A status without why the configuration was refused, and what is wrong with namespaces' files.
pub(super) fn status(mut status: Value) -> Value {
    if let Some(Value::Object(reload)) = status.get_mut("last_reload") {
        reload.remove("error");
    }
    let files = status.pointer_mut("/namespaces/first");
    for file in files.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(file) = file.as_object_mut() {
            file.remove("error");
        }
    }
    status
}

/// Troubles, each with the beginning of its text that quotes nothing.
pub(super) fn troubles(mut told: Value) -> Value {
    let troubles = told.get_mut("troubles").and_then(Value::as_array_mut);
    for trouble in troubles.into_iter().flatten() {
        if let Some(Value::String(text)) = trouble.get_mut("text") {
            let begins = QUOTES.iter().filter_map(|quote| text.find(quote)).min();
            if let Some(at) = begins {
                text.truncate(at);
                text.push_str("(removed)");
            }
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    #[test]
    fn a_refused_configuration_is_told_by_its_places() {
        let text = "[otel]\nendpoint = \"http://me:hunter2@collector:4318\"\nhunter2 = 1\n";
        let errors = Config::from_toml("egress.toml", text).expect_err("it is wrong");
        let places = places(&errors.into()).to_string();
        assert!(!places.contains("hunter2"), "{places}");
        assert!(
            places.contains(r#"{"column":12,"file":"egress.toml","key":"otel.endpoint","line":2}"#),
            "{places}"
        );
    }

    #[test]
    fn a_status_has_that_a_reload_failed_and_not_why() {
        let told = json!({"last_reload": {"at": "now", "outcome": "refused", "error": "hunter2"}});
        assert_eq!(
            status(told),
            json!({"last_reload": {"at": "now", "outcome": "refused"}})
        );
        assert_eq!(status(json!({"pid": 1})), json!({"pid": 1}));
        let told =
            json!({"namespaces": {"files": 1, "first": [{"namespace": "a", "error": "hunter2"}]}});
        assert_eq!(
            status(told),
            json!({"namespaces": {"files": 1, "first": [{"namespace": "a"}]}})
        );
    }

    #[test]
    fn of_a_trouble_what_it_quotes_is_removed() {
        let cut = |text: &str| {
            let told = troubles(json!({"troubles": [{"level": "ERROR", "text": text}]}));
            let text = told.pointer("/troubles/0/text").and_then(Value::as_str);
            text.map(ToOwned::to_owned).expect("a text")
        };
        for (text, left) in [
            (
                "cannot read the clock error=it broke",
                "cannot read the clock error=it broke",
            ),
            (
                "configuration refused, the last one stays in force: error: otel.endpoint: hunter2\n |",
                "configuration refused, the last one stays in force: (removed)",
            ),
            (
                "egress.toml:3:1: service \"hunter2\"",
                "egress.toml:3:1: service (removed)",
            ),
            ("one\nhunter2", "one(removed)"),
        ] {
            assert_eq!(cut(text), left);
        }
    }
}
