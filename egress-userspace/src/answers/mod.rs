//! What the admin API answers, as the gateway says it and as its tools understand it.
//!
//! What a newer gateway says beside it is passed over, and what an older one does not say is nothing. Names,
//! paths and executables are as clients chose them: who shows them takes care of what they may hold.

mod denials;
mod orders;
mod status;
mod traffic;

pub use denials::{Denial, Denials};
pub use orders::{LogLevel, Refusal, Reloaded};
pub use status::{Cluster, Kernel, Owned, Places, Reload, Status, Trouble, Troubles, WrongFile};
pub use traffic::{Caller, Connection, Connections, Service, Services};
