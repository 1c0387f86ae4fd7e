//! The server: does what each hello wishes for.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context as _, Result};

use crate::bulk;
use crate::held::{self, hold};
use crate::hello::{self, Wish};
use crate::pattern::Pattern;
use crate::round_trips::MESSAGE;

/// A short answer, in bytes: what an API call gives.
pub(crate) const ANSWER: usize = 1024;

/// Connections that are served at once; those that are held take no thread. The clients of all loads that
/// run together are fewer.
const THREADS: usize = 128;

/// Small: so many threads need little.
const STACK: usize = 128 * 1024;

pub(crate) fn main(address: SocketAddr) -> Result<()> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    println!("ready");
    thread::scope(|scope| {
        scope.spawn(held::let_go);
        for _ in 0..THREADS {
            let listener = &listener;
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    for stream in listener.incoming() {
                        if let Err(error) = stream.map_err(Into::into).and_then(serve) {
                            eprintln!("{error:#}");
                        }
                    }
                })?;
        }
        Ok(())
    })
}

/// That a client has gone is no error.
fn serve(mut stream: TcpStream) -> Result<()> {
    let Some(wish) = hello::read(&mut stream)? else {
        return Ok(());
    };
    stream.set_nodelay(true)?;
    match wish {
        // The server closes first: no client's port waits for stray packets, and runs out.
        Wish::Answer => drop(stream.write_all(Pattern::default().next(ANSWER))),
        Wish::Send => drop(bulk::send(&mut stream, None)?),
        Wish::Take => {
            let taken = bulk::take(&mut stream, None)?;
            stream.write_all(&taken.to_be_bytes()).ok();
        }
        Wish::Both => {
            let mut writer = stream.try_clone()?;
            thread::scope(|scope| {
                scope.spawn(move || bulk::send(&mut writer, None));
                // The client ends in the middle of what it is sent, and so with a reset.
                bulk::take(&mut stream, None).ok();
            });
        }
        Wish::Echo => {
            let mut message = [0; MESSAGE];
            while stream.read_exact(&mut message).is_ok() && stream.write_all(&message).is_ok() {}
        }
        Wish::Hold => {
            stream.write_all(&[0])?;
            hold(stream);
        }
    }
    Ok(())
}
