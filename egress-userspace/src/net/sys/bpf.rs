//! Links that outlive their process: the commands of `bpf(2)` that aya keeps to itself.

#![expect(unsafe_code, reason = "each block says why it is sound")]

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const BPF_OBJ_GET: libc::c_long = 7;
const BPF_LINK_UPDATE: libc::c_long = 29;
const BPF_LINK_DETACH: libc::c_long = 34;

/// `BPF_OBJ_GET`'s part of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct ObjGet {
    pathname: u64,
    fd: u32,
    flags: u32,
}

/// `BPF_LINK_UPDATE`'s part of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct LinkUpdate {
    link_fd: RawFd,
    new_prog_fd: RawFd,
    flags: u32,
    old_prog_fd: u32,
}

/// `BPF_LINK_DETACH`'s part of `union bpf_attr`.
#[repr(C)]
struct LinkDetach {
    link_fd: RawFd,
}

/// Opens what is pinned at `path`.
pub fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attributes = ObjGet {
        pathname: path.as_ptr() as u64,
        ..ObjGet::default()
    };
    // SAFETY: the attributes are of the command, and the path outlives the call.
    let fd = unsafe { bpf(BPF_OBJ_GET, &attributes) }?;
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts another program in the place of the one that a link has, in one step (Linux 5.7).
pub fn update_link(link: impl AsFd, program: impl AsFd) -> io::Result<()> {
    let attributes = LinkUpdate {
        link_fd: link.as_fd().as_raw_fd(),
        new_prog_fd: program.as_fd().as_raw_fd(),
        ..LinkUpdate::default()
    };
    // SAFETY: the attributes are of the command, and both descriptors are open.
    unsafe { bpf(BPF_LINK_UPDATE, &attributes) }.map(|_zero| ())
}

/// Takes a link's program off its hook at once, whoever else has the link open (Linux 5.9).
pub fn detach_link(link: impl AsFd) -> io::Result<()> {
    let attributes = LinkDetach {
        link_fd: link.as_fd().as_raw_fd(),
    };
    // SAFETY: the attributes are of the command, and the descriptor is open.
    unsafe { bpf(BPF_LINK_DETACH, &attributes) }.map(|_zero| ())
}

/// Calls `bpf(2)`.
///
/// # Safety
///
/// `T` is the part of `union bpf_attr` that belongs to the command, and what it points to is valid.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<RawFd> {
    // SAFETY: the caller's; the kernel reads no more than the size it is told.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(result).map_err(io::Error::other)
}
