//! Reports and exit codes.

use std::ffi::OsStr;
use std::path::Path;

use clap::Parser as _;

use super::*;

/// The exit code and what was printed for a file with this text.
fn check(text: &str, options: &[&str]) -> (String, String) {
    check_with(text, &[], options)
}

/// The same with these files of namespaces.
fn check_with(text: &str, namespaces: &[(&str, &str)], options: &[&str]) -> (String, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("egress.toml");
    std::fs::write(&file, text).expect("the file is written");
    std::fs::create_dir(dir.path().join("namespaces")).expect("the directory is made");
    for (name, text) in namespaces {
        let file = dir.path().join("namespaces").join(name);
        std::fs::write(file, text).expect("the file is written");
    }
    let mut out = Vec::new();
    let code = run(&asked(&file, options), false, &mut out).expect("it is written");
    let out = String::from_utf8(out).expect("text");
    let dir = format!("{}/", dir.path().display());
    (format!("{code:?}"), out.replace(&dir, ""))
}

fn asked(file: &Path, options: &[&str]) -> Check {
    let words = ["egress", "check"].iter().chain(options);
    let words = words
        .map(|word| OsStr::new(*word))
        .chain([file.as_os_str()]);
    match crate::cli::Arguments::parse_from(words).command {
        crate::cli::Command::Check(asked) => asked,
        other => panic!("{other:?}"),
    }
}

fn code(code: u8) -> String {
    format!("{:?}", ExitCode::from(code))
}

const MINIMAL: &str = include_str!("../../../../config/minimal.toml");

#[test]
fn a_right_file_is_summed_up_in_a_line() {
    let line = "egress.toml: ok — 1 service, 1 host, 0 addresses, 1 port, 1 governed cgroup\n";
    assert_eq!(check(MINIMAL, &[]), (code(0), line.into()));
}

#[test]
fn a_wrong_file_exits_with_2_after_every_error() {
    let (exit, said) = check("[gatway]\n[dsn]\n", &[]);
    assert_eq!(exit, code(2));
    assert!(
        said.contains("egress.toml:1:2") && said.contains("egress.toml:2:2"),
        "{said}"
    );
    assert!(said.ends_with("egress.toml: 3 errors\n"), "{said}");
}

#[test]
fn programs_get_one_object() {
    let (exit, said) = check(MINIMAL, &["--json"]);
    let summary = r#"{"services":1,"hosts":1,"addresses":0,"ports":1,"cgroups":1}"#;
    let report = format!(
        r#"{{"file":"egress.toml","ok":true,"summary":{summary},"errors":[],"warnings":[]}}"#
    );
    assert_eq!((exit, said), (code(0), format!("{report}\n")));

    let (exit, said) = check(&format!("{MINIMAL}\n[dns]\nattempts = 0"), &["--json"]);
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
    let exit = run(&asked(file, &["--json"]), false, &mut out).expect("it is written");
    assert_eq!(format!("{exit:?}"), code(2));
    let report: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    let why = report.pointer("/unreadable").and_then(|why| why.as_str());
    assert!(
        why.is_some_and(|why| why.contains("No such file")),
        "{report}"
    );
}

/// Everything in it is right, and two things deserve a second look.
const WIDE: &str = "
[[service]]
name = 'everything'
hosts = ['*.com']
ports = [{ number = 443, protocol = 'TLS' }]
resolution = 'DYNAMIC_DNS'

[[service]]
name = 'anywhere'
addresses = ['0.0.0.0/0']
ports = [{ number = 5432, protocol = 'TCP' }]
";

#[test]
fn warnings_are_shown_and_counted_and_exit_with_0_unless_they_count() {
    let text = format!("{MINIMAL}{WIDE}");
    let (exit, said) = check(&text, &[]);
    assert_eq!(exit, code(0));
    for part in ["warning[public_suffix]: ", "warning[wide_addresses]: "] {
        assert!(said.contains(part), "{said}");
    }
    assert!(said.ends_with("1 governed cgroup; 2 warnings\n"), "{said}");

    let strict = check(&text, &["--strict"]);
    assert_eq!(strict, (code(1), said));
}

#[test]
fn what_is_accepted_is_not_warned_of() {
    let text = format!("{MINIMAL}{WIDE}");
    let one = ["--strict", "--accept", "public_suffix"];
    let (exit, said) = check(&text, &one);
    assert_eq!(exit, code(1));
    assert!(!said.contains("public_suffix"), "{said}");

    let both = [&one[..], &["--accept", "wide_addresses"]].concat();
    assert_eq!(check(&text, &both).0, code(0));
}

#[test]
fn programs_get_each_warning_with_its_code_and_place() {
    let (exit, said) = check(&format!("{MINIMAL}{WIDE}"), &["--json", "--strict"]);
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(exit, code(1));
    assert_eq!(report.pointer("/ok"), Some(&true.into()));
    let line = MINIMAL.lines().count() + 4;
    let first = report.pointer("/warnings/0").expect("a warning");
    let place = |key| first.get(key).and_then(serde_json::Value::as_u64);
    assert_eq!(first.get("code"), Some(&"public_suffix".into()));
    assert_eq!(first.get("file"), Some(&"egress.toml".into()));
    assert_eq!(
        (place("line"), place("column")),
        (Some(line as u64), Some(10))
    );
}

/// A ceiling for one namespace, and two services of its own of which one is beyond it.
fn with_namespaces(options: &[&str]) -> (String, String) {
    let ceiling = "[namespaces]\nfiles = \"namespaces\"\n[[namespaces.ceiling]]\nnamespaces = [\"shop\"]\n\
                   hosts = [\"*.example.org\"]\nports = [{ number = 443, protocol = \"TLS\" }]\n\
                   [kubernetes]\nwatch = \"off\"\n";
    let service = |name: &str| {
        format!(
            "[[service]]\nname = \"{name}\"\nhosts = [\"a.example.{name}\"]\n\
             ports = [{{ number = 443, protocol = \"TLS\" }}]\nresolution = \"DNS\"\n"
        )
    };
    let text = service("org") + &service("net");
    let right = service("org");
    let files = [
        ("shop.toml", text.as_str()),
        ("other.toml", ""),
        ("x.toml", &right),
    ];
    check_with(&format!("{MINIMAL}{ceiling}"), &files, options)
}

#[test]
fn what_is_wrong_with_a_namespaces_file_is_wrong_here_and_the_rest_is_told() {
    let (exit, said) = with_namespaces(&[]);
    assert_eq!(exit, code(2));
    assert!(said.contains("namespaces/shop.toml:8:10"), "{said}");
    let summary = "namespaces/other.toml: ok — 0 services for namespace other\n\
         namespaces/shop.toml: 1 error; at the start what of it is within a ceiling is in force: 1 service\n\
         namespaces/x.toml: 1 error; at the start nothing of it is in force: 0 services\n\
         egress.toml: ok — 1 service, 1 host, 0 addresses, 1 port, 1 governed cgroup\n";
    assert!(said.ends_with(summary), "{said}");
}

#[test]
fn programs_are_told_of_each_namespace() {
    let (exit, said) = with_namespaces(&["--json"]);
    assert_eq!(exit, code(2));
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(report.get("ok"), Some(&false.into()));
    let file = report.pointer("/errors/0/file");
    assert_eq!(file, Some(&"namespaces/shop.toml".into()), "{said}");
    let shop = serde_json::json!({
        "namespace": "shop", "file": "namespaces/shop.toml", "force": "part", "services": 1, "errors": 1,
    });
    assert_eq!(report.pointer("/namespaces/1"), Some(&shop));
}
