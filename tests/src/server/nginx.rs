//! nginx: TLS, HTTP and HTTP/2. Each answer says which server gave it, so that a client's output
//! shows where a connection really went.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::hosts::{API, API_V6, CDN, EVIL, PACKAGES, PRIVATE, TELEMETRY};
use crate::place::Place;
use crate::process::Process;

pub(super) const LISTENS: &[&str] = &[
    "203.0.113.10:443",
    "[2001:db8:1::10]:443",
    "203.0.113.10:8443",
    "203.0.113.11:443",
    "203.0.113.12:80",
    "203.0.113.12:8081",
    "203.0.113.13:8080",
    "10.20.0.7:443",
    "203.0.113.66:443",
    "203.0.113.66:80",
];

/// What the API server gives out as files.
pub(super) fn web_root(dir: &Path) -> PathBuf {
    dir.join("www")
}

pub(super) fn start(place: &Place, dir: &Path) -> Result<Process> {
    let config = dir.join("nginx.conf");
    fs::create_dir_all(web_root(dir)).context("cannot make nginx's web root")?;
    fs::write(&config, configuration(dir)).context("cannot write nginx.conf")?;
    let mut nginx = place.command("nginx");
    nginx
        .arg("-p")
        .arg(dir)
        .arg("-c")
        .arg(&config)
        .args(["-e", "stderr"]);
    Process::spawn(&mut nginx, &dir.join("nginx.log"))
}

/// One process, in the foreground: whoever started it can end it.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    let servers: String = [
        tls("api", &[&format!("{API}:443"), &format!("[{API_V6}]:443")]),
        tls("ledger", &[&format!("{API}:8443")]),
        tls("cdn", &[&format!("{CDN}:443")]),
        tls("private", &[&format!("{PRIVATE}:443")]),
        tls("evil", &[&format!("{EVIL}:443")]),
        clear("packages", &format!("{PACKAGES}:80")),
        proxied(&format!("{PACKAGES}:8081")),
        clear("evil", &format!("{EVIL}:80")),
        clear("telemetry", &format!("{TELEMETRY}:8080 http2")),
    ]
    .concat();
    format!(
        "daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type text/plain;
    root {dir}/www;
    client_body_temp_path {dir}/tmp-body;
    proxy_temp_path {dir}/tmp-proxy;
    fastcgi_temp_path {dir}/tmp-fastcgi;
    uwsgi_temp_path {dir}/tmp-uwsgi;
    scgi_temp_path {dir}/tmp-scgi;
{servers}}}
"
    )
}

fn tls(name: &str, addresses: &[&str]) -> String {
    let mut lines: Vec<_> = addresses
        .iter()
        .map(|a| format!("listen {a} ssl http2;"))
        .collect();
    lines.push(format!("ssl_certificate {name}.pem;"));
    lines.push(format!("ssl_certificate_key {name}.key;"));
    server(name, &lines.join("\n        "))
}

fn clear(name: &str, listen: &str) -> String {
    server(name, &format!("listen {listen};"))
}

/// Takes only connections that begin with `HAProxy`'s PROXY protocol, and says what that said.
fn proxied(listen: &str) -> String {
    format!(
        "    server {{
        listen {listen} proxy_protocol;
        location = / {{
            return 200 \"for $proxy_protocol_addr to $proxy_protocol_server_addr:$proxy_protocol_server_port\\n\";
        }}
    }}
"
    )
}

/// `/` tells who answers and what it was asked; everything else is a file.
fn server(name: &str, settings: &str) -> String {
    format!(
        "    server {{
        {settings}
        location = / {{
            return 200 \"served by {name} at $server_addr over $server_protocol\\n\";
        }}
    }}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_waited_for_is_listened_on() {
        let config = configuration(Path::new("/scratch"));
        for listen in LISTENS {
            assert!(config.contains(&format!("listen {listen}")), "{listen}");
        }
    }
}
