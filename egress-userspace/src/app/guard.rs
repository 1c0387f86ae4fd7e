//! Strict mode: what comes out of governed namespaces is judged on the host side of their veths too.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsFd;

use anyhow::Context;
use tokio::task::spawn_blocking;
use tracing::{debug, warn};

use crate::kernel::Strict;
use crate::net::{self, Change, Changes, NetnsId, Veth};
use crate::types::CgroupId;

/// Guards the veths of the namespaces that it is told of. One that is off does nothing.
pub(super) struct Guard(Option<On>);

struct On {
    kernel: Strict,
    changes: Changes,
    namespaces: HashMap<NetnsId, Governed>,
}

#[derive(Clone, Copy)]
struct Governed {
    cookie: u64,
    cgroup: CgroupId,
}

impl Guard {
    /// On, where the kernel side has programs for it.
    pub(super) fn new(kernel: Option<Strict>) -> anyhow::Result<Self> {
        let on = |kernel| {
            let changes = Changes::watch().context("listening for changes of devices")?;
            Ok(On {
                kernel,
                changes,
                namespaces: HashMap::new(),
            })
        };
        kernel.map(on).transpose().map(Self)
    }

    /// Guards all veths that lead out of a namespace into the gateway's own, those to come included.
    pub(super) async fn cover(
        &mut self,
        namespace: File,
        cookie: u64,
        cgroup: CgroupId,
    ) -> anyhow::Result<()> {
        let Some(on) = &mut self.0 else { return Ok(()) };
        let look = spawn_blocking(move || Ok((net::netns_id(namespace.as_fd())?, net::veths()?)));
        let (id, veths): (_, Vec<Veth>) = look
            .await?
            .map_err(|error: std::io::Error| error)
            .context("looking for its veths")?;
        // First: a veth that comes from here on is a change.
        on.namespaces.insert(id, Governed { cookie, cgroup });
        veths.iter().try_for_each(|veth| on.guard(veth))
    }

    /// Follows a namespace's veths no more. Those that are guarded stay so until they are gone: a
    /// socket, or a guest, may be there without a process.
    pub(super) fn leave(&mut self, cookie: u64) {
        if let Some(on) = &mut self.0 {
            on.namespaces
                .retain(|_, governed| governed.cookie != cookie);
        }
    }

    /// Waits for a veth to come or change, and guards it if it is a governed namespace's; false: it is
    /// none that is known of. Nothing is lost if the wait is abandoned.
    pub(super) async fn follow(&mut self) -> bool {
        let Some(on) = &mut self.0 else {
            return std::future::pending().await;
        };
        match on.changes.next().await {
            Change::Veth(veth) => {
                on.guard_or_warn(&veth);
                on.namespaces.contains_key(&veth.peer)
            }
            Change::Unknown => {
                on.look();
                false
            }
        }
    }

    /// Looks at all veths: guards what was missed, and lets go of what is gone.
    pub(super) fn look_again(&mut self) {
        if let Some(on) = &mut self.0 {
            on.look();
        }
    }

    /// Lets go of what a gateway before this one guarded, and this one does not.
    pub(super) fn forget_others(&self) -> anyhow::Result<()> {
        self.0
            .as_ref()
            .map_or(Ok(()), |on| Ok(on.kernel.forget_others()?))
    }
}

impl On {
    /// A thousand veths take some milliseconds.
    fn look(&mut self) {
        let veths = match net::veths() {
            Ok(veths) => veths,
            Err(error) => return warn!(%error, "cannot look for veths"),
        };
        for veth in &veths {
            self.guard_or_warn(veth);
        }
        let there: Vec<_> = veths.iter().map(|veth| veth.index).collect();
        if let Err(error) = self.kernel.retain(&there) {
            warn!(%error, "cannot let go of veths");
        }
    }

    fn guard_or_warn(&mut self, veth: &Veth) {
        if let Err(error) = self.guard(veth) {
            warn!(
                veth = veth.name,
                "a governed namespace's veth is not guarded: {error:#}"
            );
        }
    }

    fn guard(&mut self, veth: &Veth) -> anyhow::Result<()> {
        let Some(Governed { cookie, cgroup }) = self.namespaces.get(&veth.peer) else {
            return Ok(());
        };
        self.kernel.guard(veth, *cookie, *cgroup)?;
        debug!(veth = veth.name, netns = cookie, "guarded");
        Ok(())
    }
}
