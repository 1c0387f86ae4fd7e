//! Counters of few sets of labels, for what is counted with each connection.

use std::array;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::OnceLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Sets of labels that are found by looking at each. A gateway whose connections nearly all go well counts with one,
/// or with one for each of two protocols.
const MET_FIRST: usize = 4;

/// A family of counters, of which those that are met first are found without a hash and without a lock.
#[derive(Debug)]
pub(super) struct Few<L> {
    family: Family<L, Counter>,
    first: [OnceLock<(L, Counter)>; MET_FIRST],
}

impl<L: Clone + Debug + Eq + Hash> Few<L> {
    pub(super) fn new(family: Family<L, Counter>) -> Self {
        Self {
            family,
            first: array::from_fn(|_| OnceLock::new()),
        }
    }

    /// Counts one.
    pub(super) fn inc(&self, labels: &L) {
        for place in &self.first {
            let (met, counter) = place.get_or_init(|| {
                let counter = self.family.get_or_create(labels).clone();
                (labels.clone(), counter)
            });
            if met == labels {
                counter.inc();
                return;
            }
        }
        self.family.get_or_create(labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_labels_is_counted_for_itself_however_many_there_are() {
        let family = Family::<Vec<(&str, String)>, Counter>::default();
        let few = Few::new(family.clone());
        let labels = |number: usize| vec![("number", number.to_string())];
        for number in 0..3 * MET_FIRST {
            for other in 0..=number {
                few.inc(&labels(other));
            }
        }
        for number in 0..3 * MET_FIRST {
            let counted = family.get_or_create(&labels(number)).get();
            assert_eq!(usize::try_from(counted), Ok(3 * MET_FIRST - number));
        }
    }
}
