//! The table in the documentation: what the attacks came to.

use std::env;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::stage::Seen;
use crate::vector::{Alone, Stopped, Vector, Wire};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bypass.md");
/// Set it to have the file written instead of compared.
const UPDATE: &str = "UPDATE_DOCS";

const HEAD: &str = "\
# Ways around the gateway

Each is tried from a pod, by root, to an address that no service lists: first without a gateway, to
show that it works, then with one. A witness on the internet's side of the cable tells what arrived.

`cargo test -p egress-tests --test bypass` tries them and compares what happens with this file;
with `UPDATE_DOCS=1` it writes the file.

| way | alone: the client saw | and the internet | governed: the client saw | and the internet | closed by |
|---|---|---|---|---|---|
";

/// What came of one vector.
pub(crate) struct Row {
    pub(crate) vector: &'static Vector,
    pub(crate) alone: Seen,
    pub(crate) governed: Seen,
}

/// The whole file.
pub(crate) fn write(rows: &[Row]) -> String {
    let mut file = String::from(HEAD);
    for Row {
        vector,
        alone,
        governed,
    } in rows
    {
        let reached = match vector.alone {
            Alone::Reaches(_) => arrived(alone.wire).into(),
            Alone::Fails(why) => format!("{}: {why}", arrived(alone.wire)),
        };
        // Writing to a String cannot fail.
        writeln!(
            file,
            "| {} | {} | {reached} | {} | {} | {} |",
            vector.name,
            alone.client,
            governed.client,
            arrived(governed.wire),
            closed_by(vector.stopped)
        )
        .ok();
    }
    file
}

/// Compares the file with what it would be, or writes it.
pub(crate) fn compare(table: &str) -> Result<()> {
    if env::var_os(UPDATE).is_some() {
        return fs::write(FILE, table).context(FILE);
    }
    let written = fs::read_to_string(FILE).context(FILE)?;
    ensure!(
        written == table,
        "{FILE} is not what happened; {UPDATE}=1 writes it:\n{table}"
    );
    Ok(())
}

const fn arrived(wire: Wire) -> &'static str {
    match wire {
        Wire::Nothing => "nothing",
        Wire::Packet => "a packet",
        Wire::Token => "the token",
    }
}

const fn closed_by(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Connect => "`cgroup/connect`: the gateway refuses",
        Stopped::Astray => "`cgroup/connect`: it never leaves loopback",
        Stopped::OwnListener => "`cgroup/connect`",
        Stopped::SendMsg => "`cgroup/sendmsg`",
        Stopped::Asked => "the gateway, which answers for all DNS servers",
        Stopped::SockCreate => "`cgroup/sock_create`",
        Stopped::Egress => "`cgroup_skb/egress`",
        Stopped::Strict => "strict mode: TCX on the host's end of the cable",
        Stopped::Kernel => "the kernel",
        Stopped::Allowed => "allowed",
    }
}
