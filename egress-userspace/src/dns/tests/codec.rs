//! Messages that are what they should be, and others.

use hickory_proto::op::OpCode;
use hickory_proto::rr::DNSClass;
use hickory_proto::rr::rdata::opt::EdnsOption;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::query::Malformed;
use super::*;

fn parse(message: &Message) -> Result<Query, Malformed> {
    Query::parse(&encode(message))
}

fn refusal(message: &Message) -> Option<ResponseCode> {
    let reply = parse(message).err()?.reply?;
    let reply = Message::from_vec(&reply).expect("a message");
    assert_eq!(reply.metadata.id, message.metadata.id);
    Some(reply.metadata.response_code)
}

#[test]
fn a_query_is_read() {
    let query = parse(&query("Db.Example.COM.", RecordType::AAAA)).expect("a query");
    assert_eq!(query.text(), "db.example.com");
    assert_eq!(query.name().map(HostName::as_str), Some("db.example.com"));
    assert_eq!(query.kind(), RecordType::AAAA);
    assert_eq!(query.max_datagram(), 512);
}

#[test]
fn a_name_that_is_no_hosts_is_text_only() {
    let mut odd = query("example.", RecordType::A);
    let labels: [&[u8]; 2] = [b"a b\xc8", b"example"];
    odd.queries[0].name = Name::from_labels(labels).expect("a name");
    let read = parse(&odd).expect("a query");
    assert_eq!(read.name(), None);
    assert_eq!(read.text(), "a\\040b\\310.example");
    let root = parse(&query(".", RecordType::NS)).expect("a query");
    assert_eq!((root.name(), root.text()), (None, "."));
}

#[test]
fn what_is_no_single_question_of_the_internet_is_malformed() {
    let plain = query("db.example.com.", RecordType::A);
    let mut two = plain.clone();
    two.add_query(plain.queries[0].clone());
    assert_eq!(refusal(&two), Some(ResponseCode::FormErr));
    let mut none = plain.clone();
    none.queries.clear();
    assert_eq!(refusal(&none), Some(ResponseCode::FormErr));
    let mut chaos = plain.clone();
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(refusal(&chaos), Some(ResponseCode::FormErr));
    let answered = answer(&plain, &[a("192.0.2.1")]);
    let mut stuffed = plain.clone();
    stuffed.answers = answered.answers.clone();
    assert_eq!(refusal(&stuffed), Some(ResponseCode::FormErr));
    let mut update = plain.clone();
    update.metadata.op_code = OpCode::Update;
    assert_eq!(refusal(&update), Some(ResponseCode::NotImp));
    let mut version = with_edns(plain, 1232);
    version.edns.as_mut().expect("EDNS").set_version(1);
    assert_eq!(refusal(&version), Some(ResponseCode::FormErr));
}

#[test]
fn a_response_is_never_answered_and_so_cannot_loop() {
    let response = answer(&query("db.example.com.", RecordType::A), &[]);
    assert_eq!(parse(&response).err(), Some(Malformed { reply: None }));
    assert_eq!(
        Query::parse(b"short").err(),
        Some(Malformed { reply: None })
    );
}

#[test]
fn counts_that_promise_more_than_there_is_cost_nothing() {
    let mut bytes = encode(&query("db.example.com.", RecordType::A));
    bytes[4..6].copy_from_slice(&[0xff, 0xff]);
    assert!(Query::parse(&bytes).is_err());
}

#[test]
fn nothing_but_name_type_and_flags_goes_out() {
    let mut sent = with_edns(query("Db.Example.com.", RecordType::A), 4096);
    let edns = sent.edns.as_mut().expect("EDNS");
    edns.options_mut()
        .insert(EdnsOption::Unknown(10, b"secret".to_vec()));
    edns.set_dnssec_ok(true);
    let mut bytes = encode(&sent);
    bytes.extend_from_slice(b"more secrets");
    let query = Query::parse(&bytes).expect("a query");
    let out = encode(&query.upstream());
    assert!(!out.windows(6).any(|w| w == b"secret"), "{out:x?}");
    let out = Message::from_vec(&out).expect("a message");
    assert!(out.queries[0].name.eq_case(&sent.queries[0].name));
    assert!(out.metadata.recursion_desired);
    let edns = out.edns.expect("EDNS");
    assert!(edns.flags().dnssec_ok);
    assert_eq!(edns.max_payload(), 1232);
    assert_eq!(query.max_datagram(), 4096);
}

#[test]
fn each_try_has_an_id_of_its_own() {
    let query = parse(&query("db.example.com.", RecordType::A)).expect("a query");
    let mut ids: Vec<_> = (0..32).map(|_| query.upstream().metadata.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() > 16, "{ids:?}");
}

#[test]
fn only_the_answer_to_the_question_is_taken() {
    let asked = query("Db.example.com.", RecordType::A);
    let right = answer(&asked, &[a("192.0.2.1")]);
    let taken = |message: &Message| Answer::parse(encode(message), &asked).is_some();
    assert!(taken(&right));
    let mut other = right.clone();
    other.metadata.id ^= 1;
    assert!(!taken(&other));
    let mut other = right.clone();
    other.queries[0].name = Name::from_ascii("dB.example.com.").expect("a name");
    assert!(!taken(&other));
    let mut other = right.clone();
    other.queries[0].query_type = RecordType::AAAA;
    assert!(!taken(&other));
    let mut other = right.clone();
    other.queries.clear();
    assert!(!taken(&other));
    assert!(!taken(&asked));
}

#[test]
fn the_corpus_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/dns");
    let files = std::fs::read_dir(folder).expect("the corpus");
    let inputs: Vec<_> = files
        .map(|file| std::fs::read(file.expect("an entry").path()).expect("a file"))
        .collect();
    assert!(!inputs.is_empty());
    for input in &inputs {
        read(input);
    }
    let answers = inputs
        .iter()
        .filter_map(|input| Answer::parse(input.clone(), &Message::from_vec(input).ok()?));
    assert!(answers.count() >= 3);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
        let asked = query("db.example.com.", RecordType::A);
        prop_assert!(Answer::parse(bytes, &asked).is_none());
    }

    #[test]
    fn damaged_answers_are_no_trouble(
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Index>(),
    ) {
        let asked = query("db.example.com.", RecordType::A);
        let records = [a("192.0.2.1"), a("2001:db8::1"), answers::binding("10.0.0.1")];
        let mut bytes = encode(&answer(&asked, &records));
        for (at, byte) in damage {
            *at.get_mut(&mut bytes) = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        read(&bytes);
        if let Some(mut answer) = Answer::parse(bytes, &asked) {
            let query = parse(&asked).expect("a query");
            let removed = answer.guard(|_| false);
            prop_assert!(answer.addresses().is_empty());
            drop(answer.release(&query, removed));
        }
    }
}
