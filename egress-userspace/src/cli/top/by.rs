//! What the rows of a view are.

use clap::ValueEnum;

/// What the rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// Services of the registry, and what was let through or denied without one.
    #[default]
    Service,
    /// Live connections.
    Connection,
    /// Executables and cgroups that have live connections.
    Caller,
    /// What was denied, most often first.
    Denial,
}

impl By {
    /// In the order of their keys.
    pub(super) const ALL: [Self; 4] = [Self::Service, Self::Connection, Self::Caller, Self::Denial];

    /// As the command line has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Connection => "connection",
            Self::Caller => "caller",
            Self::Denial => "denial",
        }
    }

    /// Its place in [`By::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::Service => 0,
            Self::Connection => 1,
            Self::Caller => 2,
            Self::Denial => 3,
        }
    }

    /// The one that is so many places further, around the end.
    pub(super) fn step(self, places: usize) -> Self {
        let index = (self.index() + places) % Self::ALL.len();
        Self::ALL.get(index).copied().unwrap_or_default()
    }
}
