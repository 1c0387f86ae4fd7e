//! What is added to a configuration that is there.

use super::*;

const BASE: &str = r#"# The operator's own words.
[gateway]
mode = "audit"  # for now
internal = ["10.9.0.0/16"]

[[scope]]
cgroups = ["/apps.slice"]

[[service]]
name = "api.example.com"   # odd spacing stays
hosts = ["api.example.com"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "denied"
deny = true
hosts = ["bad.example.com"]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "of-some"
hosts = ["some.example.com"]
from = [{ cgroup = "/apps.slice/web.service" }]
ports = [{ number = 443, protocol = "TLS" }]

[[service]]
name = "grpc"
hosts = ["grpc.example.com"]
ports = [{ number = 8080, protocol = "GRPC" }]"#;

fn base() -> Config {
    checked(BASE).0
}

#[test]
fn the_file_stays_as_it_is_and_only_what_it_lacks_comes_after_it() {
    let lines = [
        tls("api.example.com", 443),
        tls("new.example.com", 443),
        tls("api.example.com", 8443),
    ];
    let lesson = lesson(&lines, Settings::default(), Some(&base()));
    assert_eq!(
        services(&lesson),
        [
            "api.example.com-8443: api.example.com on 8443 TLS",
            "new.example.com: new.example.com on 443 TLS"
        ]
    );
    let text = lesson.merged(BASE);
    let added = text.strip_prefix(BASE).expect("the base comes first");
    assert!(
        added.starts_with("\n\n# Services for what was seen"),
        "{added}"
    );
    let (config, warnings) = checked(&text);
    assert_eq!((config.services.len(), warnings), (6, vec![]));
    assert_eq!(replayed(&lines, &config).count(Kind::NowDenied), 0);
}

#[test]
fn a_file_that_lacks_nothing_is_given_back() {
    let lesson = lesson(
        &[tls("api.example.com", 443)],
        Settings::default(),
        Some(&base()),
    );
    assert_eq!(lesson.merged(BASE), BASE);
    assert_eq!(lesson.covered, 1);
}

#[test]
fn a_name_that_leads_to_what_is_listed_by_address_has_to_be_there_to_be_looked_up() {
    let by_address = "\n\n[[service]]\nname = \"db\"\naddresses = [\"198.51.100.20\"]\nports = [{ number = 5432, protocol = \"TCP\" }]\n";
    let text = format!("{BASE}{by_address}");
    let (config, _) = checked(&text);
    let to = |rest: &str| {
        seen(&format!(
            r#""src.addr":"192.0.2.1:1","dst.addr":"198.51.100.20:5432","protocol":"tcp",{rest}"verdict":"audit","reason":"port_not_in_registry""#
        ))
    };
    let lines = [to(""), to(r#""dns_name":"orders.example.com","#)];
    let lesson = lesson(&lines, Settings::default(), Some(&config));
    assert_eq!(
        services(&lesson),
        ["orders.example.com: orders.example.com on 5432 TCP"]
    );
    assert_eq!(lesson.covered, 1);
}

#[test]
fn what_the_file_refuses_on_purpose_is_not_proposed() {
    let http = seen(
        r#""src.addr":"192.0.2.1:1","dst.addr":"203.0.113.5:8080","protocol":"http","requested_server_name":"grpc.example.com","verdict":"allow""#,
    );
    let inside = seen(
        r#""src.addr":"192.0.2.1:1","dst.addr":"10.9.0.1:80","protocol":"http","verdict":"allow""#,
    );
    let lines = [
        tls("bad.example.com", 443),
        tls("some.example.com", 443),
        http,
        inside,
    ];
    let lesson = lesson(&lines, Settings::default(), Some(&base()));
    assert_eq!(services(&lesson), Vec::<String>::new());
    let left: Vec<_> = lesson.left_out.keys().map(|why| why.label()).collect();
    assert_eq!(left, ["service_denied", "caller_not_allowed", "taken"]);
    assert_eq!(lesson.covered, 1, "what is inside passes untouched");
}

#[test]
fn a_wildcard_takes_the_file_into_account() {
    let lines: Vec<_> = ["a", "b", "c"]
        .map(|label| tls(&format!("{label}.example.com"), 443))
        .into();
    let apex = "\n\n[[service]]\nname = \"apex\"\nhosts = [\"example.com\"]\nports = [{ number = 443, protocol = \"TLS\" }]\n";
    let text = format!("{BASE}{apex}");
    let (config, _) = checked(&text);
    let lesson = lesson(&lines, Settings::default(), Some(&config));
    assert_eq!(services(&lesson), ["example.com: *.example.com on 443 TLS"]);
    assert_eq!(checked(&lesson.merged(&text)).1, []);
}
