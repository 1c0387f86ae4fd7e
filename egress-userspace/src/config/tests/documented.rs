//! The example files and the reference page say what the code does.

use super::super::from::RawSelector;
use super::super::listener::{RawListener, RawPeer};
use super::super::namespaces::{RawCeiling, RawCeilingPort, RawNamespaces};
use super::super::route::{RawDestination, RawMatch, RawRoute};
use super::super::scope::RawScope;
use super::super::section::Section;
use super::super::service::{
    RawEndpoint, RawKeepalive, RawOutlier, RawPool, RawPort, RawService, RawTcpPool, RawTls,
    RawTraffic,
};
use super::super::{
    AccessLog, Admin, Dial, Dns, Gateway, Kubernetes, Limits, Otel, RawConfig, Relay, Sniff,
};
use super::{GOLDEN, MINIMAL, STRICT, load, settings};
use crate::config::Config;

const REFERENCE: &str = include_str!("../../../../config/README.md");

fn keys<T: Section>() -> (&'static str, &'static [&'static str]) {
    (T::NAME, T::KEYS)
}

fn sections() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("include", &["include"]),
        keys::<Gateway>(),
        keys::<RawScope>(),
        keys::<RawListener>(),
        keys::<RawPeer>(),
        keys::<Dns>(),
        keys::<Sniff>(),
        keys::<Dial>(),
        keys::<Relay>(),
        keys::<Limits>(),
        keys::<Admin>(),
        keys::<AccessLog>(),
        keys::<Otel>(),
        keys::<Kubernetes>(),
        keys::<RawNamespaces>(),
        keys::<RawCeiling>(),
        keys::<RawCeilingPort>(),
        keys::<RawService>(),
        keys::<RawPort>(),
        keys::<RawEndpoint>(),
        keys::<RawSelector>(),
        keys::<RawTraffic>(),
        keys::<RawPool>(),
        keys::<RawTcpPool>(),
        keys::<RawKeepalive>(),
        keys::<RawOutlier>(),
        keys::<RawTls>(),
        keys::<RawRoute>(),
        keys::<RawMatch>(),
        keys::<RawDestination>(),
    ]
}

/// Where a section is in the file.
fn path(section: &str) -> Vec<&str> {
    match section {
        "include" => vec![],
        "from" => vec!["service", "from"],
        section => section.split('.').collect(),
    }
}

/// The rows of the reference page's table for a section.
fn rows(section: &str) -> Vec<Vec<&'static str>> {
    let heading = [
        format!("`[{section}]`"),
        format!("`[[{section}]]`"),
        format!("## `{section}`"),
    ];
    let lines = REFERENCE.lines().skip_while(|line| {
        !line.starts_with('#') || !heading.iter().any(|heading| line.contains(heading))
    });
    let table = lines
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|l| l.starts_with('|'));
    table
        .skip(2)
        .map(|row| row.split('|').map(str::trim).skip(1).collect())
        .collect()
}

fn has(value: &toml::Value, path: &[&str]) -> bool {
    match (value, path) {
        (_, []) => true,
        (toml::Value::Array(items), _) => items.iter().any(|item| has(item, path)),
        (toml::Value::Table(table), [key, rest @ ..]) => {
            table.get(*key).is_some_and(|value| has(value, rest))
        }
        _ => false,
    }
}

#[test]
fn the_example_files_are_right() {
    assert_eq!(load("egress.toml", GOLDEN).services.len(), 10);
    assert_eq!(load("minimal.toml", MINIMAL).services.len(), 1);
    assert_eq!(load("strict.toml", STRICT).services.len(), 2);
}

#[test]
fn the_list_of_sections_is_whole() {
    let top: Vec<_> = sections()
        .iter()
        .map(|(n, _)| *n)
        .filter(|n| !n.contains('.') && *n != RawSelector::NAME)
        .collect();
    assert_eq!(RawConfig::KEYS.len(), top.len());
    assert!(RawConfig::KEYS.iter().all(|key| top.contains(key)));
}

#[test]
fn the_golden_file_has_every_key() {
    let golden: toml::Value = toml::from_str(GOLDEN).expect("TOML");
    for (section, keys) in sections() {
        for key in keys {
            let path: Vec<_> = path(section).into_iter().chain([*key]).collect();
            assert!(has(&golden, &path), "{path:?} is missing from egress.toml");
        }
    }
}

#[test]
fn the_reference_page_has_exactly_the_keys_in_their_order() {
    for (section, keys) in sections() {
        let documented: Vec<_> = rows(section)
            .iter()
            .map(|row| row.first().expect("a cell").trim_matches('`'))
            .collect();
        assert_eq!(documented, keys, "in the section {section}");
    }
}

#[test]
fn the_defaults_on_the_reference_page_are_the_defaults() {
    let tables = RawConfig::KEYS.iter().filter(|key| {
        !matches!(
            **key,
            "include" | "kubernetes" | "scope" | "listener" | "service" | "route"
        )
    });
    let mut written = vec!["include = []".to_owned(), MINIMAL.to_owned()];
    for section in tables {
        written.push(format!("[{section}]"));
        for row in rows(section) {
            if let [key, default, ..] = row.as_slice()
                && !default.is_empty()
            {
                written.push(format!("{key} = {default}").replace('`', ""));
            }
        }
    }
    let written = written.join("\n");
    assert_eq!(
        settings(&load("written", &written)),
        settings(&load("minimal", MINIMAL)),
        "{written}"
    );
}

#[cfg(feature = "k8s")]
#[test]
fn a_section_that_says_nothing_of_kubernetes_is_what_the_reference_page_says() {
    let said: Vec<_> = rows(Kubernetes::NAME)
        .iter()
        .filter_map(|row| match row.as_slice() {
            [key, default, ..] if !default.is_empty() => Some(format!("{key} = {default}")),
            _ => None,
        })
        .collect();
    let said = said.join("\n").replace('`', "");
    let read = |said: &str| load("written", &format!("{MINIMAL}\n[kubernetes]\n{said}")).kubernetes;
    assert_eq!(read(&said), Some(Kubernetes::default()));
    assert_eq!(read(""), Some(Kubernetes::default()));
    assert_eq!(load("minimal", MINIMAL).kubernetes, None);
}

/// A configuration in which this key of a section has this value.
fn with(section: &str, key: &str, value: &str) -> String {
    let inner = format!("{key} = {value}");
    let (parent, table) = match section {
        "from" | "service.ports" | "service.endpoints" => ("service", format!("[{{ {inner} }}]")),
        "listener.peers" => ("listener", format!("[{{ {inner} }}]")),
        "route.match" | "route.destinations" => ("route", format!("[{{ {inner} }}]")),
        "namespaces.ceiling.ports" => {
            return format!("{MINIMAL}\n[[namespaces.ceiling]]\nports = [{{ {inner} }}]");
        }
        section if section.starts_with("service.") => {
            return format!("{MINIMAL}\n[[service]]\n[{section}]\n{inner}");
        }
        section => return format!("{MINIMAL}\n[{section}]\n{inner}"),
    };
    let name = section.rsplit('.').next().unwrap_or(section);
    format!("{MINIMAL}\n[[{parent}]]\n{name} = {table}")
}

#[test]
fn the_ranges_on_the_reference_page_are_the_ranges() {
    for (section, _) in sections() {
        for row in rows(section) {
            let [key, default, range, ..] = row.as_slice() else {
                continue;
            };
            let Some((least, most)) = range.split_once(" to ") else {
                continue;
            };
            if most.contains("drain") {
                continue;
            }
            let too_much = match (
                default.contains('"') || most.contains('"'),
                most.contains('B'),
            ) {
                (false, false) => "9999999999",
                (true, false) => "\"999999h\"",
                (_, true) => "\"999999GiB\"",
            };
            let key = key.trim_matches('`');
            let text = with(section, key, too_much);
            let errors = Config::from_toml("test", &text).expect_err("out of range");
            let said: Vec<_> = errors.iter().map(|error| error.expected).collect();
            let [least, most] = [least, most].map(|end| end.trim_matches(['`', '"']));
            let range = format!("expected {least} to {most}");
            assert!(said.contains(&range), "{section}.{key}: {range}: {said:?}");
        }
    }
}

#[test]
fn the_defaults_of_the_registry_on_the_reference_page_are_the_defaults() {
    for section in [RawKeepalive::NAME, RawOutlier::NAME, "service"] {
        let said: Vec<_> = rows(section)
            .iter()
            .filter_map(|row| match row.as_slice() {
                [key, default, ..] if !default.is_empty() => {
                    Some(format!("{key} = {default}").replace('`', ""))
                }
                _ => None,
            })
            .collect();
        let entry = "[[service]]\nname = 'x'\nhosts = ['x.example']\n\
                     ports = [{ number = 80, protocol = 'HTTP' }]";
        let said = said.iter().filter(|key| !key.starts_with("hosts")).cloned();
        let said = said.collect::<Vec<_>>().join("\n");
        let header = format!("[{section}]\n");
        let header = if section == "service" { "" } else { &header };
        let text = |said: &str| format!("{MINIMAL}\n{entry}\n{header}{said}");
        let service = |text: &str| {
            let service = load("written", text).services.pop();
            format!("{:?}", service.expect("the service"))
        };
        assert_eq!(service(&text(&said)), service(&text("")), "{said}");
    }
}
