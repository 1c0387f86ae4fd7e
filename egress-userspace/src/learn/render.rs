//! A lesson as TOML, its evidence in comments.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use super::lesson::{Entry, Lesson, Proposed};
use crate::policy::ServiceText;
use crate::types::quoted;

/// What stands where no cgroup is known.
const UNKNOWN_SCOPE: &str = "/apps.slice";
/// Where cgroup v2 is mounted on nearly every system: a configuration's paths are below it.
const USUAL_MOUNT: &str = "/sys/fs/cgroup/";

impl Lesson {
    /// A whole configuration.
    pub fn configuration(&self) -> String {
        let mut out = self.head("A configuration that allows");
        out.push_str(
            "[gateway]\n# \"enforce\", when `egress replay` says that nothing would be denied that is wanted.\n\
             mode = \"audit\"\n\n",
        );
        out.push_str(&self.scope());
        out.push_str(&self.entries());
        out
    }

    /// `base` as it is, with services for what it does not allow yet.
    pub fn merged(&self, base: &str) -> String {
        if self.services.is_empty() {
            return base.to_owned();
        }
        let mut out = base.to_owned();
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.head("Services for"));
        out.push_str(&self.entries());
        out
    }

    fn head(&self, what: &str) -> String {
        let all = || self.services.iter();
        let hosts = all().flat_map(|service| {
            service
                .hosts
                .iter()
                .filter_map(|host| host.evidence.as_ref())
        });
        let addresses =
            all().flat_map(|service| service.addresses.iter().filter_map(|a| a.evidence.as_ref()));
        let evidence: Vec<_> = hosts.chain(addresses).collect();
        let first = evidence.iter().map(|evidence| evidence.first).min();
        let last = evidence.iter().map(|evidence| evidence.last).max();
        let count = self.connections();
        let times = match (first, last) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        format!(
            "# {what} what was seen: {count} connection{}{times}. By `egress learn`.\n\
             # It says what happened, not what should: take out what nobody needs.\n\n",
            plural(count)
        )
    }

    /// The cgroups above those that were seen.
    fn scope(&self) -> String {
        let mut above: BTreeMap<&str, &str> = BTreeMap::new();
        for cgroup in self
            .cgroups
            .iter()
            .map(AsRef::as_ref)
            .filter(|cgroup| is_listable(cgroup))
        {
            let top = cgroup.split('/').nth(1).unwrap_or_default();
            let known = above.entry(top).or_insert(cgroup);
            *known = common(known, cgroup);
        }
        let (comment, cgroups) = if above.is_empty() {
            (
                "Whose connections they were is not known: say whose are meant.",
                vec![UNKNOWN_SCOPE],
            )
        } else {
            (
                "Whose connections they were, as narrowly as that can be said: say whose are meant.",
                above.into_values().collect(),
            )
        };
        let cgroups: Vec<_> = cgroups.into_iter().map(quoted).collect();
        format!(
            "# {comment}\n[[scope]]\ncgroups = [{}]\n\n",
            cgroups.join(", ")
        )
    }

    fn entries(&self) -> String {
        let entries: Vec<_> = self.services.iter().map(Proposed::to_toml).collect();
        entries.join("\n")
    }
}

impl Proposed {
    /// An entry of the registry.
    fn to_toml(&self) -> String {
        let ports = self.ports.iter();
        let ports: Vec<_> = ports
            .map(|port| (port.number, port.speaks.protocol()))
            .collect();
        let entry = ServiceText {
            name: &self.name,
            found: &(array("hosts", &self.hosts) + &array("addresses", &self.addresses)),
            ports: &ports,
            from: "",
            resolution: "NONE",
        };
        entry.to_string()
    }
}

fn array<T: Display>(key: &str, entries: &[Entry<T>]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut out = format!("{key} = [\n");
    for entry in entries {
        let evidence = entry.evidence.as_ref().map(super::Evidence::line);
        for comment in evidence.iter().chain(&entry.note) {
            // Writing to a string can't fail.
            let _ = writeln!(out, "  # {comment}");
        }
        let _ = writeln!(out, "  {},", quoted(&entry.item.to_string()));
    }
    out.push_str("]\n");
    out
}

/// The longest path that both are, or are below.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let mut end = 0;
    for (at, part) in one
        .match_indices('/')
        .map(|(at, _)| (at, one.get(at + 1..)))
    {
        let part = part
            .and_then(|part| part.split('/').next())
            .unwrap_or_default();
        let upto = at + 1 + part.len();
        let is_common = one
            .get(..upto)
            .zip(other.get(..upto))
            .is_some_and(|(a, b)| a == b)
            && matches!(other.as_bytes().get(upto), None | Some(b'/'));
        if !is_common {
            break;
        }
        end = upto;
    }
    one.get(..end).unwrap_or_default()
}

/// Whether a configuration can have it as a cgroup.
fn is_listable(cgroup: &str) -> bool {
    let mut parts = cgroup.split('/').skip(1);
    let plain = parts.all(|part| !matches!(part, "" | "." | "..")) || cgroup == "/";
    cgroup.starts_with('/') && plain && !cgroup.starts_with(USUAL_MOUNT)
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
