//! What an operator sees of each warning: `cases/NAME.toml` with `cases/NAME.txt`.
//!
//! `UPDATE_CASES=1 cargo nextest run config::warnings` writes what is said now.

use std::fs;
use std::path::Path;

use super::{Code, Resolved, Review};
use crate::config::tests::{GOLDEN, MINIMAL, STRICT};

const REFERENCE: &str = include_str!("../../../../config/README.md");

#[test]
fn each_case_is_told_and_what_is_fine_beside_it_is_not() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/warnings/cases");
    let mut files: Vec<_> = cases
        .read_dir()
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "toml"))
        .collect();
    files.sort();
    let mut told: Vec<Code> = Vec::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&file).expect("a case");
        let review = Review::from_toml(&name, &text).unwrap_or_else(|errors| panic!("{errors}"));
        let (_, warnings) = review.finish();
        told.extend(warnings.iter().map(|warning| warning.code));
        assert_said(&file.with_extension("txt"), &warnings.render(false));
    }
    let asked = [Code::PrivateName, Code::NameUnresolved];
    for code in Code::ALL.iter().filter(|code| !asked.contains(code)) {
        assert!(told.contains(code), "no case has {code}");
    }
}

#[track_caller]
fn assert_said(expected: &Path, said: &str) {
    let said = format!("{said}\n");
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(expected, &said).expect("the case is written");
    }
    let expected = fs::read_to_string(expected).unwrap_or_default();
    assert!(
        said == expected,
        "this is said:\n{said}\nand this was expected:\n{expected}"
    );
}

#[test]
fn nothing_is_said_of_the_example_files() {
    for text in [GOLDEN, MINIMAL, STRICT] {
        let review = Review::from_toml("example.toml", text).expect("it is right");
        let (_, warnings) = review.finish();
        assert!(warnings.is_empty(), "{}", warnings.render(false));
    }
}

#[test]
fn callers_are_known_by_their_pods_where_there_is_a_listener() {
    let service = "
[[service]]
name = 'of-pods'
hosts = ['a.example.com']
from = [{ namespace = 'shop' }]
ports = [{ number = 443, protocol = 'TLS' }]
resolution = 'DNS'
";
    let listener = "
[[listener]]
name = 'pods'
address = '127.0.0.1:15080'
protocol = 'CONNECT'
identity = 'ADDRESS'
peers = [{ addresses = ['10.0.8.0/24'], namespace = 'shop' }]
";
    for (listener, said) in [("", 1), (listener, 0)] {
        let text = format!("{SCOPE}{service}{listener}");
        let review = Review::from_toml("a.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let (_, warnings) = review.finish();
        let warnings: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(warnings, vec![Code::NoEffect; said], "{text}");
    }
}

#[test]
fn the_reference_page_has_exactly_the_codes() {
    let rows = REFERENCE.lines().filter_map(|line| {
        let code = line.strip_prefix("| `[")?;
        code.split_once("]` |").map(|(code, _)| code)
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, Code::ALL.map(Code::as_str));
}

#[test]
fn names_are_judged_by_what_the_dns_says_of_them() {
    let text = format!(
        "{MINIMAL}
[[service]]
name = 'looked-up'
hosts = ['gone.example', 'inside.example', 'both.example', 'listed.example']
addresses = ['192.168.0.0/24']
ports = [{{ number = 443, protocol = 'TLS' }}]
"
    );
    let mut review = Review::from_toml("egress.toml", &text).expect("it is right");
    let address =
        |ip: &str, class: Option<&str>| (ip.parse().expect("an address"), class.map(str::to_owned));
    for lookup in review.lookups() {
        let answer = match lookup.name.as_str() {
            "gone.example" => Resolved::Failed("no such name".into()),
            "inside.example" => Resolved::Addresses(vec![address("10.0.0.1", Some("private"))]),
            "both.example" => Resolved::Addresses(vec![
                address("192.0.2.1", None),
                address("::1", Some("loopback")),
            ]),
            "listed.example" => Resolved::Addresses(vec![address("192.168.0.1", Some("private"))]),
            _ => Resolved::Addresses(vec![address("192.0.2.1", None)]),
        };
        review.resolved(&lookup, &answer);
    }
    let (_, warnings) = review.finish();
    let said: Vec<_> = warnings
        .iter()
        .map(|warning| (warning.code, warning.message))
        .collect();
    let name = "service `looked-up`";
    assert_eq!(
        said,
        [
            (
                Code::NameUnresolved,
                format!("{name}: `gone.example` does not resolve: no such name")
            ),
            (
                Code::PrivateName,
                format!("{name}: `inside.example` resolves to 10.0.0.1 (private)")
            ),
            (
                Code::PrivateName,
                format!("{name}: `both.example` also resolves to ::1 (loopback)")
            ),
        ]
    );
}

#[test]
fn a_warning_stands_where_its_text_does_in_any_spelling_of_the_registry() {
    let service = "name = 'wide', hosts = ['a.example.com', '*.com'], \
                   ports = [{ number = 443, protocol = 'TLS' }], resolution = 'DYNAMIC_DNS'";
    let inline = format!("service = [\n  {{ {service} }},\n]\n{SCOPE}");
    let headed = format!(
        "{SCOPE}\n [[ service ]] # wide\n{}\n[service.traffic_policy]\nproxy_protocol = 'V1'\n",
        service
            .replace(", ", "\n")
            .replace("com'\n'", "com', '")
            .replace("443\n", "443, ")
    );
    let place = |text: &str| {
        let review = Review::from_toml("a.toml", text).unwrap_or_else(|errors| panic!("{errors}"));
        let (_, warnings) = review.finish();
        let first = warnings.iter().next().expect("a warning");
        (first.line, first.column)
    };
    assert_eq!(
        place(&inline),
        (2, 1),
        "an entry without a header is marked as a whole"
    );
    assert_eq!(place(&headed), (6, 27));
}

const SCOPE: &str = "[[scope]]\ncgroups = ['/governed']\n";
