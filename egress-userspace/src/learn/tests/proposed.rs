//! Which services are made of what.

use super::*;

const SRC: &str = r#""src.addr":"192.0.2.1:1""#;

#[test]
fn names_of_a_domain_on_the_same_ports_are_one_service() {
    let lines = [
        tls("api.example.com", 443),
        tls("www.example.com", 443),
        tls("www.example.com", 8443),
        tls("other.test", 443),
        tls("api.example.com", 443),
    ];
    assert_eq!(
        services(&learned(&lines)),
        [
            "api.example.com: api.example.com on 443 TLS",
            "other.test: other.test on 443 TLS",
            "www.example.com: www.example.com on 443 TLS, 8443 TLS",
        ]
    );
    let text = assert_holds(&lines);
    let evidence = "  # 2 connections, 2026-11-23T20:27:12.360Z; 4 B out, 20 B in; /usr/bin/curl in /apps/web\n  \"api.example.com\",\n";
    assert!(text.contains(evidence), "{text}");
    assert!(text.contains("cgroups = [\"/apps/web\"]"), "{text}");
}

#[test]
fn of_siblings_below_an_owned_name_a_wildcard_is_made_with_its_apex() {
    let lines: Vec<_> = ["a", "b", "c", "d.c"]
        .map(|label| tls(&format!("{label}.example.com"), 443))
        .into();
    assert_eq!(
        services(&learned(&lines)),
        ["example.com: example.com, *.example.com on 443 TLS"]
    );
    let text = assert_holds(&lines);
    assert!(
        text.contains(
            "# for 4 names: a.example.com, b.example.com, c.example.com, d.c.example.com"
        ),
        "{text}"
    );
    assert!(text.contains("# not seen itself"), "{text}");

    let below: Vec<_> = ["a", "b", "c"]
        .map(|label| tls(&format!("{label}.cdn.example.com"), 443))
        .into();
    assert_eq!(
        services(&learned(&below)),
        ["cdn.example.com: *.cdn.example.com on 443 TLS"]
    );
    let never = Settings {
        siblings: None,
        ..Settings::default()
    };
    assert_eq!(
        lesson(&below, never, None)
            .services
            .first()
            .expect("one")
            .hosts
            .len(),
        3
    );
}

#[test]
fn no_wildcard_is_made_where_anyone_can_have_a_name() {
    for parent in [
        "com",
        "co.uk",
        "github.io",
        "cloudfront.net",
        "eu.database.windows.net",
        "internal",
    ] {
        let lines: Vec<_> = ["a", "b", "c", "d"]
            .map(|label| tls(&format!("{label}.{parent}"), 443))
            .into();
        let learned = learned(&lines);
        let hosts = learned.services.iter().flat_map(|service| &service.hosts);
        assert!(
            hosts
                .clone()
                .all(|host| !host.item.to_string().starts_with('*')),
            "{parent}"
        );
        assert_eq!(hosts.count(), 4, "{parent}");
        assert_holds(&lines);
    }
}

#[test]
fn a_wildcard_is_made_once_and_for_the_most() {
    let mut lines: Vec<_> = ["a", "b", "c", "d"]
        .map(|label| tls(&format!("{label}.example.com"), 443))
        .into();
    for label in ["x", "y", "z"] {
        lines.push(tls(&format!("{label}.example.com"), 443));
        lines.push(tls(&format!("{label}.example.com"), 8443));
    }
    let learned = learned(&lines);
    let wildcards = learned.services.iter().flat_map(|service| &service.hosts);
    assert_eq!(
        wildcards
            .filter(|host| host.item.to_string().starts_with('*'))
            .count(),
        1
    );
    assert_holds(&lines);
}

#[test]
fn what_sent_no_name_is_found_by_what_it_had_looked_up_or_by_address() {
    let audit = r#""verdict":"audit","reason":"port_not_in_registry""#;
    let at = |dst: &str, rest: &str| seen(&format!(r#"{SRC},"dst.addr":"{dst}",{rest},{audit}"#));
    let lines = [
        at(
            "198.51.100.20:5432",
            r#""protocol":"tcp","dns_name":"orders.example.com""#,
        ),
        at("198.51.100.21:5432", r#""protocol":"tcp""#),
        at("[2001:db8::1]:5432", r#""protocol":"tcp""#),
        at("203.0.113.5:443", r#""protocol":"tls""#),
        at("203.0.113.5:80", r#""protocol":"http""#),
    ];
    assert_eq!(
        services(&learned(&lines)),
        [
            "203.0.113.5: 203.0.113.5 on 80 HTTP, 443 TLS",
            "orders.example.com: orders.example.com on 5432 TCP",
            "tcp-5432: 198.51.100.21, 2001:db8::1 on 5432 TCP",
        ]
    );
    assert_holds(&lines);
}

#[test]
fn http_of_both_versions_is_one_port() {
    let http = |protocol: &str| {
        seen(&format!(
            r#"{SRC},"dst.addr":"203.0.113.5:80","protocol":"{protocol}","requested_server_name":"a.test","verdict":"allow""#
        ))
    };
    assert_eq!(
        services(&learned(&[http("http2")])),
        ["a.test: a.test on 80 HTTP2"]
    );
    let both = [http("http2"), http("http")];
    assert_eq!(services(&learned(&both)), ["a.test: a.test on 80 HTTP"]);
    assert_holds(&both);
}

#[test]
fn a_name_that_leads_inside_has_its_address_listed() {
    let inside = |ip: &str| {
        seen(&format!(
            r#"{SRC},"dst.addr":"{ip}:443","protocol":"tls","requested_server_name":"db.corp.example","verdict":"audit","reason":"resolved_address_refused""#
        ))
    };
    let lines = [
        inside("10.0.0.1"),
        inside("10.0.0.2"),
        inside("203.0.113.1"),
    ];
    let learned = learned(&lines);
    assert_eq!(
        services(&learned),
        ["db.corp.example: db.corp.example, 10.0.0.1, 10.0.0.2 on 443 TLS"]
    );
    let left = learned
        .left_out
        .get(&LeftOut::Resolved)
        .expect("the last one");
    assert_eq!(left.count, 1);
}

#[test]
fn what_no_service_should_be_made_of_is_left_out_and_told() {
    let lines = [
        tls("cloudflare-ech.com", 443),
        tls("a.test", 15001),
        seen(&format!(
            r#"{SRC},"dst.addr":"203.0.113.5:443","protocol":"tcp","verdict":"audit","reason":"malformed_tls""#
        )),
        seen(&format!(
            r#"{SRC},"dst.addr":"203.0.113.53:53","protocol":"dns","requested_server_name":"only.asked.test","verdict":"audit","reason":"host_not_in_registry""#
        )),
        seen(&format!(
            r#"{SRC},"dst.addr":"203.0.113.53:53","protocol":"dns","requested_server_name":"b.test","verdict":"audit","reason":"host_not_in_registry""#
        )),
        tls("b.test", 443),
        seen(r#""verdict":"deny","reason":"socket_kind""#),
        seen(&format!(
            r#"{SRC},"dst.addr":"127.0.0.1:80","protocol":"http","verdict":"allow""#
        )),
    ];
    let lesson = learned(&lines);
    assert_eq!(services(&lesson), ["b.test: b.test on 443 TLS"]);
    let left: Vec<_> = lesson
        .left_out
        .iter()
        .map(|(why, left)| (why.label(), left.count))
        .collect();
    assert_eq!(
        left,
        [
            ("ech_front", 1),
            ("malformed_tls", 1),
            ("port", 1),
            ("lookup_only", 1)
        ]
    );
    let examples = |why| {
        lesson
            .left_out
            .get(&why)
            .expect("it is there")
            .examples
            .iter()
            .next()
            .cloned()
    };
    assert_eq!(
        examples(LeftOut::Lookup).as_deref(),
        Some("only.asked.test")
    );
    assert_eq!(examples(LeftOut::Port).as_deref(), Some("a.test:15001"));
    assert_eq!((lesson.covered, lesson.denied), (2, 1));
}

#[test]
fn what_was_denied_is_learned_from_only_if_it_is_asked_for() {
    let denied = seen(
        r#""dst.addr":"198.51.100.1:123","verdict":"deny","reason":"datagram_not_in_registry""#,
    );
    let lines = [denied];
    assert_eq!(services(&learned(&lines)), Vec::<String>::new());
    let settings = Settings {
        denied: true,
        ..Settings::default()
    };
    let lesson = lesson(&lines, settings, None);
    assert_eq!(services(&lesson), ["198.51.100.1: 198.51.100.1 on 123 UDP"]);
    let (config, warnings) = checked(&lesson.configuration());
    assert_eq!(warnings, []);
    assert_eq!(replayed(&lines, &config).count(Kind::NowAllowed), 1);
}

#[test]
fn what_a_process_chose_stays_within_its_comment_and_its_string() {
    let line = seen(
        r#""src.addr":"192.0.2.1:1","src.exe":"/x\n[gateway]\nmode = 1\r\u0085\u2028\u202e","src.cgroup":"/a\"]\n[[service]]\u202e\u009b/ä","dst.addr":"203.0.113.10:443","requested_server_name":"a.test","protocol":"tls","verdict":"allow""#,
    );
    let text = assert_holds(&[line]);
    let (config, _) = checked(&text);
    assert_eq!(config.services.len(), 1);
    let scope = config.scopes.first().expect("a scope");
    assert_eq!(
        scope.cgroups.first().expect("a cgroup").as_str(),
        "/a\"]\n[[service]]\u{202e}\u{9b}/ä"
    );
    for said in [
        r"/x\n[gateway]\nmode = 1\r\u{85}\u{2028}\u{202e} in /a",
        r#"cgroups = ["/a\"]\u000A[[service]]\u202E\u009B/ä"]"#,
    ] {
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn the_scope_is_what_the_callers_are_in_and_no_more() {
    let scope = |cgroups: &[&str]| {
        let lines: Vec<_> = cgroups
            .iter()
            .map(|cgroup| seen(&format!(r#"{SRC},"src.cgroup":"{cgroup}","dst.addr":"203.0.113.10:443","verdict":"allow""#)))
            .collect();
        let (config, _) = checked(&learned(&lines).configuration());
        let cgroups = config.scopes.iter().flat_map(|scope| &scope.cgroups);
        cgroups.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(scope(&["/apps.slice/a.service"]), ["/apps.slice/a.service"]);
    assert_eq!(
        scope(&["/apps.slice/a", "/apps.slice/ab", "/apps.slice/a/c"]),
        ["/apps.slice"]
    );
    assert_eq!(scope(&["/a/x", "/b/y"]), ["/a/x", "/b/y"]);
    assert_eq!(
        scope(&["/a/x/1", "/a/x/2", "7", "/../etc", "/sys/fs/cgroup/a"]),
        ["/a/x"]
    );
    assert_eq!(scope(&["7"]), ["/apps.slice"]);
}
