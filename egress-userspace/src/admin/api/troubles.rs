//! What went wrong of late.

use crate::account::Timestamp;
use crate::answers::{Trouble, Troubles};

use super::Api;

impl Api {
    pub(super) fn troubles(&self) -> Troubles {
        let last = self.diagnostics.troubles.last().into_iter();
        let told = last.map(|trouble| Trouble {
            at: Timestamp::from(trouble.at).to_string(),
            level: trouble.level.to_string(),
            module: trouble.module.into(),
            text: trouble.text,
        });
        Troubles {
            troubles: told.collect(),
        }
    }
}
