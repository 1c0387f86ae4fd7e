//! Whole files: what they say, and what is said about them.

mod corpus;
mod documented;
mod included;
mod mutated;
mod rendered;
mod values;

use super::Config;

const GOLDEN: &str = include_str!("../../../../config/egress.toml");
const MINIMAL: &str = include_str!("../../../../config/minimal.toml");
const STRICT: &str = include_str!("../../../../config/strict.toml");

fn load(name: &str, text: &str) -> Config {
    Config::from_toml(name, text).unwrap_or_else(|errors| panic!("{errors}"))
}
