//! `egress explain`: what the gateway would say of a connection, why, and what came near. It reads the
//! configuration, or asks the gateway that runs, and never the network.

mod view;

use std::io::{self, IsTerminal, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use hyper::Method;

use super::EXIT_INVALID;
use super::ask::{AskError, Socket};
use super::json::write_json;
use crate::config::Excerpts;
use crate::policy::{Explanation, InvalidQuestion, Policy, Question, Speech, Who};
use crate::settings;
use crate::types::Generation;

pub use view::text as explanation;

/// The policy denies the connection.
const EXIT_DENIED: u8 = 1;
/// There is no answer, or nobody who reads it: neither must look like a verdict.
const EXIT_UNTOLD: u8 = 4;

/// Which connection, and whose.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The name that the client wants, as it would send it, or an address.
    #[arg(long, value_name = "NAME", required_unless_present = "ip")]
    host: Option<String>,
    /// The port that it asks for.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// What it speaks: TLS, HTTP, HTTP2 or TCP. Without it, what the services on the port speak, or what
    /// is usual.
    #[arg(long)]
    protocol: Option<Speech>,
    /// The address that it connects to. Without it, what services say of `addresses` is not checked, or
    /// only by example.
    #[arg(long)]
    ip: Option<IpAddr>,
    /// It did not ask the gateway's DNS for the name before.
    #[arg(long)]
    no_lookup: bool,
    /// Its `ClientHello` encrypts the name that it wants (ECH); the host is the name in the clear.
    #[arg(long)]
    ech: bool,
    #[command(flatten)]
    caller: Caller,
    #[command(flatten)]
    whom: Whom,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Whose policy it is.
#[derive(Debug, clap::Args)]
struct Whom {
    /// Ask the gateway that runs: the policy that is in force may be another than the file's.
    #[arg(long)]
    running: bool,
    #[command(flatten)]
    socket: Socket,
}

/// Who connects. What is not said is not known.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Who connects")]
struct Caller {
    /// The cgroup, as a path below the cgroup v2 mount.
    #[arg(long, value_name = "PATH")]
    cgroup: Option<String>,
    /// A unit of the node's systemd, instead of its cgroup.
    #[arg(long, conflicts_with = "cgroup")]
    unit: Option<String>,
    /// The executable's path.
    #[arg(long, value_name = "PATH")]
    exe: Option<String>,
    /// The real user id.
    #[arg(long)]
    uid: Option<u32>,
    /// The pod's namespace.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// The pod's service account.
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// A label of the pod; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pod_label: Vec<(String, String)>,
}

/// Explains, on standard output. Exits with 0 if the policy allows the connection, 1 if it denies it, 2 if
/// the configuration or the question is wrong, 3 if no gateway can be asked, 4 if its answer is of no use or
/// nobody reads what is said.
pub fn explain(asked: Explain) -> ExitCode {
    let mut out = io::stdout().lock();
    let colour = io::stdout().is_terminal();
    match run(asked, colour, &mut out) {
        Ok(code) => code,
        Err(Failure::Output) => ExitCode::from(EXIT_UNTOLD),
        Err(Failure::Config(said)) => {
            eprintln!("{said}");
            ExitCode::from(EXIT_INVALID)
        }
        Err(Failure::Question(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_INVALID)
        }
        Err(Failure::Gateway(error)) if error.is_refusal() => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_INVALID)
        }
        Err(Failure::Gateway(error @ (AskError::Off | AskError::Unreachable { .. }))) => {
            error.exit()
        }
        Err(Failure::Gateway(error)) => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_UNTOLD)
        }
    }
}

/// Why nothing is explained.
#[derive(Debug)]
enum Failure {
    /// Nobody is left to tell.
    Output,
    /// The configuration is wrong, in these words.
    Config(String),
    Question(InvalidQuestion),
    /// The gateway does not answer, or not this.
    Gateway(AskError),
}

fn run(asked: Explain, colour: bool, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let json = asked.json;
    let (explanation, excerpts) = if asked.whom.running {
        let gateway = asked
            .whom
            .socket
            .clone()
            .asker()
            .map_err(Failure::Gateway)?;
        let question = serde_json::to_string(&Question::from(asked)).unwrap_or_default();
        let answer = gateway.order(Method::POST, "/v1/explain", question);
        (answer.map_err(Failure::Gateway)?, None)
    } else {
        let (explanation, excerpts) = offline(asked, colour)?;
        (explanation, Some(excerpts))
    };
    if json {
        write_json(out, &explanation).map_err(|_| Failure::Output)?;
    } else {
        let text = view::text(&explanation, excerpts.as_ref(), colour);
        write!(out, "{text}").map_err(|_| Failure::Output)?;
    }
    Ok(if explanation.is_allowed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DENIED)
    })
}

/// What the file's policy says, with the lines that it is about.
fn offline(asked: Explain, colour: bool) -> Result<(Explanation, Excerpts), Failure> {
    let read = Excerpts::read(asked.whom.socket.config());
    let (config, excerpts) =
        read.map_err(|error| Failure::Config(error.render(colour && io::stderr().is_terminal())))?;
    let options = settings::policy(&config);
    let policy = Policy::compile(&config.services, &config.routes, options, Generation(1))
        .with_own(config.namespaces.services());
    let explained = policy.explain(&asked.into(), &settings::surroundings(&config));
    Ok((explained.map_err(Failure::Question)?, excerpts))
}

impl From<Explain> for Question {
    fn from(asked: Explain) -> Self {
        let Caller {
            cgroup,
            unit,
            exe,
            uid,
            namespace,
            service_account,
            pod_label,
        } = asked.caller;
        Self {
            host: asked.host,
            port: asked.port,
            protocol: asked.protocol,
            ip: asked.ip,
            looked_up: !asked.no_lookup,
            ech: asked.ech,
            caller: Who {
                cgroup,
                unit,
                exe,
                uid,
                namespace,
                service_account,
                pod_labels: pod_label.into_iter().collect(),
            },
        }
    }
}

/// Reads `KEY=VALUE`.
fn label(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

#[cfg(test)]
mod tests;
