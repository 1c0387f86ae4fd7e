//! What the policy that is in force says of a connection, and why.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;

use crate::policy::Question;

use super::{Answer, Api, aside, json, refused};

/// Bytes of a question: a pod's labels and names of the greatest length are well below it.
const LONGEST: usize = 64 * 1024;

impl Api {
    pub(super) async fn explain(self: &Arc<Self>, body: Incoming) -> Answer {
        let Ok(body) = Limited::new(body, LONGEST).collect().await else {
            return refused(StatusCode::BAD_REQUEST, "not a question of at most 64 KiB");
        };
        let question = match serde_json::from_slice(&body.to_bytes()) {
            Ok(question) => question,
            Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let api = Arc::clone(self);
        aside(move || api.explained(&question)).await
    }

    fn explained(&self, question: &Question) -> Answer {
        let live = self.gateway.live.load_full();
        let surroundings = self.standing.borrow().surroundings.clone();
        match live.policy.explain(question, &surroundings) {
            Ok(explanation) => json(StatusCode::OK, &explanation),
            Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        }
    }
}
