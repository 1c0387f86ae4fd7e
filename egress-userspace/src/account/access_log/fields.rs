//! The fields of a JSON object, written one after another into a text that is there already.

use std::io::Write;
use std::net::SocketAddr;

use serde::Serialize;

use super::time::Timestamp;
use crate::types::Place;

/// An object that is being written.
pub(super) struct Fields<'a> {
    into: &'a mut Vec<u8>,
    /// What stands before the next key.
    before: u8,
}

impl<'a> Fields<'a> {
    pub(super) fn new(into: &'a mut Vec<u8>) -> Self {
        Self { into, before: b'{' }
    }

    /// Ends the object, and the line with it.
    pub(super) fn end(self) {
        self.into.extend_from_slice(b"}\n");
    }

    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.quoted(key, |into| escape(value, into));
        }
    }

    pub(super) fn number<N: Serialize>(&mut self, key: &str, value: Option<N>) {
        if let Some(value) = value {
            self.key(key);
            json(&value, self.into);
        }
    }

    pub(super) fn time(&mut self, key: &str, value: Timestamp) {
        self.quoted(key, |into| value.write(into));
    }

    pub(super) fn address(&mut self, key: &str, value: Option<SocketAddr>) {
        if let Some(value) = value {
            self.quoted(key, |into| address(value, into));
        }
    }

    /// As `file:line`.
    pub(super) fn place(&mut self, key: &str, value: Option<&Place>) {
        if let Some(value) = value {
            self.quoted(key, |into| {
                escape(&value.file, into);
                into.push(b':');
                json(&value.line, into);
            });
        }
    }

    fn quoted(&mut self, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        self.into.push(b'"');
        value(self.into);
        self.into.push(b'"');
    }

    /// Keys are plain words of the gateway's own.
    fn key(&mut self, key: &str) {
        self.into.push(self.before);
        self.before = b',';
        self.into.push(b'"');
        self.into.extend_from_slice(key.as_bytes());
        self.into.extend_from_slice(b"\":");
    }
}

/// A text as it stands between quotes.
fn escape(text: &str, into: &mut Vec<u8>) {
    // Nearly every text is plain.
    let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(is_plain) {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    let at = into.len();
    json(&text, into);
    into.remove(at);
    into.pop();
}

fn address(address: SocketAddr, into: &mut Vec<u8>) {
    let SocketAddr::V4(address) = address else {
        // Writing to memory cannot fail.
        let _ = write!(into, "{address}");
        return;
    };
    for (byte, before) in address.ip().octets().iter().zip(["", ".", ".", "."]) {
        into.extend_from_slice(before.as_bytes());
        json(byte, into);
    }
    into.push(b':');
    json(&address.port(), into);
}

/// A value that has a JSON form, written to memory: neither can fail.
fn json(value: &impl Serialize, into: &mut Vec<u8>) {
    let _ = serde_json::to_writer(into, value);
}
