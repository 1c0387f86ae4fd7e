//! From programs that know this gateway to all that it runs by.

use std::sync::{Arc, Mutex};

use aya::Ebpf;
use tokio::sync::watch;

use super::about::About;
use super::caller::Callers;
use super::cgroup::Hierarchy;
use super::pins::Pins;
use super::programs::Watchers;
use super::scope::Governed;
use super::tables::Tables;
use super::visible::Visible;
use super::{
    Askers, Attachments, Counters, EarlyQueries, Events, Fill, Kernel, KernelError, Loaded,
    Namespaces, Origins, Parts, PodScopes, Requests, Setup, Shown, fill, strict, take,
};

/// The programs, loaded, with settings by which those that are attached let this gateway. What another gateway serves
/// by is as it was, and what they tell and ask for is still told to that one.
pub struct Claimed {
    pub(super) hierarchy: Arc<Hierarchy>,
    pub(super) programs: Ebpf,
    pub(super) watchers: Watchers,
    pub(super) pins: Pins,
    pub(super) is_strict: bool,
    pub(super) visible: Visible,
    pub(super) own: About,
    pub(super) before: Option<u32>,
}

impl Claimed {
    /// Process id of the gateway whose place is to be taken.
    pub fn before(&self) -> Option<u32> {
        self.before
    }

    /// Writes the tables, and takes what the programs tell and ask for from then on.
    pub fn fill(self, setup: &Setup) -> Result<(Loaded, Parts), KernelError> {
        let Self {
            hierarchy,
            programs: mut ebpf,
            watchers,
            pins,
            is_strict,
            visible,
            own,
            before,
        } = self;
        let attach = visible.attach().to_owned();
        let known = Arc::<fill::Known>::default();
        let attachments = Attachments::default();
        let scope = take(&mut ebpf, "SCOPE")?;
        let governed = Governed::new(scope, visible, &hierarchy, setup.pods.as_ref())?;
        let governed = Arc::new(Mutex::new(governed));
        let mut tables = Tables::new(&mut ebpf, Arc::clone(&governed), Arc::clone(&known))?;
        tables.set(&hierarchy, &setup.reach)?;
        let directories = watch::Sender::new(hierarchy.directories(&setup.reach.cgroups));
        let pods = PodScopes::new(
            Arc::clone(&hierarchy),
            governed,
            directories.clone(),
            setup.pods.clone(),
        );
        let callers = Arc::new(Callers::new(Arc::clone(&hierarchy), watchers.see_all));
        let parts = Parts {
            origins: Origins::new(take(&mut ebpf, "ACC")?, Arc::clone(&callers)),
            askers: Askers::new(take(&mut ebpf, "ASKERS")?, Arc::clone(&callers)),
            early: EarlyQueries::start(take(&mut ebpf, "EARLY")?, Arc::clone(&callers))
                .map_err(KernelError::Thread)?,
            requests: Requests::start(take(&mut ebpf, "REQUESTS")?).map_err(KernelError::Thread)?,
            namespaces: Namespaces::new(take(&mut ebpf, "NETNS")?),
            events: Events::new(take(&mut ebpf, "EVENTS")?, callers),
            strict: strict(&mut ebpf, setup, &pins, is_strict, &known, &pods)?,
            pods,
            shown: Shown {
                counters: Counters::new(take(&mut ebpf, "COUNTERS")?),
                fill: Fill::new(&mut ebpf, &pins, known)?,
                attachments: attachments.clone(),
            },
            before,
        };
        let on_exit = setup.on_exit;
        let kernel = Kernel {
            hierarchy,
            tables,
            governed: directories,
            programs: ebpf,
            links: watchers.links,
            attachments,
            pins,
            on_exit,
            own,
        };
        Ok((Loaded { kernel, attach }, parts))
    }
}
