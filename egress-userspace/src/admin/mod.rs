//! What an operator's tools talk to: metrics and health over HTTP.
