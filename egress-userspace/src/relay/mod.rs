//! Joins two sockets until both directions have ended.
