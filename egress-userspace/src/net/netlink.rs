//! rtnetlink, as far as finding veths needs it: requests, and what comes back (`rtnetlink(7)`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};

/// The kernel puts as many messages in one datagram as fit into the reader's buffer, up to 32 KiB.
const BUFFER: usize = 32 * 1024;
/// `struct nlmsghdr`.
const HEADER: usize = 16;
/// Everything is aligned to four bytes (`NLMSG_ALIGNTO`, `RTA_ALIGNTO`).
const ALIGN: usize = 4;
/// Bits of an attribute's type that are not its number (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const NUMBER: u16 = 0x3fff;

/// `NLMSG_ERROR` and `NLMSG_DONE`.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// A request's answer: one message, or all that there are of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// One message, or nothing but a number that says how it went.
    One,
    /// A dump.
    All,
}

/// A socket to the kernel, in the network namespace of the thread that made it.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// Connects; `groups` is a sum of `RTMGRP_*` whose messages are wanted unasked.
    pub(super) fn open(groups: u32) -> io::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self(fd))
    }

    /// Asks, and hands each message of the answer to `each`, as its type and body.
    pub(super) fn ask(
        &self,
        kind: u16,
        answer: Answer,
        body: &[u8],
        mut each: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        let flags = libc::NLM_F_REQUEST
            | match answer {
                Answer::One => libc::NLM_F_ACK,
                Answer::All => libc::NLM_F_DUMP,
            };
        send(
            self.0.as_raw_fd(),
            &message(kind, flags, body)?,
            MsgFlags::empty(),
        )?;
        let mut buffer = vec![0; BUFFER];
        loop {
            for (kind, body) in messages(self.receive(&mut buffer)?) {
                match kind {
                    DONE => return Ok(()),
                    ERROR => return outcome(body),
                    _ => each(kind, body),
                }
            }
        }
    }

    /// Waits for a datagram of messages.
    pub(super) fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let length = recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC)?;
        buffer.get(..length).ok_or_else(|| Errno::EMSGSIZE.into())
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A buffer for [`Netlink::receive`].
pub(super) fn buffer() -> Vec<u8> {
    vec![0; BUFFER]
}

/// An attribute of a request.
pub(super) fn attribute(number: u16, value: [u8; 4]) -> [u8; 8] {
    let [l0, l1] = 8_u16.to_ne_bytes();
    let [n0, n1] = number.to_ne_bytes();
    let [a, b, c, d] = value;
    [l0, l1, n0, n1, a, b, c, d]
}

/// The messages of a datagram, as type and body. Ends at the first that is cut short.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(array(bytes, 0)?)).ok()?;
        let kind = u16::from_ne_bytes(array(bytes, 4)?);
        let body = bytes.get(HEADER..length)?;
        bytes = bytes
            .get(length.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
        Some((kind, body))
    })
}

/// The attributes of a message, as number and value. Ends at the first that is cut short.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(array(bytes, 0)?));
        let number = u16::from_ne_bytes(array(bytes, 2)?) & NUMBER;
        let value = bytes.get(4..length)?;
        bytes = bytes
            .get(length.next_multiple_of(ALIGN)..)
            .unwrap_or_default();
        Some((number, value))
    })
}

/// `N` bytes from `offset` on.
pub(super) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

fn message(kind: u16, flags: i32, body: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
    let flags = u16::try_from(flags).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // The socket has one request under way at a time: neither a number nor a sender is needed.
    bytes.extend([0; 8]);
    bytes.extend(body);
    Ok(bytes)
}

/// `struct nlmsgerr` begins with a negative errno, or zero.
fn outcome(body: &[u8]) -> io::Result<()> {
    match array(body, 0).map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno.wrapping_neg())),
        None => Err(Errno::EBADMSG.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_and_attributes_come_back_in_order() {
        let attributes_of_one =
            [attribute(3, *b"eth0"), attribute(37, 7_i32.to_ne_bytes())].concat();
        let mut bytes = message(16, 0, &attributes_of_one).expect("short");
        bytes.extend(message(DONE, 0, &[]).expect("short"));
        let found: Vec<_> = messages(&bytes).collect();
        assert_eq!(found, [(16, &attributes_of_one[..]), (DONE, &[][..])]);
        let found: Vec<_> = attributes(&attributes_of_one).collect();
        assert_eq!(found, [(3, &b"eth0"[..]), (37, &7_i32.to_ne_bytes()[..])]);
    }

    #[test]
    fn what_is_cut_short_ends_the_list() {
        let bytes = message(16, 0, &attribute(3, *b"eth0")).expect("short");
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).expect("a part");
            assert_eq!(messages(cut).count(), 0, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            prop_assert!(messages(&bytes).count() <= bytes.len());
            prop_assert!(attributes(&bytes).count() <= bytes.len());
        }
    }
}
