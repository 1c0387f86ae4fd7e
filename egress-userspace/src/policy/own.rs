//! Services that namespaces have of their own, for their own pods alone.
//!
//! Each namespace's are compiled apart. So what one says neither changes what becomes of others nor costs
//! them anything, and it only ever adds: its services are asked about what would be denied because no
//! service admits it, and never about what one admits, denies, or what is let through.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::matching::Ruling;
use super::{Facts, Policy};
use crate::types::{Caller, OutboundTrafficPolicy, Selector, Service};

/// What namespaces have, by their names.
#[derive(Debug, Default)]
pub(super) struct Own(HashMap<Box<str>, Policy, RandomState>);

impl Policy {
    /// The same, with the services that namespaces have of their own: each namespace once. A service that
    /// is for others than pods of its namespace, or denies, is left out.
    #[must_use]
    pub fn with_own<'a>(
        mut self,
        namespaces: impl Iterator<Item = (&'a str, &'a [Service])>,
    ) -> Self {
        let compiled = namespaces.map(|(namespace, services)| {
            let is_own = |selector: &Selector| selector.namespace.as_deref() == Some(namespace);
            let fit = services.iter().filter(|service| {
                !service.deny && !service.from.is_empty() && service.from.iter().all(is_own)
            });
            let fit: Vec<_> = fit.cloned().collect();
            let policy = Self::compile(&fit, &[], self.options, self.generation);
            (namespace.into(), policy)
        });
        let own = compiled.filter(|(_, policy)| !policy.registry.ids().is_empty());
        self.own = Own(own.collect());
        self
    }

    /// Whether a namespace has a service of this name: `NAMESPACE/NAME`.
    pub fn has_own(&self, service: &str) -> bool {
        let own = service
            .split_once('/')
            .and_then(|(namespace, _)| self.own.0.get(namespace));
        own.is_some_and(|own| own.registry.find(service).is_some())
    }

    /// What the caller's namespace has.
    pub(super) fn own_of(&self, caller: &Caller) -> Option<&Self> {
        if self.own.0.is_empty() {
            return None;
        }
        self.own.0.get(&caller.pod.as_deref()?.namespace)
    }

    /// All that namespaces have.
    pub(super) fn owned(&self) -> impl Iterator<Item = &Self> {
        self.own.0.values()
    }

    /// The same where it has a say beside what this registry says.
    pub(super) fn own_beside(&self, ruling: &Ruling<'_>, caller: &Caller) -> Option<&Self> {
        let is_denied = match ruling {
            Ruling::Admitted(_) | Ruling::Denied(_) => false,
            Ruling::Barred(_) => true,
            Ruling::Unknown => self.options.outbound == OutboundTrafficPolicy::RegistryOnly,
        };
        self.own_of(caller).filter(|_| is_denied)
    }

    /// What decides: this registry, or what the caller's namespace has of its own; and what it says.
    pub(super) fn ruling<'a>(&'a self, facts: &Facts<'a>) -> (&'a Self, Ruling<'a>) {
        let ruling = self.rule(facts);
        let own = self.own_beside(&ruling, facts.caller);
        self.ruling_beside(ruling, own, facts)
    }

    /// The same, of what is known of it.
    pub(super) fn ruling_beside<'a>(
        &'a self,
        ruling: Ruling<'a>,
        own: Option<&'a Self>,
        facts: &Facts<'a>,
    ) -> (&'a Self, Ruling<'a>) {
        let Some(own) = own else {
            return (self, ruling);
        };
        match (own.rule(facts), &ruling) {
            (by_own @ Ruling::Admitted(_), _) | (by_own @ Ruling::Barred(_), Ruling::Unknown) => {
                (own, by_own)
            }
            _ => (self, ruling),
        }
    }
}
