//! `HAProxy`, in two ways: one is the better at bulk, and the other keeps new connections waiting the less
//! while bulk runs. The gateway is to be ahead of each where that is at its best.

use std::path::Path;

use super::super::stage::{LISTEN, SERVER};
use super::{Peer, Prepared, WORKERS, lines};

/// When it joins connections in the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Splice {
    /// As it thinks that it pays.
    Auto,
    /// Always, and through the largest pipes that everyone may have (`fs.pipe-max-size`).
    Always,
}

impl Splice {
    fn settings(self) -> (&'static str, &'static str) {
        match self {
            Self::Auto => ("", "    option splice-auto\n"),
            Self::Always => (
                "    tune.pipesize 1048576\n",
                "    option splice-request\n    option splice-response\n",
            ),
        }
    }
}

pub(super) fn peer(dir: &Path, splice: Splice) -> Prepared {
    let (config, map) = (dir.join("haproxy.cfg"), dir.join("haproxy.map"));
    let peer = Peer {
        program: "haproxy".into(),
        // In the foreground, and one process: whoever started it can end it.
        arguments: vec!["-db".into(), "-f".into(), config.display().to_string()],
        instances: 1,
    };
    let backends = lines(|name| format!("{name} server"));
    (
        peer,
        vec![(config, configuration(&map, splice)), (map, backends)],
    )
}

/// Two descriptors a connection and two a pipe: no more fit into 20,000, and it refuses to start with more.
fn configuration(map: &Path, splice: Splice) -> String {
    let map = map.display();
    let (pipes, splicing) = splice.settings();
    format!(
        "global
    nbthread {WORKERS}
    maxconn 9400
    maxpipes 400
{pipes}defaults
    mode tcp
{splicing}    option tcp-smart-accept
    option tcp-smart-connect
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend clients
    bind {LISTEN} backlog 4096 defer-accept shards by-thread
    maxconn 9400
    tcp-request inspect-delay 5s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend %[req.ssl_sni,lower,map_str({map})]
backend server
    server one {SERVER}
"
    )
}
