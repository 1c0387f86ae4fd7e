//! Probes on connections that last (TCP keepalive, RFC 9293 section 3.8.4).

use std::io;
use std::time::Duration;

use super::TcpStream;
use crate::types::Keepalive;
use socket2::{SockRef, TcpKeepalive};

/// Idle time before the first keepalive probe: under the 240 s after which Azure's NAT, the most
/// impatient of the large clouds', forgets a flow.
const TIME: Duration = Duration::from_mins(3);
/// Time between probes. With the kernel's nine probes a dead peer is found in under eight minutes, long
/// before the idle timeout.
const INTERVAL: Duration = Duration::from_secs(30);

/// Has the kernel look from time to time whether the peer is still there: where it has gone without a
/// word, nothing else would ever tell. Three calls, or four.
pub fn probe(stream: &TcpStream, set: Option<Keepalive>) -> io::Result<()> {
    let probes = match set {
        Some(Keepalive {
            time,
            interval,
            probes: count,
        }) => TcpKeepalive::new()
            .with_time(time)
            .with_interval(interval)
            .with_retries(count),
        None => usual_probes(),
    };
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

/// Where nobody says otherwise.
pub(super) fn usual_probes() -> TcpKeepalive {
    TcpKeepalive::new().with_time(TIME).with_interval(INTERVAL)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_service_has_its_own_probes_and_others_have_the_gateways() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let stream = TcpStream::connect(address).await.expect("a connection");
        let socket = SockRef::from(&stream);
        assert!(!socket.keepalive().expect("the option"));
        probe(&stream, None).expect("a TCP socket");
        assert!(socket.keepalive().expect("the option"));
        assert_eq!(socket.tcp_keepalive_time().expect("it"), TIME);
        let own = Keepalive {
            time: Duration::from_secs(7),
            interval: Duration::from_secs(2),
            probes: 5,
        };
        probe(&stream, Some(own)).expect("a TCP socket");
        assert_eq!(socket.tcp_keepalive_time().expect("it"), own.time);
        assert_eq!(socket.tcp_keepalive_interval().expect("it"), own.interval);
        assert_eq!(socket.tcp_keepalive_retries().expect("it"), own.probes);
    }
}
