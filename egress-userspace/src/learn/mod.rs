//! A configuration that allows what a log says happened.
//!
//! A [`Learner`] takes lines of the access log and keeps, for each destination that was asked for, how often,
//! by whom, and when; a [`Lesson`] is what comes of it: services, each with its evidence, and what no service
//! should be made of. Nothing is widened but by wildcards, and those only below a name with one owner.
//!
//! What is in a log was chosen by those who are governed. A lesson is for reading: it says what happened,
//! not what should.

mod evidence;
mod group;
mod learner;
mod left_out;
mod lesson;
mod members;
mod naming;
mod render;
mod taken;
#[cfg(test)]
mod tests;
mod wanted;
mod wildcard;

pub use evidence::Evidence;
pub use learner::{Learner, Settings};
pub use left_out::{Left, LeftOut};
pub use lesson::{Entry, Lesson, Proposed};
pub use wanted::Speaks;

/// Siblings of which a wildcard is made, unless another number is asked for. Two may be all that there are; of
/// three more can be expected.
pub const SIBLINGS: usize = 3;
