//! What the programs count.

use aya::maps::{MapData, PerCpuArray};
use egress_common::Counter;

use super::KernelError;

/// Reads the programs' counters.
pub struct Counters(PerCpuArray<MapData, u64>);

impl Counters {
    pub(super) fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self(map)
    }

    /// Each counter's label and its sum over all CPUs, since the programs were loaded.
    pub fn read(&self) -> Result<Vec<(&'static str, u64)>, KernelError> {
        Counter::ALL
            .iter()
            .map(|counter| {
                let cells = self
                    .0
                    .get(&counter.index(), 0)
                    .map_err(|source| KernelError::Map {
                        map: "COUNTERS",
                        source,
                    })?;
                Ok((counter.label(), cells.iter().sum()))
            })
            .collect()
    }
}
