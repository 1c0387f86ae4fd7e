//! Takes what arrives at the listeners of governed network namespaces.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::conn::{Gateway, Home, Reactors, accept};
use crate::dns::Datagrams;
use crate::drain::Drain;
use crate::kernel::Askers;
use crate::net::Listener;

/// Takes connections off listeners.
pub(super) struct Acceptor {
    gateway: Arc<Gateway>,
    reactors: Reactors,
    datagrams: Datagrams,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Acceptor {
    /// Serves for as long as `drain` does not say otherwise.
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        reactors: &Reactors,
        askers: Askers,
        drain: &Drain,
    ) -> Self {
        Self {
            gateway: Arc::clone(gateway),
            reactors: reactors.clone(),
            datagrams: Datagrams {
                forwarder: Arc::clone(&gateway.dns),
                askers: Arc::new(askers),
                queries: drain.connections.clone(),
                stop: drain.accepting.clone(),
                cut: drain.cutting.clone(),
            },
            connections: drain.connections.clone(),
            stop: drain.accepting.clone(),
        }
    }

    /// Ends all serving; the listeners stay, and turn away who comes.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Answers what came before there was somebody to answer it.
    pub(super) fn datagrams(&self) -> &Datagrams {
        &self.datagrams
    }

    /// The reactor that is to accept from the listeners of a namespace: where each family of addresses had its own, one
    /// of two would have all of IPv4.
    pub(super) fn home(&self) -> Home {
        self.reactors.home()
    }

    /// Serves what arrives at `listener`, and closes it when `gone`: nothing is turned to it any more.
    pub(super) fn accept(
        &self,
        listener: &TcpListener,
        home: &Home,
        gone: &CancellationToken,
    ) -> io::Result<()> {
        let listener = {
            let _here = home.enter();
            Listener::new(listener.try_clone()?)?
        };
        let gateway = Arc::clone(&self.gateway);
        let connections = self.connections.clone();
        let serve = move |accepted| connections.track_future(Arc::clone(&gateway).serve(accepted));
        let gateway = Arc::clone(&self.gateway);
        let turn_away = move |accepted| gateway.turn_away(accepted);
        let accepting = accept(listener, home.clone(), self.stop.clone(), serve, turn_away);
        let gone = gone.clone();
        home.spawn(async move {
            gone.run_until_cancelled(accepting).await;
        });
        Ok(())
    }

    /// Answers the DNS queries that arrive at `socket`, in the namespace of this cookie, until it is
    /// `gone`.
    pub(super) fn answer(&self, socket: Arc<UdpSocket>, netns: u64, gone: CancellationToken) {
        let answering = self.datagrams.clone().serve(socket, netns);
        tokio::spawn(async move { gone.run_until_cancelled(answering).await });
    }
}
