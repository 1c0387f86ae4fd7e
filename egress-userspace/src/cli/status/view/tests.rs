//! What the status says, and the exit code with it.

use std::time::{Duration, UNIX_EPOCH};

use crate::types::CgroupId;

use super::*;

/// Everything attached, by a gateway that is alive or not.
fn pinned(alive: bool) -> Pinned {
    Pinned {
        attached: vec![Attached {
            program: "egress_connect4".into(),
            pinned: true,
            id: 29,
            tag: Some("3b185187f1855c4c".into()),
            loaded_at: Some(UNIX_EPOCH + Duration::from_secs(951_782_402)),
            hook: "connect4".into(),
            target: Target::Cgroup(CgroupId(7), Some("/node".into())),
        }],
        lacking: Vec::new(),
        tables: vec![Table {
            name: "SCOPE".into(),
            id: 12,
            entries: Some(3),
            room: 16_384,
            memory: 1_025,
        }],
        counters: vec![("redirected", 5)],
        owner: Some(Owner {
            version: "1.2.3".into(),
            pid: 42,
            since: UNIX_EPOCH + Duration::from_secs(951_782_401),
            alive,
        }),
    }
}

fn exit(pinned: &Pinned) -> u8 {
    State::of(pinned).exit()
}

#[test]
fn the_exit_code_tells_what_is_the_case() {
    assert_eq!(exit(&pinned(true)), 0);
    assert_eq!(exit(&pinned(false)), 3);
    assert_eq!(
        exit(&Pinned {
            owner: None,
            ..pinned(true)
        }),
        3
    );
    assert_eq!(
        exit(&Pinned {
            lacking: vec!["egress_connect6"],
            ..pinned(true)
        }),
        1
    );
    assert_eq!(
        exit(&Pinned {
            attached: Vec::new(),
            lacking: vec!["x"],
            ..pinned(true)
        }),
        4
    );
}

#[test]
fn links_whose_cgroup_is_gone_attach_nothing() {
    let mut gone = pinned(true);
    for link in &mut gone.attached {
        link.target = Target::Nothing;
    }
    assert_eq!(exit(&gone), 4);
}

#[test]
fn people_read_tables() {
    let pinned = pinned(false);
    let expected = "\
attached, but NO GATEWAY RUNS: what it would judge is refused (pins: /pins)
last gateway: version 1.2.3, process 42, since 2000-02-29T00:00:01.000Z

PROGRAM          HOOK      ID  TAG               LOADED                    ATTACHED TO
egress_connect4  connect4  29  3b185187f1855c4c  2000-02-29T00:00:02.000Z  cgroup /node

MAP    ID  ENTRIES  ROOM   MEMORY
SCOPE  12  3        16384  2 KiB

COUNTER     SINCE THE PROGRAMS WERE FIRST LOADED
redirected  5
";
    assert_eq!(Status::new(Path::new("/pins"), &pinned).text(), expected);
}

#[test]
fn programs_read_one_object() {
    let pinned = pinned(true);
    let status = Status::new(Path::new("/pins"), &pinned);
    let status = serde_json::to_value(status).expect("JSON");
    for (pointer, value) in [
        ("/state", "served".into()),
        ("/gateway/pid", 42.into()),
        ("/gateway/alive", true.into()),
        ("/gateway/since", "2000-02-29T00:00:01.000Z".into()),
        ("/programs/0/target", "cgroup /node".into()),
        ("/maps/0/entries", 3.into()),
        ("/counters/redirected", 5.into()),
    ] {
        assert_eq!(status.pointer(pointer), Some(&value), "{pointer}");
    }
}
