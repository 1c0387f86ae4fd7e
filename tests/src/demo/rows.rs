//! What the demo tries, as data. The services are those of `config/egress.toml`, the servers those of
//! `hosts`.

use super::attempt::Attempt::{self, Curl, Download, Python, Shell};

/// Who tries.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// A process in the cgroup that the configuration's scope names.
    Governed,
    /// A process on the same node, in no scope.
    Outside,
}

/// What the access log says of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Logged {
    /// Let through, for this service.
    Allow(&'static str),
    /// Refused, for this reason.
    Deny(&'static str),
    /// Nothing: the gateway never saw it.
    Nothing,
}

/// One attempt.
#[derive(Debug)]
pub struct Row {
    /// What is tried, for the reader.
    pub tried: &'static str,
    pub(super) by: By,
    pub(super) attempt: Attempt,
    /// What is expected, for the reader.
    pub expected: &'static str,
    /// What must all be in what the client saw.
    pub(super) proof: &'static [&'static str],
    pub(super) logged: Logged,
}

/// Connects from an IPv6 socket to an IPv4 address, and says whom it takes for its peer.
const V4_MAPPED: &str = r#"
import socket, ssl
raw = socket.socket(socket.AF_INET6)
raw.connect(("::ffff:203.0.113.10", 443))
peer = raw.getpeername()[0]
tls = ssl.create_default_context().wrap_socket(raw, server_hostname="api.example.com")
tls.sendall(b"GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
answer = tls.makefile().read()
print(answer.split("\n\n")[1].strip(), f"(peer {peer})")
"#;

/// Waits for the server's greeting before it says anything, as database clients do.
const BANNER_FIRST: &str = r#"
import socket
s = socket.create_connection(("198.51.100.20", 5432))
lines = s.makefile()
greeting = lines.readline().strip()
s.sendall(b"echo\nhello\n")
print(f"{greeting}, echo {lines.readline().strip()}")
"#;

/// The same server at an address that no service lists.
const UNLISTED: &str = r#"
import socket
s = socket.create_connection(("198.51.100.21", 5432))
print(s.makefile().readline().strip())
"#;

/// Asks for the registered host, then for another, on the same connection.
const CHANGED_HOST: &str = r#"
import http.client
c = http.client.HTTPConnection("203.0.113.12")
for host in ("packages.example.org", "evil.example.net"):
    c.request("GET", "/", headers={"Host": host})
    answer = c.getresponse()
    print(answer.status, answer.read().decode().strip())
"#;

/// Asks for the address of a name that no service has.
const UNLISTED_NAME: &str = r#"
import socket
print(socket.gethostbyname("evil.example.net"))
"#;

/// Connects to the database by its name, which no byte of the connection has.
const BY_NAME: &str = r#"
import socket
s = socket.create_connection(("db.reports.example.com", 6432))
print(s.makefile().readline().strip())
"#;

/// A client that sends no server name.
const NO_NAME: &str =
    "openssl s_client -connect 203.0.113.10:443 -noservername -brief </dev/null 2>&1 |
    grep -Eo 'CONNECTION ESTABLISHED|alert [a-z ]+' | head -n 1";

/// Large enough that it goes through the kernel's splice, and takes a second or so.
const DOWNLOAD_BYTES: u64 = 100_000_000;

/// In the order of the table.
pub const ROWS: &[Row] = &[
    Row {
        tried: "TLS to a registered host",
        by: By::Governed,
        attempt: Curl(&["--ipv4", "--http1.1", "https://api.example.com/"]),
        expected: "the API answers",
        proof: &["served by api", "(200, peer 203.0.113.10)"],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "TLS to a host that is not registered",
        by: By::Governed,
        attempt: Curl(&[
            "--resolve",
            "evil.example.net:443:203.0.113.66",
            "https://evil.example.net/",
        ]),
        expected: "a TLS alert: unrecognized name",
        proof: &["curl: (35)", "unrecognized name"],
        logged: Logged::Deny("host_not_in_registry"),
    },
    Row {
        tried: "TLS to a name below *.cdn.example.com",
        by: By::Governed,
        attempt: Curl(&["https://img.cdn.example.com/"]),
        expected: "the CDN answers",
        proof: &["served by cdn", "(200, "],
        logged: Logged::Allow("cdn"),
    },
    Row {
        tried: "TLS to its apex, cdn.example.com",
        by: By::Governed,
        attempt: Curl(&[
            "--resolve",
            "cdn.example.com:443:203.0.113.11",
            "https://cdn.example.com/",
        ]),
        expected: "a TLS alert: a wildcard leaves out its apex",
        proof: &["curl: (35)", "unrecognized name"],
        logged: Logged::Deny("host_not_in_registry"),
    },
    Row {
        tried: "HTTP to a registered Host",
        by: By::Governed,
        attempt: Curl(&["http://packages.example.org/"]),
        expected: "the package server answers",
        proof: &["served by packages", "(200, peer 203.0.113.12)"],
        logged: Logged::Allow("packages"),
    },
    Row {
        tried: "HTTP to a Host that is not registered",
        by: By::Governed,
        attempt: Curl(&[
            "--resolve",
            "evil.example.net:80:203.0.113.66",
            "http://evil.example.net/",
        ]),
        expected: "403, with the reason",
        proof: &["host_not_in_registry", "(403, "],
        logged: Logged::Deny("host_not_in_registry"),
    },
    Row {
        tried: "another Host on the same HTTP connection",
        by: By::Governed,
        attempt: Python(CHANGED_HOST),
        expected: "the first request is answered, the second refused",
        proof: &["200 served by packages", "403 egress: host_not_in_registry"],
        logged: Logged::Deny("host_not_in_registry"),
    },
    Row {
        tried: "TLS to a host that a service denies",
        by: By::Governed,
        attempt: Curl(&[
            "--resolve",
            "www.paste.example.net:443:203.0.113.66",
            "https://www.paste.example.net/",
        ]),
        expected: "a TLS alert: access denied",
        proof: &["curl: (35)", "access denied"],
        logged: Logged::Deny("service_denied"),
    },
    Row {
        tried: "looking up a name that is not registered",
        by: By::Governed,
        attempt: Python(UNLISTED_NAME),
        expected: "no such name: the gateway answers lookups",
        proof: &["gaierror", "Name or service not known"],
        logged: Logged::Deny("host_not_in_registry"),
    },
    Row {
        tried: "TLS to a registered host, IPv6",
        by: By::Governed,
        attempt: Curl(&["--ipv6", "https://api.example.com/"]),
        expected: "the API answers",
        proof: &["served by api", "(200, peer 2001:db8:1::10)"],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "IPv4 from an IPv6 socket (v4-mapped), Python",
        by: By::Governed,
        attempt: Python(V4_MAPPED),
        expected: "the API answers; the peer's address is the one that was asked for",
        proof: &["served by api", "(peer ::ffff:203.0.113.10)"],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "plain TCP to a listed address, the server speaks first",
        by: By::Governed,
        attempt: Python(BANNER_FIRST),
        expected: "greeting and echo, without delay",
        proof: &["ready 198.51.100.20, echo hello"],
        logged: Logged::Allow("orders-db"),
    },
    Row {
        tried: "plain TCP to a registered name, the server speaks first",
        by: By::Governed,
        attempt: Python(BY_NAME),
        expected: "greeting: the lookup told the gateway the name",
        proof: &["ready 198.51.100.21"],
        logged: Logged::Allow("reports-db"),
    },
    Row {
        tried: "plain TCP to another address",
        by: By::Governed,
        attempt: Python(UNLISTED),
        expected: "connect() fails: the kernel decides",
        proof: &["Operation not permitted"],
        logged: Logged::Deny("address_not_in_registry"),
    },
    Row {
        tried: "TLS without a server name, openssl",
        by: By::Governed,
        attempt: Shell(NO_NAME),
        expected: "a TLS alert: access denied",
        proof: &["alert access denied"],
        logged: Logged::Deny("no_name"),
    },
    Row {
        tried: "a registered name (SNI) sent to another server's address",
        by: By::Governed,
        attempt: Curl(&[
            "--connect-to",
            "::203.0.113.66:443",
            "https://api.example.com/",
        ]),
        expected: "the named host answers, not the other server",
        proof: &["served by api", "(200, peer 203.0.113.66)"],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "HTTP/2 over TLS",
        by: By::Governed,
        attempt: Curl(&["--ipv4", "--http2", "https://api.example.com/"]),
        expected: "the API answers over HTTP/2",
        proof: &["served by api", "over HTTP/2.0", "(200, "],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "HTTP/2 in the clear, prior knowledge",
        by: By::Governed,
        attempt: Curl(&[
            "--http2-prior-knowledge",
            "http://telemetry.example.org:8080/",
        ]),
        expected: "the server of that :authority answers",
        proof: &["served by telemetry", "over HTTP/2.0", "(200, "],
        logged: Logged::Allow("telemetry"),
    },
    Row {
        tried: "a download of 100 MB",
        by: By::Governed,
        attempt: Download {
            url: "https://api.example.com/",
            bytes: DOWNLOAD_BYTES,
        },
        expected: "every byte, by SHA-256",
        proof: &["100000000 bytes, SHA-256 as on the server"],
        logged: Logged::Allow("api"),
    },
    Row {
        tried: "a process outside of the scope, to a host that is not registered",
        by: By::Outside,
        attempt: Curl(&["https://evil.example.net/"]),
        expected: "that host answers: not governed",
        proof: &["served by evil", "(200, peer 203.0.113.66)"],
        logged: Logged::Nothing,
    },
];
