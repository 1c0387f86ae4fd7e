//! One relay engine and nothing else, for `cargo xtask bench relay`: no names, no rules, no log.
//!
//! Usage: `relay ENGINE UPSTREAM`. Listens on a port of its own, writes its address to standard output,
//! and joins each connection to one to UPSTREAM until it is killed. All of it runs in one thread.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use egress_userspace::net::raise_limit;
use egress_userspace::relay::{Counters, Mode, Options, relay};
use tokio::io::{copy_bidirectional, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio_splice::zero_copy_bidirectional;

/// The buffer of a copy that is made for bulk: as large as a pipe's usual size.
const LARGE: usize = 64 * 1024;

/// Who moves the bytes.
#[derive(Clone, Copy, Debug)]
enum Engine {
    Own(Mode),
    /// The crate of that name.
    TokioSplice,
    /// `copy_bidirectional`, with buffers of tokio's own size or of this one.
    TokioCopy(Option<usize>),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [engine, upstream] = &args[..] else {
        bail!("usage: relay ENGINE UPSTREAM");
    };
    let (engine, upstream) = (named(engine)?, upstream.parse()?);
    raise_limit()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.context("cannot listen")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await.context("cannot accept")?;
        tokio::spawn(async move {
            // A client that goes in the middle of an answer is how most of the load ends. That nothing
            // is lost before is checked by those who sent it.
            let _ = join(engine, client, upstream).await;
        });
    }
}

fn named(engine: &str) -> Result<Engine> {
    Ok(match engine {
        "auto" => Engine::Own(Mode::Auto),
        "splice" => Engine::Own(Mode::Splice),
        "copy" => Engine::Own(Mode::Copy),
        "tokio-splice" => Engine::TokioSplice,
        "tokio-copy" => Engine::TokioCopy(None),
        "tokio-copy-64k" => Engine::TokioCopy(Some(LARGE)),
        _ => bail!("no engine is called {engine:?}"),
    })
}

/// Dials, and relays to the end.
async fn join(engine: Engine, mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut upstream = TcpStream::connect(upstream).await?;
    for stream in [&client, &upstream] {
        stream.set_nodelay(true)?;
    }
    match engine {
        Engine::Own(mode) => {
            // As the gateway's own listeners have their connections do.
            client.set_zero_linger()?;
            let (options, counters) = (options(mode), Counters::default());
            relay(
                client.try_into()?,
                upstream.try_into()?,
                Bytes::new(),
                &options,
                &counters,
                pending(),
            )
            .await;
        }
        Engine::TokioSplice => {
            zero_copy_bidirectional(&mut client, &mut upstream).await?;
        }
        Engine::TokioCopy(None) => {
            copy_bidirectional(&mut client, &mut upstream).await?;
        }
        Engine::TokioCopy(Some(size)) => {
            copy_bidirectional_with_sizes(&mut client, &mut upstream, size, size).await?;
        }
    }
    Ok(())
}

/// Without limits in time: the others have none.
fn options(mode: Mode) -> Options {
    Options {
        mode,
        idle_timeout: None,
        max_duration: None,
        keepalive: None,
        max_pipes: Options::DEFAULT_MAX_PIPES,
    }
}
