//! Where the gateway's pins are.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::config::{Config, ReadError};
use crate::settings;

use super::DEFAULT_CONFIG;

/// Where the gateway's pins are.
#[derive(Clone, Debug, Args)]
pub struct Pins {
    /// The configuration file, for its [gateway] bpffs. If it can't be read, its default is used.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// The directory of the pins, whatever the configuration says.
    #[arg(long, value_name = "DIR")]
    bpffs: Option<PathBuf>,
}

impl Pins {
    /// The configuration file.
    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    /// The directory. A configuration that is wrong must not stand in the way of an operator who
    /// wants to know, or to end it; but it is said.
    pub(super) fn directory(self) -> PathBuf {
        if let Some(directory) = self.bpffs {
            return directory;
        }
        let config = Config::read(&self.config);
        let directory = settings::pins(config.as_ref().ok());
        if let Err(error @ ReadError::Invalid(_)) = config {
            eprintln!("{}", error.render(stderr().is_terminal()));
            eprintln!("looking at the default, {}", directory.display());
        }
        directory
    }
}
