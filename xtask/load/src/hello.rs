//! The first message of every connection: a `ClientHello` as browsers send it, with the load's own wish
//! where a real one has random bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result, bail};

/// What OpenSSL and browsers pad a `ClientHello` to (RFC 7685), so that every relay reads as much as it
/// would of theirs.
const LENGTH: usize = 517;

/// Where a `ClientHello` has its random bytes: behind the headers of record and handshake, and the version.
const RANDOM: usize = 5 + 4 + 2;

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wish {
    /// A short answer, and the end.
    Answer,
    /// Bytes without end.
    Send,
    /// Bytes are taken until the end.
    Take,
    /// Both at once.
    Both,
    /// All that comes is sent back.
    Echo,
    /// One byte, and silence.
    Hold,
}

const WISHES: [Wish; 6] = [
    Wish::Answer,
    Wish::Send,
    Wish::Take,
    Wish::Both,
    Wish::Echo,
    Wish::Hold,
];

/// Where to connect, and how many hosts there are to name.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Target {
    /// The relay, or the server itself
    address: SocketAddr,
    /// How many different hosts the clients name: host-0.bench.example.com and so on
    #[arg(long, default_value_t = 1000)]
    names: u32,
    /// What the hosts' names end with: another domain's are refused by a relay that looks at them
    #[arg(long, default_value = "bench.example.com")]
    domain: String,
}

impl Target {
    /// Connects and says hello.
    pub(crate) fn open(&self, wish: Wish) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        let name = format!("host-{}.{}", fastrand::u32(..self.names), self.domain);
        stream
            .write_all(&hello(&name, wish))
            .context("cannot say hello")?;
        Ok(stream)
    }
}

/// Reads a hello; `None`: the connection ended instead.
pub(crate) fn read(stream: &mut TcpStream) -> Result<Option<Wish>> {
    let mut hello = [0; LENGTH];
    if stream.read_exact(&mut hello).is_err() {
        return Ok(None);
    }
    let [random, ..] = hello.split_at(RANDOM).1 else {
        bail!("a hello is longer");
    };
    let wish = WISHES.get(usize::from(*random)).copied();
    wish.map(Some).context("not a hello of this load")
}

fn hello(name: &str, wish: Wish) -> Vec<u8> {
    let extensions = [
        extension(
            0x0000,
            &prefixed(&[&[0][..], &prefixed(name.as_bytes())].concat()),
        ),
        // supported_versions: TLS 1.3 and 1.2.
        extension(0x002b, &[4, 3, 4, 3, 3]),
        // supported_groups: X25519 and P-256.
        extension(0x000a, &[0, 4, 0, 0x1d, 0, 0x17]),
        // signature_algorithms: ECDSA and RSA-PSS, each with SHA-256.
        extension(0x000d, &[0, 4, 4, 3, 8, 4]),
    ]
    .concat();
    let mut body = vec![3, 3];
    body.push(wish as u8);
    body.extend([fastrand::u8(..); 31]);
    body.push(32);
    body.extend([fastrand::u8(..); 32]);
    // AES-128-GCM and AES-256-GCM of TLS 1.3; no compression.
    body.extend([0, 4, 0x13, 1, 0x13, 2, 1, 0]);
    let headers = 5 + 4;
    // Behind the body: the extensions' own length, and the header of the padding.
    let padding = LENGTH - headers - body.len() - 2 - extensions.len() - 4;
    let padding = extension(0x0015, &vec![0; padding]);
    body.extend(prefixed(&[extensions, padding].concat()));
    let handshake = [&[1, 0][..], &prefixed(&body)].concat();
    [&[0x16, 3, 1][..], &prefixed(&handshake)].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &prefixed(data)].concat()
}

/// With its length before it, in two bytes.
fn prefixed(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], data].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hello_has_the_same_length_and_its_wish() {
        for (place, wish) in WISHES.into_iter().enumerate() {
            for name in ["host-0.bench.example.com", "host-999.bench.example.com"] {
                let hello = hello(name, wish);
                assert_eq!(hello.len(), LENGTH);
                assert_eq!(hello.get(RANDOM).copied().map(usize::from), Some(place));
            }
        }
    }
}
