//! Listeners and socket options.

mod descriptors;
mod listen;
mod mark;
mod sys;

pub use descriptors::raise_limit;
pub use listen::{Listeners, netns_cookie};
pub use mark::Mark;
pub use sys::open_by_id;
