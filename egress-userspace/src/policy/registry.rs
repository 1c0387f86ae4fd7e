//! All services, in a few bytes each.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::hosts::offset;
use super::profile::{Key, Profile};
use crate::types::{Place, Service, ServiceName};

/// Names are kept in texts of so many bytes and the last name's: long enough that their number costs
/// little, and short enough that a name which outlives its policy, such as a metric's label, keeps little.
const TEXT: usize = 1_024;

/// The services by number, which is their place in the file. One costs its name's bytes and 20 more.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// All names, end to end.
    names: Vec<Arc<str>>,
    services: Vec<Record>,
    profiles: Vec<Profile>,
    files: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Record {
    /// Which of the texts the name is in.
    text: u32,
    /// Where it begins there.
    start: u16,
    /// How long it is.
    length: u16,
    profile: u32,
    file: u32,
    line: u32,
}

impl Registry {
    pub(super) fn new(services: &[Service], learns_names: bool) -> Self {
        let mut registry = Self {
            services: Vec::with_capacity(services.len()),
            ..Self::default()
        };
        let mut profiles: HashMap<Key<'_>, u32, RandomState> = HashMap::default();
        let mut files: HashMap<&str, u32, RandomState> = HashMap::default();
        let mut text = String::new();
        for service in services {
            let profile = *profiles
                .entry(Key::of(service, learns_names))
                .or_insert_with(|| {
                    registry.profiles.push(Profile::new(service, learns_names));
                    offset(registry.profiles.len() - 1)
                });
            let file = *files.entry(&service.place.file).or_insert_with(|| {
                registry.files.push(Arc::clone(&service.place.file));
                offset(registry.files.len() - 1)
            });
            let name = service.name.as_str();
            if text.len() >= TEXT {
                registry.names.push(text.as_str().into());
                text.clear();
            }
            registry.services.push(Record {
                text: offset(registry.names.len()),
                start: short(text.len()),
                length: short(name.len()),
                profile,
                file,
                line: service.place.line,
            });
            text.push_str(name);
        }
        registry.names.push(text.into());
        registry.names.shrink_to_fit();
        registry.profiles.shrink_to_fit();
        registry
    }

    /// What a service says besides its name and hosts.
    pub(super) fn profile(&self, id: u32) -> Option<&Profile> {
        let record = self.services.get(id as usize)?;
        self.profiles.get(record.profile as usize)
    }

    /// The number of a service's profile: the same for those that say the same.
    pub(super) fn profile_id(&self, id: u32) -> Option<u32> {
        Some(self.services.get(id as usize)?.profile)
    }

    /// All profiles.
    pub(super) fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// All services.
    pub(super) fn ids(&self) -> Range<u32> {
        0..offset(self.services.len())
    }

    /// The names of all.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.ids().filter_map(|id| self.text(id))
    }

    /// The service that has this name. Looks at one after the other.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let mut ids = self.ids();
        ids.find(|id| self.text(*id) == Some(name))
    }

    /// The profile that has this number.
    pub(super) fn profile_of(&self, profile: u32) -> Option<&Profile> {
        self.profiles.get(profile as usize)
    }

    fn text(&self, id: u32) -> Option<&str> {
        let record = self.services.get(id as usize)?;
        let text = self.names.get(record.text as usize)?;
        let start = usize::from(record.start);
        text.get(start..start + usize::from(record.length))
    }

    /// A service's name.
    pub(super) fn name(&self, id: u32) -> ServiceName {
        let found = self.services.get(id as usize).and_then(|record| {
            let text = self.names.get(record.text as usize)?;
            Some((text, usize::from(record.start), usize::from(record.length)))
        });
        found.map_or_else(
            || ServiceName::new(""),
            |(text, start, length)| ServiceName::within(text, start, length),
        )
    }

    /// Where a service is written.
    pub(super) fn place(&self, id: u32) -> Place {
        let Some(record) = self.services.get(id as usize) else {
            return Place::default();
        };
        Place {
            file: self
                .files
                .get(record.file as usize)
                .cloned()
                .unwrap_or_default(),
            line: record.line,
        }
    }
}

/// A place in a text, or a name's length: the configuration bounds that far below.
fn short(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
