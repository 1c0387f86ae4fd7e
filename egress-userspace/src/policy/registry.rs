//! All services, in a few bytes each.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::hosts::offset;
use super::profile::{Key, Profile};
use crate::types::{Place, Service, ServiceName};

/// The services by number, which is their place in the file. One costs its name's bytes and 16 more.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// All names, end to end.
    names: String,
    services: Vec<Record>,
    profiles: Vec<Profile>,
    files: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Record {
    /// Where the name begins; it ends where the next one's begins.
    name: u32,
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
            registry.services.push(Record {
                name: offset(registry.names.len()),
                profile,
                file,
                line: service.place.line,
            });
            registry.names.push_str(service.name.as_str());
        }
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

    /// The profile that has this number.
    pub(super) fn profile_of(&self, profile: u32) -> Option<&Profile> {
        self.profiles.get(profile as usize)
    }

    /// A service's name.
    pub(super) fn name(&self, id: u32) -> ServiceName {
        let id = id as usize;
        let start = |record: &Record| record.name as usize;
        let begin = self.services.get(id).map_or(self.names.len(), start);
        let end = self.services.get(id + 1).map_or(self.names.len(), start);
        ServiceName::new(self.names.get(begin..end).unwrap_or_default())
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
