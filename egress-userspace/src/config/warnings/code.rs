//! The kinds of warnings, each with a name that programs and people can rely on.

use std::fmt;

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A wildcard right under a public suffix.
    PublicSuffix,
    /// A wildcard without the name that it is below.
    ApexNotCovered,
    /// What can never decide.
    Shadowed,
    /// A port of TLS or HTTP that another service uses as TCP.
    MixedPort,
    /// A name behind which ECH hides any other.
    EchFront,
    /// A wildcard below which anyone can have a name.
    SharedFront,
    /// Addresses that are a large part of the internet.
    WideAddresses,
    /// What is legal, and does nothing.
    NoEffect,
    /// A caller that is told by its executable alone.
    ExeByWorkload,
    /// A name with an address that is not public.
    PrivateName,
    /// A name that does not resolve.
    NameUnresolved,
}

impl Code {
    /// All of them, in the order of the reference page.
    pub const ALL: [Self; 11] = [
        Self::PublicSuffix,
        Self::SharedFront,
        Self::EchFront,
        Self::ApexNotCovered,
        Self::WideAddresses,
        Self::MixedPort,
        Self::Shadowed,
        Self::NoEffect,
        Self::ExeByWorkload,
        Self::PrivateName,
        Self::NameUnresolved,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicSuffix => "public_suffix",
            Self::ApexNotCovered => "apex_not_covered",
            Self::Shadowed => "shadowed",
            Self::MixedPort => "mixed_port",
            Self::EchFront => "ech_front",
            Self::SharedFront => "shared_front",
            Self::WideAddresses => "wide_addresses",
            Self::NoEffect => "no_effect",
            Self::ExeByWorkload => "exe_by_workload",
            Self::PrivateName => "private_name",
            Self::NameUnresolved => "name_unresolved",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
