//! From a permit to a connected socket: resolve, guard the answer, connect.
