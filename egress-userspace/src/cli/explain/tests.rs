//! Exit codes, and that `docs/explain.md` shows what is printed.
//!
//! `UPDATE_CASES=1 cargo nextest run cli::explain` writes what is printed now.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Parser as _;
use serde_json::Value;

use super::*;
use crate::policy::Kind;

/// What stands before a command on the page.
const PROMPT: &str = "# ";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explain.md")
}

/// The exit code and what is printed.
fn explain(config: &Path, words: &str) -> (String, String) {
    let words = words.split_whitespace();
    let words = words.map(ToOwned::to_owned);
    let config = ["--config".into(), config.display().to_string()];
    let asked = match crate::cli::Arguments::parse_from(words.chain(config)).command {
        crate::cli::Command::Explain(asked) => asked,
        other => panic!("{other:?}"),
    };
    let mut out = Vec::new();
    match run(asked, false, &mut out) {
        Ok(code) => (format!("{code:?}"), String::from_utf8(out).expect("text")),
        Err(Failure::Config(said)) => ("config".into(), said),
        Err(Failure::Question(error)) => ("question".into(), error.to_string()),
        Err(Failure::Output) => panic!("no output"),
        Err(Failure::Gateway(error)) => panic!("{error}"),
    }
}

fn with(text: &str, words: &str) -> (String, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("egress.toml");
    fs::write(&file, text).expect("the file is written");
    let (code, said) = explain(&file, words);
    let dir = format!("{}/", dir.path().display());
    (code, said.replace(&dir, ""))
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

/// The page with every command followed by what it prints.
fn printed(page: &str) -> String {
    let (_, config) = page.split_once("```toml").expect("a configuration");
    // What else stands there is for those who read every page.
    let (_, config) = config.split_once('\n').expect("its lines");
    let (config, _) = config.split_once("```").expect("its end");
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, block)) = rest.split_once("```console\n") {
        let (block, after) = block.split_once("```").expect("the block's end");
        let command = block.lines().next().unwrap_or_default();
        writeln!(out, "{before}```console").expect("a string");
        let (_, said) = with(config, command.trim_start_matches(PROMPT));
        write!(out, "{command}\n{said}").expect("a string");
        out.push_str("```");
        rest = after;
    }
    out + rest
}

#[test]
fn the_page_shows_what_is_printed() {
    let written = fs::read_to_string(page()).expect("the page");
    let printed = printed(&written);
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(page(), &printed).expect("the page is written");
        return;
    }
    assert!(written == printed, "the page should be:\n{printed}");
}

#[test]
fn what_the_page_proposes_fits_into_its_configuration_and_is_allowed() {
    let page = fs::read_to_string(page()).expect("the page");
    let (_, config) = page.split_once("```toml").expect("a configuration");
    // What else stands there is for those who read every page.
    let (_, config) = config.split_once('\n').expect("its lines");
    let (config, _) = config.split_once("```").expect("its end");
    let commands = page
        .lines()
        .filter_map(|line| line.strip_prefix(PROMPT))
        .filter(|line| line.starts_with("egress explain") && !line.contains('['))
        .map(|line| line.replace(" --json", ""));
    let mut proposed = 0;
    for command in commands {
        let (_, json) = with(config, &format!("{command} --json"));
        let explanation: Value = serde_json::from_str(&json).expect("JSON");
        let Some(toml) = explanation.get("to_allow").and_then(Value::as_str) else {
            continue;
        };
        proposed += 1;
        let (exit, said) = with(&format!("{config}\n{toml}"), &command);
        assert_eq!(exit, code(0), "{command}: {said}");
    }
    assert!(proposed > 8, "{proposed}");
}

#[test]
fn the_page_has_every_kind_of_miss() {
    let page = fs::read_to_string(page()).expect("the page");
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| `miss` |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let listed: Vec<_> = rows
        .filter_map(|row| row.split('`').nth(1))
        .map(|word| format!("\"{word}\""))
        .collect();
    let kinds = [
        Kind::Ech,
        Kind::Beaten,
        Kind::Caller,
        Kind::Address,
        Kind::Protocol,
        Kind::Port,
        Kind::AddressProtocol,
        Kind::Apex,
        Kind::Below,
        Kind::Slip,
        Kind::Unnamed,
        Kind::AddressPort,
        Kind::Elsewhere,
    ];
    let kinds = kinds.map(|kind| serde_json::to_string(&kind).expect("JSON"));
    assert_eq!(listed, kinds);
}

const MINIMAL: &str = include_str!("../../../../config/minimal.toml");

#[test]
fn the_exit_code_is_the_verdict() {
    let explain = |more: &str| with(MINIMAL, &format!("egress explain {more}")).0;
    assert_eq!(explain("--host api.example.com --port 443"), code(0));
    assert_eq!(explain("--host other.example.com --port 443"), code(1));
    assert_eq!(explain("--host a:b --port 443"), "question");
    assert_eq!(
        with("[gatway]", "egress explain --ip 192.0.2.1 --port 1").0,
        "config"
    );
    let audit = format!("{MINIMAL}\n[gateway]\nmode = \"audit\"");
    let (code_, said) = with(&audit, "egress explain --host other.example.com --port 443");
    assert_eq!(code_, code(1));
    assert!(said.contains("gateway.mode is \"audit\""), "{said}");
}

/// The exit code where the gateway answers so.
fn answered(status: &str, body: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("admin.sock");
    let listener = UnixListener::bind(&socket).expect("a listener");
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let read = stream.read(&mut [0; 4096]).expect("a question");
        assert!(read > 0);
        stream.write_all(answer.as_bytes()).expect("it listens");
    });
    let words = "egress explain --ip 192.0.2.1 --port 1 --running --socket";
    let words = words.split(' ').map(ToOwned::to_owned);
    let words = words.chain([socket.display().to_string()]);
    let exit = match crate::cli::Arguments::parse_from(words).command {
        crate::cli::Command::Explain(asked) => super::explain(asked),
        other => panic!("{other:?}"),
    };
    server.join().expect("it answers");
    format!("{exit:?}")
}

#[test]
fn an_answer_that_is_of_no_use_is_no_verdict() {
    let refusal = r#"{"error":"no"}"#;
    for (status, body, exit) in [
        ("200 OK", "seven", 4),
        ("404 Not Found", "not found", 4),
        ("503 Service Unavailable", refusal, 4),
        ("422 Unprocessable Content", refusal, 2),
        ("400 Bad Request", refusal, 2),
    ] {
        assert_eq!(answered(status, body), code(exit), "{status}");
    }
}

#[test]
fn a_command_line_that_asks_nothing_is_refused() {
    for words in [
        "egress explain --port 443",
        "egress explain --host a.example",
        "egress explain --host a.example --port 0",
        "egress explain --host a.example --port 70000",
        "egress explain --host a.example --port 443 --protocol UDP",
        "egress explain --host a.example --port 443 --pod-label app",
        "egress explain --host a.example --port 443 --cgroup /a --unit a.service",
    ] {
        let parsed = crate::cli::Arguments::try_parse_from(words.split_whitespace());
        let error = parsed.expect_err(words);
        assert_eq!(error.exit_code(), i32::from(EXIT_INVALID), "{words}");
    }
}

#[test]
fn without_the_text_of_the_configuration_places_are_told_alone() {
    let (_, json) = with(
        MINIMAL,
        "egress explain --host api.example.com --port 80 --json",
    );
    let explanation = serde_json::from_str(&json).expect("an explanation");
    let said = explanation_text(&explanation);
    assert!(
        said.contains(
            "has `api.example.com` on port 443 (TLS), and not on 80\n --> egress.toml:6\n"
        ),
        "{said}"
    );
}

fn explanation_text(explanation: &Explanation) -> String {
    super::explanation(explanation, None, false)
}
