//! How the API is reached.

use std::time::Duration;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::ClusterSettings;

/// How long a connection to the API may take: it is near.
const CONNECT: Duration = Duration::from_secs(5);

/// Why the API cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum NoClient {
    /// The kubeconfig is wrong.
    #[error("reading the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        source: KubeconfigError,
    },
    /// It does not run in a pod.
    #[error(
        "finding the API as a pod does: set kubernetes.kubeconfig where the gateway is no pod of the cluster"
    )]
    InCluster(#[from] InClusterError),
    /// Its certificates or keys cannot be used.
    #[error("preparing to ask the API")]
    Client(#[from] kube::Error),
}

/// Prepares to ask a cluster's API; nothing is asked yet. A service account's token and authorities are read
/// again by and by, as the kubelet renews them.
pub async fn connect(settings: &ClusterSettings) -> Result<Client, NoClient> {
    let mut config = match &settings.kubeconfig {
        None => Config::incluster_env()?,
        Some(path) => {
            let wrong = |source| NoClient::Kubeconfig {
                path: path.display().to_string(),
                source,
            };
            let file = Kubeconfig::read_from(path).map_err(wrong)?;
            let options = KubeConfigOptions::default();
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(wrong)?
        }
    };
    config.connect_timeout = Some(CONNECT);
    // Who watches tries again, and says so.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}
