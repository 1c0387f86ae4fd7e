//! The readers of DNS queries and answers on arbitrary bytes.

#![no_main]

use egress_userspace::dns::read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes);
});
