//! The configuration's parser on arbitrary text.

#![no_main]

use egress_userspace::config::Config;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Config::from_toml("fuzz.toml", text);
});
