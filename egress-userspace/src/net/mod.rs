//! Listeners and socket options.
