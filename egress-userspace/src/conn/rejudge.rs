//! Live connections and the policies that come after the one that admitted them.
//!
//! A new policy judges every connection that is joined. One that is still on its way to being joined
//! was judged by the policy that it began with: it is judged again when it is listed, if another
//! policy holds by then. It is listed first and looks for a newer policy afterwards, and a reload
//! replaces the policy first and looks at the list afterwards, so none slips through between the two. So it is
//! with what is known of pods.
//!
//! Of two that judge the same connection at once, one waits for the other: the last looks at the pod and takes the
//! policy after the first has, so what it says is by what holds.

use std::sync::Arc;

use super::connection::Connection;
use super::connections::Listed;
use super::{Gateway, Live};

impl Gateway {
    /// Puts what a reload brings in the place of what holds, which is given back: letting go of a
    /// large policy takes long.
    pub fn replace(&self, live: Live) -> Arc<Live> {
        self.live.swap(Arc::new(live))
    }

    /// Judges every live connection that was judged by another policy than holds now, or of whose pod something else
    /// was known. With many it takes a while: it is for a thread that may block.
    pub fn judge_again(&self) {
        for connection in self.connections.all() {
            self.judge(&connection);
        }
    }

    /// Has every connection end when all are cut.
    pub async fn cut_all(&self) {
        self.cut.cancelled().await;
        for connection in self.connections.all() {
            connection.cut();
        }
    }

    /// Takes a connection among the live ones, until what is given is dropped.
    pub(super) fn enlist(&self, connection: &Arc<Connection>) -> Listed<'_> {
        let listed = self.connections.insert(connection);
        // Who cuts all of them does so first and looks at the list afterwards.
        if self.cut.is_cancelled() {
            connection.cut();
        }
        self.judge(connection);
        listed
    }

    fn judge(&self, connection: &Connection) {
        let mut judging = connection.judging();
        let other_pod = self.learn_of_pod(connection);
        let live = self.live.load();
        let policy = &live.policy;
        if !other_pod && policy.generation() == judging.last() {
            return;
        }
        let admitted = connection.is_admitted_by(policy);
        let action = judging.judged(policy.generation(), admitted);
        drop(judging);
        if let Some(action) = action {
            self.account.revoked(action.label());
        }
    }
}
