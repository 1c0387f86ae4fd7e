//! Embeds the kernel object that `cargo xtask build-ebpf` makes.
//!
//! A checkout without one still compiles, for `cargo check` and clippy: the binary then says what is
//! missing and how to get it.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where `cargo xtask build-ebpf` leaves the object, from this package's directory.
const DEFAULT_OBJECT: &str = "../target/bpf/egress.o";

fn main() {
    println!("cargo::rerun-if-env-changed=EGRESS_BPF_OBJECT");
    let given = env::var_os("EGRESS_BPF_OBJECT").map(PathBuf::from);
    let object = given.clone().unwrap_or_else(|| DEFAULT_OBJECT.into());
    println!("cargo::rerun-if-changed={}", object.display());
    let embedded = Path::new(&env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("egress.o");
    match fs::read(&object) {
        Ok(bytes) => fs::write(&embedded, bytes),
        Err(error) if given.is_some() => panic!("EGRESS_BPF_OBJECT {}: {error}", object.display()),
        Err(_) => fs::write(&embedded, []),
    }
    .expect("OUT_DIR can be written");
}
