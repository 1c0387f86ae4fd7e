//! The `egress` binary.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use egress_userspace::cli::{Arguments, Command, EXIT_INVALID, check, start_logging};
use egress_userspace::{app, config::Config};

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => run(config),
        Command::Check { config, json } => check(&config, json),
    }
}

fn run(path: PathBuf) -> ExitCode {
    start_logging();
    let config = match Config::read(&path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{}", error.render(std::io::stderr().is_terminal()));
            return ExitCode::from(EXIT_INVALID);
        }
    };
    match app::run(path, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
