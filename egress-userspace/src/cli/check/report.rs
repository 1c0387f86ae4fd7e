//! What `egress check` prints, for people and for programs.

use std::path::Path;

use serde::Serialize;

use crate::config::{Config, ConfigError, ReadError, Warning, Warnings};

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
            ok: outcome.is_ok(),
            summary: None,
            unreadable: None,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        match outcome {
            Ok((config, warnings)) => Self {
                summary: Some(Summary::new(config)),
                warnings: warnings.iter().collect(),
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
