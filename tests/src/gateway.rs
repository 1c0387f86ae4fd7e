//! The gateway under test: the real binary, in its place on the node.

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use crate::access_log::AccessLog;
use crate::bed::Testbed;
use crate::config::{Override, localise};
use crate::place::Place;
use crate::process::Process;
use crate::server::hosts;
use crate::wait::wait_until;

/// Where the example file has the certificates for TLS to an upstream, and of a listener.
const EXAMPLE_CERTIFICATES: [&str; 2] = ["/etc/egress/billing", "/etc/egress/listener"];

/// Where `cargo build` leaves the binary, from this package's directory.
const BINARY: &str = "../target/debug/egress";
/// Where the gateway says that it is ready, and where its metrics are: Istio's ports.
const READY: (u16, &str) = (15021, "/healthz/ready");
const METRICS: (u16, &str) = (15020, "/metrics");

/// The programs are loaded and verified in well under a second; a loaded machine takes longer.
const START: Duration = Duration::from_secs(30);
/// The drain's grace is a setting of the test; this is beyond any that a test would set.
const STOP: Duration = Duration::from_secs(30);
/// One question to the gateway's own pages.
const ANSWER: Duration = Duration::from_secs(5);

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    binary: PathBuf,
    config: PathBuf,
    local: Local,
    log: AccessLog,
}

/// What a configuration is fitted with.
#[derive(Clone, Debug)]
struct Local {
    attach: PathBuf,
    pins: PathBuf,
    access_log: PathBuf,
    socket: PathBuf,
    /// A directory on the file system of the configuration, but not the one that the gateway watches.
    beside: PathBuf,
    /// Where `ca.pem`, `client.pem` and `client.key` are.
    certificates: PathBuf,
    governed: Vec<String>,
}

impl Gateway {
    /// Starts one and waits until it is ready.
    ///
    /// `config` is a whole configuration as a user writes it. What names places on the machine is
    /// replaced: `attach`, `bpffs`, every `[[scope]]`, the DNS servers, the paths of the access log and
    /// the admin socket.
    pub fn start(bed: &Testbed, config: &str) -> Result<Self> {
        Self::start_binary(bed, &binary()?, config)
    }

    /// As [`Gateway::start`], with another build of the binary.
    pub fn start_binary(bed: &Testbed, binary: &Path, config: &str) -> Result<Self> {
        let dir = bed.dir().join("etc");
        // The example file includes what is in `services.d`, and reads what namespaces have in `namespaces`.
        for directory in ["services.d", "namespaces"] {
            fs::create_dir_all(dir.join(directory))
                .with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let file = dir.join("egress.toml");
        fs::write(&file, fit(bed, config)).context("cannot write egress.toml")?;
        Self::start_in_place(bed, binary, &file)
    }

    /// Starts one with a file that [`fit`] gave the text of, and waits until it is ready.
    pub fn start_from(bed: &Testbed, file: &Path) -> Result<Self> {
        Self::start_in_place(bed, &binary()?, file)
    }

    /// As [`Gateway::start_from`], with another build of the binary, or what becomes it.
    pub fn start_binary_from(bed: &Testbed, binary: &Path, file: &Path) -> Result<Self> {
        Self::start_in_place(bed, binary, file)
    }

    fn start_in_place(bed: &Testbed, binary: &Path, file: &Path) -> Result<Self> {
        let mut process = spawn(bed, binary, file, &[])?;
        process.ready(START, || is_ready(bed))?;
        Ok(Self::of(bed, process, binary, file))
    }

    /// Starts another, with the same file, that takes over from this one, which ends when its own
    /// connections have; waits for both.
    pub fn succeed(&mut self, bed: &Testbed) -> Result<()> {
        self.succeed_in(bed, bed.cgroups().gateway())
    }

    /// As [`Gateway::succeed`], in another cgroup than this one's, as it is where each has a pod of its own.
    pub fn succeed_elsewhere(&mut self, bed: &Testbed) -> Result<()> {
        self.succeed_in(bed, bed.cgroups().successor())
    }

    /// Kills it, and starts another with the same file and these options, in another cgroup than this one's.
    pub fn revive_elsewhere(&mut self, bed: &Testbed, options: &[&str]) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait()?;
        let cgroup = bed.cgroups().successor();
        let process = spawn_in(cgroup, bed, &self.binary, &self.config, options)?;
        *self = Self::of(bed, process, &self.binary, &self.config);
        self.process.ready(START, || is_ready(bed))
    }

    /// Starts another that takes over from this one, which waits for its end; kills that other, and gives how this one
    /// ends then.
    pub fn outlive(&mut self, bed: &Testbed) -> Result<ExitStatus> {
        let options = ["--take-over"];
        let other = spawn(bed, &self.binary, &self.config, &options)?;
        self.says(&["waiting to be told to end"])?;
        other.signal(Signal::SIGKILL)?;
        self.wait()
    }

    fn succeed_in(&mut self, bed: &Testbed, cgroup: PathBuf) -> Result<()> {
        let options = ["--take-over"];
        let process = spawn_in(cgroup, bed, &self.binary, &self.config, &options)?;
        self.wait()?;
        *self = Self::of(bed, process, &self.binary, &self.config);
        self.process.ready(START, || is_ready(bed))
    }

    fn of(bed: &Testbed, process: Process, binary: &Path, file: &Path) -> Self {
        let local = Local::new(bed);
        Self {
            process,
            binary: binary.into(),
            config: file.into(),
            log: AccessLog::new(&local.access_log),
            local,
        }
    }

    /// Puts another configuration in the file's place, as an operator's tool does: whole, by a rename.
    pub fn replace_config(&self, config: &str) -> Result<()> {
        self.replace_config_and_scope(config, &self.local.governed)
    }

    /// As [`Gateway::replace_config`], with other cgroups as the scope.
    pub fn replace_config_and_scope(&self, config: &str, cgroups: &[String]) -> Result<()> {
        let next = self.local.beside.join("egress.toml");
        fs::write(&next, self.local.fit(config, cgroups))
            .context("cannot write the next egress.toml")?;
        fs::rename(&next, &self.config).context("cannot rename it to egress.toml")
    }

    /// The access log from its beginning.
    pub fn access_log(&self) -> &AccessLog {
        &self.log
    }

    /// Waits until it has written all of these texts to its outputs.
    pub fn says(&self, texts: &[&str]) -> Result<()> {
        wait_until(&format!("the gateway says {texts:?}"), ANSWER, || {
            let said = self.output();
            texts.iter().all(|text| said.contains(text)).then_some(())
        })
        .with_context(|| self.output())
    }

    /// What the gateway wrote to its outputs.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// The answer to the question whether it is ready.
    pub fn readiness(&self, bed: &Testbed) -> Result<String> {
        get(bed, READY)
    }

    /// The socket of its admin API.
    pub fn socket(&self) -> &Path {
        &self.local.socket
    }

    /// The configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The metrics page.
    pub fn metrics(&self, bed: &Testbed) -> Result<String> {
        metrics(bed)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Asks it to end and waits until it has.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.process.terminate(STOP)
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait(STOP)
    }
}

/// A configuration as a user writes it, fitted to a testbed as [`Gateway::start`] does.
pub fn fit(bed: &Testbed, config: &str) -> String {
    let local = Local::new(bed);
    local.fit(config, &local.governed)
}

impl Local {
    fn new(bed: &Testbed) -> Self {
        let cgroups = bed.cgroups();
        Self {
            attach: cgroups.attach(),
            pins: bed.pins(),
            access_log: bed.dir().join("access.log"),
            socket: bed.dir().join("admin.sock"),
            beside: bed.dir().into(),
            certificates: bed.certificates().into(),
            governed: [cgroups.governed(), cgroups.pods()]
                .map(|dir| cgroups.relative(&dir))
                .to_vec(),
        }
    }

    fn fit(&self, config: &str, cgroups: &[String]) -> String {
        let attach = quoted(self.attach.display());
        let access_log = quoted(self.access_log.display());
        let servers = format!("[{}]", quoted(hosts::DNS));
        let overrides = [
            Override {
                table: "gateway",
                key: "attach",
                value: attach,
            },
            Override {
                table: "gateway",
                key: "bpffs",
                value: quoted(self.pins.display()),
            },
            Override {
                table: "dns",
                key: "servers",
                value: servers,
            },
            Override {
                table: "access_log",
                key: "path",
                value: access_log,
            },
            Override {
                table: "admin",
                key: "socket",
                value: quoted(self.socket.display()),
            },
        ];
        let certificates = self.certificates.display().to_string();
        let fitted = EXAMPLE_CERTIFICATES
            .iter()
            .fold(config.to_owned(), |config, example| {
                config.replace(example, &certificates)
            });
        localise(&fitted, &overrides, cgroups)
    }
}

/// A TOML string. What is quoted here has no character that would need an escape.
fn quoted(text: impl fmt::Display) -> String {
    format!("\"{text}\"")
}

/// The binary under test.
pub fn binary() -> Result<PathBuf> {
    let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join(BINARY);
    binary.canonicalize().with_context(|| {
        format!(
            "no gateway at {}: `cargo xtask test` builds it first",
            binary.display()
        )
    })
}

/// Starts the binary in its place on the node.
fn spawn(bed: &Testbed, binary: &Path, file: &Path, options: &[&str]) -> Result<Process> {
    spawn_in(bed.cgroups().gateway(), bed, binary, file, options)
}

fn spawn_in(
    cgroup: PathBuf,
    bed: &Testbed,
    binary: &Path,
    file: &Path,
    options: &[&str],
) -> Result<Process> {
    let place = Place::new(bed.net().node(), cgroup);
    let mut command = place.command(&binary.to_string_lossy());
    command.args(["run", "--config"]).arg(file).args(options);
    Process::spawn(&mut command, &bed.dir().join("gateway.log"))
}

fn is_ready(bed: &Testbed) -> bool {
    get(bed, READY).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The metrics page of the gateway that serves the node.
pub(crate) fn metrics(bed: &Testbed) -> Result<String> {
    get(bed, METRICS)
}

/// One HTTP request to the gateway from its own node; gives the whole answer.
fn get(bed: &Testbed, (port, path): (u16, &str)) -> Result<String> {
    bed.net().on_node(|| {
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })?
}
