//! Why the API is not heard.

use std::error::Error;

use tokio::time::error::Elapsed;
use tokio_util::codec::LinesCodecError;

/// Most characters that are told of it: what a server says may be long.
const TOLD: usize = 300;

/// Why a watch has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// What is known is too old to be gone on from.
    #[error("what is known is too old for the API to go on from: all is asked for again")]
    Gone,
    /// The API refuses.
    #[error("the API answers {code}: {message}")]
    Refused {
        /// The HTTP status.
        code: u16,
        /// What it says.
        message: String,
    },
    /// It cannot be asked.
    #[error("the API cannot be asked")]
    Client(#[source] kube::Error),
    /// A question cannot be put together.
    #[error("a question cannot be written")]
    Question(#[from] kube::core::request::Error),
    /// It said nothing for too long.
    #[error("the API is silent")]
    Silent(#[from] Elapsed),
    /// It ended a watch in order, but at once.
    #[error("the API ends its answer at once")]
    Brief,
    /// The connection broke.
    #[error("the API's answer broke off")]
    Broken(#[from] std::io::Error),
    /// An event is longer than any object.
    #[error("the API's answer is too long")]
    TooLong,
    /// It is not what an API says.
    #[error("the API's answer cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl Trouble {
    /// Whether only a new list can tell what is the case.
    pub(super) fn loses_track(&self) -> bool {
        match self {
            Self::Gone | Self::TooLong | Self::Unreadable(_) => true,
            Self::Refused { .. }
            | Self::Client(_)
            | Self::Question(_)
            | Self::Silent(_)
            | Self::Brief
            | Self::Broken(_) => false,
        }
    }

    /// In words, with its causes.
    pub(super) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text.chars().take(TOLD).collect()
    }
}

/// What HTTP says where a version is too old.
const GONE: u16 = 410;

impl From<&kube::core::Status> for Trouble {
    fn from(status: &kube::core::Status) -> Self {
        if status.code == GONE {
            return Self::Gone;
        }
        Self::Refused {
            code: status.code,
            message: status.message.clone(),
        }
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::from(&*status),
            error => Self::Client(error),
        }
    }
}

impl From<LinesCodecError> for Trouble {
    fn from(error: LinesCodecError) -> Self {
        match error {
            LinesCodecError::MaxLineLengthExceeded => Self::TooLong,
            LinesCodecError::Io(error) => Self::Broken(error),
        }
    }
}
