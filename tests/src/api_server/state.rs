//! The objects, what has happened to them, and how the server behaves.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::http::Kind;

/// Objects of one answer, unless a test says otherwise.
const PAGE: usize = 500;

/// What all connections share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    version: u64,
    objects: BTreeMap<(Kind, String), Value>,
    events: Vec<Event>,
    /// Events up to this version are forgotten.
    forgotten: u64,
    /// Watches of an earlier one end.
    epoch: u64,
    up: bool,
    held: bool,
    closed: bool,
    refused: Option<u16>,
    page: usize,
    asked: Vec<String>,
    said: Vec<String>,
}

#[derive(Debug)]
struct Event {
    version: u64,
    kind: Kind,
    what: &'static str,
    object: Value,
}

/// What a list has.
pub(super) struct Listed {
    pub(super) items: Vec<Value>,
    pub(super) version: u64,
    /// Where to go on.
    pub(super) more: Option<usize>,
}

/// What a watch is told.
pub(super) struct Told {
    pub(super) lines: Vec<String>,
    /// Up to which version.
    pub(super) at: u64,
}

/// A watch.
pub(super) struct Watching {
    epoch: u64,
    said: usize,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: 1,
            objects: BTreeMap::new(),
            events: Vec::new(),
            forgotten: 0,
            epoch: 0,
            up: true,
            held: false,
            closed: false,
            refused: None,
            page: PAGE,
            asked: Vec::new(),
            said: Vec::new(),
        }
    }
}

impl State {
    fn happens(&mut self, kind: Kind, what: &'static str, mut object: Value) -> Value {
        self.version += 1;
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        if let Some(metadata) = metadata {
            let version = self.version.to_string().into();
            metadata.insert("resourceVersion".into(), version);
        }
        self.events.push(Event {
            version: self.version,
            kind,
            what,
            object: object.clone(),
        });
        object
    }
}

impl Shared {
    pub(super) fn put(&self, kind: Kind, name: &str, object: Value) {
        self.change(|state| {
            let key = (kind, name.to_owned());
            let what = if state.objects.contains_key(&key) {
                "MODIFIED"
            } else {
                "ADDED"
            };
            let object = state.happens(kind, what, object);
            state.objects.insert(key, object);
        });
    }

    pub(super) fn remove(&self, kind: Kind, name: &str) {
        self.change(|state| {
            if let Some(object) = state.objects.remove(&(kind, name.to_owned())) {
                state.happens(kind, "DELETED", object);
            }
        });
    }

    pub(super) fn lose(&self, kind: Kind, name: &str) {
        self.change(|state| {
            state.version += 1;
            state.objects.remove(&(kind, name.to_owned()));
        });
    }

    pub(super) fn bookmark(&self) {
        self.change(|state| {
            state.version += 1;
            for kind in [Kind::Pods, Kind::Namespaces] {
                let metadata = json!({"resourceVersion": state.version.to_string()});
                state.events.push(Event {
                    version: state.version,
                    kind,
                    what: "BOOKMARK",
                    object: json!({"apiVersion": "v1", "kind": "x", "metadata": metadata}),
                });
            }
        });
    }

    pub(super) fn compact(&self) {
        self.change(|state| state.forgotten = state.version);
    }

    pub(super) fn say(&self, line: &str) {
        self.change(|state| state.said.push(line.into()));
    }

    pub(super) fn disconnect(&self) {
        self.change(|state| state.epoch += 1);
    }

    pub(super) fn set_up(&self, up: bool) {
        self.change(|state| {
            state.up = up;
            state.epoch += 1;
        });
    }

    pub(super) fn hold(&self, held: bool) {
        self.change(|state| state.held = held);
    }

    pub(super) fn refuse(&self, status: Option<u16>) {
        self.change(|state| {
            state.refused = status;
            state.epoch += 1;
        });
    }

    pub(super) fn page_by(&self, objects: usize) {
        self.change(|state| state.page = objects);
    }

    pub(super) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    pub(super) fn note(&self, target: &str) {
        self.lock().asked.push(target.into());
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn is_up(&self) -> bool {
        let state = self.lock();
        state.up && !state.closed
    }

    pub(super) fn refused(&self) -> Option<u16> {
        self.lock().refused
    }

    /// Waits while all is held; false: the server ends.
    pub(super) fn wait_until_let(&self) -> bool {
        let state = self.lock();
        let waits = |state: &mut State| state.held && !state.closed;
        let state = self.changed.wait_while(state, waits);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }

    /// At most so many objects of a kind, on a node if there is one, from this place on.
    pub(super) fn list(&self, kind: Kind, node: Option<&str>, from: usize, most: usize) -> Listed {
        let state = self.lock();
        let all = state.objects.iter();
        let mut all = all
            .filter(|((of, _), object)| *of == kind && is_on(object, node))
            .map(|(_, object)| object.clone())
            .skip(from);
        let items: Vec<_> = all.by_ref().take(most.min(state.page)).collect();
        let more = all.next().map(|_| from + items.len());
        Listed {
            items,
            version: state.version,
            more,
        }
    }

    /// Begins a watch from a version; `None`: that is too old.
    pub(super) fn watch(&self, from: u64) -> Option<Watching> {
        let state = self.lock();
        (from >= state.forgotten).then(|| Watching {
            epoch: state.epoch,
            said: state.said.len(),
        })
    }

    /// Waits for what has happened since a version; `None`: the watch is over.
    pub(super) fn next(
        &self,
        watching: &mut Watching,
        kind: Kind,
        node: Option<&str>,
        since: u64,
        end: Instant,
    ) -> Option<Told> {
        let mut state = self.lock();
        loop {
            let events = state.events.iter().filter(|event| event.version > since);
            let events = events.filter(|event| event.kind == kind);
            let events =
                events.filter(|event| event.what == "BOOKMARK" || is_on(&event.object, node));
            let mut lines: Vec<_> = events
                .map(|event| json!({"type": event.what, "object": event.object}).to_string())
                .collect();
            lines.extend(state.said.iter().skip(watching.said).cloned());
            watching.said = state.said.len();
            if !lines.is_empty() {
                let at = state.version;
                return Some(Told { lines, at });
            }
            let left = end.checked_duration_since(Instant::now())?;
            if state.closed || watching.epoch != state.epoch {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_on(object: &Value, node: Option<&str>) -> bool {
    node.is_none_or(|node| object.pointer("/spec/nodeName") == Some(&node.into()))
}
