//! Lines as the gateway writes them, and lines that it does not write.

mod inverse;
mod lines;
mod replayed;

use super::*;
use crate::config::Config;

/// A configuration with these services, on a page of its own.
fn config(services: &str) -> Config {
    let text = format!("[[scope]]\ncgroups = [\"/apps\"]\n{services}");
    Config::from_toml("new.toml", &text).expect("it is right")
}

/// A line with these fields and those that always are there.
fn line(fields: &str) -> Vec<u8> {
    let always = r#""time":"2026-11-23T20:27:12.360Z","bytes_sent":1,"bytes_received":2"#;
    format!(r#"{{{always},"close_reason":"client_closed","response_flags":"-",{fields}}}"#)
        .into_bytes()
}

fn seen(fields: &str) -> Seen {
    parse(&line(fields)).expect("a line")
}
