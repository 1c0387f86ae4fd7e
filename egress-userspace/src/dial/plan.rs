//! From a permit to the addresses that the connection may go to: resolve its names and guard the
//! answers.

use std::net::{IpAddr, SocketAddr};

use tokio_util::task::AbortOnDropHandle;

use super::guard::Cleared;
use super::names::{Names, has};
use super::order::{Candidate, distance};
use super::resolve::Answer;
use super::{DialError, ResolveError};
use crate::policy::{EndpointHost, EndpointTarget, Permit, Required, Spread, Target};
use crate::types::{HostName, Locality};

/// Where a connection may go: at least one address, in no order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) candidates: Vec<Candidate>,
    /// There was a name to resolve.
    pub(super) resolved: bool,
    /// The client's own address was not among the name's.
    pub(super) redialled: bool,
}

/// Plans one connection from a node that is at `here`. Unless it is `pinned`, the client's own address is
/// no better than others of a name, but where something is required of it.
///
/// What waits for answers is on the heap: where all is known there is no room for it.
pub(super) async fn plan(
    permit: &Permit,
    names: &Names,
    here: Option<&Locality>,
    pinned: bool,
) -> Result<Plan, DialError> {
    let verified = match permit.required() {
        Some(required) => Some(Box::pin(verify(names, required)).await?),
        None => None,
    };
    match permit.target() {
        Target::Address(addr) => Ok(Plan {
            candidates: vec![alone(Cleared::permitted(*addr))],
            resolved: verified.is_some(),
            redialled: false,
        }),
        Target::Answer { name, addr } => Ok(Plan {
            candidates: clear(permit, name, addr.port(), &[addr.ip()])?
                .into_iter()
                .map(alone)
                .collect(),
            resolved: verified.is_some(),
            redialled: false,
        }),
        Target::Name { name, port, prefer } => {
            let verified = verified.filter(|verified| verified.name == name);
            let prefer = prefer.filter(|_| pinned || permit.required().is_some());
            Box::pin(named(permit, names, (name, *port), prefer, verified)).await
        }
        Target::Endpoints(targets) => {
            let addresses: Option<Vec<_>> = targets.iter().map(|each| listed(each, here)).collect();
            Ok(Plan {
                resolved: verified.is_some() || addresses.is_none(),
                candidates: match addresses {
                    Some(none) if none.is_empty() => return Err(DialError::NoEndpoint),
                    Some(addresses) => addresses,
                    None => Box::pin(endpoints(permit, targets, names, here)).await?,
                },
                redialled: false,
            })
        }
    }
}

/// A name that has, or had a moment ago, the address that the client wanted.
struct Verified<'a> {
    name: &'a HostName,
    answer: Vec<IpAddr>,
    /// Whether the answer still has it.
    now: bool,
}

async fn verify<'a>(
    names: &Names,
    Required { name, ip }: &'a Required,
) -> Result<Verified<'a>, DialError> {
    let mut answer = ask(names, name).await?;
    if !names.verify(name, *ip, &mut answer).await {
        return Err(DialError::Mismatch {
            name: name.clone(),
            ip: *ip,
        });
    }
    let now = has(&answer, *ip);
    Ok(Verified { name, answer, now })
}

/// The addresses of the name that the client sent; if its own is wanted and is one of them, that alone.
async fn named(
    permit: &Permit,
    names: &Names,
    (name, port): (&HostName, u16),
    prefer: Option<IpAddr>,
    verified: Option<Verified<'_>>,
) -> Result<Plan, DialError> {
    let (answer, moved) = match verified {
        Some(verified) => (verified.answer, !verified.now),
        None => (ask(names, name).await?, false),
    };
    let cleared = clear(permit, name, port, &answer)?;
    let own = prefer.and_then(|ip| find(&cleared, ip));
    Ok(Plan {
        redialled: moved || (prefer.is_some() && own.is_none()),
        candidates: match own {
            Some(own) => vec![alone(own)],
            None => candidates(permit, cleared, 1, 0),
        },
        resolved: true,
    })
}

enum Source<'a> {
    Address(SocketAddr),
    Name(&'a HostName, u16, AbortOnDropHandle<Answer>),
}

/// The addresses of all endpoints. A name that gives no address is passed over as long as there is
/// another endpoint.
async fn endpoints(
    permit: &Permit,
    targets: &[EndpointTarget],
    names: &Names,
    here: Option<&Locality>,
) -> Result<Vec<Candidate>, DialError> {
    // All lookups run at once, so that a slow one does not add to the next.
    let sources: Vec<_> = targets
        .iter()
        .map(|target| (target, begin(target, names)))
        .collect();
    let mut found = Vec::new();
    let mut failure = None;
    for (target, source) in sources {
        match source {
            Source::Address(addr) => found.push(of_endpoint(target, addr, here)),
            Source::Name(name, port, lookup) => {
                let answer = lookup
                    .await
                    .unwrap_or_else(|error| Err(ResolveError::Server(error.to_string())))
                    .map_err(|source| unresolved(name, source))
                    .and_then(|answer| clear(permit, name, port, &answer));
                match answer {
                    Ok(cleared) => {
                        let distance = distance(here, target.locality.as_ref());
                        found.extend(candidates(permit, cleared, target.weight, distance));
                    }
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
    }
    if found.is_empty() {
        Err(failure.unwrap_or(DialError::NoEndpoint))
    } else {
        Ok(found)
    }
}

fn begin<'a>(target: &'a EndpointTarget, names: &Names) -> Source<'a> {
    match &target.host {
        EndpointHost::Address(addr) => Source::Address(*addr),
        EndpointHost::Name(name, port) => {
            let (names, wanted) = (names.clone(), name.clone());
            let lookup = tokio::spawn(async move { names.ask(&wanted).await });
            Source::Name(name, *port, AbortOnDropHandle::new(lookup))
        }
    }
}

/// An endpoint whose address is listed; `None`: it is a name's.
fn listed(target: &EndpointTarget, here: Option<&Locality>) -> Option<Candidate> {
    match target.host {
        EndpointHost::Address(addr) => Some(of_endpoint(target, addr, here)),
        EndpointHost::Name(..) => None,
    }
}

fn of_endpoint(target: &EndpointTarget, addr: SocketAddr, here: Option<&Locality>) -> Candidate {
    Candidate {
        addr: Cleared::permitted(addr),
        weight: target.weight,
        distance: distance(here, target.locality.as_ref()),
        second: false,
    }
}

async fn ask(names: &Names, name: &HostName) -> Result<Vec<IpAddr>, DialError> {
    let answer = names.ask(name).await;
    answer.map_err(|source| unresolved(name, source))
}

/// An address that no other is chosen instead of.
fn alone(addr: Cleared) -> Candidate {
    Candidate {
        addr,
        weight: 1,
        distance: 0,
        second: false,
    }
}

/// The addresses of one name. Of a service that wants one address for a connection, the first of each
/// family is taken: a node that one family does not lead out of still has the other.
fn candidates(
    permit: &Permit,
    cleared: Vec<Cleared>,
    weight: u32,
    distance: usize,
) -> Vec<Candidate> {
    let (v6, v4): (Vec<_>, Vec<_>) = cleared.into_iter().partition(|c| c.addr().is_ipv6());
    let both = !v6.is_empty() && !v4.is_empty();
    let taken = match permit.terms().spread {
        Spread::All => usize::MAX,
        Spread::First => 1,
    };
    let v6 = v6.into_iter().take(taken).map(|addr| (addr, false));
    let v4 = v4.into_iter().take(taken).map(|addr| (addr, both));
    v6.chain(v4)
        .map(|(addr, second)| Candidate {
            addr,
            weight,
            distance,
            second,
        })
        .collect()
}

/// Guards an answer: what is refused is left out, and if nothing remains it is an error.
fn clear(
    permit: &Permit,
    name: &HostName,
    port: u16,
    answer: &[IpAddr],
) -> Result<Vec<Cleared>, DialError> {
    let mut cleared = Vec::new();
    let mut refused = Vec::new();
    for ip in answer {
        match Cleared::answer(permit, *ip, port) {
            Ok(addr) => cleared.push(addr),
            Err(why) => refused.push(why),
        }
    }
    if !cleared.is_empty() {
        return Ok(cleared);
    }
    Err(if refused.is_empty() {
        unresolved(name, ResolveError::NoAddress)
    } else {
        DialError::Refused {
            name: name.clone(),
            answers: refused,
        }
    })
}

fn unresolved(name: &HostName, source: ResolveError) -> DialError {
    DialError::Resolve {
        name: name.clone(),
        source,
    }
}

fn find(answers: &[Cleared], wanted: IpAddr) -> Option<Cleared> {
    let wanted = wanted.to_canonical();
    answers
        .iter()
        .copied()
        .find(|cleared| cleared.addr().ip() == wanted)
}
