//! What a rule found, and where, before its place in the text is looked up.

use super::Code;
use crate::types::{Place, Service};

/// A warning to be.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) code: Code,
    pub(super) at: At,
    /// What is the matter, after what it is about.
    pub(super) title: String,
    /// Said beside the place.
    pub(super) label: String,
    /// What to do.
    pub(super) help: String,
    /// Another place that has to do with it.
    pub(super) other: Option<(At, &'static str)>,
}

/// Something in the configuration: a key of an entry or of a section, or an item of the key's array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) table: Table,
    pub(super) key: Option<&'static str>,
    pub(super) item: Option<usize>,
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// An entry of the registry.
    Entry(Place),
    /// A section of the main file.
    Section(&'static str),
}

impl Finding {
    pub(super) fn new(code: Code, at: At, title: impl Into<String>) -> Self {
        Self {
            code,
            at,
            title: title.into(),
            label: String::new(),
            help: String::new(),
            other: None,
        }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    pub(super) fn other(mut self, at: At, label: &'static str) -> Self {
        self.other = Some((at, label));
        self
    }
}

impl At {
    /// The entry's header.
    pub(super) fn entry(place: &Place) -> Self {
        Self {
            table: Table::Entry(place.clone()),
            key: None,
            item: None,
        }
    }

    pub(super) fn key(service: &Service, key: &'static str) -> Self {
        Self {
            key: Some(key),
            ..Self::entry(&service.place)
        }
    }

    pub(super) fn item(service: &Service, key: &'static str, item: usize) -> Self {
        Self {
            item: Some(item),
            ..Self::key(service, key)
        }
    }

    pub(super) fn section(section: &'static str, key: &'static str) -> Self {
        Self {
            table: Table::Section(section),
            key: Some(key),
            item: None,
        }
    }
}

/// A service as messages call it.
pub(super) fn title(service: &Service) -> String {
    format!("service `{}`", service.name)
}
