//! The configuration file: text → spanned values → parsed types that cannot be wrong.
//!
//! Every key is read on its own, so that one run reports everything that is wrong; serde would stop
//! at the first error of a table. Nothing takes effect unless all is right.

mod endpoint;
mod errors;
mod excerpts;
mod from;
mod include;
mod kubernetes;
mod listener;
mod load;
mod mistakes;
mod namespaces;
mod net;
mod paths;
mod pieces;
mod problem;
mod registry;
mod route;
mod schema;
mod scope;
mod section;
mod sections;
mod service;
mod show;
mod sources;
#[cfg(test)]
mod tests;
mod text;
mod unique;
mod units;
mod value;
mod warnings;
mod words;

use std::io;
use std::path::{Path, PathBuf};

use serde_spanned::Spanned;
use toml::de::DeTable;

pub use errors::{ConfigError, ConfigErrors};
pub use excerpts::{Excerpts, Mark};
pub use kubernetes::{Kubernetes, NodeName};
pub(crate) use load::open_regular;
pub use namespaces::{Force, LastGood, NamespaceFile, Namespaces};
pub use net::{InternalNet, LoopbackAddr};
pub use paths::{CgroupPath, LogPath, SidePath, SocketPath};
pub use schema::schema;
pub use scope::Scope;
pub use sections::{AccessLog, Admin, Dial, Dns, Gateway, Limits, Otel, Relay, Sniff};
pub use units::{ByteSize, duration};
pub use warnings::{
    Code, Lookup, Resolved, Review, Warning, Warnings, has_one_owner, hides_others, is_registered,
};
pub use words::{DnsForwarder, RelayMode, SocketWord, WatchWord};

use crate::types::{Listener, Mode, OutboundTrafficPolicy, Route, Service};
use include::Include;
use listener::RawListener;
use load::Loader;
use namespaces::RawNamespaces;
use problem::Problem;
use route::RawRoute;
use scope::RawScope;
use section::section;
use service::RawService;
use sources::Sources;
use text::{RawPart, Root};
use value::Marked;

/// A configuration in which everything is right.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[gateway]`.
    pub gateway: Gateway,
    /// `[[scope]]`: at least one.
    pub scopes: Vec<Scope>,
    /// `[[listener]]`, in their order.
    pub listeners: Vec<Listener>,
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
    /// `[otel]`.
    pub otel: Otel,
    /// `[kubernetes]`; `None`: there is no cluster.
    pub kubernetes: Option<Kubernetes>,
    /// `[[service]]`: the registry.
    pub services: Vec<Service>,
    /// `[[route]]`, in their order.
    pub routes: Vec<Route>,
    /// `[namespaces]`, with their files.
    pub namespaces: Namespaces,
    /// What `gateway.shadow` names.
    pub shadow: Option<Box<ShadowPolicy>>,
    /// The files that were read: this one, those that it includes, and the shadow's.
    pub sources: Vec<PathBuf>,
    /// The directories in which `include` looks for files, and `namespaces`: one that appears there counts.
    pub include_dirs: Vec<PathBuf>,
    /// The files of namespaces as they last were right.
    pub last_good: LastGood,
}

/// A policy that is judged beside the enforced one.
#[derive(Clone, Debug)]
pub struct ShadowPolicy {
    /// Its `gateway.mode`.
    pub mode: Mode,
    /// Its `gateway.outbound_traffic_policy`.
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    /// Its registry.
    pub services: Vec<Service>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// What namespaces have of their own in it.
    pub namespaces: Namespaces,
}

section! {
    /// The whole file as it is written.
    RawConfig = "" {
        /// More files, as paths from this one's directory; a `*` may stand in the name. They have only
        /// `[[service]]` and `[[route]]`.
        include: Vec<Spanned<Include>> = Vec::new();
        gateway: Gateway = Gateway::default();
        /// Whose connections are governed. At least one.
        scope: Vec<RawScope> = Vec::new();
        /// Where callers of other nodes come to, as to an explicit proxy.
        listener: Vec<RawListener> = Vec::new();
        dns: Dns = Dns::default();
        sniff: Sniff = Sniff::default();
        dial: Dial = Dial::default();
        relay: Relay = Relay::default();
        limits: Limits = Limits::default();
        admin: Admin = Admin::default();
        access_log: AccessLog = AccessLog::default();
        otel: Otel = Otel::default();
        kubernetes: Option<Kubernetes> = None;
        namespaces: RawNamespaces = RawNamespaces::default();
        /// The registry: an entry for each service, as Istio's `ServiceEntry`.
        service: Vec<Spanned<Marked<RawService>>> = Vec::new();
        /// Where admitted connections are led, as Istio's `VirtualService`; the first that applies holds.
        route: Vec<Spanned<Marked<RawRoute>>> = Vec::new();
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
    /// Reads a file, with those that it includes and its shadow: at most 256 MiB of text.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::read_with_text(path, LastGood::default()).map(|(config, _)| config)
    }

    fn read_with_text(path: &Path, last_good: LastGood) -> Result<(Self, Sources), ReadError> {
        let name = path.display().to_string();
        let mut loader = Loader::after(last_good);
        match loader.text(path) {
            Ok(text) => Ok(Self::load(loader, &name, text, Some(path))?),
            Err(source) => Err(ReadError::Io { path: name, source }),
        }
    }

    /// Reads a text alone, without the files that it names; `file_name` stands before each error.
    ///
    /// A text that is not TOML has only its errors of syntax reported: what stands after one may
    /// have been misread.
    pub fn from_toml(file_name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let text = text.to_owned();
        Self::load(Loader::default(), file_name, text, None).map(|(config, _)| config)
    }

    fn load(
        mut loader: Loader,
        name: &str,
        text: String,
        path: Option<&Path>,
    ) -> Result<(Self, Sources), ConfigErrors> {
        let main = loader.main(name, text, path);
        let shadow = main
            .as_ref()
            .zip(path)
            .and_then(|(main, path)| loader.shadow(main, path));
        match main {
            Some(main) if loader.problems.is_empty() => {
                let config = Self {
                    gateway: main.raw.gateway,
                    scopes: main.raw.scope.into_iter().map(Scope::from).collect(),
                    listeners: (main.raw.listener.into_iter())
                        .filter_map(RawListener::into_listener)
                        .collect(),
                    dns: main.raw.dns,
                    sniff: main.raw.sniff,
                    dial: main.raw.dial,
                    relay: main.raw.relay,
                    limits: main.raw.limits,
                    admin: main.raw.admin,
                    access_log: main.raw.access_log,
                    otel: main.raw.otel,
                    kubernetes: main.raw.kubernetes,
                    services: main.services,
                    routes: main.routes,
                    namespaces: main.namespaces,
                    shadow,
                    sources: loader.files,
                    include_dirs: loader.directories,
                    last_good: loader.good,
                };
                Ok((config, loader.sources))
            }
            _ => Err(ConfigErrors::new(loader)),
        }
    }
}

impl Root for RawConfig {
    const ELSEWHERE: &'static [&'static str] = &[];

    fn check_settings(&self, root: &DeTable<'_>, problems: &mut Vec<Problem>) {
        scope::check(&self.scope, root, problems);
        listener::check(&self.listener, &self.admin, problems);
    }

    fn take_part(&mut self) -> RawPart {
        RawPart {
            service: std::mem::take(&mut self.service),
            route: std::mem::take(&mut self.route),
        }
    }
}
