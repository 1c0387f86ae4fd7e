//! What the gateway does with a connection that no service admits.

/// Whether denials take effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is denied does not leave.
    #[default]
    Enforce,
    /// What would be denied leaves for where the client wanted to go, and is recorded.
    Audit,
}

/// What is left of enforcement when the gateway ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExit {
    /// Everything: governed connections fail until a gateway runs again.
    #[default]
    Closed,
    /// Nothing: connections go out unjudged.
    Open,
}

/// What a `connect()` or `sendmsg()` fails with that the kernel side refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DenyErrno {
    /// What a cgroup program's refusal is to the kernel: the only one before Linux 5.18.
    #[default]
    Eperm,
    /// As if nothing listened.
    Econnrefused,
    /// As if the host could not be reached.
    Ehostunreach,
    /// As if there were no route.
    Enetunreach,
    /// As what permissions on files forbid.
    Eacces,
}

/// What becomes of TCP connections that are older than the programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Established {
    /// Their packets are dropped.
    #[default]
    Stop,
    /// They go on, and each is recorded.
    Log,
}

/// What happens to a connection that no service admits: Istio's `outboundTrafficPolicy.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboundTrafficPolicy {
    /// It is denied.
    #[default]
    RegistryOnly,
    /// It goes where the client wanted to go.
    AllowAny,
}
