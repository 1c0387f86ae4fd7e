//! A new pod takes over from the old one, as a `DaemonSet` with a surge has it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{GatewayPod, Node, Volume, registry, wait_until};

use crate::SOON;

/// Three at a time connect until they are told to stop: to a server that sends back what it gets, to one by name,
/// and to what is not allowed. What came of it is counted.
const LOAD: &str = r"
import random

served, sent_back, named, denied, wrong, stop = 0, 0, 0, 0, [], False

def served_one():
    global served, sent_back
    message = random.randbytes(random.randrange(1, 1 << 14))
    answer = echo(message)
    assert answer == b'ready 198.51.100.20\n' + message, f'{len(answer)} bytes'
    served, sent_back = served + 1, sent_back + len(answer)

def named_one():
    global named
    said = get('api.example.com', 'api.example.com')
    assert said.startswith(b'served by api at'), said
    named += 1

def denied_one():
    global denied
    for attempt, expected in ((lambda: echo(b'x', '198.51.100.21'), PermissionError),
                              (lambda: get('evil.example.net', '203.0.113.66'), ssl.SSLError)):
        try:
            said = attempt()
        except expected:
            denied += 1
        else:
            raise AssertionError(said)

def again_and_again(attempt):
    while not stop:
        try:
            attempt()
        except Exception as error:
            wrong.append(f'{attempt.__name__}: {error!r}')

loads = [threading.Thread(target=again_and_again, args=(attempt,))
         for attempt in (served_one, named_one, denied_one)]

def total():
    global stop
    stop = True
    for load in loads:
        load.join()
    return f'{served} {sent_back} {named} {denied} {len(wrong)} {wrong[:3]}'

for load in loads:
    load.start()
";

/// What a load counted.
#[derive(Debug)]
struct Counted {
    served: u64,
    sent_back: u64,
    named: u64,
    denied: u64,
}

impl Counted {
    /// An error if anything went otherwise than expected.
    fn parse(said: &str) -> Result<Self> {
        let mut words = said.split(' ');
        let mut number = || -> Result<u64> {
            let word = words.next().with_context(|| said.to_owned())?;
            word.parse().with_context(|| said.to_owned())
        };
        let counted = Self {
            served: number()?,
            sent_back: number()?,
            named: number()?,
            denied: number()?,
        };
        ensure!(number()? == 0, "wrong: {said}");
        Ok(counted)
    }
}

/// Longer than what a test does meanwhile; one waits for its end.
const DRAIN: Duration = Duration::from_secs(15);

#[test]
fn a_rolling_update_under_load_fails_and_leaks_nothing() -> Result<()> {
    let node = Node::new()?;
    let drain = format!("[gateway]\ndrain = \"{}s\"", DRAIN.as_secs());
    let volume = Volume::new(&node, &registry(&drain))?;
    let old = GatewayPod::start(&node, "egress-old", &volume)?;
    let sniffer = node.bed().sniffer()?;
    let mut loads = [node.pod(1).session()?, node.pod(2).session()?];
    for load in &mut loads {
        load.run(LOAD)?;
        load.begin("served")?;
        load.answer()?;
    }
    // Two connections from before: one ends within the drain, one never does.
    let mut client = node.pod(3).session()?;
    for name in ["ends", "stays"] {
        let connect =
            format!("{name} = connect('198.51.100.20', 5432); {name}.sendall(b'echo\\n')");
        client.run(&connect)?;
        assert_eq!(
            client.ask(&format!("exactly({name}, 20)"))?,
            "ready 198.51.100.20\n"
        );
    }
    let busy = |pod: &GatewayPod<'_>, what: &str| {
        let log = pod.access_log();
        wait_until(what, SOON, || (log.lines().len() > 30).then_some(()))
    };
    busy(&old, "the old gateway serves")?;

    let begun = Instant::now();
    let new = GatewayPod::start(&node, "egress-new", &volume)?;
    // As the kubelet ends the old pod's once the new one's is ready.
    old.terminate()?;
    busy(&new, "the new gateway serves")?;
    for name in ["ends", "stays"] {
        client.run(&format!("{name}.sendall(b'as ever')"))?;
        assert_eq!(client.ask(&format!("exactly({name}, 7)"))?, "as ever");
    }
    assert_eq!(client.ask("finish(ends)")?, "");
    assert_eq!(old.ended()?, 0);
    // It has been told to go meanwhile, and that has not cut what had time.
    ensure!(begun.elapsed() >= DRAIN, "{:?}", begun.elapsed());
    assert_eq!(client.ask("stays.recv(1)")?, "ConnectionResetError");

    let counted = loads
        .iter_mut()
        .map(|load| Counted::parse(&load.ask("total()")?));
    let counted = counted.collect::<Result<Vec<_>>>()?;
    eprintln!("{counted:?}");
    let sum = |of: fn(&Counted) -> u64| counted.iter().map(of).sum::<u64>();
    ensure!(sum(|c| c.named) > 0 && sum(|c| c.denied) > 0, "{counted:?}");
    // Each is in one of the two logs, with all its bytes: and the two that were there before.
    let echoed = || {
        let lines = [&old, &new].map(|pod| pod.access_log().lines()).concat();
        let ours = lines
            .into_iter()
            .filter(|line| line.get("service") == "orders-db");
        let bytes = ours.map(|line| line.get("bytes_sent").parse::<u64>());
        let bytes = bytes.collect::<Result<Vec<_>, _>>().ok()?;
        let all = (bytes.len() as u64, bytes.iter().sum::<u64>());
        let expected = (sum(|c| c.served) + 2, sum(|c| c.sent_back) + 2 * 27);
        (all == expected).then_some(())
    };
    wait_until("every connection is in a log", SOON, echoed)?;
    assert_eq!(node.past_the_gateway(&sniffer)?, []);
    let packets = sniffer.packets()?;
    let forbidden = ["198.51.100.21", "203.0.113.66"];
    let forbidden = packets
        .iter()
        .find(|packet| forbidden.contains(&packet.destination.as_str()));
    assert_eq!(forbidden, None);
    Ok(())
}
