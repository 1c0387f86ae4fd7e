//! What the access log says happened, and what a policy would say of it.
//!
//! A log is read line by line ([`read`]), each line into a [`Seen`], and what is not a line of an access
//! log is counted and told. [`Seen::question`] is what a policy can be asked about a line: the inverse of
//! what [`account`](crate::account) writes. A [`Judge`] answers it as enforcement of a configuration would,
//! and a [`Replay`] compares that with what was decided then.
//!
//! Nothing here dials or resolves: what was found out by that is not judged again.

mod compare;
mod groups;
mod judge;
mod lines;
mod question;
mod raw;
mod read;
mod replay;
mod seen;
#[cfg(test)]
mod tests;

pub use compare::{Fate, Kind, Opinion, Reason};
pub use groups::{Change, Groups, Subject};
pub use judge::{Answer, Judge};
pub use question::{Connection, Question, Unjudged};
pub use raw::{Malformed, parse};
pub use read::{Complaint, Tally, read};
pub use replay::Replay;
pub use seen::{Decided, Seen, Spoken};
