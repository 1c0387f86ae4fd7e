//! Where bodies, responses and frames end, on arbitrary bytes.

#![no_main]

use egress_userspace::http::{follow_body, follow_response, look};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = (follow_body(bytes), follow_response(bytes), look(bytes));
});
