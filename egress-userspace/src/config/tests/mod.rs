//! Whole files: what they say, and what is said about them.

mod corpus;
mod documented;
mod features;
mod included;
mod mutated;
mod rendered;
mod values;

use super::Config;

pub(in crate::config) const GOLDEN: &str = include_str!("../../../../config/egress.toml");
pub(in crate::config) const MINIMAL: &str = include_str!("../../../../config/minimal.toml");
pub(in crate::config) const STRICT: &str = include_str!("../../../../config/strict.toml");

pub(super) fn load(name: &str, text: &str) -> Config {
    Config::from_toml(name, text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The least that a file says, and these settings.
fn with(settings: &str) -> Config {
    load("test", &format!("{MINIMAL}\n{settings}"))
}

/// What the sections other than the registry and the scopes are.
pub(super) fn settings(config: &Config) -> String {
    let Config {
        gateway,
        dns,
        sniff,
        dial,
        relay,
        limits,
        admin,
        access_log,
        otel,
        ..
    } = config;
    format!("{gateway:?}{dns:?}{sniff:?}{dial:?}{relay:?}{limits:?}{admin:?}{access_log:?}{otel:?}")
}
