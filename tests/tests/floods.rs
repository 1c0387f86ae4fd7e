//! One pod does what it can to be a burden; the gateway stays small, and another pod is served as before.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Footprint, Pod, Process, Python, Scene, wait_until};

/// Connects as fast as it can; the prelude says in which way.
const FLOOD: &str = include_str!("floods.py");

/// Few beside what the flood opens.
const LIMIT: u64 = 128;
/// What a message's reading may hold is accounted for by itself; this is for all else, in KiB.
const MEMORY: u64 = 32 << 10;
/// So many connects of a flood that each bound has been met many times over.
const MANY: u64 = 5_000;

/// Connections for one median.
const SAMPLE: usize = 150;
/// How much slower a victim's connection may be.
const SLOWER: f64 = 2.0;
/// The machine does other things as well: a comparison is made again so often.
const TRIES: u32 = 5;

/// What is held is given back within a second or two; a loaded machine takes longer.
const SOON: Duration = Duration::from_secs(30);

/// The median time of a connect, in microseconds; each connection is served.
const MEDIAN: &str = r"
def median(count):
    times = []
    for _ in range(count):
        began = time.perf_counter()
        with connect('198.51.100.20', 5432) as s:
            times.append(time.perf_counter() - began)
            assert exactly(s, 20) == b'ready 198.51.100.20\n'
    return sorted(times)[count // 2] * 1e6
";

/// Starts a flood of each of these ways; they end when they are dropped.
fn flood(scene: &Scene, pod: &Pod<'_>, ways: &[&str]) -> Result<Vec<Process>> {
    let start = |(number, way): (usize, &&str)| {
        let program = format!("WAY = '{way}'\n{FLOOD}");
        let log = scene.bed.dir().join(format!("flood{number}.log"));
        pod.client().spawn_python(&program, &log)
    };
    ways.iter().enumerate().map(start).collect()
}

fn kernel(scene: &Scene, kind: &str) -> Result<u64> {
    Ok(scene
        .metrics()?
        .sum("egress_kernel_total", &[("kind", kind)]))
}

fn victim(pod: &Pod<'_>) -> Result<Python> {
    let mut python = pod.client().session()?;
    python.run(MEDIAN)?;
    Ok(python)
}

fn median(victim: &mut Python) -> Result<f64> {
    let said = victim.ask(&format!("median({SAMPLE})"))?;
    said.parse()
        .with_context(|| format!("not every connection is served: {said}"))
}

/// Waits until a flood's connections to the gateway, since it had so many, are [`MANY`].
fn in_full_flood(scene: &Scene, before: u64) -> Result<()> {
    wait_until("the flood is at its height", SOON, || {
        let now = kernel(scene, "redirected").ok()?;
        (now > before + MANY).then_some(())
    })
}

#[test]
fn a_flood_of_connections_harms_only_who_makes_it() -> Result<()> {
    let scene = Scene::new(&format!("[limits]\nconnections_per_cgroup = {LIMIT}"))?;
    let (flooder, bystander) = (scene.bed.pod(1)?, scene.bed.pod(2)?);
    // Its listeners stay for as long as it has a process.
    let _idle = flooder.client().session()?;
    flooder
        .client()
        .session()?
        .run("connect('203.0.113.10', 443).close()")?;
    let mut victim = victim(&bystander)?;
    median(&mut victim)?;
    let before = Footprint::of(&scene)?;

    let mut height = before;
    let compare = |victim: &mut Python, height: &mut Footprint| -> Result<f64> {
        let quiet = median(victim)?;
        let begun = kernel(&scene, "redirected")?;
        let floods = flood(&scene, &flooder, &["opens", "abandons", "half_opens"])?;
        in_full_flood(&scene, begun)?;
        let burdened = median(victim)?;
        *height = Footprint::of(&scene)?;
        // The victim's are closed by now, or about to be.
        let open = scene.metrics()?.sum("egress_connections", &[]);
        drop(floods);
        eprintln!("{quiet:.0} µs quiet, {burdened:.0} µs flooded, {open} open, {height:?}");
        ensure!(open <= LIMIT + 1, "{open} connections");
        Ok(burdened / quiet)
    };
    let mut slowdowns = Vec::new();
    while slowdowns.last().is_none_or(|slower| *slower > SLOWER) {
        ensure!(slowdowns.len() < TRIES as usize, "slower by {slowdowns:?}");
        slowdowns.push(compare(&mut victim, &mut height)?);
    }

    let refused = scene
        .metrics()?
        .sum("egress_decisions_total", &[("reason", "limit_caller")]);
    ensure!(refused > 0, "the flood met no limit");
    ensure!(
        height.memory < before.memory + MEMORY,
        "{before:?}, {height:?}"
    );
    wait_until("all is given back", SOON, || {
        let now = Footprint::of(&scene).ok()?;
        let same = now.flows == 0 && now.descriptors <= before.descriptors;
        (same && now.memory < before.memory + MEMORY).then_some(())
    })
    .with_context(|| format!("{before:?}, {:?}", Footprint::of(&scene)))
}

#[test]
fn a_flood_of_refusals_is_counted_where_it_cannot_be_logged_and_others_are_served() -> Result<()> {
    let scene = Scene::new("")?;
    let (flooder, bystander) = (scene.bed.pod(1)?, scene.bed.pod(2)?);
    let mut victim = victim(&bystander)?;
    let before = Footprint::of(&scene)?;
    assert_eq!(kernel(&scene, "event_lost")?, 0);
    let floods = flood(&scene, &flooder, &["is_refused"; 3])?;
    wait_until("the ring is full", SOON, || {
        (kernel(&scene, "event_lost").ok()? > 0).then_some(())
    })
    .with_context(|| {
        scene
            .metrics()
            .map_or_else(|e| e.to_string(), |m| m.text().to_owned())
    })?;
    median(&mut victim)?;
    let height = Footprint::of(&scene)?;
    drop(floods);
    ensure!(
        height.memory < before.memory + MEMORY,
        "{before:?}, {height:?}"
    );
    wait_until("each refusal is told of, or counted as lost", SOON, || {
        let told = scene
            .metrics()
            .ok()?
            .sum("egress_decisions_total", &[("verdict", "deny")]);
        let lost = kernel(&scene, "event_lost").ok()?;
        (told + lost == kernel(&scene, "denied").ok()?).then_some(())
    })
    .with_context(|| {
        scene
            .metrics()
            .map_or_else(|e| e.to_string(), |m| m.text().to_owned())
    })
}
