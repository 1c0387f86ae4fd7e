//! Wildcards that have no owner: everyone can register a name below them.

use psl::{List, Psl as _, Type};

use super::finding::{At, Finding, title};
use super::{Code, Registry, shared_front};
use crate::types::HostPattern;

/// Finds wildcards right under a public suffix: a registry's, as `com`, or a host's, as `github.io`.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in registry.allowing() {
        for (item, host) in service.hosts.iter().enumerate() {
            let HostPattern::Suffix(name) = host else {
                continue;
            };
            let name = name.as_str();
            let Some(kind) = public(name).filter(|_| shared_front::of(name).is_none()) else {
                continue;
            };
            let (label, help) = match kind {
                Type::Icann => (
                    "anyone can register a name below it",
                    "list the names that are wanted, or a wildcard below a registered one",
                ),
                Type::Private => (
                    "its owner hands out names below it to customers",
                    "list the names that are wanted: a wildcard admits every customer's",
                ),
            };
            let title = format!("{}: `{name}` is a public suffix", title(service));
            let at = At::item(service, "hosts", item);
            findings.push(
                Finding::new(Code::PublicSuffix, at, title)
                    .label(label)
                    .help(help),
            );
        }
    }
    findings
}

/// Which part of the public suffix list has exactly `name`.
fn public(name: &str) -> Option<Type> {
    let suffix = List.suffix(name.as_bytes())?;
    suffix
        .typ()
        .filter(|_| suffix.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_of_the_list_are_known() {
        for (name, kind) in [
            ("com", Some(Type::Icann)),
            ("co.uk", Some(Type::Icann)),
            ("xn--p1ai", Some(Type::Icann)),
            ("github.io", Some(Type::Private)),
            ("s3.amazonaws.com", Some(Type::Private)),
            ("example.com", None),
            ("example.github.io", None),
            ("internal", None),
        ] {
            assert_eq!(public(name), kind, "{name}");
        }
    }
}
