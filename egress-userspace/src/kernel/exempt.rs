//! Marks the gateway's own sockets.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use aya::maps::{MapData, SkStorage};

use crate::net::Mark;

/// What the mark's value is does not matter; that it is there does.
const MARKED: u32 = 1;

/// Marks sockets in their storage, which goes with them and which no other process can write.
#[derive(Debug)]
pub struct Exempt(Mutex<SkStorage<MapData, u32>>);

impl Exempt {
    pub(super) fn new(map: SkStorage<MapData, u32>) -> Self {
        Self(Mutex::new(map))
    }
}

impl Mark for Exempt {
    fn mark(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(&socket, MARKED, 0).map_err(io::Error::other)
    }
}
