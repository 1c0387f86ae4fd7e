//! What the gateway goes by, and how its last reload went.

use std::path::PathBuf;

use crate::answers::{Owned, Reload};
use crate::policy::Surroundings;
use crate::types::{Generation, Mode};

/// What the gateway goes by.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The configuration file.
    pub config: PathBuf,
    /// Whether denials take effect.
    pub mode: Mode,
    /// How many services the registry has.
    pub services: usize,
    /// The policy in effect.
    pub generation: Generation,
    /// How many connections there may be.
    pub limit: u32,
    /// What is not judged at all.
    pub surroundings: Surroundings,
    /// What of namespaces' files is in force.
    pub namespaces: Owned,
    /// The last time that the configuration was read again.
    pub last_reload: Option<Reload>,
}
