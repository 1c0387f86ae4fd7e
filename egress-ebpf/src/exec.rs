//! A program that begins, or ends. One that begins will soon ask for names, and its namespace is to have a listener by
//! then.
//!
//! A SYN can wait for the listener. A question can't: a resolver that wants to hear of every error, as
//! glibc's does, gives up at once when it is held back.

use crate::maps::{settings, takes_names};
use crate::{namespace, scope, task};

/// What a tracing program returns; nobody reads it.
const DONE: i32 = 0;

/// Sees one `execve()` that has succeeded.
#[inline(always)]
pub(crate) fn begun() -> i32 {
    task::forget();
    if takes_names() && settings().is_some_and(|settings| scope::of_task(&settings).is_some()) {
        namespace::ask_for(0, &task::current());
    }
    DONE
}

/// Sees one thread that ends.
#[inline(always)]
pub(crate) fn ended() -> i32 {
    task::forget();
    DONE
}
