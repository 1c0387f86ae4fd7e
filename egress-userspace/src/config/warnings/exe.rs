//! Callers that are told by their executable alone.

use super::finding::{At, Finding, title};
use super::{Code, Registry};
use crate::types::Selector;

/// Finds selectors that an executable's path decides, which is a name that the workload chooses: a
/// container has its own files, and a file can be copied.
pub(super) fn find(registry: &Registry<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in registry.services() {
        for (item, selector) in service.from.iter().enumerate() {
            let Some((title_of, help)) = weakness(selector, service.deny) else {
                continue;
            };
            let title = format!("{}: {title_of}", title(service));
            findings.push(
                Finding::new(Code::ExeByWorkload, At::item(service, "from", item), title)
                    .label("the path is as the process sees it")
                    .help(help),
            );
        }
    }
    findings
}

fn weakness(selector: &Selector, deny: bool) -> Option<(&'static str, &'static str)> {
    selector.exe.as_ref()?;
    let is_placed = selector.cgroup.is_some()
        || selector.unit.is_some()
        || selector.namespace.is_some()
        || selector.service_account.is_some()
        || !selector.pod_labels.is_empty();
    match (deny, is_placed) {
        (true, _) => Some((
            "a copy of the executable is not denied",
            "deny by `cgroup`, `unit` or pod, which a process cannot choose",
        )),
        (false, false) => Some((
            "a container can have an executable with this path too",
            "add `cgroup` or `unit`, which a process cannot choose",
        )),
        (false, true) => None,
    }
}
