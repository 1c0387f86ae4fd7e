//! System calls that no crate wraps, or not safely: the only unsafe code of this crate.

#![expect(unsafe_code, reason = "each block says why it is sound")]

pub(super) mod bpf;
pub(super) mod ring;

use std::io;
use std::mem::size_of;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use socket2::SockAddr;

/// `SO_NETNS_COOKIE` of `asm-generic/socket.h`.
const SO_NETNS_COOKIE: libc::c_int = 71;
/// `FILEID_KERNFS` of `linux/exportfs.h`: the handle is the 64-bit node id.
const FILEID_KERNFS: libc::c_int = 0xfe;

pub(super) fn netns_cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as it is borrowed; the kernel writes at most `length`
    // bytes, which `cookie` has.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        Ok(cookie)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes a connection off a listener, with its peer's address; its descriptor does not block and is not
/// inherited. One call, where what the crates offer is two, or belongs to the reactor of the listener.
pub(super) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let call = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the descriptor is open as long as it is borrowed; the kernel writes at most `length`
        // bytes of the storage, and says how many it wrote.
        let fd = unsafe { libc::accept4(listener.as_raw_fd(), storage.cast(), length, flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened it, and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: where the call succeeds, the kernel has written the address and its length.
    let (connection, peer) = unsafe { SockAddr::try_init(call) }?;
    let peer = peer.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    Ok((connection, peer))
}

/// `struct file_handle` with the eight bytes that a kernfs handle has.
#[repr(C)]
struct KernfsHandle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: [u8; 8],
}

/// Opens a kernfs node, such as a cgroup directory, by its id; `mount` is any directory of the same
/// mount. `ESTALE`: the node is gone. Needs `CAP_DAC_READ_SEARCH`.
pub fn open_by_id(mount: BorrowedFd<'_>, id: u64) -> io::Result<OwnedFd> {
    let mut handle = KernfsHandle {
        bytes: 8,
        kind: FILEID_KERNFS,
        id: id.to_ne_bytes(),
    };
    // SAFETY: the handle has the layout of `struct file_handle` and says its length; the kernel reads
    // no more and keeps no pointer.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            &raw mut handle,
            libc::O_PATH | libc::O_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
