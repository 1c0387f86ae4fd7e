//! The peers, each configured for speed as those who know it would, with the same names to let through.

mod envoy;
pub(super) mod gateway;
mod haproxy;
mod nginx;
mod sniproxy;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::relay::Relay;
use super::stage::DOMAIN;

/// How many names are let through: the registry of a middling node.
const NAMES: usize = 1_000;
/// Threads or processes of each: one for each core of the machine that numbers are compared on.
const WORKERS: usize = 2;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// How many of them, for one that has a single thread.
    pub(super) instances: usize,
}

/// Writes the configuration of a peer to a directory.
pub(super) fn prepare(relay: Relay, dir: &Path) -> Result<Peer> {
    let dir = dir.join("peer");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (peer, files) = match relay {
        Relay::Haproxy => haproxy::peer(&dir, haproxy::Splice::Auto),
        Relay::HaproxySplice => haproxy::peer(&dir, haproxy::Splice::Always),
        Relay::Nginx => nginx::peer(&dir),
        Relay::Sniproxy => sniproxy::peer(&dir),
        Relay::Envoy => envoy::peer(&dir),
        Relay::None | Relay::Egress | Relay::EgressAddress | Relay::TokioSplice => {
            bail!("{relay:?} is no peer")
        }
    };
    for (path, text) in files {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(peer)
}

/// A program, and the files that it reads.
type Prepared = (Peer, Vec<(PathBuf, String)>);

/// Each on a line of its own, as the peer writes it.
fn lines(line: impl Fn(&str) -> String) -> String {
    let lines: Vec<_> = names().map(|name| line(&name)).collect();
    lines.join("\n") + "\n"
}

/// Every name that is let through.
fn names() -> impl Iterator<Item = String> {
    (0..NAMES).map(|n| format!("host-{n}.{DOMAIN}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_knows_every_name_and_where_the_server_is() {
        let dir = Path::new("/x");
        for (peer, files) in [
            haproxy::peer(dir, haproxy::Splice::Auto),
            haproxy::peer(dir, haproxy::Splice::Always),
            nginx::peer(dir),
            sniproxy::peer(dir),
            envoy::peer(dir),
        ] {
            let text: String = files.into_iter().map(|(_, text)| text).collect();
            for name in names() {
                let escaped = name.replace('.', "\\.");
                assert!(
                    text.contains(&name) || text.contains(&escaped),
                    "{peer:?}: {name}"
                );
            }
            assert!(text.contains("203.0.113.250"), "{peer:?}");
        }
    }
}
