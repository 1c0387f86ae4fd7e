//! What the demo tries: real clients, with `config/egress.toml`. The tests try the same.

mod attempt;
mod rows;
mod run;

pub use rows::{ROWS, Row};
pub use run::{Tried, run};
