//! Tokio for hickory, with every socket exempt from redirection.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, TokioHandle, TokioTime};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::net::Mark;

/// For a TCP connection to a server, where hickory sets no limit of its own.
const TCP_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens hickory's sockets and marks them.
#[derive(Clone)]
pub(super) struct MarkedRuntime {
    tasks: TokioHandle,
    marker: Arc<dyn Mark>,
}

impl MarkedRuntime {
    pub(super) fn new(marker: Arc<dyn Mark>) -> Self {
        Self {
            tasks: TokioHandle::default(),
            marker,
        }
    }
}

type Opening<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl RuntimeProvider for MarkedRuntime {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> TokioHandle {
        self.tasks.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        wait: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        let marker = Arc::clone(&self.marker);
        Box::pin(async move {
            let socket = match server {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            }?;
            marker.mark(socket.as_fd())?;
            if let Some(local) = local {
                socket.bind(local)?;
            }
            socket.set_nodelay(true)?;
            let connected =
                timeout(wait.unwrap_or(TCP_CONNECT_TIMEOUT), socket.connect(server)).await;
            Ok(AsyncIoTokioAsStd(
                connected.map_err(|_elapsed| io::ErrorKind::TimedOut)??,
            ))
        })
    }

    fn bind_udp(&self, local: SocketAddr, _server: SocketAddr) -> Opening<UdpSocket> {
        let marker = Arc::clone(&self.marker);
        Box::pin(async move {
            let socket = UdpSocket::bind(local).await?;
            marker.mark(socket.as_fd())?;
            Ok(socket)
        })
    }
}
