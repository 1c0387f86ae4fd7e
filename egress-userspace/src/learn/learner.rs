//! From lines to what is wanted.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::evidence::Evidence;
use super::left_out::{LeftOut, Reasons};
use super::lesson::Lesson;
use super::taken::Taken;
use super::wanted::{By, Port, Speaks, Wanted};
use super::{SIBLINGS, group};
use crate::config::{Config, DnsForwarder, Gateway, hides_others};
use crate::dial::check_answer;
use crate::history::{Answer, Connection, Decided, Judge, Question, Seen, Subject, Unjudged};
use crate::types::{Claim, DenyReason, HostName, Location, OriginalDst, ReasonKind};

/// Different destinations that are remembered. Whoever is governed chooses them, and a registry that is read
/// has fewer.
const MAX_WANTED: usize = 100_000;
/// Different names of lookups that are remembered: each is looked for among all that is proposed.
const MAX_LOOKUPS: usize = 10_000;
/// Different cgroups that are remembered, to say whose connections they were.
const MAX_CGROUPS: usize = 10_000;

/// What is learned, and how.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Of so many names right below one a wildcard is made; `None`: of none.
    pub siblings: Option<usize>,
    /// Also from what was denied.
    pub denied: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            siblings: Some(SIBLINGS),
            denied: false,
        }
    }
}

/// Takes lines.
#[derive(Debug)]
pub struct Learner {
    settings: Settings,
    base: Option<Base>,
    listen_port: u16,
    learns_names: bool,
    wanted: HashMap<Wanted, Evidence, RandomState>,
    lookups: HashMap<HostName, u64, RandomState>,
    cgroups: BTreeSet<Box<str>>,
    left_out: Reasons,
    lines: u64,
    covered: u64,
    denied: u64,
}

/// The configuration that is added to.
#[derive(Debug)]
pub(super) struct Base {
    judge: Judge,
    pub(super) taken: Taken,
    pub(super) names: BTreeSet<Box<str>>,
}

impl Learner {
    /// What `base` allows already is not proposed again.
    pub fn new(settings: Settings, base: Option<&Config>) -> Self {
        let listen_port = base.map_or_else(
            || Gateway::default().listen_port,
            |base| base.gateway.listen_port,
        );
        Self {
            settings,
            listen_port,
            learns_names: base.is_none_or(|base| base.dns.forwarder != DnsForwarder::Off),
            base: base.map(Base::of),
            wanted: HashMap::default(),
            lookups: HashMap::default(),
            cgroups: BTreeSet::new(),
            left_out: Reasons::new(),
            lines: 0,
            covered: 0,
            denied: 0,
        }
    }

    /// Takes a line.
    pub fn add(&mut self, seen: &Seen) {
        self.lines += 1;
        match seen.decided {
            Some(decided) if !decided.passed() && !self.settings.denied => {
                self.denied += 1;
                return;
            }
            _ => {}
        }
        match seen.question() {
            // A connection to a DNS server needs no service, whatever is asked on it.
            Err(Unjudged::Lookup)
                if seen
                    .decided
                    .is_some_and(|decided| decided.reason().is_none()) =>
            {
                self.covered += 1;
            }
            Err(why) => self.leave_out(LeftOut::Unjudged(why), seen),
            Ok(Question::Lookup { name, .. }) => self.looked_up(name, seen),
            Ok(question) => self.asked(&question, seen),
        }
    }

    /// What comes of it.
    pub fn finish(mut self) -> Lesson {
        let taken = self.base.as_ref().map(|base| &base.taken);
        let services = group::services(self.wanted, taken, self.settings.siblings);
        let names = self.base.map(|base| base.names).unwrap_or_default();
        let services = super::naming::name(services, &names);
        for (name, count) in self.lookups {
            if services.iter().any(|service| service.covers(&name)) {
                self.covered += count;
            } else {
                let left = self.left_out.entry(LeftOut::Lookup).or_default();
                left.add(count, || Some(name.to_string()));
            }
        }
        Lesson {
            services,
            cgroups: self.cgroups,
            left_out: self.left_out,
            lines: self.lines,
            covered: self.covered,
            denied: self.denied,
        }
    }

    fn looked_up(&mut self, name: &HostName, seen: &Seen) {
        let allowed = self.base.as_ref().is_some_and(|base| {
            let question = Question::Lookup {
                name,
                caller: &seen.caller,
            };
            !matches!(base.judge.answer(&question), Answer::Deny(_))
        });
        if allowed {
            self.covered += 1;
        } else if let Some(count) = self.lookups.get_mut(name) {
            *count += 1;
        } else if self.lookups.len() < MAX_LOOKUPS {
            self.lookups.insert(name.clone(), 1);
        } else {
            self.leave_out(LeftOut::Full, seen);
        }
    }

    fn asked(&mut self, question: &Question<'_>, seen: &Seen) {
        if let Some(path) = &seen.caller.cgroup_path
            && self.cgroups.len() < MAX_CGROUPS
        {
            self.cgroups.insert(path.as_ref().into());
        }
        if let Some(base) = &self.base {
            match base.judge.answer(question) {
                Answer::Permit(_) if self.learns_names && base.refuses_lookup(question) => {}
                Answer::Permit(_) | Answer::Untouched | Answer::Passed => {
                    self.covered += 1;
                    return;
                }
                Answer::Deny(denial) => match denial.reason {
                    DenyReason::ServiceDenied => return self.leave_out(LeftOut::Denied, seen),
                    DenyReason::CallerNotAllowed => return self.leave_out(LeftOut::Callers, seen),
                    _ => {}
                },
                // A service that lists the address is admitted although the name leads to it.
                Answer::Unknown(Unjudged::Dialled) if leads_inside(seen) => {}
                Answer::Unknown(why) => return self.leave_out(LeftOut::Unjudged(why), seen),
            }
        }
        match self.wanted(question, seen) {
            Ok(Some(wanted)) => self.want(wanted, seen),
            Ok(None) => self.covered += 1,
            Err(why) => self.leave_out(why, seen),
        }
    }

    /// What a question asks for; `None`: what nobody judges.
    fn wanted(&self, question: &Question<'_>, seen: &Seen) -> Result<Option<Wanted>, LeftOut> {
        let (dst, by, speaks) = match question {
            Question::Connection(connection) => {
                let (by, speaks) = self.by(connection, seen)?;
                (connection.dst, by, speaks)
            }
            Question::Datagram(dst) => (*dst, By::Address(dst.ip()), Speaks::Udp),
            Question::Lookup { .. } => return Ok(None),
        };
        if dst.ip().is_loopback() {
            return Ok(None);
        }
        let number = dst.port();
        if number == 0 || number == self.listen_port {
            return Err(LeftOut::Port);
        }
        let port = Port { number, speaks };
        Ok(Some(Wanted { by, port }))
    }

    fn by(&self, connection: &Connection<'_>, seen: &Seen) -> Result<(By, Speaks), LeftOut> {
        let speaks = match &connection.claim {
            Claim::Tls(_) => Speaks::Tls,
            Claim::Http1 { .. } => Speaks::Http,
            Claim::Http2 { .. } => Speaks::Http2,
            // What was only silent may have been what waits for the server.
            Claim::Malformed(reason) if reason.kind() != ReasonKind::Slow => {
                return Err(LeftOut::Broken(*reason));
            }
            Claim::Opaque | Claim::Malformed(_) => Speaks::Tcp,
        };
        let dst = connection.dst.ip();
        let named = |name: &HostName| {
            if is_public(dst) {
                By::Host(name.clone())
            } else {
                By::HostAt(name.clone(), dst)
            }
        };
        match (connection.claim.name(), connection.told) {
            (Some(name), _) if speaks == Speaks::Tls && hides_others(name) => {
                Err(LeftOut::EchFront)
            }
            (Some(_), _) if is_resolved_elsewhere(seen, connection.dst) => Err(LeftOut::Resolved),
            (Some(name), _) => Ok((named(name), speaks)),
            (None, Some(_)) if self.learns_names && is_resolved_elsewhere(seen, connection.dst) => {
                Err(LeftOut::Resolved)
            }
            (None, Some(name)) if self.learns_names => Ok((named(name), Speaks::Tcp)),
            (None, _) => Ok((By::Address(dst), speaks)),
        }
    }

    fn want(&mut self, wanted: Wanted, seen: &Seen) {
        if self
            .base
            .as_ref()
            .is_some_and(|base| base.taken.has(&wanted))
        {
            return self.leave_out(LeftOut::Taken, seen);
        }
        let evidence = Evidence::of(seen);
        if let Some(known) = self.wanted.get_mut(&wanted) {
            known.add(&evidence);
        } else if self.wanted.len() < MAX_WANTED {
            self.wanted.insert(wanted, evidence);
        } else {
            self.leave_out(LeftOut::Full, seen);
        }
    }

    fn leave_out(&mut self, why: LeftOut, seen: &Seen) {
        let left = self.left_out.entry(why).or_default();
        left.add(1, || match Subject::of(seen) {
            Subject::Unknown => None,
            subject => Some(match seen.dst {
                Some(dst) => format!("{subject}:{}", dst.port()),
                None => subject.to_string(),
            }),
        });
    }
}

impl Base {
    fn of(config: &Config) -> Self {
        let names = config
            .services
            .iter()
            .map(|service| service.name.as_str().into());
        Self {
            judge: Judge::new(config),
            taken: Taken::by(&config.services),
            names: names.collect(),
        }
    }

    /// Whether the name of a connection that is admitted by its address could not be looked up, so that there
    /// would be no connection.
    fn refuses_lookup(&self, question: &Question<'_>) -> bool {
        let Question::Connection(connection) = question else {
            return false;
        };
        let name = connection.claim.name().or(connection.told);
        name.is_some_and(|name| {
            let caller = connection.caller;
            let answer = self.judge.answer(&Question::Lookup { name, caller });
            matches!(answer, Answer::Deny(denial) if denial.reason == DenyReason::HostNotInRegistry)
        })
    }
}

/// Whether an answer of the DNS may be this address, whatever a service lists.
fn is_public(ip: IpAddr) -> bool {
    check_answer(ip, Location::MeshExternal).is_ok()
}

/// Whether the name's addresses were refused, as they are not public, and the client went to such a one.
fn leads_inside(seen: &Seen) -> bool {
    is_refused_answer(seen) && seen.dst.is_some_and(|dst| !is_public(dst.ip()))
}

/// Whether the name's addresses were refused, and the client's own is none of those.
fn is_resolved_elsewhere(seen: &Seen, dst: OriginalDst) -> bool {
    is_refused_answer(seen) && is_public(dst.ip())
}

fn is_refused_answer(seen: &Seen) -> bool {
    let reason = seen.decided.and_then(Decided::reason);
    reason == Some(DenyReason::ResolvedAddressRefused)
}
