//! Questions to DNS servers from namespaces that had no listener yet.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aya::maps::{MapData, RingBuf};
use egress_common::Early;
use tokio::sync::mpsc;

use super::caller::Callers;
use super::origins::describe;
use super::{Origin, wake};

/// Questions that wait to be read. What finds the queue full is asked again, seconds later, by whoever
/// asked it.
const QUEUE: usize = 256;

/// The questions, in the order they were asked.
#[derive(Debug)]
pub struct EarlyQueries(mpsc::Receiver<EarlyQuery>);

/// A datagram that went nowhere: its namespace has a listener by now, or soon.
#[derive(Clone, Debug)]
pub struct EarlyQuery {
    /// The server that was asked, and who asked it.
    pub origin: Origin,
    /// Cookie of the network namespace.
    pub netns: u64,
    /// Where the listener is to send the answer.
    pub peer: SocketAddr,
    /// The datagram, 512 bytes at most.
    pub payload: Vec<u8>,
}

impl EarlyQueries {
    /// Reads the ring on a thread of its own, which the programs wake, until this is dropped.
    pub(super) fn start(ring: RingBuf<MapData>, callers: Arc<Callers>) -> io::Result<Self> {
        wake::start("early", ring, QUEUE, move |record| parse(record, &callers)).map(Self)
    }

    /// The next question; `None`: there will be no more.
    pub async fn next(&mut self) -> Option<EarlyQuery> {
        self.0.recv().await
    }
}

fn parse(record: &[u8], callers: &Callers) -> Option<EarlyQuery> {
    let early = Early::parse(record)?;
    let asker = early.asker();
    let ip: IpAddr = asker.address().into();
    Some(EarlyQuery {
        origin: describe(early.origin(), callers),
        netns: asker.netns(),
        peer: SocketAddr::new(ip, u16::from_be_bytes(asker.port())),
        payload: early.payload()?.to_vec(),
    })
}
