//! What went wrong of late.

use serde::Serialize;

use crate::account::Timestamp;

use super::Api;

/// The last warnings and errors, the oldest first.
#[derive(Debug, Serialize)]
pub(super) struct Troubles {
    troubles: Vec<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    at: Timestamp,
    level: &'static str,
    module: &'static str,
    text: String,
}

impl Api {
    pub(super) fn troubles(&self) -> Troubles {
        let last = self.diagnostics.troubles.last().into_iter();
        let told = last.map(|trouble| Told {
            at: trouble.at.into(),
            level: trouble.level.as_str(),
            module: trouble.module,
            text: trouble.text,
        });
        Troubles {
            troubles: told.collect(),
        }
    }
}
