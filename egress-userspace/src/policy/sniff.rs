//! How long the first bytes of a connection are waited for.

/// Whether to look for a name on a connection, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SniffPlan {
    /// Not at all: no name decides here, or the server is the one that speaks first.
    Skip,
    /// For `sniff.timeout`: a service on the port depends on what the client sends.
    Named,
    /// For `sniff.detect_timeout`: no service has the port, and a name only makes the log better.
    Unregistered,
}

/// Ports of protocols in which the client waits for the server's greeting (IANA's numbers). Looking
/// for a name there finds none and delays everyone; Istio's proxies leave them alone too.
const SERVER_FIRST: [u16; 11] = [
    21,   // FTP (RFC 959 section 5.4)
    22,   // SSH: both sides may begin, and some clients wait (RFC 4253 section 4.2)
    23,   // Telnet (RFC 854)
    25,   // SMTP (RFC 5321 section 3.1)
    110,  // POP3 (RFC 1939 section 4)
    119,  // NNTP (RFC 3977 section 5.1)
    143,  // IMAP (RFC 9051 section 7.1)
    220,  // IMAP3 (RFC 1203)
    587,  // message submission: SMTP (RFC 6409)
    3306, // MySQL: the server sends the first handshake packet
    5900, // VNC (RFC 6143 section 7.1.1)
];

impl SniffPlan {
    /// For a port that no service has.
    pub(super) fn unregistered(port: u16) -> Self {
        if SERVER_FIRST.contains(&port) {
            Self::Skip
        } else {
            Self::Unregistered
        }
    }
}
