//! `cargo xtask test`: everything from a fresh machine to the test runner's own summary.

use anyhow::{Result, bail};
use egress_tests::command;

use crate::workspace::{cargo, say};
use crate::{gateway, install, python};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out the end-to-end tests, which need root
    #[arg(long)]
    unit: bool,
    /// Passed to the test runner: names of tests, or its options
    #[arg(last = true)]
    runner: Vec<String>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    if !args.unit && !command::is_root() {
        bail!(
            "THE END-TO-END TESTS CANNOT RUN: they make network namespaces and cgroups and load kernel \
             programs, and only root can.\nRun `sudo -E env PATH=\"$PATH\" cargo xtask test`, or \
             `cargo xtask test --unit` for all the others."
        );
    }
    let mut runner = cargo();
    if has_nextest() {
        runner.args(["nextest", "run"]);
    } else {
        say("cargo-nextest is not installed: using cargo test");
        runner.arg("test");
    }
    // One failure does not hide another.
    runner.args(["--workspace", "--locked", "--no-fail-fast"]);
    // What is built only on demand is tested all the same.
    runner.args(["--features", gateway::ON_DEMAND]);
    if args.unit {
        say("WITHOUT the end-to-end tests, as --unit says");
        runner.args(["--exclude", "egress-tests"]);
    } else {
        install::tests()?;
        python::tools()?;
        runner.args(["--features", "egress-tests/k8s,egress-tests/otel"]);
        gateway::build_whole()?;
    }
    say("running the tests");
    command::run(runner.args(&args.runner))
}

fn has_nextest() -> bool {
    command::stdout(cargo().args(["nextest", "--version"])).is_ok()
}
