//! From files to files.

use std::ffi::OsString;

use clap::Parser as _;

use super::*;
use crate::cli::{Arguments, Command};

const LINE: &str = r#"{"time":"2026-11-23T20:27:12.360Z","conn_id":2,"src.addr":"192.0.2.2:57608","src.cgroup":"/apps","dst.addr":"203.0.113.10:443","requested_server_name":"api.example.com","protocol":"tls","verdict":"allow","bytes_sent":947,"bytes_received":749}"#;
const MINIMAL: &str = include_str!("../../../../config/minimal.toml");

/// What is learned in a directory that has a log and a configuration; `{dir}` in an option is the directory.
fn learned(log: &str, config: &str, options: &[&str]) -> Result<Learned, LearnError> {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("access.log"), log).expect("it is written");
    std::fs::write(dir.path().join("egress.toml"), config).expect("it is written");
    let dir = dir.path().display().to_string();
    let words = ["egress", "learn"].iter().chain(options);
    let words = words.map(|word| OsString::from(word.replace("{dir}", &dir)));
    match Arguments::parse_from(words).command {
        Command::Learn(asked) => run(&asked),
        other => panic!("{other:?}"),
    }
}

fn said(learned: &Learned) -> String {
    let mut out = Vec::new();
    report::summary(learned, &mut out).expect("memory can be written");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_log_that_is_named_is_read_and_what_is_no_line_of_one_is_told() {
    let log = format!("{LINE}\noops\n{LINE}\n");
    let learned = learned(&log, "", &["{dir}/access.log"]).expect("it is learned");
    assert_eq!(learned.lesson.connections(), 2);
    let said = said(&learned);
    assert!(
        said.starts_with("3 lines: 2 connections need 1 new services"),
        "{said}"
    );
    assert!(
        said.contains("1 of 3 lines are not lines of an access log:"),
        "{said}"
    );
    assert!(said.contains("access.log:2: expected"), "{said}");
}

#[test]
fn without_a_log_it_is_that_of_the_configuration() {
    let at_file = format!("{MINIMAL}\n[access_log]\npath = \"{{dir}}/access.log\"\n");
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("access.log");
    std::fs::write(&log, format!("{LINE}\n")).expect("it is written");
    let config = at_file.replace("{dir}/access.log", &log.to_string_lossy());
    let found = learned("", &config, &["--config", "{dir}/egress.toml"]).expect("it is learned");
    assert_eq!(found.lesson.connections(), 1);
    let found = learned("", &config, &["--merge", "{dir}/egress.toml"]).expect("it is learned");
    assert_eq!(
        (found.lesson.covered, found.text.as_str()),
        (1, config.as_str())
    );
    let error = learned("", MINIMAL, &["--config", "{dir}/egress.toml"])
        .err()
        .expect("it has none");
    assert!(matches!(error, LearnError::Nowhere(_)), "{error}");
}

#[test]
fn a_file_that_can_have_no_entry_after_it_is_told_and_not_broken() {
    let inline = "scope = [{ cgroups = [\"/apps\"] }]\nservice = [{ name = \"a\", hosts = [\"a.test\"], ports = [{ number = 1, protocol = \"TLS\" }] }]\n";
    let error = learned(
        &format!("{LINE}\n"),
        inline,
        &["{dir}/access.log", "--merge", "{dir}/egress.toml"],
    );
    let error = error.err().expect("it is refused").to_string();
    assert!(error.contains("does not go with the file"), "{error}");
}

#[test]
fn programs_get_one_object() {
    let learned = learned(&format!("{LINE}\n"), "", &["{dir}/access.log"]).expect("it is learned");
    let report = serde_json::to_value(Report::new(&learned)).expect("JSON");
    for (pointer, expected) in [
        ("/services/0/name", "api.example.com".into()),
        ("/services/0/hosts/0/item", "api.example.com".into()),
        ("/services/0/hosts/0/evidence/count", 1.into()),
        ("/services/0/ports/0/number", 443.into()),
        ("/services/0/ports/0/protocol", "TLS".into()),
        ("/toml", serde_json::Value::from(learned.text.as_str())),
    ] {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer}");
    }
}

#[test]
fn a_log_is_followed_for_a_time() {
    let options = ["{dir}/access.log", "--for", "1ms"];
    let followed = learned(&format!("{LINE}\n"), "", &options).expect("it is learned");
    assert_eq!(followed.lesson.connections(), 1);
    for options in [vec!["-", "--for", "1s"], vec!["a", "b", "--for", "1s"]] {
        let error = learned("", "", &options).err().expect("it is refused");
        assert!(matches!(error, LearnError::Several), "{error}");
    }
}
