//! `from` in a namespace's file: which of its own pods.

use serde_spanned::Spanned;

use crate::config::from::{PodLabels, PodWord};
use crate::config::problem::Problem;
use crate::config::section::section;
use crate::types::Selector;

section! {
    /// Pods of the namespace.
    pub(super) RawOwnCallers = "from" {
        /// The pod's service account.
        service_account: Option<Spanned<PodWord>> = None;
        /// Labels that the pod has.
        pod_labels: PodLabels = PodLabels::default();
    }
}

/// Whether it says of nobody who is meant. That is for when all else is right: what it said may have been refused.
pub(super) fn empty(callers: &Spanned<RawOwnCallers>) -> Option<Problem> {
    (*callers.get_ref() == RawOwnCallers::default()).then(|| {
        let title = "an empty table means all pods of the namespace";
        let label = "expected at least one key that says who is meant";
        let problem = Problem::new(callers.span(), title, label);
        problem
            .about("from".into())
            .help("for all of them, leave `from` out")
    })
}

/// Those that `from` describes, in this namespace and in no other.
pub(super) fn selectors(
    namespace: &str,
    from: &[Spanned<RawOwnCallers>],
) -> Vec<Spanned<Selector>> {
    let everyone = Selector {
        namespace: Some(namespace.into()),
        ..Selector::default()
    };
    if from.is_empty() {
        return vec![Spanned::new(0..0, everyone)];
    }
    let described = from.iter().map(|callers| {
        let RawOwnCallers {
            service_account,
            pod_labels,
        } = callers.get_ref();
        let selector = Selector {
            service_account: service_account
                .as_ref()
                .map(|account| account.get_ref().0.clone()),
            pod_labels: pod_labels.0.clone(),
            ..everyone.clone()
        };
        Spanned::new(callers.span(), selector)
    });
    described.collect()
}
