//! Live connections and the policies that come after the one that admitted them.
//!
//! A new policy judges every connection that is joined. One that is still on its way to being joined
//! was judged by the policy that it began with: it is judged again when it is listed, if another
//! policy holds by then. It is listed first and looks for a newer policy afterwards, and a reload
//! replaces the policy first and looks at the list afterwards, so none slips through between the two. So it is
//! with what is known of pods.

use std::sync::Arc;

use crate::policy::Policy;

use super::connection::Connection;
use super::connections::Listed;
use super::{Gateway, Live};

impl Gateway {
    /// Puts what a reload brings in the place of what holds, which is given back: letting go of a
    /// large policy takes long.
    pub fn replace(&self, live: Live) -> Arc<Live> {
        self.live.swap(Arc::new(live))
    }

    /// Judges every live connection by the policy that holds now. With many it takes a while: it is for
    /// a thread that may block.
    pub fn judge_again(&self) {
        let live = self.live.load_full();
        for connection in self.connections.all() {
            self.judge(&connection, &live.policy);
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
        let other_pod = self.learn_of_pod(connection);
        let live = self.live.load();
        if other_pod || live.policy.generation() != connection.generation() {
            self.judge(connection, &live.policy);
        }
        listed
    }

    pub(super) fn judge(&self, connection: &Connection, policy: &Policy) {
        let admitted = connection.is_admitted_by(policy);
        if let Some(action) = connection.judged(policy.generation(), admitted) {
            self.account.revoked(action.label());
        }
    }
}
