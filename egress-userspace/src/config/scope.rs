//! `[[scope]]`: whose connections are governed.

use serde_spanned::Spanned;
use toml::de::DeTable;

use super::paths::CgroupPath;
use super::problem::{Problem, Span};
use super::section::section;
use super::unique::repeated;

/// `[[scope]]`: whose connections are governed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The processes in these cgroups and below; at least one.
    pub cgroups: Vec<CgroupPath>,
}

section! {
    /// A scope as the file has it.
    pub(super) RawScope = "scope", needs cgroups, checked by has_cgroups {
        /// Paths below the cgroup v2 mount; the processes in them and below are governed.
        cgroups: Vec<Spanned<CgroupPath>> = Vec::new();
    }
}

impl From<RawScope> for Scope {
    fn from(raw: RawScope) -> Self {
        Self {
            cgroups: raw.cgroups.into_iter().map(Spanned::into_inner).collect(),
        }
    }
}

/// Checks all scopes of the file `root`.
pub(super) fn check(scopes: &[RawScope], root: &DeTable<'_>, problems: &mut Vec<Problem>) {
    let is_empty = |array: &toml::de::DeArray<'_>| array.is_empty();
    if root
        .get("scope")
        .is_none_or(|scope| scope.get_ref().as_array().is_some_and(is_empty))
    {
        // A gateway without a scope would run and see nothing, which looks like safety.
        let problem = Problem::new(
            0..0,
            "nothing is governed",
            "expected at least one [[scope]]",
        );
        problems.push(problem.help("a scope is [[scope]] with cgroups = [\"/kubepods.slice\"]"));
    }
    let cgroups = scopes.iter().flat_map(|scope| &scope.cgroups);
    problems.extend(repeated(
        "cgroup",
        cgroups.map(|cgroup| (cgroup.span(), cgroup.get_ref())),
    ));
}

fn has_cgroups(scope: &RawScope, span: &Span, problems: &mut Vec<Problem>) {
    if scope.cgroups.is_empty() {
        let problem = Problem::new(
            span.clone(),
            "the scope governs nothing",
            "expected `cgroups`",
        );
        problems.push(problem.help("as in cgroups = [\"/kubepods.slice\"]"));
    }
}
