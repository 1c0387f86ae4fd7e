//! `egress check FILE`: says whether a configuration is right, and everything that is wrong with it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::config::{Config, ConfigError, ReadError};

use super::EXIT_INVALID;

/// Checks `file` and writes the report to standard output. Exits with 0 if it is right, 2 if not.
pub fn check(file: &Path, json: bool) -> ExitCode {
    let mut out = io::stdout().lock();
    let colour = io::stdout().is_terminal();
    // Nobody is left to tell if standard output is closed.
    report(file, json, colour, &mut out).unwrap_or(ExitCode::FAILURE)
}

fn report(file: &Path, json: bool, colour: bool, out: &mut impl Write) -> io::Result<ExitCode> {
    let outcome = Config::read(file);
    if json {
        serde_json::to_writer(&mut *out, &Report::new(file, &outcome))?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", text(file, &outcome, colour))?;
    }
    Ok(if outcome.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_INVALID)
    })
}

/// The report for programs.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    /// Why the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    errors: Vec<ConfigError>,
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
    fn new(file: &Path, outcome: &Result<Config, ReadError>) -> Self {
        let report = Self {
            file: file.display().to_string(),
            ok: outcome.is_ok(),
            summary: None,
            unreadable: None,
            errors: Vec::new(),
        };
        match outcome {
            Ok(config) => Self {
                summary: Some(Summary::new(config)),
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
fn text(file: &Path, outcome: &Result<Config, ReadError>, colour: bool) -> String {
    match outcome {
        Ok(config) => {
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
            format!("{}: ok — {}", file.display(), counts.join(", "))
        }
        Err(error @ ReadError::Invalid(errors)) => {
            let count = count(errors.iter().len(), "error");
            format!("{}\n\n{}: {count}", error.render(colour), file.display())
        }
        Err(error @ ReadError::Io { .. }) => error.render(colour),
    }
}

fn count(n: usize, what: &str) -> String {
    let ending = match (n, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{n} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit code and what was printed for a file with this text.
    fn check(text: &str, json: bool) -> (String, String) {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("egress.toml");
        std::fs::write(&file, text).expect("the file is written");
        let mut out = Vec::new();
        let code = report(&file, json, false, &mut out).expect("it is written");
        let out = String::from_utf8(out).expect("text");
        let dir = format!("{}/", dir.path().display());
        (format!("{code:?}"), out.replace(&dir, ""))
    }

    fn code(code: u8) -> String {
        format!("{:?}", ExitCode::from(code))
    }

    const MINIMAL: &str = include_str!("../../../config/minimal.toml");

    #[test]
    fn a_right_file_is_summed_up_in_a_line() {
        let line = "egress.toml: ok — 1 service, 1 host, 0 addresses, 1 port, 1 governed cgroup\n";
        assert_eq!(check(MINIMAL, false), (code(0), line.into()));
    }

    #[test]
    fn a_wrong_file_exits_with_2_after_every_error() {
        let (exit, said) = check("[gatway]\n[dsn]\n", false);
        assert_eq!(exit, code(2));
        assert!(
            said.contains("egress.toml:1:2") && said.contains("egress.toml:2:2"),
            "{said}"
        );
        assert!(said.ends_with("egress.toml: 3 errors\n"), "{said}");
    }

    #[test]
    fn programs_get_one_object() {
        let (exit, said) = check(MINIMAL, true);
        let summary = r#"{"services":1,"hosts":1,"addresses":0,"ports":1,"cgroups":1}"#;
        let report =
            format!(r#"{{"file":"egress.toml","ok":true,"summary":{summary},"errors":[]}}"#);
        assert_eq!((exit, said), (code(0), format!("{report}\n")));

        let (exit, said) = check(&format!("{MINIMAL}\n[dns]\nattempts = 0"), true);
        let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(exit, code(2));
        assert_eq!(report.pointer("/ok"), Some(&false.into()));
        let message = "dns.attempts: 0 is out of range";
        assert_eq!(report.pointer("/errors/0/message"), Some(&message.into()));
        assert_eq!(
            report.pointer("/errors/0/expected"),
            Some(&"expected 1 to 10".into())
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_exits_with_2() {
        let mut out = Vec::new();
        let file = Path::new("/nonexistent/egress.toml");
        let exit = report(file, true, false, &mut out).expect("it is written");
        assert_eq!(format!("{exit:?}"), code(2));
        let report: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        let why = report.pointer("/unreadable").and_then(|why| why.as_str());
        assert!(
            why.is_some_and(|why| why.contains("No such file")),
            "{report}"
        );
    }
}
