//! From a name to its addresses.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::time::timeout;

use super::{DnsSettings, ResolveError};
use crate::types::HostName;

/// The longest that the absence of an answer is kept. Short, so that a name that has just been made
/// works soon after a first failed try.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// What a name resolves to: at least one address, in no particular order.
pub type Answer = Result<Vec<IpAddr>, ResolveError>;

/// An answer to come.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Whatever knows the addresses of names.
pub trait Resolve: Send + Sync {
    /// The IPv4 and IPv6 addresses of `name`.
    fn resolve<'a>(&'a self, name: &'a HostName) -> Resolving<'a>;

    /// The same, not from a cache.
    fn resolve_anew<'a>(&'a self, name: &'a HostName) -> Resolving<'a>;
}

/// Asks DNS servers, and keeps their answers as long as their TTL allows.
///
/// A name is taken as it stands: no search list, no hosts file. Either would let something other
/// than the DNS turn an allowed name into another, or into an address of its own.
pub struct HickoryResolver {
    resolver: TokioResolver,
    /// The same servers, and nothing is kept.
    uncached: TokioResolver,
    /// For each record type of a lookup; they run at the same time.
    timeout: Duration,
}

impl HickoryResolver {
    /// Fails when no servers are set and `/etc/resolv.conf` cannot be read or names none.
    pub fn new(settings: &DnsSettings) -> io::Result<Self> {
        let servers = servers(settings)?.into_iter().map(server).collect();
        let config = ResolverConfig::from_name_servers(servers);
        let resolver = |cache_size| {
            let mut options = options(settings);
            options.cache_size = cache_size;
            TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::new())
                .with_options(options)
                .build()
                .map_err(io::Error::other)
        };
        Ok(Self {
            resolver: resolver(settings.cache_size)?,
            uncached: resolver(0)?,
            timeout: settings.timeout,
        })
    }

    async fn both(&self, resolver: &TokioResolver, name: &HostName) -> Answer {
        let name = absolute(name)?;
        let v6 = self.lookup(resolver, name.clone(), RecordType::AAAA);
        let v4 = self.lookup(resolver, name, RecordType::A);
        let (v6, v4) = tokio::join!(v6, v4);
        merge(v6, v4)
    }

    async fn lookup(
        &self,
        resolver: &TokioResolver,
        name: Name,
        record_type: RecordType,
    ) -> Answer {
        let lookup = timeout(self.timeout, resolver.lookup(name, record_type)).await;
        let found = lookup
            .map_err(|_elapsed| ResolveError::Timeout)?
            .map_err(error)?;
        Ok(found
            .answers()
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .collect())
    }
}

impl Resolve for HickoryResolver {
    fn resolve<'a>(&'a self, name: &'a HostName) -> Resolving<'a> {
        Box::pin(self.both(&self.resolver, name))
    }

    fn resolve_anew<'a>(&'a self, name: &'a HostName) -> Resolving<'a> {
        Box::pin(self.both(&self.uncached, name))
    }
}

/// Puts both families together. One that failed is passed over if the other has addresses.
fn merge(v6: Answer, v4: Answer) -> Answer {
    let mut addresses = Vec::new();
    let mut failure = ResolveError::NoAddress;
    for family in [v6, v4] {
        match family {
            Ok(found) => addresses.extend(found),
            Err(error) if error.weight() > failure.weight() => failure = error,
            Err(_) => {}
        }
    }
    if addresses.is_empty() {
        Err(failure)
    } else {
        Ok(addresses)
    }
}

/// The root at the end keeps the search list out.
fn absolute(name: &HostName) -> Result<Name, ResolveError> {
    let mut name =
        Name::from_ascii(name.as_str()).map_err(|error| ResolveError::Server(error.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

/// Who is asked for names: the servers that are set, or else the system's. Fails when none are set and
/// `/etc/resolv.conf` cannot be read or names none.
pub fn servers(settings: &DnsSettings) -> io::Result<Vec<SocketAddr>> {
    if !settings.servers.is_empty() {
        return Ok(settings.servers.clone());
    }
    let (config, _) = system_conf::read_system_conf().map_err(io::Error::other)?;
    let addresses = config.name_servers.iter().flat_map(|server| {
        server
            .connections
            .iter()
            .map(|connection| SocketAddr::new(server.ip, connection.port))
    });
    let unique: BTreeSet<_> = addresses.collect();
    Ok(unique.into_iter().collect())
}

/// UDP, and TCP for answers that do not fit.
fn server(addr: SocketAddr) -> NameServerConfig {
    let transports = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut transport| {
        transport.port = addr.port();
        transport
    });
    NameServerConfig::new(addr.ip(), true, transports.into())
}

fn options(settings: &DnsSettings) -> ResolverOpts {
    let tries = settings.attempts.max(1);
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = settings.timeout / u32::from(tries);
    // Hickory counts what comes after the first try.
    options.attempts = usize::from(tries - 1);
    options.positive_max_ttl = Some(settings.max_ttl);
    options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    options
}

fn error(error: NetError) -> ResolveError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => {
            match response_code {
                ResponseCode::NXDomain => ResolveError::NxDomain,
                _ => ResolveError::NoAddress,
            }
        }
        NetError::Timeout => ResolveError::Timeout,
        other => ResolveError::Server(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
