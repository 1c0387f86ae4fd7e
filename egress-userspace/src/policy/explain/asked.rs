//! From a question to facts: names in the one spelling that the gateway knows, and what is not said
//! assumed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::question::{InvalidQuestion, Question, Speech};
use crate::policy::{Facts, Policy, SniffPlan};
use crate::types::{
    Caller, Claim, HostName, HostNameError, HostPattern, HostPatternError, OriginalDst,
};

/// Where HTTP in the clear is spoken, if no service says otherwise.
const HTTP_PORT: u16 = 80;
/// And TLS.
const TLS_PORT: u16 = 443;

/// A connection as it is judged.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) host: Option<HostName>,
    pub(super) speaks: Speech,
    pub(super) dst: OriginalDst,
    pub(super) caller: Caller,
    /// What the gateway hears of what the client says.
    pub(super) claim: Claim,
    /// What the client says.
    pub(super) sent: Claim,
    pub(super) learned: Vec<HostName>,
    /// The client may send a name, but on this port nobody reads it.
    pub(super) unread: bool,
    /// The host is an address, which no client sends as a name.
    pub(super) is_address: bool,
    pub(super) assumed: Assumed,
}

/// What was not said.
#[derive(Clone, Debug)]
pub(super) struct Assumed {
    pub(super) ip: Option<Whence>,
    /// What it speaks, where neither the port nor its services say it.
    pub(super) speech: bool,
    /// Nothing is said of the caller.
    pub(super) caller: bool,
    /// A unit's cgroup.
    pub(super) cgroup: Option<String>,
}

/// Where an assumed address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// Nowhere: it stands for any.
    Nowhere,
    /// It is the first that the service with this number lists.
    Listed(u32),
}

/// What stands where a host may.
enum Host {
    Name(HostName),
    Address(IpAddr),
}

impl Asked {
    /// What the policy judges.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            dst: self.dst,
            claim: &self.claim,
            caller: &self.caller,
            learned: &self.learned,
            draw: 0,
        }
    }

    /// What the gateway hears, which on some ports is nothing.
    pub(super) fn heard(&self) -> Speech {
        if self.unread {
            Speech::Tcp
        } else {
            self.speaks
        }
    }
}

impl Policy {
    pub(super) fn asked(&self, question: &Question) -> Result<Asked, InvalidQuestion> {
        let Question {
            port, caller: who, ..
        } = question;
        if *port == 0 {
            return Err(InvalidQuestion::NoPort);
        }
        let caller = who.caller()?;
        let given = question.host.as_deref();
        let given = given.map(|text| read(text, question.protocol));
        let (host, address) = match given.transpose()? {
            Some(Host::Name(name)) => (Some(name), None),
            Some(Host::Address(ip)) => (None, Some(ip)),
            None => (None, None),
        };
        let usual = || self.usual(*port, host.as_ref(), &caller);
        let said = question.protocol.map(|speech| (speech, false));
        let (speaks, guessed) = said.unwrap_or_else(usual);
        let (ip, whence) = match (question.ip.or(address), &host) {
            (Some(ip), _) => (ip, None),
            (None, Some(name)) => self.likely(*port, name),
            (None, None) => return Err(InvalidQuestion::NoDestination),
        };
        let learns = question.looked_up && self.options.learns_names;
        let learned = host.iter().filter(|_| learns).cloned().collect();
        let mut asked = Asked {
            speaks,
            dst: OriginalDst::new(SocketAddr::new(ip, *port)),
            caller,
            claim: Claim::Opaque,
            sent: speaks.claim(host.clone(), question.ech),
            host,
            learned,
            unread: false,
            is_address: address.is_some(),
            assumed: Assumed {
                ip: whence,
                speech: guessed,
                caller: who.is_unknown(),
                cgroup: who.unit.as_ref().and_then(|_| who.cgroup_path()),
            },
        };
        // Where no name is read, what the client sends is nothing to go by.
        if self.sniff_plan(&asked.facts()) == SniffPlan::Skip {
            asked.unread = speaks != Speech::Tcp;
        } else {
            asked.claim = asked.sent.clone();
        }
        Ok(asked)
    }

    /// What is spoken on a port, and whether that is a guess. Without a name none is sent.
    fn usual(&self, port: u16, host: Option<&HostName>, caller: &Caller) -> (Speech, bool) {
        let own = self.own_of(caller).into_iter();
        let own = own.flat_map(|own| own.registry.profiles());
        let profiles = self.registry.profiles().chain(own);
        let lines = profiles.flat_map(|profile| profile.on(port));
        let mut spoken = lines.map(|line| Speech::from(line.protocol));
        let alone = spoken
            .next()
            .filter(|first| spoken.all(|other| other == *first));
        match (host, alone, port) {
            (None, alone, _) => (Speech::Tcp, alone != Some(Speech::Tcp)),
            (Some(_), Some(alone), _) => (alone, false),
            (Some(_), None, HTTP_PORT) => (Speech::Http, false),
            (Some(_), None, port) => (Speech::Tls, port != TLS_PORT),
        }
    }

    /// Where a client that was told the name connects to: to an address that its service lists, and if
    /// none does, to whichever.
    fn likely(&self, port: u16, name: &HostName) -> (IpAddr, Option<Whence>) {
        let mut listing = self.named(port, name).filter_map(|(_, id)| {
            let profile = self.registry.profile(id).filter(|p| !p.deny)?;
            profile.on(port).next()?;
            Some((id, profile.terms.listed.first()))
        });
        match listing.next() {
            Some((id, Some(net))) => (net.network(), Some(Whence::Listed(id))),
            Some((_, None)) | None => (Ipv4Addr::UNSPECIFIED.into(), Some(Whence::Nowhere)),
        }
    }
}

/// Reads a host as the gateway reads names that clients send; also international text, which clients send in
/// A-labels.
fn read(text: &str, speech: Option<Speech>) -> Result<Host, InvalidQuestion> {
    match text.parse::<HostName>() {
        Ok(name) => return Ok(Host::Name(name)),
        Err(HostNameError::Address(ip)) => return Ok(Host::Address(ip)),
        Err(_) => {}
    }
    let given = || text.to_owned();
    if text.contains(|c: char| c.is_whitespace() || ":/@?#".contains(c)) {
        return Err(InvalidQuestion::NotAlone(given()));
    }
    match text.parse() {
        Ok(HostPattern::Exact(name)) => Ok(Host::Name(name)),
        Ok(HostPattern::Suffix(_))
        | Err(HostPatternError::BareStar | HostPatternError::InnerStar) => {
            Err(InvalidQuestion::Pattern(given()))
        }
        Err(HostPatternError::International) => Err(InvalidQuestion::International(given())),
        // Nothing, or a dot, is no name, and not a wrong one.
        Err(HostPatternError::Name(HostNameError::Empty)) => {
            Err(InvalidQuestion::NotAlone(given()))
        }
        Err(HostPatternError::Name(source)) => Err(InvalidQuestion::Name {
            host: given(),
            source,
            reason: speech.unwrap_or(Speech::Tls).malformed(),
        }),
    }
}
