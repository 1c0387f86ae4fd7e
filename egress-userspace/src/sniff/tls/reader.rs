//! A cursor over a message that is there as a whole: where it ends too early it is malformed.

use crate::types::DenyReason;

/// The bytes not read yet.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u8(&mut self) -> Result<u8, DenyReason> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DenyReason> {
        self.array().map(u16::from_be_bytes)
    }

    /// A vector with a length of one byte (RFC 8446 section 3.4).
    pub(super) fn vector8(&mut self) -> Result<&'a [u8], DenyReason> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector with a length of two bytes.
    pub(super) fn vector16(&mut self) -> Result<&'a [u8], DenyReason> {
        let length = self.u16()?;
        self.take(length.into())
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DenyReason> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(DenyReason::MalformedTls)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), DenyReason> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(DenyReason::MalformedTls)
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DenyReason> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DenyReason::MalformedTls)?;
        self.0 = rest;
        Ok(*taken)
    }
}
