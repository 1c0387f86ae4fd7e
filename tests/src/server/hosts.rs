//! The inet's names and addresses. All are for documentation (RFC 2606, RFC 5737, RFC 3849), so that
//! nothing here can be mistaken for, or reach, a real host.

/// A name that the inet's DNS server answers.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// The name; every name below it has the same addresses.
    pub name: &'static str,
    /// Its A record.
    pub v4: &'static str,
    /// Its AAAA record.
    pub v6: Option<&'static str>,
}

/// The DNS server.
pub const DNS: &str = "203.0.113.53";
/// TLS on 443, HTTP/1 and HTTP/2; also over IPv6.
pub const API: &str = "203.0.113.10";
/// As [`API`], over IPv6.
pub const API_V6: &str = "2001:db8:1::10";
/// TLS on 443 for `*.cdn.example.com` and its apex.
pub const CDN: &str = "203.0.113.11";
/// HTTP/1 on 80.
pub const PACKAGES: &str = "203.0.113.12";
/// HTTP/2 in the clear on 8080, by prior knowledge.
pub const TELEMETRY: &str = "203.0.113.13";
/// Where DNS says that the ledger is. Nothing listens there: it has moved to port 8443 of [`API`].
pub const LEDGER: &str = "203.0.113.14";
/// TLS on 443 and HTTP on 80, with a certificate for its own name only.
pub const EVIL: &str = "203.0.113.66";
/// Plain TCP on 5432: a banner, then what it is told (see `scripts/tcp.py`).
pub const TCP: &str = "198.51.100.20";
/// As [`TCP`], at an address that no registry lists; also on 6432.
pub const TCP_OTHER: &str = "198.51.100.21";
/// A private address (RFC 1918) with TLS on 443.
pub const PRIVATE: &str = "10.20.0.7";
/// An address that swallows every packet.
pub const BLACKHOLE: &str = "203.0.113.99";
/// As [`BLACKHOLE`], over IPv6.
pub const BLACKHOLE_V6: &str = "2001:db8:1::99";
/// For a DNS server that a test runs itself; asked for `other.cdn.example.com`.
pub const DNS_OTHER: &str = "203.0.113.54";
/// Where a test's own servers take what must not reach them; no service lists it.
pub const SINK: &str = "203.0.113.200";
/// As [`SINK`], over IPv6.
pub const SINK_V6: &str = "2001:db8:1::200";
/// The port of [`TCP`].
pub const TCP_PORT: u16 = 5432;

/// Every IPv4 address of the inet.
pub(crate) const ADDRESSES_V4: &[&str] = &[
    DNS, DNS_OTHER, API, CDN, PACKAGES, TELEMETRY, LEDGER, EVIL, TCP, TCP_OTHER, PRIVATE, SINK,
];
/// Every IPv6 address of the inet.
pub(crate) const ADDRESSES_V6: &[&str] = &[API_V6, SINK_V6];

/// What the DNS server knows. Any other name does not exist.
pub(crate) const NAMES: &[Name] = &[
    Name {
        v6: Some(API_V6),
        ..Name::new("api.example.com", API)
    },
    Name::new("cdn.example.com", CDN),
    Name::new("packages.example.org", PACKAGES),
    Name::new("telemetry.example.org", TELEMETRY),
    Name::new("ledger.example.com", LEDGER),
    Name::new("orders.example.com", TCP),
    Name::new("db.reports.example.com", TCP_OTHER),
    Name::new("evil.example.net", EVIL),
    // A public name with an answer that no public name should have: cloud metadata.
    Name::new("rebind.cdn.example.com", "169.254.169.254"),
    // Nothing listens there.
    Name::new("refused.cdn.example.com", LEDGER),
    Name::new("private.cdn.example.com", PRIVATE),
    Name::new("loopback.cdn.example.com", "127.0.0.1"),
    Name::new("blackhole.cdn.example.com", BLACKHOLE),
    // Over IPv4 only, although it has an address for both.
    Name {
        v6: Some(BLACKHOLE_V6),
        ..Name::new("half.cdn.example.com", CDN)
    },
];

/// A name below the wildcard that the server at [`DNS_OTHER`] is asked for.
pub const ELSEWHERE: &str = "other.cdn.example.com";
/// A name below the wildcard that does not exist.
pub const MISSING: &str = "missing.cdn.example.com";

impl Name {
    const fn new(name: &'static str, v4: &'static str) -> Self {
        Self { name, v4, v6: None }
    }
}
