//! The `ClientHello` parser against rustls and tls-parser.

use std::ops::Range;

use proptest::prelude::*;
use rustls::server::Acceptor;
use tls_parser::{TlsExtension, TlsMessage, TlsMessageHandshake};

use super::captures::{capture, hellos};
use super::hello::{Hello, records};
use crate::sniff::{DEFAULT_CAP, detect};
use crate::types::{Claim, DenyReason};

/// The name and the protocols.
type Asked = (Option<String>, Vec<Vec<u8>>);

fn ours(wire: &[u8]) -> Result<Asked, Claim> {
    match detect(wire, DEFAULT_CAP) {
        Ok(Claim::Tls(tls)) => {
            let alpn = tls.alpn.iter().map(|p| p.to_vec()).collect();
            Ok((tls.sni.map(|name| name.to_string()), alpn))
        }
        Ok(claim) => Err(claim),
        Err(_) => Err(Claim::Opaque),
    }
}

/// `None`: rustls refuses it, or has not seen all of it.
fn by_rustls(mut wire: &[u8]) -> Option<Asked> {
    let mut acceptor = Acceptor::default();
    let accepted = loop {
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) if wire.is_empty() => return None,
            Ok(None) => acceptor.read_tls(&mut wire).ok()?,
            Err(_) => return None,
        };
    };
    let hello = accepted.client_hello();
    let name = hello
        .server_name()
        .map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    let alpn = hello.alpn().map(|all| all.map(<[u8]>::to_vec).collect());
    Some((name, alpn.unwrap_or_default()))
}

/// `None`: it cannot be read, or not from one record.
fn by_tls_parser(wire: &[u8]) -> Option<Asked> {
    let (_, record) = tls_parser::parse_tls_plaintext(wire).ok()?;
    let [TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))] = &record.msg[..] else {
        return None;
    };
    let (_, extensions) = tls_parser::parse_tls_client_hello_extensions(hello.ext?).ok()?;
    let mut asked = Asked::default();
    for extension in extensions {
        match extension {
            TlsExtension::SNI(names) => {
                let name = names
                    .first()
                    .and_then(|(_, name)| str::from_utf8(name).ok());
                asked.0 = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
            }
            TlsExtension::ALPN(protocols) => {
                asked.1 = protocols.into_iter().map(<[u8]>::to_vec).collect();
            }
            _ => {}
        }
    }
    Some(asked)
}

#[test]
fn rustls_and_tls_parser_read_the_same_from_every_capture() {
    for (file, _) in hellos() {
        let wire = capture(file);
        let asked = ours(&wire).expect("a claim");
        assert_eq!(by_rustls(&wire), Some(asked.clone()), "{file}");
        if !file.contains("many-records") {
            assert_eq!(by_tls_parser(&wire), Some(asked), "{file}");
        }
    }
}

/// Names as clients send them, and as they should not.
fn names() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        2 => Just(None),
        6 => "([a-z0-9_-]{1,12}\\.){1,3}[a-z]{2,6}\\.?".prop_map(Some),
        1 => "[ -~]{1,20}".prop_map(Some),
        1 => "[0-9]{1,3}(\\.[0-9]{1,3}){3}".prop_map(Some),
    ]
}

prop_compose! {
    fn messages()(
        name in names(),
        alpn in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..4),
        offers in any::<bool>(),
        others in prop::collection::vec((60_000_u16..60_100, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
    ) -> Vec<u8> {
        // rustls wants signature_algorithms; both it and tls-parser look into known extensions only.
        let mut hello = Hello::default().with(13, &[0, 2, 4, 3]);
        if let Some(name) = &name {
            hello = hello.sni(name.as_bytes());
        }
        if offers {
            let protocols: Vec<&[u8]> = alpn.iter().map(Vec::as_slice).collect();
            hello = hello.alpn(&protocols);
        }
        others.iter().fold(hello, |hello, (kind, data)| hello.with(*kind, data)).message()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_hellos_mean_the_same_to_rustls(message in messages(), size in 1_usize..400) {
        let wire = records(&message, size);
        match ours(&wire) {
            Ok(asked) => prop_assert_eq!(by_rustls(&wire), Some(asked)),
            // rustls reads a hello with an address for a name, and shows no name.
            Err(Claim::Malformed(DenyReason::SniMalformed | DenyReason::SniIsAddress)) => {
                prop_assert_eq!(by_rustls(&wire).and_then(|(name, _)| name), None);
            }
            Err(_) => prop_assert_eq!(by_rustls(&wire), None),
        }
    }

    #[test]
    fn generated_hellos_mean_the_same_to_tls_parser(message in messages()) {
        let wire = records(&message, message.len());
        if let Ok(asked) = ours(&wire) {
            prop_assert_eq!(by_tls_parser(&wire), Some(asked));
        }
    }
}

/// Every byte of every capture is replaced by some others. Where both parsers read what comes of it
/// they read the same; and only around the name do we refuse what rustls takes.
#[test]
fn damaged_captures_mean_the_same_to_rustls() {
    for (file, _) in hellos() {
        let wire = capture(file);
        let name = around_the_name(&wire);
        for at in 0..wire.len() {
            for change in [1, 0xff] {
                let mut damaged = wire.clone();
                *damaged.get_mut(at).expect("an index of the capture") ^= change;
                match (ours(&damaged), by_rustls(&damaged)) {
                    (Ok(ours), Some(rustls)) => assert_eq!(ours, rustls, "{file} {at} {change}"),
                    (Err(_), Some(_)) => assert!(name.contains(&at), "{file} {at} {change}"),
                    (_, None) => {}
                }
            }
        }
    }
}

/// Where the entry of `server_name` is: `example.com` ends it, and a label of at most 8 bytes, a dot,
/// a type and a length go before it.
fn around_the_name(wire: &[u8]) -> Range<usize> {
    let name = b"example.com";
    let start = wire
        .windows(name.len())
        .position(|window| window == name)
        .unwrap_or_default();
    start.saturating_sub(14)..start + name.len()
}
