//! What an expert reviewer would say of a configuration in which everything is right.
//!
//! Each rule is a function from the registry to what it found, in a file of its own, and says only
//! what is certain. All take one pass over the services, so that a large registry is reviewed in
//! hardly more time than it is read.

mod apex;
mod code;
mod ech_front;
mod exe;
mod finding;
mod locate;
mod mixed_port;
mod names;
mod no_effect;
mod public_suffix;
mod report;
mod resolved;
mod shadowed;
mod shared_front;
#[cfg(test)]
mod tests;
mod wide_addresses;

use std::path::Path;

pub use apex::is_registered;
pub use code::Code;
pub use ech_front::hides_others;
pub(super) use locate::entry as entry_span;
pub use report::{Warning, Warnings};
pub use resolved::{Lookup, Resolved};
pub use shared_front::has_one_owner;

use super::load::Loader;
use super::sources::Sources;
use super::{Config, ConfigErrors, LastGood, ReadError};
use crate::types::Service;
use finding::Finding;

/// All rules.
const RULES: [fn(&Registry<'_>) -> Vec<Finding>; 9] = [
    public_suffix::find,
    shared_front::find,
    ech_front::find,
    apex::find,
    wide_addresses::find,
    mixed_port::find,
    shadowed::find,
    no_effect::find,
    exe::find,
];

/// A configuration, and what there is to say of it.
#[derive(Debug)]
pub struct Review {
    config: Config,
    sources: Sources,
    findings: Vec<Finding>,
}

/// What rules look at.
struct Registry<'a> {
    config: &'a Config,
    sources: &'a Sources,
}

impl Review {
    /// Reads a file as [`Config::read`] does, and reviews it.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::read_after(path, LastGood::default())
    }

    /// The same, where the files of namespaces were right before.
    pub fn read_after(path: &Path, last_good: LastGood) -> Result<Self, ReadError> {
        let (config, sources) = Config::read_with_text(path, last_good)?;
        Ok(Self::new(config, sources))
    }

    /// Reads a text as [`Config::from_toml`] does, and reviews it.
    pub fn from_toml(file_name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let text = text.to_owned();
        let (config, sources) = Config::load(Loader::default(), file_name, text, None)?;
        Ok(Self::new(config, sources))
    }

    /// Reads a text as if it stood in the file `path`, with what that includes, and reviews it.
    pub fn from_text_at(path: &Path, text: String) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let mut loader = Loader::default();
        loader.files.push(path.to_owned());
        let (config, sources) = Config::load(loader, &name, text, Some(path))?;
        Ok(Self::new(config, sources))
    }

    fn new(config: Config, sources: Sources) -> Self {
        let registry = Registry {
            config: &config,
            sources: &sources,
        };
        let findings = RULES.iter().flat_map(|rule| rule(&registry)).collect();
        Self {
            config,
            sources,
            findings,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration, and everything that there is to say of it.
    pub fn finish(self) -> (Config, Warnings) {
        (self.config, Warnings::new(self.findings, self.sources))
    }
}

impl<'a> Registry<'a> {
    fn services(&self) -> impl Iterator<Item = &'a Service> + use<'a> {
        let own = self.config.namespaces.services();
        let own = own.flat_map(|(_, services)| services);
        self.config.services.iter().chain(own)
    }

    /// The services that admit something.
    fn allowing(&self) -> impl Iterator<Item = &'a Service> + use<'a> {
        self.services().filter(|service| !service.deny)
    }
}
