//! A configuration as strangers may read it.

use toml::{Table, Value};

/// What stands in the place of what is not theirs to know.
const REMOVED: &str = "(removed)";
/// Words in the name of a key whose value nobody else should have. No key here has one: a file that somebody wants
/// help with may have others.
const SECRET: [&str; 6] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "api_key",
];

/// The text without comments, in which people write anything, without values of keys that are named like
/// secrets, and without users and passwords in URLs. `None`: it is no TOML, and nobody knows what is in it.
pub(super) fn redacted(text: &str) -> Option<String> {
    let mut table: Table = text.parse().ok()?;
    for (key, value) in &mut table {
        redact(key, value);
    }
    toml::to_string_pretty(&table).ok()
}

fn redact(key: &str, value: &mut Value) {
    let key = key.to_ascii_lowercase();
    if SECRET.iter().any(|word| key.contains(word)) {
        *value = REMOVED.into();
        return;
    }
    match value {
        Value::String(text) => *text = without_user(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(&key, item)),
        Value::Table(table) => table.iter_mut().for_each(|(key, item)| redact(key, item)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

/// A URL without what stands before the `@` of its authority (RFC 3986 section 3.2.1); other texts as they are.
fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{REMOVED}@{host}{path}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_secrets_and_users_are_removed_and_the_rest_stays() {
        let text = "# the password is hunter2\n[otel]\nendpoint = \"http://me:hunter2@collector:4318/a@b\"\n\
                    [x]\nApi_Key = \"hunter2\"\nports = [{ token = [\"hunter2\"], number = 443 }]\n";
        let redacted = redacted(text).expect("TOML");
        assert!(!redacted.contains("hunter2"), "{redacted}");
        assert!(
            redacted.contains("http://(removed)@collector:4318/a@b"),
            "{redacted}"
        );
        assert!(redacted.contains("443"), "{redacted}");
    }

    #[test]
    fn what_is_no_toml_is_not_shown() {
        assert_eq!(redacted("password hunter2"), None);
    }
}
