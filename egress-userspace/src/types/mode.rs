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

/// What happens to a connection that no service admits: Istio's `outboundTrafficPolicy.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutboundTrafficPolicy {
    /// It is denied.
    #[default]
    RegistryOnly,
    /// It goes where the client wanted to go.
    AllowAny,
}
