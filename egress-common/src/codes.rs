//! Enums that lie in maps as their numbers: a map promises no valid enum.

macro_rules! codes {
    (
        $(#[$doc:meta])*
        pub enum $enum:ident {
            $($(#[$variant_doc:meta])* $name:ident = $value:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $enum {
            $($(#[$variant_doc])* $name = $value,)*
        }

        impl $enum {
            /// What a number stands for; `None`: nothing that this version knows.
            #[inline(always)]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number.
            #[inline(always)]
            pub const fn code(self) -> u32 {
                self as u32
            }
        }
    };
}

pub(crate) use codes;
