//! From a client's first bytes to the name it asks for. Knows only bytes.
