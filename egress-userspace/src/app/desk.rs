//! The servers that an operator's tools talk to.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::account::Metrics;
use crate::admin::{Api, ClusterView, Door, Order, Place, Readiness, Site, Standing, serve};
use crate::config::{Config, LoopbackAddr};
use crate::conn::Gateway;
use crate::kernel::Shown;
use crate::logging::Diagnostics;
use crate::net;

use super::cluster::Cluster;

/// What an operator may change, beside the configuration.
pub(super) struct Operator {
    /// Who carries out orders.
    pub(super) orders: mpsc::Sender<Order>,
    /// What is told of it, and was.
    pub(super) diagnostics: Diagnostics,
}

/// What the servers tell of.
pub(super) struct Desk {
    gateway: Arc<Gateway>,
    kernel: Arc<Shown>,
    readiness: watch::Receiver<Readiness>,
    standing: watch::Receiver<Standing>,
    cluster: Option<Cluster>,
    operator: Operator,
}

impl Desk {
    /// Tells of `gateway`, whether it is ready, and what it goes by; passes orders on.
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        kernel: Arc<Shown>,
        readiness: watch::Receiver<Readiness>,
        standing: watch::Receiver<Standing>,
        cluster: Option<Cluster>,
        operator: Operator,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            kernel,
            readiness,
            standing,
            cluster,
            operator,
        }
    }

    /// Begins to serve wherever the configuration says; over the socket from when its place is taken, to
    /// `take_over` in that of another gateway.
    pub(super) fn open(
        self,
        config: &Config,
        metrics: &Arc<Metrics>,
        take_over: bool,
    ) -> anyhow::Result<(JoinSet<()>, Option<Place>)> {
        let Self {
            gateway,
            kernel,
            readiness,
            standing,
            cluster,
            operator: Operator {
                orders,
                diagnostics,
            },
        } = self;
        let admin = &config.admin;
        let health = Site::Health(readiness.clone());
        let api = Arc::new(Api {
            gateway,
            kernel,
            metrics: Arc::clone(metrics),
            readiness,
            standing,
            cluster: cluster.map(|cluster| ClusterView {
                pods: cluster.pods(),
                freshness: cluster.freshness(),
            }),
            orders,
            diagnostics,
            started: SystemTime::now(),
        });
        let reading = admin.api.map(LoopbackAddr::socket_addr);
        let sites = [
            (admin.metrics, Site::Metrics(Arc::clone(metrics))),
            (admin.health, health),
            (reading, Site::Reading(Arc::clone(&api))),
        ];
        let mut servers = JoinSet::new();
        for (address, site) in sites {
            let Some(address) = address else { continue };
            let listener =
                net::listen_shared(address).with_context(|| format!("listening on {address}"))?;
            servers.spawn(serve(listener, site));
        }
        let Some(path) = admin.socket.path() else {
            return Ok((servers, None));
        };
        let (door, place) = Door::open(path, take_over)
            .with_context(|| format!("listening on {}", path.display()))?;
        servers.spawn(serve(door, Site::Api(api)));
        Ok((servers, Some(place)))
    }
}
