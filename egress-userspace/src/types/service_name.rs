//! Names of services.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A service's name: unique in the registry, a bounded metric label, cheap to clone.
#[derive(Clone)]
pub struct ServiceName {
    /// A text in which it stands, alone or among others.
    text: Arc<str>,
    /// Where it begins and ends there: always on characters' borders.
    start: u32,
    end: u32,
}

impl ServiceName {
    /// Takes a name; the configuration has checked it.
    pub fn new(name: &str) -> Self {
        Self::within(&name.into(), 0, name.len())
    }

    /// The name that stands in `text` from `start` on, which is kept for as long as the name is. Empty
    /// where none does.
    pub(crate) fn within(text: &Arc<str>, start: usize, length: usize) -> Self {
        let end = start.saturating_add(length);
        let borders = u32::try_from(start).ok().zip(u32::try_from(end).ok());
        let (start, end) = borders
            .filter(|_| text.get(start..end).is_some())
            .unwrap_or_default();
        Self {
            text: Arc::clone(text),
            start,
            end,
        }
    }

    /// Whether it is a service of a namespace's own: `NAMESPACE/NAME`.
    pub fn is_namespaces(&self) -> bool {
        self.as_str().contains('/')
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        let range = self.start as usize..self.end as usize;
        self.text.get(range).unwrap_or_default()
    }
}

impl PartialEq for ServiceName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ServiceName {}

impl Hash for ServiceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for ServiceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ServiceName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_own_text_whatever_it_stands_in() {
        let text: Arc<str> = "onetwo".into();
        let two = ServiceName::within(&text, 3, 3);
        assert_eq!(two, ServiceName::new("two"));
        assert_eq!(two.to_string(), "two");
        assert!(ServiceName::within(&text, 0, 3) < two);
        assert_eq!(ServiceName::within(&text, 4, 3).as_str(), "");
    }
}
