//! The record of a redirected connection.

use crate::Address;

/// Where a connection was going and who opened it: written by the connect hook, kept in the client
/// socket's storage, handed to the accepted socket's storage.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Origin {
    address: Address,
    port: [u8; 2],
    pad: [u8; 6],
    netns: u64,
    task: Task,
}

/// The task that called a hook.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct Task {
    cgroup: u64,
    pid: u32,
    uid: u32,
    run: u64,
}

impl Origin {
    /// Makes a record. `port` is in network order, `netns` the socket's namespace cookie.
    #[inline(always)]
    pub const fn new(address: Address, port: [u8; 2], netns: u64, task: Task) -> Self {
        Self {
            address,
            port,
            pad: [0; 6],
            netns,
            task,
        }
    }

    /// The original destination's address.
    #[inline(always)]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The original destination's port, in network order.
    #[inline(always)]
    pub const fn port(&self) -> [u8; 2] {
        self.port
    }

    /// Cookie of the network namespace that the client's socket is in.
    #[inline(always)]
    pub const fn netns(&self) -> u64 {
        self.netns
    }

    /// The task that called `connect()`.
    #[inline(always)]
    pub const fn task(&self) -> &Task {
        &self.task
    }
}

impl Task {
    /// Makes a record. `pid` is the thread group's id in the initial PID namespace, `run` what tells the program that it
    /// runs from those that it ran before, and that others with its id did; 0: nothing does.
    #[inline(always)]
    pub const fn new(cgroup: u64, pid: u32, uid: u32, run: u64) -> Self {
        Self {
            cgroup,
            pid,
            uid,
            run,
        }
    }

    /// Id of the task's cgroup.
    #[inline(always)]
    pub const fn cgroup(&self) -> u64 {
        self.cgroup
    }

    /// Thread group id: what user space calls the process id.
    #[inline(always)]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Real user id.
    #[inline(always)]
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// Two records with the same process id and the same number, unless that is 0, are of the same run of one program: that
    /// which made the connection, and not who was handed it.
    #[inline(always)]
    pub const fn run(&self) -> u64 {
        self.run
    }
}

const _: () = assert!(size_of::<Task>() == 24 && align_of::<Task>() == 8);
const _: () = assert!(size_of::<Origin>() == 56 && align_of::<Origin>() == 8);
