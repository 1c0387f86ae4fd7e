//! Tells what of namespaces' files is in force.

use crate::account::Metrics;
use crate::answers::{Owned, WrongFile};
use crate::config::{Force, Namespaces};
use crate::policy::Policy;

/// Most files that are told one by one: an answer is no report, and `egress check` shows all.
const MOST_TOLD: usize = 20;

/// Counts the files of the policy in effect, and forgets the services that it does not have.
pub(super) fn count(metrics: &Metrics, namespaces: &Namespaces, policy: &Policy) {
    for force in Force::ALL {
        let files = namespaces.files.iter().filter(|file| file.force == force);
        metrics.namespace_files(force.label(), files.count());
    }
    metrics.forget_services(|service| policy.has_own(service.as_str()));
}

/// What the admin API tells of them.
pub(super) fn told(namespaces: &Namespaces) -> Owned {
    let wrong = namespaces.wrong().map(|(file, errors)| {
        let first = errors.iter().next();
        WrongFile {
            namespace: file.namespace.to_string(),
            force: file.force.label().into(),
            errors: errors.iter().len() as u64,
            error: first.map(|error| format!("{}:{}: {}", error.file, error.line, error.message)),
        }
    });
    Owned {
        files: namespaces.files.len() as u64,
        wrong: namespaces.wrong().count() as u64,
        first: wrong.take(MOST_TOLD).collect(),
    }
}
