//! From a permit to the addresses to try: resolve its names and guard the answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::guard::Cleared;
use super::resolve::Answer;
use super::{DialError, Resolve, ResolveError, order};
use crate::policy::{EndpointHost, EndpointTarget, Permit, Target};
use crate::types::HostName;

/// The addresses to try, in order. At least one.
pub(super) struct Plan {
    pub(super) addresses: Vec<Cleared>,
    /// There was a name to resolve.
    pub(super) resolved: bool,
    /// The client's own address was not among the name's.
    pub(super) redialled: bool,
}

/// Plans one connection. `turn` counts connections: each starts at another of the addresses.
pub(super) async fn plan(
    permit: &Permit,
    resolver: &Arc<dyn Resolve>,
    turn: usize,
) -> Result<Plan, DialError> {
    match permit.target() {
        Target::Address(addr) => Ok(Plan {
            addresses: vec![Cleared::permitted(*addr)],
            resolved: false,
            redialled: false,
        }),
        Target::Name {
            name, port, prefer, ..
        } => {
            let answers = clear(permit, name, *port, resolver.resolve(name).await)?;
            let own = prefer.and_then(|ip| find(&answers, ip));
            let redialled = prefer.is_some() && own.is_none();
            let addresses = own.map_or_else(|| order::interleave(answers, turn), |own| vec![own]);
            Ok(Plan {
                addresses,
                resolved: true,
                redialled,
            })
        }
        Target::Endpoints(targets) => Ok(Plan {
            addresses: endpoints(permit, targets, resolver, turn).await?,
            resolved: targets
                .iter()
                .any(|target| matches!(target.host, EndpointHost::Name(..))),
            redialled: false,
        }),
    }
}

enum Source<'a> {
    Address(SocketAddr),
    Name(&'a HostName, u16, AbortOnDropHandle<Answer>),
}

/// The addresses of all endpoints, starting `turn` further on. A name that gives no address is
/// passed over as long as there is another endpoint. Of too many, each turn leaves out others.
async fn endpoints(
    permit: &Permit,
    targets: &[EndpointTarget],
    resolver: &Arc<dyn Resolve>,
    turn: usize,
) -> Result<Vec<Cleared>, DialError> {
    // All lookups run at once, so that a slow one does not add to the next.
    let mut sources: Vec<_> = targets
        .iter()
        .map(|target| begin(target, resolver))
        .collect();
    order::rotate(&mut sources, turn);
    let mut addresses = Vec::new();
    let mut failure = None;
    for source in sources {
        match source {
            Source::Address(addr) => addresses.push(Cleared::permitted(addr)),
            Source::Name(name, port, lookup) => {
                let answer = lookup
                    .await
                    .unwrap_or_else(|error| Err(ResolveError::Server(error.to_string())));
                match clear(permit, name, port, answer) {
                    Ok(answers) => addresses.extend(order::interleave(answers, turn)),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
        }
    }
    addresses.truncate(order::MAX_ADDRESSES);
    if addresses.is_empty() {
        Err(failure.unwrap_or(DialError::NoEndpoint))
    } else {
        Ok(addresses)
    }
}

fn begin<'a>(target: &'a EndpointTarget, resolver: &Arc<dyn Resolve>) -> Source<'a> {
    match &target.host {
        EndpointHost::Address(addr) => Source::Address(*addr),
        EndpointHost::Name(name, port) => {
            let (resolver, wanted) = (Arc::clone(resolver), name.clone());
            let lookup = tokio::spawn(async move { resolver.resolve(&wanted).await });
            Source::Name(name, *port, AbortOnDropHandle::new(lookup))
        }
    }
}

/// Guards an answer: what is refused is left out, and if nothing remains it is an error.
fn clear(
    permit: &Permit,
    name: &HostName,
    port: u16,
    answer: Answer,
) -> Result<Vec<Cleared>, DialError> {
    let answer = answer.map_err(|source| DialError::Resolve {
        name: name.clone(),
        source,
    })?;
    let mut cleared = Vec::new();
    let mut refused = Vec::new();
    for ip in answer {
        match Cleared::answer(permit, ip, port) {
            Ok(addr) => cleared.push(addr),
            Err(why) => refused.push(why),
        }
    }
    if !cleared.is_empty() {
        return Ok(cleared);
    }
    let name = name.clone();
    Err(if refused.is_empty() {
        DialError::Resolve {
            name,
            source: ResolveError::NoAddress,
        }
    } else {
        DialError::Refused {
            name,
            answers: refused,
        }
    })
}

fn find(answers: &[Cleared], wanted: IpAddr) -> Option<Cleared> {
    let wanted = wanted.to_canonical();
    answers
        .iter()
        .copied()
        .find(|cleared| cleared.addr().ip() == wanted)
}

#[cfg(test)]
mod tests {
    use super::super::resolve::Resolving;
    use super::*;
    use crate::policy::Terms;

    struct Nobody;

    impl Resolve for Nobody {
        fn resolve<'a>(&'a self, name: &'a HostName) -> Resolving<'a> {
            panic!("{name} was not to be resolved")
        }
    }

    #[tokio::test]
    async fn a_service_with_many_endpoints_does_not_become_a_scan() {
        let resolver: Arc<dyn Resolve> = Arc::new(Nobody);
        let many: Vec<_> = (1..1_000)
            .map(|port| EndpointHost::Address(SocketAddr::from(([192, 0, 2, 1], port))))
            .map(EndpointTarget::new)
            .collect();
        let permit = Permit::for_test(Target::Endpoints(many.into()), Terms::default());
        let plan = plan(&permit, &resolver, 500).await.expect("a plan");
        assert_eq!(plan.addresses.len(), order::MAX_ADDRESSES);
        let first = plan.addresses.first().expect("an address").addr();
        assert_eq!(first.port(), 501);
    }
}
