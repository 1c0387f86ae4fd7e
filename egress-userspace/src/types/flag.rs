//! Envoy's response flags: how a connection ended, in the letters that dashboards know.

/// How a connection ended. The names and letters are Envoy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseFlag {
    /// `-`: nothing to remark.
    None,
    /// `UF`: no connection to the upstream.
    UpstreamConnectionFailure,
    /// `UH`: no upstream to connect to.
    NoHealthyUpstream,
    /// `UO`: a limit was reached.
    UpstreamOverflow,
    /// `UC`: the upstream broke the connection.
    UpstreamConnectionTermination,
    /// `UT`: nothing passed for too long.
    UpstreamRequestTimeout,
    /// `DT`: it lasted as long as it may.
    DurationTimeout,
    /// `DC`: the client broke the connection.
    DownstreamConnectionTermination,
    /// `DPE`: the client broke a protocol's rules.
    DownstreamProtocolError,
    /// `UPE`: the upstream broke a protocol's rules.
    UpstreamProtocolError,
    /// `DF`: the name could not be resolved.
    DnsResolutionFailed,
    /// `UAEX`: the policy refused.
    UnauthorizedExternalService,
}

impl ResponseFlag {
    /// The letters.
    pub fn letters(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::UpstreamConnectionFailure => "UF",
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamOverflow => "UO",
            Self::UpstreamConnectionTermination => "UC",
            Self::UpstreamRequestTimeout => "UT",
            Self::DurationTimeout => "DT",
            Self::DownstreamConnectionTermination => "DC",
            Self::DownstreamProtocolError => "DPE",
            Self::UpstreamProtocolError => "UPE",
            Self::DnsResolutionFailed => "DF",
            Self::UnauthorizedExternalService => "UAEX",
        }
    }
}
