//! Pods and namespaces as the API writes them: of their fields those that are kept.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tracing::warn;

use super::census::{Census, Present};
use super::workload::workload;
use crate::pods::Watched;
use crate::types::{Pod, PodMode, PodUid};

/// The label of a namespace that says what is done with the connections of its pods. A pod's own labels say
/// nothing: whoever makes pods would choose it.
const MODE: &str = "egress-gateway/mode";

/// What it may be.
const MODES: [&str; 3] = ["enforce", "audit", "off"];

/// Phases of pods of which nothing runs any more, and whose addresses are others' by now (`PodPhase`).
const OVER: [&str; 2] = ["Succeeded", "Failed"];

/// A kind of object that is watched.
pub(super) trait Object: DeserializeOwned + Send {
    /// Where the API has them.
    const PATH: &'static str;
    /// Which they are.
    const WATCHED: Watched;

    /// Which version of it this is, to the API.
    fn version(&self) -> Option<&str>;
    /// These are all, if all could be read.
    fn listed(all: Vec<Self>, is_whole: bool, census: &Census);
    /// It is there, as it says.
    fn changed(self, census: &Census);
    /// It is there no more.
    fn gone(self, census: &Census);
}

/// A pod.
#[derive(Debug, Deserialize)]
pub(super) struct ApiPod {
    metadata: PodMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodMeta {
    #[serde(default)]
    name: Box<str>,
    #[serde(default)]
    namespace: Box<str>,
    #[serde(default)]
    uid: Box<str>,
    creation_timestamp: Option<Box<str>>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    annotations: Option<Annotations>,
    owner_references: Option<Vec<Owner>>,
}

#[derive(Debug, Default, Deserialize)]
struct Annotations {
    /// Of the pod that a kubelet shows the API for a static one: by this the pod's cgroup is called.
    #[serde(rename = "kubernetes.io/config.mirror")]
    mirror: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct Owner {
    #[serde(default)]
    kind: Box<str>,
    #[serde(default)]
    name: Box<str>,
    #[serde(default)]
    controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    service_account_name: Option<Box<str>>,
    host_network: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: Option<Box<str>>,
    #[serde(rename = "podIPs")]
    pod_ips: Option<Vec<PodIp>>,
}

#[derive(Debug, Deserialize)]
struct PodIp {
    ip: Option<Box<str>>,
}

impl ApiPod {
    /// By what its cgroup is called; `None`: it has no id.
    fn uid(&self) -> Option<PodUid> {
        let mirror = self.metadata.annotations.as_ref();
        let Some(hash) = mirror.and_then(|annotations| annotations.mirror.as_deref()) else {
            return self.metadata.uid.parse().ok();
        };
        // Anyone may write an annotation. It leads to no pod but static ones, which are told by hashes alone.
        match hash.parse() {
            Ok(hash @ PodUid::Hash(_)) => Some(hash),
            Ok(PodUid::Uuid(_)) | Err(_) => None,
        }
    }

    /// The addresses that are its own.
    fn ips(&self) -> Vec<IpAddr> {
        let is_over = self
            .status
            .phase
            .as_deref()
            .is_some_and(|phase| OVER.contains(&phase));
        if is_over || self.spec.host_network == Some(true) {
            return Vec::new();
        }
        let ips = self.status.pod_ips.iter().flatten();
        ips.filter_map(|ip| ip.ip.as_deref()?.parse().ok())
            .collect()
    }

    fn present(self) -> Option<Present> {
        let uid = self.uid()?;
        let ips = self.ips();
        let labels = self.metadata.labels.unwrap_or_default();
        let owners = self.metadata.owner_references.unwrap_or_default();
        let controller = owners.iter().find(|owner| owner.controller);
        let workload = controller.map(|owner| workload(&owner.kind, &owner.name, &labels));
        let pod = Pod {
            namespace: self.metadata.namespace,
            name: self.metadata.name,
            service_account: self.spec.service_account_name.unwrap_or_default(),
            labels,
            workload,
            mode: None,
        };
        Some(Present {
            uid,
            own: self.metadata.uid,
            created: self.metadata.creation_timestamp,
            pod,
            ips,
        })
    }
}

impl Object for ApiPod {
    const PATH: &'static str = "/api/v1/pods";
    const WATCHED: Watched = Watched::Pods;

    fn version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }

    fn listed(all: Vec<Self>, is_whole: bool, census: &Census) {
        let all = all.into_iter().filter_map(Self::present);
        census.pods(all.collect(), is_whole);
    }

    fn changed(self, census: &Census) {
        if let Some(present) = self.present() {
            census.pod(present);
        }
    }

    fn gone(self, census: &Census) {
        if let Some(uid) = self.uid() {
            census.pod_gone(uid, &self.metadata.uid);
        }
    }
}

/// A namespace.
#[derive(Debug, Deserialize)]
pub(super) struct ApiNamespace {
    metadata: NamespaceMeta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceMeta {
    #[serde(default)]
    name: Box<str>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl ApiNamespace {
    fn mode(&self) -> Option<PodMode> {
        Some(match self.label()? {
            "audit" => PodMode::Audit,
            "off" => PodMode::Off,
            _ => PodMode::Enforce,
        })
    }

    fn label(&self) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(MODE).map(|said| &**said)
    }

    /// Its name and mode. That its label is wrong is said when that changes the mode, not at each event.
    fn named(self, census: &Census) -> (Box<str>, Option<PodMode>) {
        let mode = self.mode();
        let is_news = !census.is_told(&self.metadata.name, mode);
        let wrong = self.label().filter(|label| !MODES.contains(label));
        if let Some(value) = wrong.filter(|_| is_news) {
            warn!(
                namespace = %self.metadata.name,
                ?value,
                "the label {MODE} is not enforce, audit or off: the namespace's pods are enforced"
            );
        }
        (self.metadata.name, mode)
    }
}

impl Object for ApiNamespace {
    const PATH: &'static str = "/api/v1/namespaces";
    const WATCHED: Watched = Watched::Namespaces;

    fn version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }

    fn listed(all: Vec<Self>, is_whole: bool, census: &Census) {
        let all = all.into_iter().map(|namespace| namespace.named(census));
        census.namespaces(all.collect(), is_whole);
    }

    fn changed(self, census: &Census) {
        let (name, mode) = self.named(census);
        census.namespace(&name, mode);
    }

    fn gone(self, census: &Census) {
        census.namespace_gone(&self.metadata.name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(value: Value) -> ApiPod {
        serde_json::from_value(value).expect("a pod")
    }

    const UID: &str = "2c48913c-b29f-11e7-9350-020968147796";

    #[test]
    fn what_is_kept_of_a_pod() {
        let value = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "checkout-6d4cf56db6-x2x7q", "namespace": "shop", "uid": UID,
                "resourceVersion": "17", "managedFields": [{}],
                "labels": {"app": "checkout", "pod-template-hash": "6d4cf56db6"},
                "annotations": {"x": "y"},
                "ownerReferences": [
                    {"kind": "Cluster", "name": "other"},
                    {"kind": "ReplicaSet", "name": "checkout-6d4cf56db6", "controller": true},
                ],
            },
            "spec": {"serviceAccountName": "checkout", "containers": [{}]},
            "status": {
                "phase": "Running",
                "podIP": "10.0.0.7",
                "podIPs": [{"ip": "10.0.0.7"}, {"ip": "fd00::7"}, {"ip": "?"}],
            },
        });
        let read = pod(value);
        assert_eq!(read.version(), Some("17"));
        let Present { uid, pod, ips, .. } = read.present().expect("a pod");
        assert_eq!(uid.to_string(), UID);
        assert_eq!(
            (&*pod.namespace, &*pod.name),
            ("shop", "checkout-6d4cf56db6-x2x7q")
        );
        assert_eq!(&*pod.service_account, "checkout");
        assert_eq!(pod.labels.get("app").map(|app| &**app), Some("checkout"));
        let workload = pod.workload.expect("a workload");
        assert_eq!(
            (&*workload.kind, &*workload.name),
            ("Deployment", "checkout")
        );
        let ips: Vec<_> = ips.iter().map(ToString::to_string).collect();
        assert_eq!(ips, ["10.0.0.7", "fd00::7"]);
    }

    #[test]
    fn an_address_is_a_pods_only_while_it_runs_and_has_it_for_itself() {
        let with = |spec: Value, phase: &str| {
            let status = json!({"phase": phase, "podIPs": [{"ip": "10.0.0.7"}]});
            pod(json!({"metadata": {"uid": UID}, "spec": spec, "status": status})).ips()
        };
        assert_eq!(with(json!({}), "Running").len(), 1);
        assert_eq!(
            with(json!({"hostNetwork": true}), "Running"),
            [] as [IpAddr; 0]
        );
        assert_eq!(with(json!({}), "Succeeded"), [] as [IpAddr; 0]);
        assert_eq!(with(json!({}), "Failed"), [] as [IpAddr; 0]);
    }

    #[test]
    fn a_static_pod_is_told_by_its_hash_and_nobody_claims_another_pods_id_so() {
        let mirror = |hash: &str| {
            let annotations = json!({"kubernetes.io/config.mirror": hash});
            pod(json!({"metadata": {"uid": UID, "annotations": annotations}})).uid()
        };
        let hash = "c3a2d8f1b4e5061728394a5b6c7d8e9f";
        assert_eq!(mirror(hash), hash.parse().ok());
        assert_eq!(mirror("6c2d9f0e-6a3b-4b6e-8c0a-4cf1c6ab7a1d"), None);
        assert_eq!(mirror("x"), None);
    }

    #[test]
    fn what_the_label_of_a_namespace_says() {
        let mode = |labels: Value| {
            let value = json!({"metadata": {"name": "shop", "labels": labels}});
            let namespace: ApiNamespace = serde_json::from_value(value).expect("a namespace");
            namespace.mode()
        };
        assert_eq!(mode(Value::Null), None);
        assert_eq!(mode(json!({"mode": "off"})), None);
        for (value, expected) in [
            ("enforce", PodMode::Enforce),
            ("audit", PodMode::Audit),
            ("off", PodMode::Off),
            ("Off", PodMode::Enforce),
            ("", PodMode::Enforce),
        ] {
            assert_eq!(mode(json!({MODE: value})), Some(expected), "{value:?}");
        }
    }
}
