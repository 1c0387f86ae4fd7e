//! A certificate authority that lives as long as the testbed, and what it signs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command;

/// A name for the files, and the names in the certificate.
const LEAVES: &[(&str, &str)] = &[
    ("api", "DNS:api.example.com"),
    ("cdn", "DNS:cdn.example.com,DNS:*.cdn.example.com"),
    ("private", "DNS:private.cdn.example.com"),
    ("ledger", "DNS:ledger.example.com"),
    ("evil", "DNS:evil.example.net"),
    ("client", "DNS:gateway.example.com"),
    ("node", "IP:192.0.2.2,DNS:node.example.com"),
    ("pod", "URI:spiffe://cluster.local/ns/shop/sa/web"),
    ("foreign", "URI:spiffe://other.example/ns/shop/sa/web"),
];

/// Instead of the machine's own file, whose extensions differ between distributions.
const SETTINGS: &str = "[req]\ndistinguished_name = name\n[name]\n";

/// What RFC 5280 wants of an authority's certificate.
const AUTHORITY: [&str; 3] = [
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier=hash",
];
/// What RFC 5280 wants of a server's certificate, its names aside.
const SERVER: [&str; 3] = [
    "basicConstraints=critical,CA:FALSE",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
];

/// Makes `ca.pem`, and a `.pem` and `.key` for each leaf; gives the path of the first.
pub(super) fn make(dir: &Path) -> Result<PathBuf> {
    fs::write(dir.join("openssl.cnf"), SETTINGS).context("cannot write openssl.cnf")?;
    request(dir, "ca", "testbed authority", &extensions(&AUTHORITY))?;
    for (file, names) in LEAVES {
        let names = format!("subjectAltName={names}");
        let signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", &names];
        request(dir, file, file, &[&signer, &*extensions(&SERVER)].concat())?;
    }
    Ok(dir.join("ca.pem"))
}

fn extensions<'a>(extensions: &[&'a str]) -> Vec<&'a str> {
    extensions.iter().flat_map(|e| ["-addext", e]).collect()
}

/// One key and one certificate. P-256 rather than RSA: made at once, also on a loaded machine. Two
/// days, because a testbed may live over midnight and none is ever kept.
fn request(dir: &Path, file: &str, subject: &str, more: &[&str]) -> Result<()> {
    let mut openssl = command::system("openssl");
    openssl
        .current_dir(dir)
        .args("req -x509 -config openssl.cnf -nodes -days 2".split(' '))
        .args("-newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(' '))
        .args(["-subj", &format!("/CN={subject}")])
        .args([
            "-keyout",
            &format!("{file}.key"),
            "-out",
            &format!("{file}.pem"),
        ])
        .args(more);
    command::stdout(&mut openssl).map(drop)
}
