//! Messages as the kernel writes them, and the kernel's own.

use std::fs::File;

use nix::sched::{CloneFlags, unshare};

use super::*;

fn nested(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [length.to_ne_bytes(), number.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn device(kind: &str, netns: Option<i32>) -> Vec<u8> {
    let mut body = vec![0; LINK_HEADER];
    body.splice(LINK_INDEX..LINK_INDEX + 4, 7_u32.to_ne_bytes());
    body.extend(nested(libc::IFLA_IFNAME, b"pod1\0"));
    let kind = nested(libc::IFLA_INFO_KIND, kind.as_bytes());
    body.extend(nested(libc::IFLA_LINKINFO, &kind));
    if let Some(id) = netns {
        body.extend(nested(libc::IFLA_LINK_NETNSID, &id.to_ne_bytes()));
    }
    body
}

#[test]
fn only_veths_that_lead_elsewhere_are_found() {
    let found = link(libc::RTM_NEWLINK, &device("veth", Some(3)));
    let veth = Veth {
        index: 7,
        name: "pod1".into(),
        peer: NetnsId(3),
    };
    assert_eq!(found, Some(veth));
    assert_eq!(link(libc::RTM_NEWLINK, &device("veth", None)), None);
    assert_eq!(link(libc::RTM_NEWLINK, &device("macvlan", Some(3))), None);
    assert_eq!(link(libc::RTM_DELLINK, &device("veth", Some(3))), None);
}

#[test]
fn a_device_that_is_cut_short_is_none() {
    let whole = device("veth", Some(3));
    for length in 0..whole.len() {
        let part = whole.get(..length).expect("a part");
        assert_eq!(link(libc::RTM_NEWLINK, part), None, "{length}");
    }
}

/// Runs in a namespace of its own, on a thread of its own.
fn apart<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: run as root");
        run()
    });
    thread.join().expect("no panic")
}

#[test]
fn the_kernel_answers() {
    let elsewhere = apart(|| File::open("/proc/thread-self/ns/net").expect("own namespace"));
    let (first, again, veths) = apart(move || {
        let ask = || netns_id(elsewhere.as_fd()).expect("a number");
        (ask(), ask(), veths().expect("a list"))
    });
    assert_eq!(first, again);
    assert_eq!(veths, []);
}
