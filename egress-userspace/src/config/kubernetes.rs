//! `[kubernetes]`: the cluster whose pods are governed.

use std::path::PathBuf;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::from::is_pod_word;
use super::paths::CgroupPath;
use super::problem::Problem;
use super::schema::{Described, Schema};
use super::section::section;
use super::value::{Reject, Value, string};
use super::words::WatchWord;

section! {
    /// `[kubernetes]`: the cluster whose pods are governed.
    pub Kubernetes = "kubernetes" {
        /// Whose pods are watched in the cluster's API.
        watch: WatchWord = WatchWord::Node;
        /// The node that this is; `None`: what the environment has as `NODE_NAME`.
        node: Option<NodeName> = None;
        /// How the API is reached; `None`: as a pod of the cluster reaches it.
        kubeconfig: Option<PathBuf> = None;
        /// How long a connection of a pod of which nothing is known yet waits: a watch is some hundred
        /// milliseconds behind, and clients give a connection ten seconds or more.
        identity_timeout: Duration = Duration::from_secs(2),
            within Duration::ZERO..=Duration::from_secs(30);
        /// The kubelet's `cgroupRoot`: where its cgroups are below the cgroup v2 mount.
        cgroup_root: CgroupPath = CgroupPath::root();
    }
}

/// The name of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeName(Box<str>);

impl NodeName {
    /// A text as a node's name; `None`: no node can be called so.
    pub fn parse(text: &str) -> Option<Self> {
        is_pod_word(text).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Option<NodeName> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a node's name, as `kubectl get nodes` shows it";
        string(value, problems, expected, |text| {
            let name = NodeName::parse(text);
            let wrong = || Reject::new(format!("{text:?} is no node's name"));
            name.map(Some).ok_or_else(wrong)
        })
    }
}

impl Described for Option<NodeName> {
    fn schema() -> Schema {
        Schema::pattern("^[a-z0-9.-]{1,253}$")
    }
}

/// The section, or none. A gateway that is built without Kubernetes takes none that is on: to take it and know no
/// pod would deny all that is allowed by pod.
impl Value for Option<Kubernetes> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let kubernetes = Kubernetes::read(value, problems)?;
        if kubernetes.watch == WatchWord::Off {
            return Some(None);
        }
        if !cfg!(feature = "k8s") {
            let title = "this egress is built without Kubernetes";
            let problem = Problem::new(
                value.span(),
                title,
                "expected `watch = \"off\"`, or no section",
            );
            problems.push(problem.help("build it with `--features k8s`"));
        }
        Some(Some(kubernetes))
    }
}

impl Described for Option<Kubernetes> {
    fn schema() -> Schema {
        Kubernetes::schema()
    }
}
