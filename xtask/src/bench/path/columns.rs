//! What is measured of a relay, and what the gateway is to reach.

use clap::ValueEnum;

use super::relay::Relay;

/// What is done to a relay; each fills one column or two.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Load {
    Connections,
    Bulk,
    RoundTrips,
    /// New connections beside bulk
    Fairness,
    Idle,
}

impl Load {
    pub(super) const ALL: [Self; 5] = [
        Self::Connections,
        Self::Bulk,
        Self::RoundTrips,
        Self::Fairness,
        Self::Idle,
    ];
}

/// Which values of a column are the better ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Better {
    More,
    Less,
}

/// Whom the gateway is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Against {
    /// The best of those that look at names, too.
    BestPeer,
    One(Relay),
}

/// One number of each relay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its name in the JSON.
    pub(super) key: &'static str,
    /// Its head in the table.
    pub(super) title: &'static str,
    pub(super) better: Better,
    /// Digits behind the point.
    pub(super) digits: usize,
    /// Whom the gateway is compared with, and what the ratio is to be: at least or at most this.
    pub(super) against: Against,
    pub(super) target: f64,
    /// What connections that the kernel judges by address are to reach of those without any relay.
    pub(super) by_address: Option<f64>,
}

/// A change that users notice in what a node can serve; less could be noise.
const AHEAD: f64 = 1.1;
/// The same for what it costs.
const CHEAPER: f64 = 0.9;
/// Splicing through larger pipes than the peers do saves a whole fifth.
const BULK_AHEAD: f64 = 1.2;
const BULK_CHEAPER: f64 = 0.8;
/// Idle connections hold no buffer and no pipe.
const LEANER: f64 = 0.6;
/// The worst of a hundred swings more than a median does: twice as long is where it begins to be seen.
const AS_FAIR: f64 = 2.0;
/// What is judged by address costs a few hundred nanoseconds when it connects, and nothing thereafter.
const UNTOUCHED: f64 = 0.97;

pub(super) const CONNECTIONS: Column = Column {
    key: "connections_per_second",
    title: "conn/s",
    better: Better::More,
    digits: 0,
    against: Against::BestPeer,
    target: AHEAD,
    by_address: Some(UNTOUCHED),
};

pub(super) const CONNECTION_CPU: Column = Column {
    key: "cpu_us_per_connection",
    title: "relay CPU µs/conn",
    better: Better::Less,
    digits: 1,
    target: CHEAPER,
    by_address: None,
    ..CONNECTIONS
};

pub(super) const BULK: Column = Column {
    key: "gbit_per_second",
    title: "Gbit/s, 4 streams",
    better: Better::More,
    digits: 1,
    target: BULK_AHEAD,
    ..CONNECTIONS
};

pub(super) const BULK_CPU: Column = Column {
    key: "cpu_s_per_gib",
    title: "relay CPU s/GiB",
    digits: 2,
    target: BULK_CHEAPER,
    ..CONNECTION_CPU
};

pub(super) const ROUND_TRIPS: Column = Column {
    key: "round_trips_per_second",
    title: "64 B round trips/s",
    ..CONNECTIONS
};

pub(super) const IDLE: Column = Column {
    key: "kib_per_idle_connection",
    title: "KiB per idle conn",
    digits: 2,
    target: LEANER,
    ..CONNECTION_CPU
};

pub(super) const FAIRNESS: Column = Column {
    key: "p99_ms_beside_bulk",
    title: "p99 ms of new conn beside bulk",
    digits: 2,
    against: Against::One(Relay::Haproxy),
    target: AS_FAIR,
    ..CONNECTION_CPU
};

/// All, in the order in which they are shown.
pub(super) const COLUMNS: [Column; 7] = [
    CONNECTIONS,
    CONNECTION_CPU,
    BULK,
    BULK_CPU,
    ROUND_TRIPS,
    IDLE,
    FAIRNESS,
];

impl Better {
    /// Whether a ratio is as good as this, or better.
    pub(super) fn meets(self, ratio: f64, target: f64) -> bool {
        match self {
            Self::More => ratio >= target,
            Self::Less => ratio <= target,
        }
    }

    /// As a person writes it before a target.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::More => "≥",
            Self::Less => "≤",
        }
    }
}
