//! As much of HTTP/1.1 as clients of the API speak.

use std::io::{self, Read, Write};

/// Longest head of a request.
const HEAD: usize = 64 << 10;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Pods,
    Namespaces,
}

impl Kind {
    /// What a list of them is called.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Pods => "PodList",
            Self::Namespaces => "NamespaceList",
        }
    }
}

/// A request.
pub(super) struct Asked {
    pub(super) target: String,
}

impl Asked {
    /// Reads one without a body; `None`: there is none more.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= HEAD || stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head);
        let target = head.split(' ').nth(1).map(decoded);
        Ok(target.map(|target| Self { target }))
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        match self.target.split('?').next()? {
            "/api/v1/pods" => Some(Kind::Pods),
            "/api/v1/namespaces" => Some(Kind::Namespaces),
            _ => None,
        }
    }

    /// A parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(super) fn watches(&self) -> bool {
        self.get("watch") == Some("true")
    }

    /// The node whose pods are asked for.
    pub(super) fn node(&self) -> Option<&str> {
        self.get("fieldSelector")?.strip_prefix("spec.nodeName=")
    }
}

/// Without `%XX`: no value here has a `&` or `=` that would be mistaken then.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        let byte = u8::from_str_radix(digits, 16).unwrap_or(b'?');
        out.push(byte.into());
        out.push_str(rest);
    }
    out
}

/// A whole answer.
pub(super) fn answer(stream: &mut impl Write, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// The head of an answer that comes piece by piece.
pub(super) fn begin_chunks(stream: &mut impl Write) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
}

/// A piece of it.
pub(super) fn chunk(stream: &mut impl Write, text: &str) -> io::Result<()> {
    write!(stream, "{:x}\r\n{text}\r\n", text.len())
}

/// Its end.
pub(super) fn end_chunks(stream: &mut impl Write) -> io::Result<()> {
    stream.write_all(b"0\r\n\r\n")
}
