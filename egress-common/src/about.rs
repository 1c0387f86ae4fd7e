//! Who wrote what is in the maps.

/// Bytes of a version's text.
pub const VERSION_LEN: usize = 32;

/// The gateway that serves the programs, in the one entry of its map: what another one, or an operator,
/// reads of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    version: [u8; VERSION_LEN],
    pid: u32,
    pad: u32,
    since: u64,
    attach: u64,
}

impl About {
    /// Makes an entry. `version` is cut to 32 bytes, `since` is in seconds since the epoch, `attach` is
    /// the id of the cgroup that the programs are attached to.
    pub fn new(version: &str, pid: u32, since: u64, attach: u64) -> Self {
        let mut text = [0; VERSION_LEN];
        for (to, from) in text.iter_mut().zip(version.bytes()) {
            *to = from;
        }
        Self {
            version: text,
            pid,
            pad: 0,
            since,
            attach,
        }
    }

    /// The gateway's version, padded with zeros.
    pub const fn version(&self) -> &[u8; VERSION_LEN] {
        &self.version
    }

    /// The gateway's process id; 0: there has been none.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// When it started to serve, in seconds since the epoch.
    pub const fn since(&self) -> u64 {
        self.since
    }

    /// Id of the cgroup that the programs are attached to.
    pub const fn attach(&self) -> u64 {
        self.attach
    }
}

const _: () = assert!(size_of::<About>() == 56 && align_of::<About>() == 8);
