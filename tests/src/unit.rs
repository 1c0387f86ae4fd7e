//! The systemd unit that comes with the gateway, and running the gateway as it would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::bed::Testbed;
use crate::gateway::{Gateway, binary};

/// Does what the unit's lines say.
const SANDBOX: &str = include_str!("scripts/sandbox.py");

/// The unit's file.
pub fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd/egress.service")
}

/// A line of shell that runs the gateway with no more rights than the unit gives; what is below the
/// testbed's directory can be written all the same.
pub fn confined(bed: &Testbed) -> Result<String> {
    let sandbox = bed.dir().join("sandbox.py");
    fs::write(&sandbox, SANDBOX).context("cannot write sandbox.py")?;
    let (unit, binary) = (unit(), binary()?);
    let paths = [&sandbox, &unit, bed.dir(), &binary].map(|path| format!("'{}'", path.display()));
    Ok(format!("python3 {}", paths.join(" ")))
}

impl Gateway {
    /// As [`Gateway::start`], by a line of shell that becomes the program which its arguments are for.
    pub fn start_within(bed: &Testbed, command: &str, config: &str) -> Result<Self> {
        let script = bed.dir().join("egress");
        fs::write(&script, format!("#!/bin/sh\nexec {command} \"$@\"\n"))
            .context("cannot write a script")?;
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755))?;
        Self::start_binary(bed, &script, config)
    }
}
