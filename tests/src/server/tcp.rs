//! A server that speaks first, as databases and mail servers do, and then does as it is told.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::place::Place;
use crate::process::Process;

pub(super) const LISTENS: &[&str] = &[
    "198.51.100.20:5432",
    "198.51.100.21:5432",
    "198.51.100.21:6432",
];

const SCRIPT: &str = include_str!("../scripts/tcp.py");

pub(super) fn start(place: &Place, dir: &Path) -> Result<Process> {
    let script = dir.join("tcp.py");
    fs::write(&script, SCRIPT).context("cannot write tcp.py")?;
    let mut python = place.command("python3");
    python.arg(&script).args(LISTENS);
    Process::spawn(&mut python, &dir.join("tcp.log"))
}
