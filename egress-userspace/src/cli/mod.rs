//! The command line: what was asked for, and the commands that need no running gateway.

mod after;
mod ask;
mod check;
mod cleanup;
mod completions;
mod connections;
mod denied;
mod doctor;
mod explain;
mod help;
mod json;
mod learn;
mod log_level;
mod logs;
mod man;
mod pages;
mod pins;
mod reload;
mod replay;
mod schema;
mod status;
mod support;
mod table;
mod top;
mod topics;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::kernel::KernelError;

pub use check::{Check, check};
pub use cleanup::{Cleanup, cleanup};
pub use completions::completions;
pub use connections::{Connections, connections};
pub use denied::{Denied, denied};
pub use doctor::doctor;
pub use explain::{Explain, explain, explanation};
pub use help::{command, help, parse};
pub use learn::{Learn, learn};
pub use log_level::{LogLevel, log_level};
pub use man::{Pages, man};
pub use pins::Pins;
pub use reload::{Reload, reload};
pub use replay::{ReplayLogs, replay};
pub use schema::schema;
pub use status::{Asked as StatusOf, status};
pub use support::{SupportBundle, support_bundle};
pub use top::{Top, top};

/// The configuration is wrong, or the command line is (clap's own choice).
pub const EXIT_INVALID: u8 = 2;

/// Where the configuration is if it is not named.
const DEFAULT_CONFIG: &str = "/etc/egress/egress.toml";

const EXAMPLES: &str = "\
Examples:
  egress check /etc/egress/egress.toml           is the file right?
  egress run --config /etc/egress/egress.toml    govern what it says, until SIGTERM
  egress check --strict --resolve FILE           would a reviewer and the DNS agree?
  egress learn access.log > egress.toml          a configuration for what happened
  egress replay access.log --config NEW          what would that one have said?
  egress explain --host NAME --port 443          would it get through, and why not?
  egress doctor                                  what can this node do?
  egress status                                  what is attached, and by whom?
  egress denied                                  what is denied, to whom, and why?
  egress connections                             who talks to what?
  egress top                                     what does it carry, from whom, to where?
  egress cleanup                                 detach everything
  egress reload                                  read the file again (done by itself when it changes)
  egress help reasons                            why was that denied, and what is to be done?

Exit status: 0 all is well, 1 the gateway cannot run, 2 the configuration or command line is wrong.";

const RUN: &str = "\
Govern connections until SIGTERM.

Needs root: CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. SIGHUP, or \
a change of the file, has the configuration read again; SIGUSR1 has the program started anew, which takes over, and no \
connection is lost; SIGTERM ends the gateway when its connections have ended, or \
after [gateway] drain. EGRESS_LOG sets how much is told, as in EGRESS_LOG=debug.";

const RUN_STATUS: &str =
    "Exit status: 0 it ended in order, 1 it cannot run, 2 the configuration is wrong.";

const CHECK: &str = "Exit status: 0 the file is right, 1 there are warnings and --strict was given, \
2 the file is wrong.";

const LEARN: &str = "\
Examples:
  egress learn access.log > learned.toml         from a log of mode = \"audit\"
  egress learn access.log --merge egress.toml    the file, and what it lacks after it
  egress learn --for 10m > learned.toml          with what happens in the next ten minutes
  zcat access.log.*.gz | egress learn -

Exit status: 0 it is printed, 1 it could not be written, 2 a configuration, a log, or the command line is wrong.";

const REPLAY: &str = "\
Examples:
  egress replay access.log --config learned.toml
  egress replay access.log --config NEW --json | jq '.changes[] | select(.change == \"now_denied\")'

Each connection is judged by what its line says: where it went, the name that it sent or had been told, and who made \
it. What was found out by dialling is not judged again: what names resolve to, limits, an upstream's certificate; \
nor whether TLS had an encrypted name.

Exit status: 0 nothing changes, 1 something does, 2 the configuration, a log, or the command line is wrong.";

const EXPLAIN: &str = "\
Examples:
  egress explain --host api.example.com --port 443
  egress explain --host db.example.com --port 5432 --protocol TCP --ip 198.51.100.20
  egress explain --ip 198.51.100.20 --port 5432
  egress explain --host api.example.com --port 443 --namespace shop --service-account checkout
  egress explain --host api.example.com --port 443 --unit backup.service --json
  egress explain --host api.example.com --port 443 --running

It reads the configuration, or with --running asks the gateway; nobody else is asked: where names lead, how many connections there are, and whether \
a server answers, it cannot know.

Exit status: 0 the policy allows it, or it is not judged, 1 the policy denies it (also in audit mode, which \
lets it through), 2 the configuration or the question is wrong, 3 no gateway can be asked, 4 its answer is of \
no use, or nobody reads what is said.";

const DOCTOR: &str = "Exit status: 0 all that the gateway needs is here, 1 something is missing, \
2 the configuration is wrong.";

const STATUS: &str = "Exit status: 0 attached and a gateway runs, 1 a program is lacking or the status \
can't be told, 3 attached but no gateway runs, 4 not attached. With --ready: 0 the gateway that is asked takes connections, \
1 its answer is of no use, 3 it starts or drains, or none can be asked.";

const CONNECTIONS: &str = "\
Examples:
  egress connections --sort bytes --limit 10     who moves most?
  egress connections close 4711                  end this one

Exit status: 0 done, 1 there is no such connection or the answer is of no use, 2 nobody knows which gateway is to end \
one, as the configuration is wrong, 3 no gateway can be asked.";

const ASKS: &str =
    "Exit status: 0 the gateway answered, 1 its answer is of no use, 3 no gateway can be asked.";

const RELOAD: &str = "Exit status: 0 the configuration is in force, 1 the answer is of no use, \
2 it was refused and the one before it stays in force, or nobody knows which \
gateway is meant, 3 no gateway can be asked.";

const LOG_LEVEL: &str = "\
Examples:
  egress log-level                                  what is told now?
  egress log-level info,egress_userspace::dial=debug

Exit status: 0 done, 1 the answer is of no use, 2 the level is not understood or nobody knows which gateway \
is meant, and nothing has changed, 3 no gateway can be asked.";

const SUPPORT: &str = "\
In it: versions, what the node can do, what is attached and how full the maps are, the configuration without \
comments and secrets, and, if a gateway runs, its status, traffic by service, last errors without what they quote, metrics, connections \
and denials. Read it before it is sent: names of services and hosts are in it.

Exit status: 0 it is written, also if something was left out, which is said, 1 it could not be written.";

const TOP: &str = "\
Examples:
  egress top                                     by service; 1 to 4 change the view, ? helps, q quits
  egress top --by denial                         what is denied, and what would allow it
  egress top --once --by connection | head       a table, wherever it is read
  egress top --once --json --interval 5s         exact numbers for a program

Exit status: 0 quit, or printed, 1 the terminal can't be used or the answer is of no use, 2 the command \
line is wrong or there is no terminal, 3 no gateway can be asked (with --once; the live view goes on trying).";

const CLEANUP: &str = "Exit status: 0 nothing is pinned any more, 1 something still is, 2 it was not \
confirmed.";

const COMPLETIONS: &str = "\
Examples:
  egress completions bash > /etc/bash_completion.d/egress
  egress completions zsh > /usr/local/share/zsh/site-functions/_egress
  egress completions fish > ~/.config/fish/completions/egress.fish";

/// A transparent L4 egress gateway.
///
/// Connections of governed processes are turned to the gateway by the kernel; it reads which name each
/// one is for, asks the registry, and joins it to its destination or refuses it.
#[derive(Debug, Parser)]
#[command(name = "egress", version, max_term_width = 100, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Govern connections until SIGTERM.
    #[command(long_about = RUN, after_help = RUN_STATUS)]
    Run {
        /// The configuration file.
        #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
        config: PathBuf,
        /// Take the place of a gateway that runs: no connection is lost, and its own finish.
        #[arg(long)]
        take_over: bool,
        /// When another has taken over and its own connections have ended, wait for SIGTERM instead of ending: for who
        /// starts again what ends, as Kubernetes does. That SIGTERM cuts no connection short.
        #[arg(long)]
        await_stop: bool,
    },
    /// Say whether a configuration file is right, everything that is not, and what deserves a second look.
    #[command(after_help = CHECK)]
    Check(Check),
    /// Print a configuration that allows what an access log says happened.
    ///
    /// Destinations become services: by name where one was sent or looked up, else by address. Each has its evidence
    /// beside it: when, how often, by whom. Read it before it is used: those who are governed chose what is in it. In
    /// audit mode datagrams pass without a line, so that nothing is learned of them.
    #[command(after_help = LEARN)]
    Learn(Learn),
    /// Say which past connections another configuration would have treated otherwise.
    #[command(after_help = REPLAY)]
    Replay(ReplayLogs),
    /// Say what would become of a connection, why, what comes near to admitting it, and what would.
    #[command(after_help = EXPLAIN)]
    Explain(Explain),
    /// Print the JSON schema of the configuration file, for editors.
    Schema,
    /// Say what this kernel and this node can do, and what that means for enforcement.
    #[command(after_help = DOCTOR)]
    Doctor {
        /// The configuration file to examine the node for; without it the default one, if there is one.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Say what is attached, by which gateway, since when, and how that stands; the gateway need not run.
    #[command(after_help = STATUS)]
    Status(StatusOf),
    /// Say who talks to what now, or end a connection; asks the gateway that runs.
    #[command(after_help = CONNECTIONS)]
    Connections(Connections),
    /// Say what was denied most often, to whom, and why; asks the gateway that runs.
    #[command(after_help = ASKS)]
    Denied(Denied),
    /// Have the gateway that runs read its configuration again, and say what came of it.
    #[command(after_help = RELOAD)]
    Reload(Reload),
    /// Say what the diagnostics of the gateway that runs tell, or have them tell something else.
    #[command(after_help = LOG_LEVEL)]
    LogLevel(LogLevel),
    /// Collect what somebody who is asked for help needs to see, in one archive without secrets.
    #[command(after_help = SUPPORT)]
    SupportBundle(SupportBundle),
    /// Show what the gateway carries, live: by service, connection, caller and denial.
    #[command(after_help = TOP)]
    Top(Top),
    /// Detach everything and remove every pin: nothing is governed from then on.
    #[command(after_help = CLEANUP)]
    Cleanup(Cleanup),
    /// Say more of a command or a topic.
    Help {
        /// The command or topic.
        topic: Option<String>,
    },
    /// Print what a shell needs to complete the command line.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the pages of the manual, for packages.
    #[command(hide = true)]
    Man(Pages),
}

/// Says why a command could not do its work.
fn failed(error: &KernelError) -> ExitCode {
    eprintln!("error: {}", error.in_full());
    ExitCode::FAILURE
}
