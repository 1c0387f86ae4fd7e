//! What the kernel says of an open object in `/proc/self/fdinfo`. It says more there than through
//! bpf(2), as text.

/// What was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// A program's attachment.
    Link(Link),
    /// A map.
    Map(Map),
    /// A program.
    Program,
}

/// A map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) id: u32,
    /// Entries that it has room for.
    pub(super) room: u32,
    /// Bytes of kernel memory; exact from kernel 6.4.
    pub(super) memory: u64,
}

/// A program's attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) program: u32,
    /// `enum bpf_attach_type`.
    hook: Option<u32>,
    /// Id of the cgroup; `None` also when it is gone.
    pub(super) cgroup: Option<u64>,
    pub(super) interface: Option<u32>,
}

impl Object {
    /// Reads the file's text; `None`: it is no object of bpf(2).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find_map(|(key, value)| (key == name).then(|| value.trim()))
        };
        let small = |name| field(name)?.parse::<u32>().ok();
        let large = |name| field(name)?.parse::<u64>().ok();
        if field("link_type").is_some() {
            return Some(Self::Link(Link {
                program: small("prog_id")?,
                hook: small("attach_type"),
                cgroup: large("cgroup_id").filter(|id| *id != 0),
                interface: small("ifindex").filter(|index| *index != 0),
            }));
        }
        if field("map_type").is_some() {
            return Some(Self::Map(Map {
                id: small("map_id")?,
                room: small("max_entries")?,
                memory: large("memlock").unwrap_or_default(),
            }));
        }
        field("prog_type").map(|_| Self::Program)
    }
}

impl Link {
    /// The hook's name: what section names call it.
    pub(super) fn hook(&self) -> String {
        let Some(code) = self.hook else {
            return "unknown".into();
        };
        HOOKS
            .iter()
            .find(|(hook, _)| *hook == code)
            .map_or_else(|| format!("attach type {code}"), |(_, name)| (*name).into())
    }
}

/// Of `enum bpf_attach_type`, those that the gateway's programs have.
const HOOKS: [(u32, &str); 15] = [
    (1, "egress"),
    (2, "sock_create"),
    (3, "sock_ops"),
    (8, "bind4"),
    (9, "bind6"),
    (10, "connect4"),
    (11, "connect6"),
    (14, "sendmsg4"),
    (15, "sendmsg6"),
    (19, "recvmsg4"),
    (20, "recvmsg6"),
    (29, "getpeername4"),
    (30, "getpeername6"),
    (46, "tcx/ingress"),
    (47, "tcx/egress"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgroup_link_says_its_program_its_hook_and_its_cgroup() {
        let text = "pos:\t0\nflags:\t02000002\nmnt_id:\t16\nino:\t2084\nlink_type:\tcgroup\n\
                    link_id:\t7\nprog_tag:\t3b185187f1855c4c\nprog_id:\t29\n\
                    cgroup_id:\t2541\nattach_type:\t10\n";
        let Some(Object::Link(link)) = Object::parse(text) else {
            panic!("a link")
        };
        assert_eq!(
            (link.program, link.cgroup, link.interface),
            (29, Some(2541), None)
        );
        assert_eq!(link.hook(), "connect4");
    }

    #[test]
    fn a_link_whose_cgroup_is_gone_has_none() {
        let text = "link_type:\tcgroup\nprog_id:\t29\ncgroup_id:\t0\nattach_type:\t777\n";
        let Some(Object::Link(link)) = Object::parse(text) else {
            panic!("a link")
        };
        assert_eq!((link.cgroup, link.hook()), (None, "attach type 777".into()));
    }

    #[test]
    fn a_map_says_its_id_and_its_memory() {
        let text =
            "map_type:\t1\nkey_size:\t8\nmax_entries:\t16384\nmemlock:\t1313280\nmap_id:\t12\n";
        let map = Map {
            id: 12,
            room: 16_384,
            memory: 1_313_280,
        };
        assert_eq!(Object::parse(text), Some(Object::Map(map)));
    }

    #[test]
    fn what_is_no_object_is_none() {
        assert_eq!(Object::parse("pos:\t0\nflags:\t02\n"), None);
        assert_eq!(Object::parse(""), None);
    }
}
