//! What services say, in the words that the file has for it.

use ipnet::IpNet;

use super::profile::Line;
use crate::types::{Caller, PathPattern, Selected, Selector, quoted};

/// Most items of a list in a sentence.
const MAX_LISTED: usize = 4;

/// "a", "a and b", "a, b, c, d and 7 more".
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    let more = items.len().saturating_sub(MAX_LISTED);
    items.truncate(MAX_LISTED);
    let last = match items.len() {
        _ if more > 0 => Some(format!("{more} more")),
        0 | 1 => None,
        _ => items.pop(),
    };
    let first = items.join(", ");
    match last {
        Some(last) => format!("{first} and {last}"),
        None => first,
    }
}

/// Networks; one of a single address is that.
pub(super) fn nets(nets: &[IpNet]) -> String {
    list(nets.iter().map(|net| {
        if net.prefix_len() == net.max_prefix_len() {
            net.addr().to_string()
        } else {
            net.to_string()
        }
    }))
}

/// "443 (TLS)".
pub(super) fn ports<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    list(lines.map(|line| format!("{} ({})", line.port, line.protocol.word())))
}

/// A selector as an inline table.
pub(super) fn selector(selector: &Selector) -> String {
    let words = words(selector);
    let pairs = words
        .iter()
        .map(|word| format!("{} = {}", word.key, word.value));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

/// What a caller is instead of what a selector says, word for word.
pub(super) fn instead(selector: &Selector, caller: &Caller) -> Vec<String> {
    let words = words(selector).into_iter();
    let misses = words.filter(|word| word.alone.selects(caller) != Selected::Yes);
    let texts = misses.map(|word| match actual(word.key, caller) {
        Some(actual) => format!("`{}` is {actual}", word.key),
        None => format!("`{}` is not known", word.key),
    });
    texts.collect()
}

/// One word of a selector.
struct Word {
    key: &'static str,
    value: String,
    /// A selector that says nothing else.
    alone: Selector,
}

fn words(selector: &Selector) -> Vec<Word> {
    let of = selector.clone();
    let none = Selector::default;
    let path = |path: &Option<PathPattern>| path.as_ref().map(|path| quoted(&path.to_string()));
    let labels = Some(labels(&of.pod_labels)).filter(|_| !of.pod_labels.is_empty());
    #[rustfmt::skip]
    let all = [
        ("namespace", of.namespace.as_deref().map(quoted), Selector { namespace: of.namespace, ..none() }),
        ("service_account", of.service_account.as_deref().map(quoted), Selector { service_account: of.service_account, ..none() }),
        ("pod_labels", labels, Selector { pod_labels: of.pod_labels, ..none() }),
        ("cgroup", path(&of.cgroup), Selector { cgroup: of.cgroup, ..none() }),
        ("unit", path(&of.unit), Selector { unit: of.unit, ..none() }),
        ("exe", path(&of.exe), Selector { exe: of.exe, ..none() }),
        ("uid", of.uid.map(|uid| uid.to_string()), Selector { uid: of.uid, ..none() }),
    ];
    let said = all.into_iter().filter_map(|(key, value, alone)| {
        let value = value?;
        Some(Word { key, value, alone })
    });
    said.collect()
}

fn labels<T: AsRef<str>>(labels: &[(T, T)]) -> String {
    let pairs = labels.iter().map(|(key, value)| {
        let (key, value) = (quoted(key.as_ref()), quoted(value.as_ref()));
        format!("{key} = {value}")
    });
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

/// What is known of a caller.
fn actual(key: &str, caller: &Caller) -> Option<String> {
    let said = |text: &str| (!text.is_empty()).then(|| quoted(text));
    let pod = caller.pod.as_deref();
    let path = caller.cgroup_path.as_deref();
    match key {
        "namespace" => said(&pod?.namespace),
        "service_account" => said(&pod?.service_account),
        "pod_labels" => {
            let pairs: Vec<_> = pod?.labels.iter().collect();
            Some(labels(&pairs)).filter(|_| !pairs.is_empty())
        }
        "cgroup" => path.map(quoted),
        "unit" => path.map(|path| format!("that of the cgroup {}", quoted(path))),
        "exe" => caller.exe.as_deref()?.to_str().map(quoted),
        // The largest number is no user.
        "uid" => (caller.uid != u32::MAX).then(|| caller.uid.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CgroupId;

    #[test]
    fn a_list_is_a_part_of_a_sentence_and_no_longer_than_one() {
        let of = |n: u32| list((1..=n).map(|n| n.to_string()));
        assert_eq!(of(1), "1");
        assert_eq!(of(2), "1 and 2");
        assert_eq!(of(4), "1, 2, 3 and 4");
        assert_eq!(of(9), "1, 2, 3, 4 and 5 more");
    }

    #[test]
    fn what_a_caller_is_instead_is_told_of_the_words_that_do_not_fit() {
        let selector = Selector {
            cgroup: "/a".parse().ok(),
            exe: "/usr/bin/curl".parse().ok(),
            uid: Some(1),
            ..Selector::default()
        };
        let caller = Caller {
            uid: 1,
            cgroup_path: Some("/b\"".into()),
            ..Caller::unknown(CgroupId(0))
        };
        assert_eq!(
            super::selector(&selector),
            r#"{ cgroup = "/a", exe = "/usr/bin/curl", uid = 1 }"#
        );
        assert_eq!(
            instead(&selector, &caller),
            [r#"`cgroup` is "/b\"""#, "`exe` is not known"]
        );
    }
}
