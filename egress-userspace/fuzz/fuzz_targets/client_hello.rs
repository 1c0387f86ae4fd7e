//! The `ClientHello` parser on arbitrary bytes.

#![no_main]

use egress_userspace::sniff::{DEFAULT_CAP, client_hello};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = client_hello(bytes, DEFAULT_CAP);
});
