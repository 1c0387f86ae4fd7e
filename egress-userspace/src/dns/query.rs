//! A query, as a governed process sent it.

use hickory_proto::op::{Edns, Message, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use crate::types::HostName;

/// Longest query that is read. A question has at most 259 bytes, and clients pad what they add to it
/// to a multiple of 128 (RFC 8467).
pub(super) const MAX_QUERY: usize = 2048;
/// Largest datagram that a server is asked for: it comes in one packet over every path, and fragments
/// can be forged without guessing an id (DNS Flag Day 2020).
const MAX_DATAGRAM: u16 = 1232;
/// What every client takes (RFC 1035 section 2.3.4).
const MIN_DATAGRAM: u16 = 512;
/// Records that a query may have beside its question: `OPT`, and a signature.
const MAX_ADDITIONAL: u16 = 2;

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Query {
    id: u16,
    question: Question,
    name: Option<HostName>,
    text: String,
    recursion_desired: bool,
    checking_disabled: bool,
    authentic_data: bool,
    edns: Option<Asked>,
}

/// What a client asks for by its `OPT` record.
#[derive(Clone, Copy, Debug)]
struct Asked {
    payload: u16,
    dnssec: bool,
}

/// A message that is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// What the sender is told; `None`: a response is not answered, nor what has no header.
    pub(super) reply: Option<Vec<u8>>,
}

/// The first twelve bytes, as far as they matter here.
struct Header {
    id: u16,
    is_response: bool,
    opcode: OpCode,
    counts: [u16; 4],
}

impl Query {
    /// Reads a message from a client.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = Header::parse(bytes).ok_or(Malformed { reply: None })?;
        if header.is_response {
            return Err(Malformed { reply: None });
        }
        if header.opcode != OpCode::Query {
            return Err(header.refused(ResponseCode::NotImp));
        }
        Self::of(&header, bytes).ok_or_else(|| header.refused(ResponseCode::FormErr))
    }

    fn of(header: &Header, bytes: &[u8]) -> Option<Self> {
        // Before anything is read by the number that these say there is.
        let [1, 0, 0, 0..=MAX_ADDITIONAL] = header.counts else {
            return None;
        };
        let mut message = Message::from_vec(bytes).ok()?;
        let question = message.queries.pop()?;
        let versions = message.edns.as_ref().map_or(0, Edns::version);
        if question.query_class != DNSClass::IN || versions != 0 {
            return None;
        }
        let mut text = question.name.to_ascii();
        text.make_ascii_lowercase();
        if text.len() > 1 && text.ends_with('.') {
            text.pop();
        }
        Some(Self {
            id: header.id,
            name: text.parse().ok(),
            text,
            recursion_desired: message.metadata.recursion_desired,
            checking_disabled: message.metadata.checking_disabled,
            authentic_data: message.metadata.authentic_data,
            edns: message.edns.map(|edns| Asked {
                payload: edns.max_payload(),
                dnssec: edns.flags().dnssec_ok,
            }),
            question,
        })
    }

    /// The number that the client knows it by.
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// The name asked for; `None`: it is no host's.
    pub(super) fn name(&self) -> Option<&HostName> {
        self.name.as_ref()
    }

    /// The name asked for, in lower case; bytes that no name in text has are written in octal.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The type of records asked for.
    pub(super) fn kind(&self) -> RecordType {
        self.question.query_type
    }

    /// The longest datagram that the client takes.
    pub(super) fn max_datagram(&self) -> usize {
        self.edns
            .map_or(MIN_DATAGRAM, |edns| edns.payload.max(MIN_DATAGRAM))
            .into()
    }

    /// The query that a server is sent, with an id of its own.
    ///
    /// It is written anew, so that nothing goes out but a name, a type and a few flags: no options, no
    /// further records, no bytes after the end. The name keeps its case, which makes an answer harder to
    /// forge (draft-vixie-dnsext-dns0x20).
    pub(super) fn upstream(&self) -> Message {
        let mut message = Message::query();
        message.metadata.recursion_desired = self.recursion_desired;
        message.metadata.checking_disabled = self.checking_disabled;
        message.metadata.authentic_data = self.authentic_data;
        message.add_query(self.question.clone());
        if let Some(asked) = self.edns {
            message.set_edns(edns(asked.payload.min(MAX_DATAGRAM), asked.dnssec));
        }
        message
    }

    /// An answer of the gateway's own, without records.
    pub(super) fn reply(&self, code: ResponseCode) -> Message {
        let mut message = Message::response(self.id, OpCode::Query);
        message.metadata.recursion_desired = self.recursion_desired;
        message.metadata.checking_disabled = self.checking_disabled;
        message.metadata.recursion_available = true;
        message.metadata.response_code = code;
        message.add_query(self.question.clone());
        if let Some(asked) = self.edns {
            message.set_edns(edns(MAX_DATAGRAM, asked.dnssec));
        }
        message
    }
}

fn edns(payload: u16, dnssec: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(payload).set_dnssec_ok(dnssec);
    edns
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.first_chunk::<12>()?.as_chunks::<2>();
        let mut words = words.iter().map(|word| u16::from_be_bytes(*word));
        let (id, flags) = (words.next()?, words.next()?);
        let mut counts = [0; 4];
        counts
            .iter_mut()
            .zip(words)
            .for_each(|(count, word)| *count = word);
        Some(Self {
            id,
            is_response: flags >> 15 == 1,
            opcode: OpCode::from_u8((flags >> 11 & 0xf) as u8),
            counts,
        })
    }

    fn refused(&self, code: ResponseCode) -> Malformed {
        let reply = Message::error_msg(self.id, self.opcode, code).to_vec();
        Malformed { reply: reply.ok() }
    }
}

/// How many of each kind of record a message says it has; `None`: it is no response.
pub(super) fn response_counts(bytes: &[u8]) -> Option<[u16; 4]> {
    let header = Header::parse(bytes)?;
    (header.is_response && header.opcode == OpCode::Query).then_some(header.counts)
}

/// Whether two questions are the same, also in the case of their letters.
pub(super) fn is_same(one: &Question, other: &Question) -> bool {
    one.query_type == other.query_type
        && one.query_class == other.query_class
        && one.name.eq_case(&other.name)
}
