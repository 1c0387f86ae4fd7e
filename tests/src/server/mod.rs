//! The servers of the inet: real ones, each with its configuration in a scratch directory.

mod certs;
mod dns;
pub mod hosts;
mod nginx;
mod tcp;

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::command;
use crate::net::Net;
use crate::place::Place;
use crate::process::Process;

/// A server starts in a fraction of a second; a loaded machine takes longer.
const START: Duration = Duration::from_secs(20);
/// One attempt to reach a server, on the same machine.
const ATTEMPT: Duration = Duration::from_millis(200);

/// All servers; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    dir: PathBuf,
    ca: PathBuf,
    processes: Vec<Process>,
}

impl Servers {
    /// Starts them and waits until each answers.
    pub(crate) fn start(net: &Net, place: &Place, dir: &Path) -> Result<Self> {
        let ca = certs::make(dir)?;
        let mut processes = vec![
            nginx::start(place, dir)?,
            dns::start(place, dir)?,
            tcp::start(place, dir)?,
        ];
        for (process, addresses) in
            processes
                .iter_mut()
                .zip([nginx::LISTENS, dns::LISTENS, tcp::LISTENS])
        {
            process.ready(START, || addresses.iter().all(|a| answers(net, a)))?;
        }
        Ok(Self {
            dir: dir.into(),
            ca,
            processes,
        })
    }

    /// The certificate of the authority that signed all others.
    pub(crate) fn ca(&self) -> &Path {
        &self.ca
    }

    /// Puts a file of random bytes on the API server and gives its SHA-256 in hexadecimal.
    pub(crate) fn offer(&self, name: &str, bytes: u64) -> Result<String> {
        let path = nginx::web_root(&self.dir).join(name);
        let random = File::open("/dev/urandom").context("cannot open /dev/urandom")?;
        let mut file =
            File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        io::copy(&mut random.take(bytes), &mut file)
            .with_context(|| format!("cannot fill {}", path.display()))?;
        let sum = command::stdout(command::system("sha256sum").arg(&path))?;
        sum.split(' ')
            .next()
            .map(Into::into)
            .context("sha256sum wrote nothing")
    }

    /// What all servers wrote to their logs, for a failure's report.
    pub(crate) fn logs(&self) -> String {
        self.processes.iter().map(Process::output).collect()
    }
}

/// Whether something accepts TCP connections there, as the node sees it.
fn answers(net: &Net, address: &str) -> bool {
    let Ok(address) = address.parse::<SocketAddr>() else {
        return false;
    };
    net.on_node(|| TcpStream::connect_timeout(&address, ATTEMPT).is_ok())
        .unwrap_or(false)
}
