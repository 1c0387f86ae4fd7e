//! Listeners for callers of other nodes.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context as _;
use tracing::info;

use crate::config::Config;
use crate::conn::{Gateway, Home, Reactors, RemoteListener, Terms, accept_until};
use crate::drain::Drain;
use crate::net::{Listener, Reserved};
use crate::settings;

use super::cluster::Cluster;

/// Addresses that are taken, and nobody listens on yet.
pub(super) struct Listeners(Vec<(Reserved, Arc<RemoteListener>)>);

impl Listeners {
    /// Takes each one's address, which another gateway may have if it `take_over`s from one; `terms` are theirs, in
    /// their order.
    pub(super) fn reserve(
        config: &Config,
        terms: Vec<Terms>,
        cluster: Option<&Cluster>,
        take_over: bool,
    ) -> anyhow::Result<Self> {
        let own_ports: Arc<[u16]> = settings::own_ports(config).into();
        let whose = Arc::new(cluster.map(Cluster::whose).unwrap_or_default());
        let listeners = config.listeners.iter().zip(terms);
        let reserved = listeners.map(|(listener, terms)| {
            let (whose, own_ports) = (Arc::clone(&whose), Arc::clone(&own_ports));
            let reserved = Reserved::new(listener.address, take_over).with_context(|| {
                let (name, address) = (&listener.name, listener.address);
                format!("taking {address} for the listener `{name}`")
            })?;
            let listener = RemoteListener::new(listener, terms, whose, own_ports);
            Ok((reserved, Arc::new(listener)))
        });
        reserved.collect::<anyhow::Result<_>>().map(Self)
    }

    /// Begins to listen, from when on they are this gateway's and not, with `takes_over`, the one's before it.
    pub(super) fn open(
        self,
        gateway: &Arc<Gateway>,
        reactors: &Reactors,
        drain: &Drain,
        takes_over: bool,
    ) -> anyhow::Result<Vec<Arc<RemoteListener>>> {
        let open = |(reserved, at): (Reserved, Arc<RemoteListener>)| {
            let socket = reserved.listen(takes_over);
            let socket = socket.with_context(|| format!("listening at `{}`", at.name()))?;
            accept(socket, &at, gateway, &reactors.home(), drain)?;
            info!(listener = at.name(), "listening for callers of other nodes");
            Ok(at)
        };
        self.0.into_iter().map(open).collect()
    }
}

/// Serves what arrives until the gateway takes no more connections, and closes the listener then.
fn accept(
    socket: TcpListener,
    at: &Arc<RemoteListener>,
    gateway: &Arc<Gateway>,
    home: &Home,
    drain: &Drain,
) -> anyhow::Result<()> {
    let listener = {
        let _here = home.enter();
        Listener::new(socket).context("waiting for connections")?
    };
    let (gateway, at) = (Arc::clone(gateway), Arc::clone(at));
    let connections = drain.connections.clone();
    let serve = move |accepted| {
        let serving = Arc::clone(&gateway).serve_remote(accepted, Arc::clone(&at));
        connections.track_future(serving)
    };
    let stop = drain.accepting.clone();
    let accepting = accept_until(listener, home.clone(), stop, serve);
    home.spawn(drain.listeners.track_future(accepting));
    Ok(())
}

/// Puts the terms that were read in force, where the listener is still there.
pub(super) fn renew(listeners: &[Arc<RemoteListener>], config: &Config, terms: Vec<Terms>) {
    for (described, terms) in config.listeners.iter().zip(terms) {
        if let Some(listener) = listeners.iter().find(|listener| listener.is(described)) {
            listener.replace(terms);
        }
    }
}
