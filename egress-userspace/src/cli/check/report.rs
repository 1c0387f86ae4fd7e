//! What `egress check` prints, for people and for programs.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, ConfigError, NamespaceFile, Namespaces, ReadError, Warning, Warnings};

/// What came of reading a file.
type Outcome = Result<(Config, Warnings), ReadError>;

/// The report for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    /// Why the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
    /// The files of namespaces, whose errors are among those above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<NamespaceSummary>,
}

/// What a gateway that starts would make of a namespace's file.
#[derive(Debug, Serialize)]
struct NamespaceSummary {
    namespace: String,
    file: String,
    force: &'static str,
    services: usize,
    errors: usize,
}

/// How much there is of what.
#[derive(Debug, Serialize)]
struct Summary {
    services: usize,
    hosts: usize,
    addresses: usize,
    ports: usize,
    cgroups: usize,
}

impl Report {
    pub(super) fn new(file: &Path, outcome: &Outcome) -> Self {
        let report = Self {
            file: file.display().to_string(),
            ok: is_right(outcome),
            summary: None,
            unreadable: None,
            errors: Vec::new(),
            warnings: Vec::new(),
            namespaces: Vec::new(),
        };
        match outcome {
            Ok((config, warnings)) => Self {
                summary: Some(Summary::new(config)),
                warnings: warnings.iter().collect(),
                errors: errors_of_namespaces(&config.namespaces).collect(),
                namespaces: config.namespaces.files.iter().map(summary_of).collect(),
                ..report
            },
            Err(ReadError::Io { source, .. }) => Self {
                unreadable: Some(source.to_string()),
                ..report
            },
            Err(ReadError::Invalid(errors)) => Self {
                errors: errors.iter().collect(),
                ..report
            },
        }
    }
}

/// Whether nothing is wrong, in any file.
pub(super) fn is_right(outcome: &Outcome) -> bool {
    let right = outcome.as_ref().ok();
    right.is_some_and(|(config, _)| config.namespaces.wrong().next().is_none())
}

fn errors_of_namespaces(namespaces: &Namespaces) -> impl Iterator<Item = ConfigError> {
    namespaces.wrong().flat_map(|(_, errors)| errors.iter())
}

fn summary_of(file: &NamespaceFile) -> NamespaceSummary {
    NamespaceSummary {
        namespace: file.namespace.to_string(),
        file: file.path.display().to_string(),
        force: file.force.label(),
        services: file.services.len(),
        errors: file.errors.as_ref().map_or(0, |errors| errors.iter().len()),
    }
}

impl Summary {
    fn new(config: &Config) -> Self {
        let services = || config.services.iter();
        Self {
            services: services().len(),
            hosts: services().map(|service| service.hosts.len()).sum(),
            addresses: services().map(|service| service.addresses.len()).sum(),
            ports: services().map(|service| service.ports.len()).sum(),
            cgroups: config.scopes.iter().map(|scope| scope.cgroups.len()).sum(),
        }
    }
}

/// The report for people.
pub(super) fn text(file: &Path, outcome: &Outcome, colour: bool) -> String {
    let file = file.display();
    match outcome {
        Ok((config, warnings)) => {
            let summary = format!("{file}: ok — {}", sum_up(config));
            let summary = match own(&config.namespaces, colour) {
                Some(own) => format!("{own}{summary}"),
                None => summary,
            };
            if warnings.is_empty() {
                return summary;
            }
            let count = count(warnings.iter().len(), "warning");
            format!("{}\n\n{summary}; {count}", warnings.render(colour))
        }
        Err(error @ ReadError::Invalid(errors)) => {
            let count = count(errors.iter().len(), "error");
            format!("{}\n\n{file}: {count}", error.render(colour))
        }
        Err(error @ ReadError::Io { .. }) => error.render(colour),
    }
}

/// What is wrong with namespaces' files, and a line for each file; `None`: there are none.
fn own(namespaces: &Namespaces, colour: bool) -> Option<String> {
    let mut own = String::new();
    for (_, errors) in namespaces.wrong() {
        own.push_str(&errors.render(colour));
        own.push_str("\n\n");
    }
    for file in &namespaces.files {
        let NamespaceSummary {
            file: path,
            services,
            errors,
            ..
        } = summary_of(file);
        let services = count(services, "service");
        let line = match errors {
            0 => format!("{path}: ok — {services} for namespace {}\n", file.namespace),
            _ => format!(
                "{path}: {}; at the start {}: {services}\n",
                count(errors, "error"),
                file.force.sentence()
            ),
        };
        own.push_str(&line);
    }
    (!own.is_empty()).then_some(own)
}

fn sum_up(config: &Config) -> String {
    let Summary {
        services,
        hosts,
        addresses,
        ports,
        cgroups,
    } = Summary::new(config);
    let counts = [
        count(services, "service"),
        count(hosts, "host"),
        count(addresses, "address"),
        count(ports, "port"),
        count(cgroups, "governed cgroup"),
    ];
    counts.join(", ")
}

fn count(n: usize, what: &str) -> String {
    let ending = match (n, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{n} {what}{ending}")
}
