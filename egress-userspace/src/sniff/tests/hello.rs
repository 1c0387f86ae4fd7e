//! `ClientHello`s made by hand: what RFC 6066, RFC 7301 and RFC 8446 allow, and what they do not.

use super::settling::{byte_by_byte, settle};
use super::{malformed, tls};
use crate::sniff::DEFAULT_CAP;
use crate::types::{Claim, DenyReason};

/// A hello under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Hello {
    extensions: Vec<u8>,
}

impl Hello {
    pub(super) fn with(mut self, kind: u16, data: &[u8]) -> Self {
        self.extensions.extend(kind.to_be_bytes());
        self.extensions.extend(vector16(data));
        self
    }

    pub(super) fn sni(self, name: &[u8]) -> Self {
        self.with(0, &vector16(&entry(0, name)))
    }

    pub(super) fn alpn(self, protocols: &[&[u8]]) -> Self {
        let list: Vec<u8> = protocols.iter().flat_map(|p| vector8(p)).collect();
        self.with(16, &vector16(&list))
    }

    /// The handshake message.
    pub(super) fn message(&self) -> Vec<u8> {
        message(1, &self.body())
    }

    fn body(&self) -> Vec<u8> {
        let mut body = fixed_fields(&[9; 32], &[0x13, 0x01, 0x13, 0x02], &[0]);
        if !self.extensions.is_empty() {
            body.extend(vector16(&self.extensions));
        }
        body
    }

    /// The message in one record.
    pub(super) fn record(&self) -> Vec<u8> {
        record(&self.message())
    }
}

/// What comes before the extensions.
fn fixed_fields(session_id: &[u8], cipher_suites: &[u8], compression: &[u8]) -> Vec<u8> {
    let fields = [
        vector8(session_id),
        vector16(cipher_suites),
        vector8(compression),
    ];
    [vec![3, 3], vec![7; 32], fields.concat()].concat()
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(body.len())
        .expect("a short body")
        .to_be_bytes();
    [&[kind][..], &length, body].concat()
}

pub(super) fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &vector16(fragment)].concat()
}

/// The message in records of `size` bytes each.
pub(super) fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(record).collect()
}

fn vector8(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a short vector");
    [&[length][..], bytes].concat()
}

fn vector16(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short vector");
    [&length.to_be_bytes()[..], bytes].concat()
}

fn entry(kind: u8, name: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector16(name)].concat()
}

fn claim(hello: &Hello) -> Claim {
    settle(&hello.record(), DEFAULT_CAP).expect("a final answer")
}

const BROKEN: Claim = Claim::Malformed(DenyReason::MalformedTls);

#[test]
fn the_name_is_read_in_its_one_spelling() {
    for name in ["a.test", "A.Test", "a.test."] {
        assert_eq!(
            claim(&Hello::default().sni(name.as_bytes())),
            tls(Some("a.test"), &[], false)
        );
    }
}

#[test]
fn an_absent_or_empty_name_is_no_name() {
    let none = tls(None, &[], false);
    assert_eq!(claim(&Hello::default()), none);
    assert_eq!(claim(&Hello::default().with(10, &[0, 2, 0, 29])), none);
    assert_eq!(claim(&Hello::default().with(0, &vector16(&[]))), none);
    assert_eq!(claim(&Hello::default().sni(b"")), none);
}

#[test]
fn a_name_that_is_not_a_host_name_is_refused() {
    let names: [&[u8]; 7] = [
        b".",
        b"192.0.2",
        b"a b.test",
        b"a.test\0b.test",
        b"a..test",
        b"\xff.test",
        b"*.test",
    ];
    for name in names {
        let claim = claim(&Hello::default().sni(name));
        assert_eq!(claim, malformed(DenyReason::SniMalformed), "{name:?}");
    }
}

#[test]
fn an_address_is_refused_as_one() {
    for name in [&b"192.0.2.1"[..], b"192.0.2.1.", b"::1", b"[::1]"] {
        let claim = claim(&Hello::default().sni(name));
        assert_eq!(claim, malformed(DenyReason::SniIsAddress), "{name:?}");
    }
}

#[test]
fn more_than_one_name_is_refused() {
    for other in [&b"b.test"[..], b"a.test", b""] {
        let both = [entry(0, b"a.test"), entry(0, other)].concat();
        let claim = claim(&Hello::default().with(0, &vector16(&both)));
        assert_eq!(claim, malformed(DenyReason::SniDuplicate), "{other:?}");
    }
    let cut = [entry(0, b"a.test"), vec![0, 0, 9]].concat();
    assert_eq!(claim(&Hello::default().with(0, &vector16(&cut))), BROKEN);
    let other_kind = entry(1, b"a.test");
    assert_eq!(
        claim(&Hello::default().with(0, &vector16(&other_kind))),
        BROKEN
    );
}

#[test]
fn an_extension_that_comes_twice_is_refused() {
    assert_eq!(
        claim(&Hello::default().sni(b"a.test").sni(b"a.test")),
        malformed(DenyReason::SniDuplicate)
    );
    assert_eq!(
        claim(&Hello::default().sni(b"a.test").with(99, &[]).with(99, &[])),
        BROKEN
    );
}

#[test]
fn the_number_of_extensions_is_bounded() {
    let many =
        |count: u16| (1000..1000 + count).fold(Hello::default(), |h, kind| h.with(kind, &[]));
    assert_eq!(claim(&many(128)), tls(None, &[], false));
    assert_eq!(claim(&many(129)), BROKEN);
}

#[test]
fn offered_protocols_keep_their_order() {
    let hello = Hello::default().alpn(&[b"h2", b"http/1.1"]);
    assert_eq!(claim(&hello), tls(None, &["h2", "http/1.1"], false));
    assert_eq!(claim(&Hello::default().alpn(&[])), BROKEN);
    assert_eq!(claim(&Hello::default().alpn(&[b"h2", b""])), BROKEN);
    assert_eq!(claim(&Hello::default().alpn(&[&b"x"[..]; 33])), BROKEN);
}

#[test]
fn encrypted_client_hello_is_seen() {
    let hello = Hello::default().sni(b"outer.test").with(0xfe0d, &[0, 1, 2]);
    assert_eq!(claim(&hello), tls(Some("outer.test"), &[], true));
}

#[test]
fn fields_out_of_their_bounds_are_refused() {
    let claim = |fields: Vec<u8>| settle(&record(&message(1, &fields)), DEFAULT_CAP);
    let suite = [0x13, 0x01];
    assert_eq!(
        claim(fixed_fields(&[], &suite, &[0])),
        Ok(tls(None, &[], false))
    );
    for fields in [
        fixed_fields(&[0; 33], &suite, &[0]),
        fixed_fields(&[], &[], &[0]),
        fixed_fields(&[], &[0x13], &[0]),
        fixed_fields(&[], &suite, &[]),
    ] {
        assert_eq!(claim(fields), Ok(BROKEN));
    }
}

#[test]
fn lengths_that_disagree_are_refused() {
    let trailing = [&vector16(&entry(0, b"a.test"))[..], &[0]].concat();
    assert_eq!(claim(&Hello::default().with(0, &trailing)), BROKEN);
    assert_eq!(claim(&Hello::default().with(0, &[])), BROKEN);
    assert_eq!(claim(&Hello::default().with(0, &[0, 9, 0, 0, 1])), BROKEN);
    assert_eq!(claim(&Hello::default().with(16, &[0, 9, 1, b'x'])), BROKEN);
    let mut after = Hello::default().sni(b"a.test").body();
    after.push(0);
    assert_eq!(
        settle(&record(&message(1, &after)), DEFAULT_CAP),
        Ok(BROKEN)
    );
}

#[test]
fn every_record_split_gives_the_same_claim() {
    let message = Hello::default().sni(b"a.test").alpn(&[b"h2"]).message();
    for size in 1..=message.len() {
        let wire = records(&message, size);
        assert_eq!(
            settle(&wire, DEFAULT_CAP),
            Ok(tls(Some("a.test"), &["h2"], false)),
            "{size}"
        );
    }
}

#[test]
fn the_record_layer_is_checked() {
    let message = Hello::default().sni(b"a.test").message();
    let (one, two) = message.split_at(50);
    let broken: [&[u8]; 6] = [
        // Something other than the hello's rest in between.
        &[&record(one)[..], &[21, 3, 1, 0, 2, 1, 0], &record(two)].concat(),
        &[&record(one)[..], &[22, 2, 1, 0, 1, 0]].concat(),
        // Empty fragments.
        &[&record(&[])[..], &record(&message)].concat(),
        &[&record(one)[..], &record(&[]), &record(two)].concat(),
        // Something after the hello in its record.
        &record(&[&message[..], &[0]].concat()),
        // A record longer than may be.
        &[22, 3, 1, 0x40, 0x01],
    ];
    for bytes in broken {
        assert_eq!(settle(bytes, DEFAULT_CAP), Ok(BROKEN), "{bytes:x?}");
    }
    assert_eq!(settle(&record(&[2, 0, 0, 0]), DEFAULT_CAP), Ok(BROKEN));
}

#[test]
fn what_follows_the_hello_in_its_record_is_not_read_as_its_extensions() {
    let suite = [0x13, 0x01];
    let extensions = vector16(&Hello::default().sni(b"a.test").extensions);
    let bare = message(1, &fixed_fields(&[], &suite, &[0]));
    let wire = record(&[bare, extensions].concat());
    assert_eq!(settle(&wire, DEFAULT_CAP), Ok(BROKEN));
}

#[test]
fn the_record_version_is_ignored_beyond_its_first_byte() {
    let message = Hello::default().sni(b"a.test").message();
    for minor in [0, 1, 3, 4, 255] {
        let wire = [&[22, 3, minor][..], &vector16(&message)].concat();
        assert_eq!(
            settle(&wire, DEFAULT_CAP),
            Ok(tls(Some("a.test"), &[], false))
        );
    }
    assert_eq!(settle(&[22, 2, 0, 0, 0], DEFAULT_CAP), Ok(Claim::Opaque));
}

#[test]
fn an_sslv2_hello_is_not_tls() {
    assert_eq!(
        settle(&[0x80, 0x2e, 1, 3, 1, 0, 0x15], DEFAULT_CAP),
        Ok(Claim::Opaque)
    );
}

#[test]
fn the_message_is_bounded_by_the_cap() {
    let message = Hello::default().with(21, &[0; 300]).message();
    let cap = message.len();
    let too_large = Ok(malformed(DenyReason::SniffTooLarge));
    assert_eq!(settle(&record(&message), cap), Ok(tls(None, &[], false)));
    assert_eq!(settle(&record(&message), cap - 1), too_large);
    // As are the headers of its records.
    assert_eq!(
        settle(&records(&message, cap / 32), cap),
        Ok(tls(None, &[], false))
    );
    assert_eq!(settle(&records(&message, 1), cap), too_large);
    // The length alone is enough to know.
    assert_eq!(
        settle(&[22, 3, 1, 0, 4, 1, 0, 0x40, 0], DEFAULT_CAP),
        too_large
    );
}

#[test]
fn a_hello_that_comes_byte_by_byte_is_not_parsed_at_every_byte() {
    let message = Hello::default()
        .sni(b"a.test")
        .with(21, &[0; 2000])
        .message();
    let expected = Ok(tls(Some("a.test"), &[], false));
    let (answer, asked) = byte_by_byte(&record(&message), DEFAULT_CAP);
    assert_eq!(answer, expected);
    assert!(asked <= 11, "asked {asked} times");
    let (answer, asked) = byte_by_byte(&records(&message, 1), DEFAULT_CAP);
    assert_eq!(answer, expected);
    assert!(asked < 100, "asked {asked} times");
}
