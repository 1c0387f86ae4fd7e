//! A transparent L4 egress gateway.
//!
//! The kernel hands outbound connections of governed processes to this crate; it reads which name
//! each one is for, asks the registry, and joins it to its destination or refuses it.
//!
//! Modules depend one way only; `cargo xtask tidy` checks it:
//!
//! ```text
//! types ← { sniff, policy, net, config, pods } ← { kernel, dial, account, cluster } ← { relay, dns } ← http ← conn ← { answers, doctor, history } ← learn ← { admin, cli } ← app
//! ```

pub mod account;
pub mod admin;
pub mod answers;
pub mod app;
pub mod cli;
#[cfg(feature = "k8s")]
pub mod cluster;
pub mod config;
pub mod conn;
pub mod dial;
pub mod dns;
pub mod doctor;
pub mod drain;
pub mod history;
pub mod http;
pub mod kernel;
pub mod learn;
pub mod logging;
pub mod net;
pub mod pods;
pub mod policy;
pub mod relay;
pub mod reload;
mod settings;
pub mod sniff;
pub mod types;
