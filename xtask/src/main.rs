//! Build, test, demonstrate: one file a subcommand, the same by hand and in CI.

mod bench;
mod build_ebpf;
mod demo;
mod dist;
mod gateway;
mod image;
mod install;
mod pgo;
mod python;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                 see the gateway govern real clients on this machine
  cargo xtask test                 every test; installs what is missing
  cargo xtask test -- policy::     only the tests whose name has `policy::`
  cargo xtask test --unit          without root: all but the end-to-end tests
  cargo xtask bench                the data path beside HAProxy, nginx, sniproxy and Envoy
  cargo xtask bench hooks          what the kernel programs cost, on and off in one run
  cargo xtask dist                 what is shipped: a tarball and a Debian package
  cargo xtask image                a container image, as an archive
  cargo xtask pgo                  the gateway as it is fastest, built twice; `dist` and `image` take it
  cargo xtask build-ebpf           only the kernel programs
  cargo xtask tidy                 the rules that no compiler checks

`demo` and `test` each run on a fresh machine with no step before them.";

/// Build, test, demonstrate.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the kernel programs to target/bpf/egress.o
    BuildEbpf(build_ebpf::Args),
    /// Build everything and run every test
    Test(test::Args),
    /// Let real clients try real servers through the gateway, and print what came of it
    Demo,
    /// Measure what the gateway costs, on this machine
    Bench(bench::Args),
    /// Make a tarball and a Debian package, and print their paths
    Dist(dist::Args),
    /// Make a container image, and print where it is
    Image(image::Args),
    /// Build the gateway as it is fastest, by a profile of its own work, and print where it is
    Pgo(pgo::Args),
    /// Check what no compiler checks: file sizes, module order, where unsafe may be
    Tidy,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::BuildEbpf(args) => build_ebpf::main(&args),
        Task::Test(args) => test::main(&args),
        Task::Demo => demo::main(),
        Task::Bench(args) => bench::main(&args),
        Task::Dist(args) => dist::main(&args),
        Task::Image(args) => image::main(&args),
        Task::Pgo(args) => pgo::main(&args),
        Task::Tidy => tidy::main(),
    };
    if let Err(error) = done {
        eprintln!("xtask: error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
