//! sniproxy: one thread, so several of them share the port as its documentation suggests.

use std::path::Path;

use super::super::stage::{LISTEN, SERVER};
use super::{Peer, Prepared, WORKERS, lines};

pub(super) fn peer(dir: &Path) -> Prepared {
    let config = dir.join("sniproxy.conf");
    let arguments = ["-f", "-c", &config.display().to_string(), "-n", "20000"];
    let peer = Peer {
        program: "sniproxy".into(),
        arguments: arguments.map(Into::into).into(),
        instances: WORKERS,
    };
    (peer, vec![(config, configuration(dir))])
}

/// Its tables are lists of regular expressions. Without a log it writes none.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    let table = lines(|name| format!("    ^{}$ {SERVER}", name.replace('.', "\\.")));
    format!(
        "user root
error_log {{
    filename {dir}/sniproxy.log
    priority emergency
}}
listener {LISTEN} {{
    protocol tls
    reuseport yes
    table names
}}
table names {{
{table}}}
"
    )
}
