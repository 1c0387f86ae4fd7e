//! The kernel side: the only module that knows aya and `egress-common`.
