//! Lists a kind of object, and then watches it, for ever.
//!
//! As Kubernetes has it: a list has a version, a watch tells what has changed since a version, and bookmarks move
//! it on where nothing changes. A version that is too old (410 Gone) means that all has to be listed again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use kube::Client;
use kube::core::Request;
use kube::core::WatchEvent;
use kube::core::params::{ListParams, WatchParams};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::compat::FuturesAsyncReadCompatExt as _;
use tracing::{info, warn};

use super::backoff::Backoff;
use super::census::Census;
use super::objects::Object;
use super::trouble::Trouble;
use crate::pods::Freshness;
use crate::types::plain;

/// Objects of one answer: a few MiB, as pods usually are.
const PAGE: u32 = 250;
/// Most bytes of one answer: a quarter of a MiB for each of its objects, of which few have ten KiB. Where they
/// have more, fewer are asked for.
pub(super) const PAGE_BYTES: u64 = 64 << 20;
/// How many times fewer: four questions lead from a page to a single object.
const SHRINK: u32 = 4;
/// Most bytes of one event: etcd takes no object of more than 1.5 MiB, each byte of which may be six in JSON
/// (`\u003c`). Whoever makes pods chooses theirs.
const EVENT_BYTES: usize = 12 << 20;
/// How long an answer may take, but for a watch's events.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the API keeps a watch up, in seconds; it ends in order, and the next goes on. One whose end does not
/// come is dead: so long may what has changed stay unknown where a network drops packets without a word.
const WATCH: u32 = 120;
/// By how much its end may be late.
const LATE: Duration = Duration::from_secs(5);
/// A watch that lasted as long worked.
const STEADY: Duration = Duration::from_secs(10);

/// Follows one kind of object.
pub(super) struct Follower {
    pub(super) client: Client,
    /// Which of them, as a field selector.
    pub(super) fields: Option<String>,
    pub(super) census: Arc<Census>,
    pub(super) freshness: Arc<Freshness>,
    /// Most bytes of one answer.
    pub(super) page_bytes: u64,
}

/// How far what is known has come.
#[derive(Debug, Default)]
struct Heard {
    /// The version; `None`: all has to be listed.
    version: Option<String>,
    /// Objects of the last list that cannot be read.
    unread: Unread,
}

/// Objects that cannot be read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) count: usize,
    /// Which the first is, and why.
    first: Option<String>,
}

/// What is read of an object of which no more can be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Name,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Name {
    namespace: String,
    name: String,
}

impl Unread {
    fn add(&mut self, object: &RawValue, error: &serde_json::Error) {
        self.count += 1;
        self.first.get_or_insert_with(|| {
            let Name { namespace, name } = serde_json::from_str::<Named>(object.get())
                .unwrap_or_default()
                .metadata;
            format!("{}/{}: {error}", plain(&namespace), plain(&name))
        });
    }
}

/// One object that cannot be read leaves the others as they are.
#[derive(Deserialize)]
struct List<'a> {
    metadata: ListMeta,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    r#continue: String,
}

impl Follower {
    /// Follows for as long as it is polled.
    pub(super) async fn follow<O: Object>(self) {
        let mut backoff = Backoff::default();
        let mut heard = Heard::default();
        loop {
            let begun = Instant::now();
            let ended = self.turn::<O>(&mut heard).await;
            let lasted = begun.elapsed() >= STEADY;
            if lasted {
                backoff.reset();
            }
            let trouble = match ended {
                Ok(()) if lasted => continue,
                Ok(()) => Trouble::Brief,
                Err(trouble) => trouble,
            };
            if trouble.loses_track() {
                heard.version = None;
            }
            // Until it is asked again, nothing is heard of what changes.
            let told = trouble.told();
            if self.freshness.failed(O::WATCHED, told.clone()) {
                warn!(
                    path = O::PATH,
                    "the cluster's API is not heard, and what is known of pods stays in force: {told}"
                );
            }
            sleep(backoff.next()).await;
        }
    }

    /// One watch, after a list if there has to be one, up to its end. What could not be read may be by now: it is
    /// listed again.
    async fn turn<O: Object>(&self, heard: &mut Heard) -> Result<(), Trouble> {
        let from = match heard.version.take() {
            Some(from) if heard.unread.count == 0 => from,
            Some(_) | None => {
                let (version, unread) = self.list::<O>().await?;
                heard.unread = unread;
                version
            }
        };
        let request = Request::new(O::PATH).watch(&self.watch_params(), &from)?;
        heard.version = Some(from);
        let answer = timeout(ANSWER, self.client.request_stream(request)).await??;
        if self.freshness.synced(O::WATCHED, heard.unread.count) {
            tell_of::<O>(&heard.unread);
            self.census.heard_again();
        }
        let lines = LinesCodec::new_with_max_length(EVENT_BYTES);
        let mut lines = pin!(FramedRead::new(answer.compat(), lines));
        let silence = Duration::from_secs(WATCH.into()) + LATE;
        while let Some(line) = timeout(silence, lines.next()).await? {
            self.event::<O>(&line?, &mut heard.version)?;
        }
        Ok(())
    }

    fn event<O: Object>(&self, line: &str, version: &mut Option<String>) -> Result<(), Trouble> {
        let object = match serde_json::from_str::<WatchEvent<O>>(line)? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let at = object.version().map(Into::into);
                object.changed(&self.census);
                at
            }
            WatchEvent::Deleted(object) => {
                let at = object.version().map(Into::into);
                object.gone(&self.census);
                at
            }
            WatchEvent::Bookmark(bookmark) => Some(bookmark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(Trouble::from(&*status)),
        };
        *version = object;
        Ok(())
    }

    /// Lists all of them; gives the version of the list, and those of them that cannot be read.
    pub(super) async fn list<O: Object>(&self) -> Result<(String, Unread), Trouble> {
        let mut all = Vec::new();
        let mut unread = Unread::default();
        let mut limit = PAGE;
        let mut params = ListParams {
            field_selector: self.fields.clone(),
            ..ListParams::default()
        };
        loop {
            params.limit = Some(limit);
            let request = Request::new(O::PATH).list(&params)?;
            let page = timeout(ANSWER, async {
                let answer = self.client.request_stream(request).await?;
                read(answer.compat(), self.page_bytes).await
            });
            let page = match page.await? {
                Err(Trouble::TooLong) if limit > 1 => {
                    limit = (limit / SHRINK).max(1);
                    continue;
                }
                page => page?,
            };
            let List { metadata, items } = serde_json::from_slice(&page)?;
            for item in items.into_iter().flatten() {
                match serde_json::from_str(item.get()) {
                    Ok(object) => all.push(object),
                    Err(error) => unread.add(item, &error),
                }
            }
            if metadata.r#continue.is_empty() {
                O::listed(all, unread.count == 0, &self.census);
                return Ok((metadata.resource_version, unread));
            }
            params.continue_token = Some(metadata.r#continue);
        }
    }

    fn watch_params(&self) -> WatchParams {
        WatchParams {
            field_selector: self.fields.clone(),
            timeout: Some(WATCH),
            ..WatchParams::default()
        }
    }
}

/// Says that the API is heard, and what of it is not understood.
fn tell_of<O: Object>(unread: &Unread) {
    let path = O::PATH;
    let Some(first) = &unread.first else {
        return info!(path, "the cluster's API is heard");
    };
    warn!(
        path,
        unread = unread.count,
        %first,
        "objects of the cluster cannot be read: what is known of them stays in force"
    );
}

/// A whole answer, of at most so many bytes.
async fn read(answer: impl AsyncRead, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut text = Vec::new();
    let mut answer = pin!(answer.take(most.saturating_add(1)));
    answer.read_to_end(&mut text).await?;
    if text.len() as u64 > most {
        return Err(Trouble::TooLong);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_cannot_be_read_is_named_as_far_as_it_can_be() {
        let error = serde_json::from_str::<u8>("{}").expect_err("no number");
        let named = r#"{"metadata": {"namespace": "shop", "name": "a\u001b"}, "spec": 1}"#;
        for (text, name) in [(named, "shop/a"), ("7", "/")] {
            let object = RawValue::from_string(text.into()).expect("JSON");
            let mut unread = Unread::default();
            unread.add(&object, &error);
            let first = unread.first.clone().expect("it is the first");
            assert!(first.starts_with(name), "{first}");
            assert!(!first.contains('\u{1b}'), "{first}");
            assert!(first.ends_with(&error.to_string()), "{first}");
            let other = RawValue::from_string("{}".into()).expect("JSON");
            unread.add(&other, &error);
            assert_eq!((unread.count, unread.first), (2, Some(first)));
        }
    }
}
