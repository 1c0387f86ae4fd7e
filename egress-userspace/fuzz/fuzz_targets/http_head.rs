//! The parsers of HTTP/1 and HTTP/2 on arbitrary bytes.

#![no_main]

use egress_userspace::sniff::{DEFAULT_CAP, request_head};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = request_head(bytes, DEFAULT_CAP);
});
