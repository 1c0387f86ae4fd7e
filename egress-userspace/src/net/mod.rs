//! Listeners, sockets and their options.

mod alarm;
mod descriptors;
mod keepalive;
mod links;
mod listen;
mod namespace;
mod netlink;
mod outbox;
mod place;
mod places;
mod poller;
mod readiness;
mod shared;
mod stream;
mod sys;
#[cfg(test)]
pub(crate) mod wakes;

pub use descriptors::raise_limit;
pub use keepalive::probe;
pub use links::{Change, Changes, NetnsId, Veth, netns_id, veths};
pub use listen::{Bound, Listener, Sockets, listen_shared};
pub use namespace::{Served, listen_here, listen_in};
pub use outbox::{Unsent, can_gather};
pub use poller::{look_around, prepare, send_gathered};
pub use shared::Reserved;
pub use stream::TcpStream;
pub use sys::bpf::{detach_link, open_pin, update_link};
pub use sys::open_by_id;
