//! The `egress` binary.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use egress_userspace::cli::{
    Command, EXIT_INVALID, check, cleanup, completions, connections, denied, doctor, explain, help,
    learn, log_level, man, parse, reload, replay, schema, status, support_bundle, top,
};
use egress_userspace::{app, config::ReadError, doctor::required, logging};

fn main() -> ExitCode {
    match parse().command {
        Command::Run {
            config,
            take_over,
            await_stop,
        } => run(config, take_over, await_stop),
        Command::Check(asked) => check(&asked),
        Command::Learn(asked) => learn(&asked),
        Command::Replay(asked) => replay(&asked),
        Command::Explain(asked) => explain(asked),
        Command::Schema => schema(),
        Command::Doctor { config, json } => doctor(config.as_deref(), json),
        Command::Status(asked) => status(asked),
        Command::Connections(asked) => connections(asked),
        Command::Denied(asked) => denied(asked),
        Command::LogLevel(asked) => log_level(asked),
        Command::Reload(asked) => reload(asked),
        Command::SupportBundle(asked) => support_bundle(asked),
        Command::Top(asked) => top(asked),
        Command::Cleanup(arguments) => cleanup(arguments),
        Command::Help { topic } => help(topic.as_deref()),
        Command::Completions { shell } => completions(shell),
        Command::Man(pages) => man(&pages),
    }
}

fn run(path: PathBuf, take_over: bool, await_stop: bool) -> ExitCode {
    let diagnostics = logging::start();
    if let Err(unfit) = required() {
        tracing::error!("{unfit}");
        return ExitCode::FAILURE;
    }
    let Err(error) = app::run(path, take_over, await_stop, diagnostics) else {
        return ExitCode::SUCCESS;
    };
    if let Some(error) = error.downcast_ref::<ReadError>() {
        eprintln!("{}", error.render(std::io::stderr().is_terminal()));
        ExitCode::from(EXIT_INVALID)
    } else {
        tracing::error!("{error:#}");
        ExitCode::FAILURE
    }
}
