//! `docs/getting-started.md`, step by step as it is written: its configurations, its clients, and what the
//! page says of both.

use anyhow::{Context as _, Result, ensure};
use egress_tests::{Line, Scene, Testbed, binary};
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/getting-started.md");
/// The file that the page writes, again and again.
const CONFIG: &str = "# /etc/egress/egress.toml\n";
/// What the page puts before a command of the governed slice.
const GOVERNED: &str = "systemd-run --quiet --pipe --wait --slice=apps.slice ";
/// Stands for any further lines.
const ANY: &str = "\n…";
/// What must be the same in a line of the log; the rest is of the moment.
const SAME: &str =
    "verdict reason service requested_server_name protocol response_flags close_reason";

/// One step of the page.
#[derive(Debug)]
enum Step<'a> {
    Config(&'a str),
    Run { command: &'a str, output: String },
    Logged(&'a str),
}

/// The steps, in their order.
fn steps() -> Vec<Step<'static>> {
    let mut steps = Vec::new();
    let mut rest = PAGE;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (info, body) = after.split_once('\n').unwrap_or_default();
        let (text, after) = body.split_once("\n```").unwrap_or_default();
        match info {
            "toml" if text.starts_with(CONFIG) => steps.push(Step::Config(text)),
            "json" => steps.extend(text.lines().map(Step::Logged)),
            "console not-run=walked" => steps.extend(commands(text)),
            _ => {}
        }
        rest = after;
    }
    steps
}

fn commands(text: &'static str) -> impl Iterator<Item = Step<'static>> {
    let commands = text
        .split("\n# ")
        .map(|shown| shown.trim_start_matches("# "));
    commands.map(|shown| {
        let (command, output) = shown.split_once('\n').unwrap_or((shown, ""));
        let output = output.to_owned();
        Step::Run { command, output }
    })
}

/// Runs a command as the page has it, and compares what it prints.
fn run(scene: &Scene, command: &str, shown: &str) -> Result<()> {
    let outcome = if let Some(client) = command.strip_prefix(GOVERNED) {
        scene.governed().shell(client)?
    } else {
        // The page's paths are a node's; the testbed has its own.
        let (egress, pins) = (binary()?, scene.bed.pins());
        let status = format!("{} status --bpffs {}", egress.display(), pins.display());
        let log = scene.bed.dir().join("access.log").display().to_string();
        let command = command.replace("egress status", &status);
        let command = command.replace("/var/log/egress/access.log", &log);
        scene.bed.outside().shell(&command)?
    };
    let pins = scene.bed.pins().display().to_string();
    let printed =
        format!("{}{}", outcome.stdout, outcome.stderr).replace(&pins, "/sys/fs/bpf/egress");
    let printed = printed.trim_end();
    let fits = match shown.strip_suffix(ANY) {
        Some(beginning) => printed.starts_with(beginning),
        None => printed == shown,
    };
    ensure!(fits, "`{command}` prints\n{printed}\nand not\n{shown}");
    Ok(())
}

/// Waits for a line of the log that says the same.
fn logged(scene: &Scene, shown: &str) -> Result<()> {
    let shown = Line::from(serde_json::from_str::<Value>(shown)?);
    let wanted = shown.pick(SAME);
    let log = scene.gateway.access_log();
    let same = log.wait_for(&wanted, |line| line.pick(SAME) == wanted);
    same.map(drop)
        .with_context(|| format!("{:#?}", log.lines()))
}

#[test]
fn the_page_is_right_step_by_step() -> Result<()> {
    let mut steps = steps().into_iter();
    let Some(Step::Config(first)) = steps.next() else {
        anyhow::bail!("the page begins with a configuration");
    };
    let scene = Scene::on(Testbed::new()?, |bed| {
        egress_tests::Gateway::start(bed, first)
    })?;
    let mut generation = 1;
    let mut walked = 0;
    for step in steps {
        walked += 1;
        match step {
            Step::Config(text) => {
                generation += 1;
                scene.gateway.replace_config(text)?;
                scene.reloaded(generation)?;
            }
            Step::Run { command, output } => run(&scene, command, output.trim_end())?,
            Step::Logged(line) => logged(&scene, line)?,
        }
    }
    ensure!(walked > 10, "the page has only {walked} steps");
    Ok(())
}
