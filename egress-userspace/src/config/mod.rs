//! The configuration file: text → spanned values → parsed types that cannot be wrong.
