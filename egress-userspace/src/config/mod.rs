//! The configuration file: text → spanned values → parsed types that cannot be wrong.
//!
//! Every key is read on its own, so that one run reports everything that is wrong; serde would stop
//! at the first error of a table. Nothing takes effect unless all is right.

mod errors;
mod net;
mod paths;
mod problem;
mod scope;
mod section;
mod sections;
mod service;
#[cfg(test)]
mod tests;
mod unique;
mod units;
mod value;
mod words;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_spanned::Spanned;
use toml::de::DeTable;

pub use errors::{ConfigError, ConfigErrors};
pub use net::InternalNet;
pub use paths::{CgroupPath, LogPath};
pub use scope::Scope;
pub use sections::{AccessLog, Admin, Dial, Dns, Gateway, Limits, Relay, Sniff};
pub use units::ByteSize;
pub use words::{RelayMode, SocketWord};

use crate::types::{Route, Service};
use problem::Problem;
use scope::RawScope;
use section::section;
use service::RawService;
use value::Marked;

/// Longest file. A registry of 200,000 services has some 40 MiB; more than this is no
/// configuration, and reading it would only take the node's memory.
const MAX_FILE: u64 = 64 << 20;

/// A configuration in which everything is right.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[[scope]]`: at least one.
    pub scopes: Vec<Scope>,
    /// `[dns]`.
    pub dns: Dns,
    /// `[sniff]`.
    pub sniff: Sniff,
    /// `[dial]`.
    pub dial: Dial,
    /// `[relay]`.
    pub relay: Relay,
    /// `[limits]`.
    pub limits: Limits,
    /// `[admin]`.
    pub admin: Admin,
    /// `[access_log]`.
    pub access_log: AccessLog,
    /// `[[service]]`: the registry.
    pub services: Vec<Service>,
    /// `[[route]]`, in their order.
    pub routes: Vec<Route>,
}

section! {
    /// The whole file as it is written.
    RawConfig = "" {
        gateway: Gateway = Gateway::default();
        scope: Vec<RawScope> = Vec::new();
        dns: Dns = Dns::default();
        sniff: Sniff = Sniff::default();
        dial: Dial = Dial::default();
        relay: Relay = Relay::default();
        limits: Limits = Limits::default();
        admin: Admin = Admin::default();
        access_log: AccessLog = AccessLog::default();
        service: Vec<Spanned<Marked<RawService>>> = Vec::new();
    }
}

/// Why a file cannot be read as a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It was read, and is wrong.
    #[error(transparent)]
    Invalid(#[from] ConfigErrors),
}

impl ReadError {
    /// All that there is to say; in colour if `colour`. Ends without a newline.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Io { .. } => self.to_string(),
            Self::Invalid(errors) => errors.render(colour),
        }
    }
}

impl Config {
    /// Reads a file of at most 64 MiB.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        match text_of(path) {
            Ok(text) => Ok(Self::from_toml(&name, &text)?),
            Err(source) => Err(ReadError::Io { path: name, source }),
        }
    }

    /// Reads a text; `file_name` stands before each error.
    ///
    /// A text that is not TOML has only its errors of syntax reported: what stands after one may
    /// have been misread.
    pub fn from_toml(file_name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let errors = |problems| ConfigErrors::new(file_name, text, problems);
        let (root, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            return Err(errors(syntax.iter().map(Problem::syntax).collect()).first_of_each_line());
        }
        let mut problems = Vec::new();
        let raw: RawConfig = section::read_table(root.get_ref(), &root.span(), &mut problems);
        let scopes = scope::read(raw.scope, root.get_ref(), &mut problems);
        let lines = errors::line_starts(text);
        let listen_port = raw.gateway.listen_port;
        let services = service::read(raw.service, listen_port, file_name, &lines, &mut problems);
        if !problems.is_empty() {
            return Err(errors(problems));
        }
        Ok(Self {
            gateway: raw.gateway,
            scopes,
            dns: raw.dns,
            sniff: raw.sniff,
            dial: raw.dial,
            relay: raw.relay,
            limits: raw.limits,
            admin: raw.admin,
            access_log: raw.access_log,
            services,
            routes: Vec::new(),
        })
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if length as u64 > MAX_FILE {
        let message = format!("longer than {MAX_FILE} bytes: not a configuration");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
