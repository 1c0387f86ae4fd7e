//! What the running gateway says of itself, in lines.

use std::fmt;

use crate::answers::{Owned, Places, Status};
use crate::types::plain;

/// The gateway's own status, for people.
pub(super) struct Running<'a>(pub(super) &'a Status);

impl fmt::Display for Running<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let Places {
            now,
            limit,
            accepted,
        } = &status.connections;
        writeln!(
            f,
            "{}: mode {}, policy {} with {} services from {}",
            plain(&status.readiness),
            plain(&status.mode),
            status.policy_generation,
            status.services,
            plain(&status.config)
        )?;
        writeln!(
            f,
            "connections: {now} of {limit} at once, {accepted} since the start"
        )?;
        if let Some(cluster) = &status.cluster {
            let (state, since) = (plain(&cluster.state), plain(&cluster.since));
            writeln!(
                f,
                "cluster: {state} since {since}, {} pods known",
                cluster.pods
            )?;
            if let Some(error) = &cluster.error {
                writeln!(f, "  {}", plain(error))?;
            }
        }
        if let Some(namespaces) = &status.namespaces {
            namespaces_line(f, namespaces)?;
        }
        let Some(reload) = &status.last_reload else {
            return Ok(());
        };
        let (at, outcome) = (plain(&reload.at), plain(&reload.outcome));
        writeln!(f, "last reload: {outcome} at {at}")?;
        for line in reload.error.iter().flat_map(|error| error.lines()) {
            writeln!(f, "  {}", plain(line))?;
        }
        Ok(())
    }
}

fn namespaces_line(f: &mut fmt::Formatter<'_>, namespaces: &Owned) -> fmt::Result {
    let Owned {
        files,
        wrong,
        first,
    } = namespaces;
    writeln!(f, "namespaces' files: {files}, of which {wrong} are wrong")?;
    for file in first {
        let namespace = plain(&file.namespace);
        let error = plain(file.error.as_deref().unwrap_or_default());
        writeln!(
            f,
            "  {namespace} ({} in force): {error}",
            plain(&file.force)
        )?;
    }
    Ok(())
}
