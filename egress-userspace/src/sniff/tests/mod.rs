//! The sniffer as a whole, against real clients, other parsers and cut-up bytes.

mod captures;
mod corpus;
mod driver;
mod greeting;
mod hello;
mod http1;
mod http2;
mod oracles;
mod settling;

use crate::types::{Claim, DenyReason, HostName, Tls};

fn host(name: &str) -> HostName {
    name.parse().expect("a host name")
}

fn tls(sni: Option<&str>, alpn: &[&str], ech: bool) -> Claim {
    let alpn = alpn.iter().map(|p| p.as_bytes().into()).collect();
    Claim::Tls(Tls {
        sni: sni.map(host),
        alpn,
        ech,
    })
}

fn http1(name: Option<&str>) -> Claim {
    Claim::Http1 {
        host: name.map(host),
    }
}

fn http2(name: Option<&str>) -> Claim {
    Claim::Http2 {
        authority: name.map(host),
    }
}

fn malformed(reason: DenyReason) -> Claim {
    Claim::Malformed(reason)
}
