//! The DNS forwarder: answers the lookups of governed processes, and remembers what it told them.
//!
//! [`Forwarder::answer`] is the whole life of a query: rate → room → read → judge → ask → guard →
//! learn → release. Nothing is cached: the servers that are asked do that, and the kernel's path to them is
//! short.
//!
//! What a client sends does not go out: the query is written anew from its name and type. What is
//! released has been guarded and learned before, so that a connection that follows finds its name.

mod answer;
mod askers;
mod datagrams;
mod exchange;
mod judge;
mod learned;
mod query;
mod rate;
mod reply;
mod room;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod upstream;

use std::sync::Arc;

use arc_swap::ArcSwap;
use hickory_proto::op::Message;
use tracing::debug;

pub use self::askers::Askers;
pub use self::datagrams::Datagrams;
pub use self::judge::may_ask;
pub use self::learned::Learned;
pub use self::settings::{ForwardSettings, Scope};

use self::answer::{Answer, Removed};
use self::askers::Asker;
use self::judge::{Grant, judge};
use self::query::Query;
use self::rate::{Over, Rate};
use self::room::{Room, Slot};
use self::upstream::{Patience, ask};
use crate::account::{Account, Lookup, LookupOutcome};
use crate::dial::Memory;
use crate::pods::Identifier;
use crate::policy::{Denial, Policy};
use crate::types::{Caller, DenyReason, PodMode, Transport};

/// The port of DNS servers.
pub const PORT: u16 = 53;

/// Answers queries.
pub struct Forwarder {
    live: ArcSwap<Rules>,
    account: Account,
    learned: Arc<Learned>,
    rate: Rate,
    room: Room,
    memory: Arc<Memory>,
    identifier: Option<Arc<Identifier>>,
}

/// What a reload replaces, in one piece.
pub struct Rules {
    /// Who may ask for which names.
    pub policy: Arc<Policy>,
    /// How queries are judged and forwarded.
    pub settings: ForwardSettings,
}

/// Why a query has no server's answer.
enum Stop {
    /// It is refused.
    Denied(Denial),
    /// It is refused, as those before it were: not a line for each.
    Flood,
    /// No server answered.
    Unanswered,
}

impl From<DenyReason> for Stop {
    fn from(reason: DenyReason) -> Self {
        Self::Denied(reason.into())
    }
}

impl Forwarder {
    /// What callers are told goes to `learned`, and to `memory`, which dialling asks.
    pub fn new(rules: Rules, account: Account, learned: Arc<Learned>, memory: Arc<Memory>) -> Self {
        Self {
            live: ArcSwap::from_pointee(rules),
            account,
            learned,
            rate: Rate::default(),
            room: Room::default(),
            memory,
            identifier: None,
        }
    }

    /// Knows callers by their pods, if there is who tells them.
    #[must_use]
    pub fn knowing(self, identifier: Option<Arc<Identifier>>) -> Self {
        Self { identifier, ..self }
    }

    /// Judges by other rules from now on.
    pub fn set(&self, rules: Rules) {
        self.live.store(Arc::new(rules));
    }

    /// What callers were told.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// Whether queries are the gateway's to answer.
    pub fn is_on(&self) -> bool {
        self.live.load().settings.scope != Scope::Off
    }

    /// A datagram came of which nobody knows who sent it.
    fn dropped(&self) {
        self.account.lookup_dropped();
    }

    /// Answers a message; `None`: it has no answer.
    async fn answer(&self, message: &[u8], asker: &mut Asker, over: Transport) -> Option<Vec<u8>> {
        let rules = self.live.load_full();
        let per_second = rules.settings.queries_per_second;
        let rate = self.rate.take(asker.caller.cgroup, per_second);
        // Before the caller's pod is waited for: what waits takes room.
        let slot = self.room.take(asker.caller.cgroup);
        let may_wait = rate.is_ok() && slot.is_some();
        self.identify(&mut asker.caller, may_wait).await;
        let asker = &*asker;
        let mut lookup = self.account.lookup(asker.peer, asker.server, &asker.caller);
        lookup.judged_by(rules.policy.generation());
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(malformed) => {
                lookup.finish(malformed_outcome(rate));
                return malformed.reply.filter(|_| rate.is_ok());
            }
        };
        lookup.asked(query.text());
        let context = Context {
            rules: &rules,
            query: &query,
            asker,
            over,
        };
        match self.resolve(&context, rate, slot, &mut lookup).await {
            Ok(reply) => {
                lookup.finish(LookupOutcome::Answered);
                Some(reply)
            }
            Err(stop) => {
                let reply = stop.reply(&query);
                lookup.finish(stop.outcome());
                reply
            }
        }
    }

    /// Says of a caller which pod it is in; one of which nothing is known yet is waited for, unless it floods or there
    /// is no room.
    async fn identify(&self, caller: &mut Caller, may_wait: bool) {
        let Some(identifier) = &self.identifier else {
            return;
        };
        if let Some(unknown) = identifier.look_up(caller)
            && may_wait
        {
            Box::pin(identifier.identify(caller, unknown)).await;
        }
    }

    /// From a query that was read to the message that answers it.
    async fn resolve(
        &self,
        context: &Context<'_>,
        rate: Result<(), Over>,
        slot: Option<Slot>,
        lookup: &mut Lookup<'_>,
    ) -> Result<Vec<u8>, Stop> {
        let Context {
            rules,
            query,
            asker,
            over,
        } = *context;
        let Rules { policy, settings } = rules;
        if let Err(flood) = rate {
            context.refuse(flood.into(), lookup)?;
        }
        let grant =
            judge(policy, settings, query, asker.server, &asker.caller).map_err(Stop::Denied)?;
        lookup.would_deny(grant.would_deny.as_ref());
        let _slot = slot.ok_or(DenyReason::LimitDns)?;
        let servers = settings.upstreams(asker.server.socket_addr());
        let patience = Patience {
            timeout: settings.timeout,
            attempts: settings.attempts,
        };
        let answer = ask(query, &servers, over, patience)
            .await
            .map_err(|error| {
                debug!(%error, server = %asker.server, "a query has no answer");
                Stop::Unanswered
            })?;
        lookup.answered_with(answer.code_label());
        self.release(context, &grant, answer, lookup)
    }

    /// Guards an answer, remembers what is left of it, and only then gives it away.
    fn release(
        &self,
        context: &Context<'_>,
        grant: &Grant,
        mut answer: Answer,
        lookup: &mut Lookup<'_>,
    ) -> Result<Vec<u8>, Stop> {
        let Context { query, over, .. } = *context;
        let given = answer.addresses();
        if !given.is_empty() && !given.iter().any(|(ip, _)| grant.permits(*ip)) {
            context.refuse(DenyReason::ResolvedAddressRefused.into(), lookup)?;
        }
        let removed = if grant.is_open() || context.mode() != PodMode::Enforce {
            Removed::default()
        } else {
            answer.guard(|ip| grant.permits(ip))
        };
        let code = answer.code();
        self.learn(context, &answer);
        let reply = answer.release(query, removed).ok_or(Stop::Unanswered)?;
        let fits = over == Transport::Tcp || reply.len() <= query.max_datagram();
        if fits {
            Ok(reply)
        } else {
            reply::truncated(query, code).ok_or(Stop::Unanswered)
        }
    }

    /// The name asked for has the addresses at the end of its aliases too.
    fn learn(&self, context: &Context<'_>, answer: &Answer) {
        let Context {
            rules,
            query,
            asker,
            ..
        } = *context;
        let settings = &rules.settings;
        let Some(name) = query.name() else { return };
        // In audit mode, and where everything is allowed, a process may ask whom it likes. What that one
        // says opens nothing: it may be the process itself, and the next policy may enforce.
        if !settings.approves(asker.server.socket_addr()) {
            return;
        }
        for (ip, ttl) in answer.addresses() {
            let holds = ttl.min(settings.max_ttl) + settings.grace;
            let bound = settings.names_per_caller;
            self.learned
                .learn(asker.caller.cgroup, ip, name, holds, bound);
            self.memory.seen().learn(name, &[ip], ttl);
        }
    }
}

/// A query, and what is needed to judge it.
#[derive(Clone, Copy)]
struct Context<'a> {
    rules: &'a Rules,
    query: &'a Query,
    asker: &'a Asker,
    over: Transport,
}

impl Context<'_> {
    fn mode(&self) -> PodMode {
        self.asker.caller.mode(self.rules.settings.mode)
    }

    /// Stops here, unless denials are only to be recorded.
    fn refuse(&self, stop: Stop, lookup: &mut Lookup<'_>) -> Result<(), Stop> {
        match (stop, self.mode()) {
            (stop, PodMode::Enforce) => Err(stop),
            (Stop::Denied(denial), PodMode::Audit) => {
                lookup.would_deny(Some(&denial));
                Ok(())
            }
            (Stop::Denied(_) | Stop::Flood | Stop::Unanswered, _) => Ok(()),
        }
    }
}

impl From<Over> for Stop {
    fn from(over: Over) -> Self {
        if over.begins {
            DenyReason::LimitDns.into()
        } else {
            Self::Flood
        }
    }
}

impl Stop {
    /// For the client.
    fn reply(&self, query: &Query) -> Option<Vec<u8>> {
        match self {
            Self::Denied(denial) => reply::denied(query, denial.reason),
            Self::Flood => reply::denied(query, DenyReason::LimitDns),
            Self::Unanswered => reply::unanswered(query),
        }
    }

    /// For the record.
    fn outcome(self) -> LookupOutcome {
        match self {
            Self::Denied(denial) => LookupOutcome::Denied(denial),
            Self::Flood => LookupOutcome::Flood(DenyReason::LimitDns),
            Self::Unanswered => LookupOutcome::Unanswered,
        }
    }
}

/// For the record of a message that is no query.
fn malformed_outcome(rate: Result<(), Over>) -> LookupOutcome {
    match rate {
        Ok(()) => LookupOutcome::Denied(DenyReason::DnsMalformed.into()),
        Err(over) => Stop::from(over).outcome(),
    }
}

/// Reads a message as a client's, and as a server's answer to its own question; for fuzzing.
pub fn read(bytes: &[u8]) {
    drop(Query::parse(bytes));
    let Ok(own) = Message::from_vec(bytes) else {
        return;
    };
    if let Some(mut answer) = Answer::parse(bytes.to_vec(), &own)
        && let Ok(query) = Query::parse(ANY_QUERY)
    {
        let removed = answer.guard(|ip| ip.is_ipv4());
        drop(answer.addresses());
        drop(answer.release(&query, removed));
    }
}

/// The smallest query: for the root's addresses.
const ANY_QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\0\0\x01\0\x01";
