//! What is remembered of a connection: metrics and the access log.
