//! The books of the pipes: who may take one, and how many there are.
//!
//! The counts are shared by all threads; what waits on a shelf belongs to one. The atomics are a
//! parameter, so that the tests can try every order in which threads meet on them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count that threads share. Nothing else is read by what it says, so no order is asked of memory.
pub(super) trait Count {
    fn get(&self) -> usize;
    fn add(&self, more: usize);
    fn sub(&self, less: usize);
    /// Makes it `new` if it is `current`, in one step; fails with what it is.
    fn exchange(&self, current: usize, new: usize) -> Result<usize, usize>;
}

impl Count for AtomicUsize {
    fn get(&self) -> usize {
        self.load(Ordering::Relaxed)
    }

    fn add(&self, more: usize) {
        self.fetch_add(more, Ordering::Relaxed);
    }

    fn sub(&self, less: usize) {
        self.fetch_sub(less, Ordering::Relaxed);
    }

    fn exchange(&self, current: usize, new: usize) -> Result<usize, usize> {
        self.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed)
    }
}

/// What all threads know of the pipes.
pub(super) struct Ledger<C = AtomicUsize> {
    in_use: C,
    shelved: C,
}

impl Ledger {
    pub(super) const fn new() -> Self {
        Self {
            in_use: AtomicUsize::new(0),
            shelved: AtomicUsize::new(0),
        }
    }
}

impl<C: Count> Ledger<C> {
    /// Leave to use one pipe, if fewer than `limit` are in use.
    ///
    /// Who is refused leaves no trace, not for a moment: another, who would be the last to be let in,
    /// must not be sent away for it, because who is sent away copies for the rest of its life.
    pub(super) fn enter(&self, limit: usize) -> Option<InUse<'_, C>> {
        let mut count = self.in_use.get();
        while count < limit {
            match self.in_use.exchange(count, count + 1) {
                Ok(_) => return Some(InUse(self)),
                Err(now) => count = now,
            }
        }
        None
    }

    pub(super) fn in_use(&self) -> usize {
        self.in_use.get()
    }

    pub(super) fn shelved(&self) -> usize {
        self.shelved.get()
    }
}

/// Leave to use one pipe. It may end on another thread than it began on.
pub(super) struct InUse<'a, C: Count = AtomicUsize>(&'a Ledger<C>);

impl<C: Count> Drop for InUse<'_, C> {
    fn drop(&mut self) {
        self.0.in_use.sub(1);
    }
}

/// What waits on one thread.
pub(super) struct Shelf<'a, T, C: Count = AtomicUsize> {
    ledger: &'a Ledger<C>,
    items: Vec<T>,
}

impl<'a, T, C: Count> Shelf<'a, T, C> {
    pub(super) const fn new(ledger: &'a Ledger<C>) -> Self {
        Self {
            ledger,
            items: Vec::new(),
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let item = self.items.pop()?;
        self.ledger.shelved.sub(1);
        Some(item)
    }

    /// Keeps `item` if there are fewer than `most`.
    pub(super) fn push(&mut self, item: T, most: usize) {
        if self.items.len() < most {
            self.ledger.shelved.add(1);
            self.items.push(item);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

impl<T, C: Count> Drop for Shelf<'_, T, C> {
    fn drop(&mut self) {
        self.ledger.shelved.sub(self.items.len());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loom::model::Builder;
    use loom::sync::atomic::AtomicUsize as Watched;
    use loom::thread;

    use super::*;

    impl Count for Watched {
        fn get(&self) -> usize {
            self.load(Ordering::Relaxed)
        }

        fn add(&self, more: usize) {
            self.fetch_add(more, Ordering::Relaxed);
        }

        fn sub(&self, less: usize) {
            self.fetch_sub(less, Ordering::Relaxed);
        }

        fn exchange(&self, current: usize, new: usize) -> Result<usize, usize> {
            self.compare_exchange(current, new, Ordering::Relaxed, Ordering::Relaxed)
        }
    }

    /// A ledger under loom, and what really happens beside it. The truth is kept in ordinary atomics:
    /// loom runs one thread at a time and changes threads only at its own.
    struct World {
        ledger: Ledger<Watched>,
        admitted: AtomicUsize,
        made: AtomicUsize,
        gone: AtomicUsize,
    }

    /// Something that is pooled.
    struct Item(Arc<World>);

    impl Item {
        fn new(world: &Arc<World>) -> Self {
            world.made.add(1);
            Self(Arc::clone(world))
        }
    }

    impl Drop for Item {
        fn drop(&mut self) {
            self.0.gone.add(1);
        }
    }

    impl World {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                ledger: Ledger {
                    in_use: Watched::new(0),
                    shelved: Watched::new(0),
                },
                admitted: AtomicUsize::new(0),
                made: AtomicUsize::new(0),
                gone: AtomicUsize::new(0),
            })
        }

        /// Enters and leaves once; says whether it was let in.
        fn visit(&self, limit: usize) -> bool {
            let Some(leave) = self.ledger.enter(limit) else {
                return false;
            };
            assert!(self.admitted.fetch_add(1, Ordering::Relaxed) < limit);
            // Loom changes threads here, too.
            assert!((1..=limit).contains(&self.ledger.in_use()));
            self.admitted.sub(1);
            drop(leave);
            true
        }
    }

    /// Tries every order of what the threads do in which none is interrupted more often than that:
    /// what goes wrong does with one or two, and without a bound three threads take hours.
    fn in_every_order(work: impl Fn() + Send + Sync + 'static) {
        let mut builder = Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(work);
    }

    /// Runs `work` on as many threads, and waits for them.
    fn on_threads<T: 'static>(
        count: usize,
        world: &Arc<World>,
        work: impl Fn(&World) -> T + Clone + 'static,
    ) -> Vec<T> {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let (world, work) = (Arc::clone(world), work.clone());
                thread::spawn(move || work(&world))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread"))
            .collect()
    }

    #[test]
    fn no_more_than_the_limit_are_in_use_and_none_in_the_end() {
        for limit in [0, 1, 2] {
            in_every_order(move || {
                let world = World::new();
                on_threads(3, &world, move |world| world.visit(limit));
                assert_eq!(world.ledger.in_use(), 0);
            });
        }
    }

    #[test]
    fn none_is_refused_while_there_is_room() {
        in_every_order(|| {
            let world = World::new();
            let refused = thread::spawn({
                let world = Arc::clone(&world);
                move || world.visit(0)
            });
            assert!(world.visit(1), "nobody else was let in");
            assert!(!refused.join().expect("a thread"));
        });
    }

    #[test]
    fn an_item_is_in_use_or_on_one_shelf_or_gone() {
        in_every_order(|| {
            let world = World::new();
            let here = Arc::clone(&world);
            let Some(leave) = here.ledger.enter(2) else {
                panic!("the first is let in");
            };
            let taken = Item::new(&world);
            // What was taken on one thread is put back on another, beside what that one takes itself.
            let other = thread::spawn({
                let world = Arc::clone(&world);
                move || {
                    let mut shelf = Shelf::new(&world.ledger);
                    shelf.push(taken, 1);
                    let again = shelf.pop();
                    assert!(again.is_some(), "lost on the way");
                    shelf.push(Item::new(&world), 1);
                    if let Some(item) = again {
                        shelf.push(item, 1);
                    }
                    assert_eq!(shelf.len(), 1);
                }
            });
            let mut shelf = Shelf::new(&here.ledger);
            shelf.push(Item::new(&world), 1);
            assert!((1..=2).contains(&world.ledger.shelved()));
            other.join().expect("a thread");
            drop(leave);
            assert_eq!((here.ledger.in_use(), here.ledger.shelved()), (0, 1));
            drop(shelf);
            assert_eq!(here.ledger.shelved(), 0);
            assert_eq!((world.made.get(), world.gone.get()), (3, 3));
        });
    }
}
