//! The fields of a JSON object, written one after another into a text that is there already.
//!
//! Every connection has a line, so a field is a few copies: nothing is asked of a formatter, and each key comes as
//! it stands in the line.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use itoa::Integer;

use super::time::Timestamp;
use crate::types::Place;

/// A key as it stands in the object, behind the field before it. Keys are plain words of the gateway's own.
macro_rules! key {
    ($name:literal) => {
        $crate::account::access_log::fields::Key(concat!(",\"", $name, "\":"))
    };
}
pub(super) use key;

/// See [`key!`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(pub(super) &'static str);

/// An object that is being written.
pub(super) struct Fields<'a> {
    into: &'a mut Vec<u8>,
    /// Where it begins.
    start: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(into: &'a mut Vec<u8>) -> Self {
        let start = into.len();
        Self { into, start }
    }

    /// Ends the object, which has a field, and the line with it.
    pub(super) fn end(self) {
        // In place of what stands before each field's key.
        if let Some(first) = self.into.get_mut(self.start) {
            *first = b'{';
        }
        self.into.extend_from_slice(b"}\n");
    }

    pub(super) fn text(&mut self, key: Key, value: Option<&str>) {
        if let Some(value) = value {
            self.quoted(key, |into| escape(value, into));
        }
    }

    pub(super) fn number<N: Integer>(&mut self, key: Key, value: Option<N>) {
        if let Some(value) = value {
            self.key(key);
            integer(value, self.into);
        }
    }

    /// A share, from 0 to 1.
    pub(super) fn share(&mut self, key: Key, value: Option<f64>) {
        if let Some(value) = value {
            self.key(key);
            json(&value, self.into);
        }
    }

    /// In milliseconds with three decimals, as far as they are not zeros: a cached name resolves in microseconds.
    pub(super) fn millis(&mut self, key: Key, value: Option<Duration>) {
        if let Some(value) = value {
            self.key(key);
            millis(value, self.into);
        }
    }

    pub(super) fn time(&mut self, key: Key, value: Timestamp) {
        self.quoted(key, |into| value.write(into));
    }

    pub(super) fn address(&mut self, key: Key, value: Option<SocketAddr>) {
        if let Some(value) = value {
            self.quoted(key, |into| address(value, into));
        }
    }

    /// As `file:line`.
    pub(super) fn place(&mut self, key: Key, value: Option<&Place>) {
        if let Some(value) = value {
            self.quoted(key, |into| {
                escape(&value.file, into);
                into.push(b':');
                integer(value.line, into);
            });
        }
    }

    fn quoted(&mut self, key: Key, value: impl FnOnce(&mut Vec<u8>)) {
        self.key(key);
        self.into.push(b'"');
        value(self.into);
        self.into.push(b'"');
    }

    fn key(&mut self, Key(key): Key) {
        self.into.extend_from_slice(key.as_bytes());
    }
}

/// A text as it stands between quotes.
fn escape(text: &str, into: &mut Vec<u8>) {
    // All bytes, and not up to the first: nearly every text is plain, and so several are looked at at once.
    let is_odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let any_odd = text.bytes().fold(false, |odd, byte| odd | is_odd(byte));
    if !any_odd {
        into.extend_from_slice(text.as_bytes());
        return;
    }
    let at = into.len();
    json(text, into);
    into.remove(at);
    into.pop();
}

/// The longest IPv4 address, with what stands behind each number.
const V4: usize = "255.255.255.255:".len();

fn address(address: SocketAddr, into: &mut Vec<u8>) {
    let SocketAddr::V4(address) = address else {
        // Writing to memory cannot fail.
        let _ = write!(into, "{address}");
        return;
    };
    let mut text = [0; V4];
    let mut places = text.iter_mut();
    let mut put = |byte| {
        if let Some(place) = places.next() {
            *place = byte;
        }
    };
    for (octet, behind) in address.ip().octets().into_iter().zip(*b"...:") {
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
        put(behind);
    }
    let rest = places.len();
    into.extend_from_slice(text.get(..V4 - rest).unwrap_or_default());
    integer(address.port(), into);
}

fn millis(duration: Duration, into: &mut Vec<u8>) {
    // Half a microsecond counts as one.
    let micros = u64::from((duration.subsec_nanos() + 500) / 1_000);
    let seconds = duration.as_secs().saturating_mul(1_000_000);
    let micros = seconds.saturating_add(micros);
    integer(micros / 1_000, into);
    into.push(b'.');
    let (mut rest, mut unit) = (micros % 1_000, 100);
    loop {
        let [digit, ..] = (rest / unit).to_le_bytes();
        into.push(b'0' + digit);
        rest %= unit;
        if rest == 0 {
            return;
        }
        unit /= 10;
    }
}

fn integer(value: impl Integer, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A value that has a JSON form, written to memory: neither can fail.
fn json(value: &(impl serde::Serialize + ?Sized), into: &mut Vec<u8>) {
    let _ = serde_json::to_writer(into, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut into = Vec::new();
        write(&mut into);
        String::from_utf8(into).expect("text")
    }

    #[test]
    fn texts_are_escaped_as_serde_json_does() {
        let odd = ["\"", "\\", "\n", "\u{0}", "\u{1f}"].map(|odd| ["", odd, "\u{7f}é\u{2028}"]);
        let plain = ["", "a", "/usr/bin/curl", "é\u{7f}\u{2028} ~"].map(|plain| [plain; 3]);
        for parts in odd.iter().chain(&plain) {
            for length in [0, 1, 7, 8, 15, 16, 17, 64] {
                let text = parts.join(&"x".repeat(length));
                let quoted = format!("\"{}\"", written(|into| escape(&text, into)));
                assert_eq!(quoted, serde_json::to_string(&text).expect("JSON"));
            }
        }
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for text in [
            "0.0.0.0:0",
            "9.10.99.100:9",
            "199.200.249.255:65535",
            "[::]:0",
            "[2001:db8::1]:443",
            "[fe80::1%3]:53",
        ] {
            let parsed = text.parse().expect("an address");
            assert_eq!(written(|into| address(parsed, into)), text);
        }
    }

    #[test]
    fn durations_are_written_as_the_nearest_number_of_thousandths() {
        for (nanos, text) in [
            (0, "0.0"),
            (499, "0.0"),
            (500, "0.001"),
            (10_000, "0.01"),
            (999_499, "0.999"),
            (999_500, "1.0"),
            (26_175_000, "26.175"),
            (1_999_999_999, "2000.0"),
            (7_869_100_000, "7869.1"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(written(|into| millis(duration, into)), text, "{nanos}");
        }
        // It does not overflow.
        written(|into| millis(Duration::MAX, into));
    }
}
