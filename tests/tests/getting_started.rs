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
    let printed = if let Some(client) = command.strip_prefix(GOVERNED) {
        scene.governed().shell(client)?
    } else {
        let mut command = command.to_owned();
        for (page, here) in paths(scene)? {
            command = command.replace(&page, &here);
        }
        scene.bed.outside().shell(&command)?
    };
    let mut printed = format!("{}{}", printed.stdout, printed.stderr);
    for (page, here) in paths(scene)? {
        printed = printed.replace(&here, &page);
    }
    let (printed, shown) = (plain(&printed), plain(shown));
    let fits = match shown.strip_suffix(ANY) {
        Some(beginning) => printed.starts_with(beginning),
        None => printed == shown,
    };
    ensure!(fits, "`{command}` prints\n{printed}\nand not\n{shown}");
    Ok(())
}

/// What the page has, which is a node's, with what the testbed has in its place.
fn paths(scene: &Scene) -> Result<[(String, String); 5]> {
    let (egress, pins) = (binary()?, scene.bed.pins());
    let (egress, pins) = (egress.display(), pins.display());
    let socket = scene.gateway.socket().display();
    let log = scene.bed.dir().join("access.log");
    // Paths first: the commands that follow have some of their own.
    Ok([
        ("/sys/fs/bpf/egress", pins.to_string()),
        ("/var/log/egress/access.log", log.display().to_string()),
        ("/apps.slice", scene.governed().scope()?),
        ("egress status", format!("{egress} status --bpffs {pins}")),
        (
            "egress denied",
            format!("{egress} denied --socket {socket}"),
        ),
    ]
    .map(|(page, here)| (page.to_owned(), here)))
}

/// What is compared: without the widths of columns, and what the clock says.
fn plain(text: &str) -> String {
    let is_time = |word: &&str| word.contains('T') && word.ends_with('Z') && word.contains(':');
    let lines = text.trim_end().lines().map(|line| {
        let words = line.split_whitespace();
        let words = words.map(|word| if is_time(&word) { "TIME" } else { word });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
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
