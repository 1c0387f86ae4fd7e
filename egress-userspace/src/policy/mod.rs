//! The registry, compiled, and the one function that decides. No I/O.

mod permit;

pub use permit::{Denial, Permit, Target, Verdict};
