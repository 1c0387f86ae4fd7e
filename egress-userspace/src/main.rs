//! The `egress` binary.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use egress_userspace::cli::{Arguments, Command, EXIT_INVALID, check, start_logging};
use egress_userspace::{app, config::ReadError};

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::Check { config, json } => check(&config, json),
    }
}

fn run(path: PathBuf) -> ExitCode {
    start_logging();
    let Err(error) = app::run(path) else {
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
