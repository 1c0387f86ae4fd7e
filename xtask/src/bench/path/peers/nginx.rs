//! nginx with its stream module.

use std::path::Path;

use super::super::stage::{LISTEN, SERVER};
use super::{Peer, Prepared, WORKERS, lines};

pub(super) fn peer(dir: &Path) -> Prepared {
    let config = dir.join("nginx.conf");
    let arguments = [
        "-p",
        &dir.display().to_string(),
        "-c",
        &config.display().to_string(),
        "-e",
        "stderr",
    ];
    let peer = Peer {
        program: "nginx".into(),
        arguments: arguments.map(Into::into).into(),
        instances: 1,
    };
    (peer, vec![(config, configuration(dir))])
}

/// Each worker may have all connections: the kernel shares them out, not always evenly. Whatever name the
/// map does not have leads nowhere.
fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    let map = lines(|name| format!("        {name} server;"));
    format!(
        "daemon off;
user root;
pid {dir}/nginx.pid;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
worker_processes {WORKERS};
worker_cpu_affinity auto;
worker_rlimit_nofile 20000;
error_log stderr emerg;
events {{
    worker_connections 19900;
    multi_accept on;
}}
stream {{
    access_log off;
    map_hash_max_size 8192;
    map_hash_bucket_size 128;
    map $ssl_preread_server_name $to {{
{map}    }}
    upstream server {{ server {SERVER} max_fails=0; }}
    server {{
        listen {LISTEN} reuseport backlog=4096;
        ssl_preread on;
        proxy_pass $to;
        proxy_connect_timeout 5s;
        proxy_timeout 1h;
        proxy_buffer_size 64k;
    }}
}}
"
    )
}
