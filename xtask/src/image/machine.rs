//! The machines that images are for.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use egress_tests::command;

/// A kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Machine {
    #[value(name = "x86_64")]
    X86_64,
    Aarch64,
}

impl Machine {
    /// The one that this runs on.
    pub(super) fn here() -> Result<Self> {
        Ok(match std::env::consts::ARCH {
            "x86_64" => Self::X86_64,
            "aarch64" => Self::Aarch64,
            other => bail!("there is no image for {other}: only for x86_64 and aarch64"),
        })
    }

    /// As Rust and the kernel call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As registries of images, and Debian, call it.
    pub(super) fn oci(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Where the dynamic linker is that a binary names.
    pub(super) fn linker(self) -> &'static str {
        match self {
            Self::X86_64 => "lib64/ld-linux-x86-64.so.2",
            Self::Aarch64 => "lib/ld-linux-aarch64.so.1",
        }
    }

    /// Where this linker looks for libraries on Debian.
    pub(super) fn libraries(self) -> String {
        format!("lib/{}", self.triplet())
    }

    /// Where Rust looks for its standard library.
    pub(super) fn target(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// One of the tools that make programs for it.
    pub(super) fn tool(self, name: &str) -> Command {
        command::system(&self.tool_name(name))
    }

    pub(super) fn tool_name(self, name: &str) -> String {
        format!("{}-{name}", self.triplet())
    }

    /// The Debian packages of those tools, and of what programs are linked with.
    pub(super) fn packages(self) -> [String; 2] {
        let name = self.name().replace('_', "-");
        [
            format!("gcc-{name}-linux-gnu"),
            format!("libc6-dev-{}-cross", self.oci()),
        ]
    }

    /// The file of a library that a program for it is linked with.
    pub(super) fn library(self, name: &str) -> Result<PathBuf> {
        let mut gcc = self.tool("gcc");
        let printed = command::stdout(gcc.arg(format!("-print-file-name={name}")))?;
        let path = PathBuf::from(printed.trim());
        if !path.is_absolute() {
            bail!("{} knows no {name}", self.tool_name("gcc"));
        }
        Ok(path)
    }

    fn triplet(self) -> String {
        format!("{}-linux-gnu", self.name())
    }
}
