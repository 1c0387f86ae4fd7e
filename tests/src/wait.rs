//! Waiting for another process to be ready.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks: short beside any start-up, long beside the cost of a look.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until there is something, and gives it; an error when the deadline passes first.
///
/// This is the one place that pauses. What it waits for (a server that listens, a line in a file)
/// happens in a process that has no way to call back, and the pause bounds only how soon it is
/// seen, never whether.
pub fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() > deadline {
            bail!("waited {} s in vain: {what}", deadline.as_secs());
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_comes_is_an_error_that_names_it() {
        let error =
            wait_until::<()>("the sky falls", Duration::ZERO, || None).expect_err("it does not");
        assert!(error.to_string().ends_with("the sky falls"), "{error}");
    }

    #[test]
    fn what_is_there_is_given_even_when_the_deadline_is_past() {
        assert_eq!(
            wait_until("ready", Duration::ZERO, || Some(7)).expect("it is there"),
            7
        );
    }
}
