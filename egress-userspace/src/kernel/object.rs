//! The kernel object inside the binary.

use egress_common::{ABI_SECTION, ABI_VERSION};
use object::{Object, ObjectSection};

use super::KernelError;

/// The object's alignment: an ELF file is read in place.
#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

static EMBEDDED: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/egress.o")));

/// The embedded object, known to be of this gateway's version.
#[derive(Debug)]
pub(super) struct EmbeddedObject(&'static [u8]);

impl EmbeddedObject {
    /// Finds the object and checks its version.
    pub(super) fn get() -> Result<Self, KernelError> {
        let bytes = &EMBEDDED.0;
        if bytes.is_empty() {
            return Err(KernelError::NoObject);
        }
        match abi_of(bytes)? {
            ABI_VERSION => Ok(Self(bytes)),
            found => Err(KernelError::Abi {
                found,
                expected: ABI_VERSION,
            }),
        }
    }

    /// The ELF file.
    pub(super) fn bytes(&self) -> &'static [u8] {
        self.0
    }
}

fn abi_of(bytes: &[u8]) -> Result<u32, KernelError> {
    let bad = |error: object::Error| KernelError::BadObject(error.to_string());
    let file = object::File::parse(bytes).map_err(bad)?;
    let section = file
        .section_by_name(ABI_SECTION)
        .ok_or_else(|| KernelError::BadObject(format!("no section {ABI_SECTION}")))?;
    let data = section.data().map_err(bad)?;
    let version = data
        .try_into()
        .map_err(|_| KernelError::BadObject(format!("{} bytes of ABI version", data.len())))?;
    Ok(u32::from_ne_bytes(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_an_object_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", b"not an object at all"] {
            assert!(matches!(abi_of(bytes), Err(KernelError::BadObject(_))));
        }
    }
}
