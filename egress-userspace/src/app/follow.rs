//! Follows the configuration: reads it again when it may have changed or an operator says so.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Interval;
use tracing::{error, info, warn};

use crate::account::Timestamp;
use crate::admin::{Order, Standing};
use crate::answers::{Reload, Reloaded};
use crate::config::{Config, ReadError};
use crate::dial::Dialer;
use crate::reload::{Trigger, Watch};
use crate::settings;
use crate::types::Generation;

use super::build::{self, Built};
use super::{App, FIRST, Stop, Told, listeners, manager, owned};

/// Who may want the configuration read again.
pub(super) struct Reasons {
    pub(super) watch: Watch,
    pub(super) orders: mpsc::Receiver<Order>,
}

/// Why something is to be done.
enum Reason {
    /// The configuration may have changed.
    Changed(Trigger),
    /// An operator wants it.
    Ordered(Order),
}

impl Reasons {
    /// Waits for the next. An order may come while a change is waited out, which is then not told of again: each
    /// order has the file read, or the gateway end.
    async fn next(&mut self) -> Reason {
        tokio::select! {
            trigger = self.watch.next() => Reason::Changed(trigger),
            Some(order) = self.orders.recv() => Reason::Ordered(order),
        }
    }
}

impl App {
    /// Waits until the configuration may have changed, and reads it again. Whatever is wrong with it,
    /// all stays as it was.
    pub(super) async fn reload_once(
        &mut self,
        reasons: &mut Reasons,
        renew: &mut Interval,
        stop: &mut Stop,
    ) -> Result<(), Told> {
        let (trigger, waiting) = match self.meanwhile(reasons.next(), renew, stop).await? {
            Reason::Changed(trigger) => (trigger, None),
            Reason::Ordered(Order::Reload(waiting)) => (Trigger::Order, Some(waiting)),
            Reason::Ordered(Order::Drain) => return Err(Told::Stop),
        };
        manager::reloading();
        let (path, generation) = (self.path.clone(), Generation(self.generation.0 + 1));
        let memory = Arc::clone(self.gateway.live.load().dialer.memory());
        let last_good = self.config.last_good.clone();
        let read = SystemTime::now();
        // A large registry takes seconds, in which connections are served as ever.
        let built = spawn_blocking(move || build::read(&path, &last_good, generation, &memory));
        let built = self.meanwhile(built, renew, stop).await?;
        let reloaded = built.context("reading the configuration").flatten();
        let watch = &mut reasons.watch;
        let outcome = match reloaded.and_then(|built| self.apply(built, watch)) {
            Ok(()) => {
                info!(
                    ?trigger,
                    generation = self.generation.0,
                    services = self.services,
                    "configuration reloaded"
                );
                self.metrics.reloaded(self.generation);
                manager::ready(self.services, self.generation);
                Ok(Reloaded {
                    policy_generation: self.generation.0,
                    services: self.services as u64,
                })
            }
            Err(error) => {
                // It may be mended in a file that nobody has looked at before.
                if let Some(ReadError::Invalid(errors)) = error.downcast_ref() {
                    watch.follow(&build::mended_in(errors), read);
                }
                self.metrics.reload_refused();
                manager::refused(self.generation);
                error!(
                    ?trigger,
                    "configuration refused, the last one stays in force: {error:#}"
                );
                Err(in_full(&error))
            }
        };
        self.standing.send_modify(|standing| {
            standing.services = self.services;
            standing.mode = self.config.gateway.mode;
            standing.generation = self.generation;
            standing.surroundings = settings::surroundings(&self.config);
            standing.namespaces = owned::told(&self.config.namespaces);
            standing.last_reload = Some(told(&outcome));
        });
        if let Some(waiting) = waiting {
            // Who asked may have gone away.
            let _ = waiting.send(outcome);
        }
        Ok(())
    }

    /// What the admin API tells of the configuration at the start.
    pub(super) fn standing(path: &Path, config: &Config, services: usize) -> Standing {
        Standing {
            config: path.into(),
            mode: config.gateway.mode,
            services,
            generation: FIRST,
            limit: config.limits.connections,
            surroundings: settings::surroundings(config),
            namespaces: owned::told(&config.namespaces),
            last_reload: None,
        }
    }

    /// Puts what was read in force, in one step for user space and one for the kernel.
    fn apply(&mut self, built: Built, watch: &mut Watch) -> anyhow::Result<()> {
        watch.follow(&built.sources, built.read);
        let dialer = self.dialer_for(&built)?;
        let Built {
            config,
            services,
            policy,
            shadow,
            reach,
            terms,
            contexts,
            resolvers,
            ..
        } = built;
        self.kernel.set_reach(&reach)?;
        self.generation = policy.generation();
        owned::count(&self.metrics, &config.namespaces, &policy);
        let dialer = dialer.speaking(contexts, self.gateway.bridges.clone());
        let live = build::live(&config, policy, shadow, dialer);
        let names = build::rules(&config, Arc::clone(&live.policy), resolvers.clone());
        let sample = config.access_log.sample;
        self.gateway.account.sample(sample.share());
        self.retired.push(self.gateway.replace(live));
        self.gateway.dns.set(names);
        listeners::renew(&self.listeners, &config, terms);
        let gateway = Arc::clone(&self.gateway);
        spawn_blocking(move || gateway.judge_again());
        if settings::need_restart(&self.config, &config) {
            warn!(
                "what changed in the name, address or protocol of a [[listener]], in [limits], [admin], [otel], [kubernetes], in [access_log] other than sample, or in [gateway] other than mode, outbound_traffic_policy, internal, shadow, locality, on_revoke and drain, takes effect at the next start"
            );
        }
        self.config = config;
        self.services = services;
        self.resolvers = resolvers;
        Ok(())
    }

    /// The dialer that there is, with its cache of names, unless its settings have changed.
    fn dialer_for(&self, built: &Built) -> anyhow::Result<Dialer> {
        let (old, new) = (&self.config, &built.config);
        let live = self.gateway.live.load();
        let same = new.dns == old.dns
            && new.dial == old.dial
            && new.gateway.locality == old.gateway.locality
            && built.resolvers == self.resolvers;
        if same {
            return Ok(live.dialer.as_ref().clone());
        }
        let memory = Arc::clone(live.dialer.memory());
        build::dialer(new, memory)
    }
}

/// An error as people read it, with the lines of the file that it is about.
fn in_full(error: &anyhow::Error) -> String {
    match error.downcast_ref::<ReadError>() {
        Some(error) => error.render(false),
        None => format!("{error:#}"),
    }
}

/// A reload that is over now.
fn told(outcome: &Result<Reloaded, String>) -> Reload {
    Reload {
        at: Timestamp::from(SystemTime::now()).to_string(),
        outcome: if outcome.is_ok() {
            "applied"
        } else {
            "refused"
        }
        .into(),
        error: outcome.as_ref().err().cloned(),
    }
}
