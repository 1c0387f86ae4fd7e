//! A hundred thousand addresses: loaded and replaced in bounded time, with no moment in between.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Gateway, Python, Scene, hosts};

const COUNT: u32 = 100_000;
/// Room for a debug build on a slow and loaded machine, which takes 7 seconds; a release takes a tenth.
const SOON: Duration = Duration::from_secs(30);
/// Where a set's own addresses begin. No two sets share any.
const SETS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 64, 0, 0), Ipv4Addr::new(10, 128, 0, 0)];
/// The lists are long, and a person would not write all in one.
const PER_SERVICE: u32 = 10_000;

/// Connects to one that is always listed and one that never is, until a file is there.
const CONNECT: &str = r"
def connect_until(file, listed, unlisted):
    rounds, wrong = 0, []
    while not os.path.exists(file):
        rounds += 1
        try:
            with connect(listed, 5432) as s:
                assert exactly(s, 20) == f'ready {listed}\n'.encode()
        except Exception as error:
            wrong.append(repr(error))
        try:
            connect(unlisted, 5432)
            wrong.append('unlisted, and let through')
        except PermissionError:
            pass
    return f'{rounds} rounds, {len(wrong)} wrong {wrong[:3]}'
";

/// [`COUNT`] addresses from this one on, of which one is replaced by that of the server.
fn config(first: Ipv4Addr) -> String {
    let first = first.to_bits();
    let service = |start: u32| {
        let address = |number: u32| match number {
            0 => format!("\"{}/32\"", hosts::TCP),
            _ => format!("\"{}/32\"", Ipv4Addr::from_bits(first + number)),
        };
        let addresses: Vec<_> = (start..start + PER_SERVICE).map(address).collect();
        format!(
            "[[service]]\nname = \"list-{start}\"\naddresses = [{}]\n\
             ports = [{{ number = 5432, protocol = \"TCP\" }}]\nresolution = \"NONE\"\n",
            addresses.join(", ")
        )
    };
    (0..COUNT)
        .step_by(PER_SERVICE as usize)
        .map(service)
        .collect()
}

/// What a connection to the last of a set's own addresses comes to: nobody answers there.
fn last_of(client: &mut Python, first: Ipv4Addr) -> Result<String> {
    let last = Ipv4Addr::from_bits(first.to_bits() + COUNT - 1);
    client.ask(&format!("try_one('{last}')"))
}

#[test]
fn a_hundred_thousand_addresses_are_replaced_with_no_moment_in_between() -> Result<()> {
    let [first, second] = SETS;
    let begun = Instant::now();
    let scene = Scene::with(&config(first))?;
    let started = begun.elapsed();
    ensure!(started < SOON, "started in {started:?}");
    let mut client = scene.python()?;
    client.run(CONNECT)?;
    client.run(
        "def try_one(address):\n    s = socket.socket(); s.setblocking(False)\n    \
         return s.connect_ex((address, 5432))",
    )?;
    // EINPROGRESS: its SYN is on its way, straight to the destination; and EPERM.
    let (in_progress, refused) = ("115", "1");
    assert_eq!(last_of(&mut client, first)?, in_progress);
    assert_eq!(last_of(&mut client, second)?, refused);

    let mut other = scene.python()?;
    other.run(CONNECT)?;
    let enough = scene.bed.dir().join("enough");
    let (listed, unlisted) = (hosts::TCP, hosts::TCP_OTHER);
    other.begin(&format!(
        "connect_until('{}', '{listed}', '{unlisted}')",
        enough.display()
    ))?;
    let reload = |gateway: &Gateway, set, generation| -> Result<Duration> {
        let begun = Instant::now();
        gateway.replace_config(&config(set))?;
        scene.reloaded(generation)?;
        Ok(begun.elapsed())
    };
    let there = reload(&scene.gateway, second, 2)?;
    assert_eq!(last_of(&mut client, first)?, refused);
    assert_eq!(last_of(&mut client, second)?, in_progress);
    let back = reload(&scene.gateway, first, 3)?;
    fs::write(&enough, "").context("cannot end the connections")?;
    let said = other.answer()?;
    eprintln!("started in {started:?}, reloaded in {there:?} and {back:?}; {said}");
    ensure!(
        there < SOON && back < SOON,
        "reloaded in {there:?}, {back:?}"
    );
    ensure!(said.contains(" rounds, 0 wrong"), "{said}");

    let metrics = scene.metrics()?;
    let kernel = |kind| metrics.sum("egress_kernel_total", &[("kind", kind)]);
    ensure!(kernel("passed_address") > 0, "{}", metrics.text());
    assert_eq!(kernel("redirected"), 0, "all is decided in the kernel");
    Ok(())
}
