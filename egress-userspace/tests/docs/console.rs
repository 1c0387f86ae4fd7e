//! Commands on the pages are commands, and print what the pages show.

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use egress_userspace::cli::{self, Arguments, Command as Asked};

use crate::assert_none;
use crate::line::{Simple, commands};
use crate::pages::{self, Block, Page};

/// Why a command whose output is shown is not run here.
pub(crate) const REASONS: [(&str, &str); 4] = [
    (
        "node",
        "needs a node with a gateway, or shows what this one has",
    ),
    (
        "walked",
        "is run by the end-to-end tests, on a node of their own",
    ),
    ("installs", "installs packages, or changes the machine"),
    ("long", "takes minutes"),
];

/// Pages whose output other tests compare: `cli::explain`, and the end-to-end test of learning.
const ELSEWHERE: [&str; 2] = ["docs/explain.md", "docs/learn.md"];

/// Stands for any lines of output.
const ANY: &str = "…";

/// A command with what is shown below it.
#[derive(Debug, PartialEq)]
struct Shown {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn shown(block: &Block) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for (line, text) in (block.line + 1..).zip(block.text.lines()) {
        let prompted = text.strip_prefix("# ").or_else(|| text.strip_prefix("$ "));
        match (prompted, all.last_mut()) {
            (Some(command), _) => all.push(Shown {
                line,
                command: command.into(),
                output: Vec::new(),
            }),
            (None, Some(last)) if last.output.is_empty() && last.command.ends_with('\\') => {
                last.command.pop();
                last.command.push_str(text.trim_start());
            }
            (None, Some(last)) => last.output.push(text.trim_end().into()),
            (None, None) => {}
        }
    }
    all
}

/// Whether a line can be run here.
fn can_run(line: &str) -> bool {
    // What a shell would run within a word is not seen.
    let is_plain = !line.contains('`') && !line.contains("$(");
    is_plain && commands(line).iter().all(is_harmless)
}

/// Whether it needs nothing but the files that the page shows: neither root, nor a network, nor a gateway.
fn is_harmless(command: &Simple) -> bool {
    if command.is_redirected {
        return false;
    }
    let Some(arguments) = command.egress() else {
        return command
            .words
            .first()
            .is_some_and(|program| program == "echo");
    };
    let offers_help = |word: &&str| ["--help", "-h", "--version", "-V", "help"].contains(word);
    match parse(&arguments).map(|arguments| arguments.command) {
        Ok(Asked::Check(_)) => !arguments.contains(&"--resolve"),
        Ok(Asked::Explain(_)) => !arguments.contains(&"--running"),
        Ok(Asked::Help { .. } | Asked::Schema) => true,
        Ok(_) => false,
        Err(_) => arguments.iter().any(offers_help),
    }
}

fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
    let matches = cli::command().try_get_matches_from([&["egress"], arguments].concat())?;
    Arguments::from_arg_matches(&matches)
}

/// What is wrong with a command line, which is not run.
fn misspelt(line: &str) -> Option<String> {
    misspelt_but_for(line, &[])
}

/// The same for a command that is named in a sentence: it may leave out what it is about, or have a word in
/// capitals in its place.
fn misnamed(line: &str) -> Option<String> {
    let stands_for = |word: &str| word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let value = line
        .split_whitespace()
        .any(stands_for)
        .then_some(ErrorKind::InvalidValue);
    let free: Vec<_> = value
        .into_iter()
        .chain([ErrorKind::MissingRequiredArgument])
        .collect();
    misspelt_but_for(line, &free)
}

fn misspelt_but_for(line: &str, free: &[ErrorKind]) -> Option<String> {
    let commands = commands(line);
    let ours = commands.iter().filter_map(Simple::egress);
    let errors = ours.filter_map(|arguments| parse(&arguments).err());
    // Help and the version are errors to clap, too.
    let mut errors = errors.filter(|error| error.use_stderr() && !free.contains(&error.kind()));
    errors.next().map(|error| format!("{line}\n{error}"))
}

/// Runs a line of harmless commands below a root of its own; gives what it prints.
fn run(line: &str, below: &Path) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_egress"));
    let programs = program.parent().expect("its directory").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let below = below.display().to_string();
    let output = Command::new("sh")
        .args(["-c", &line.replace("/etc/", &format!("{below}/etc/"))])
        .current_dir(pages::root())
        .env("PATH", format!("{programs}:{path}"))
        .env_remove("EGRESS_LOG")
        .output()
        .expect("sh runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).replace(&below, "");
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Whether lines are those that are shown.
fn fits(shown: &[String], lines: &[String]) -> bool {
    match shown {
        [] => lines.is_empty(),
        [any, rest @ ..] if any == ANY => {
            (0..=lines.len()).any(|skipped| fits(rest, lines.get(skipped..).unwrap_or_default()))
        }
        [first, rest @ ..] => lines
            .split_first()
            .is_some_and(|(line, lines)| line == first && fits(rest, lines)),
    }
}

/// What is wrong with the commands of a page; its files are written below a root of its own.
fn look(page: &Page) -> Vec<String> {
    let below = tempfile::tempdir().expect("a directory");
    let mut wrong = Vec::new();
    let is_elsewhere = ELSEWHERE.contains(&page.path.as_str());
    for block in &page.blocks {
        if let Some(file) = block.file() {
            let path = below.path().join(file.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
            fs::write(path, &block.text).expect("it is written");
        }
        if block.language != "console" {
            continue;
        }
        let at = |line, what: &str| format!("{}: {what}", page.at(line));
        let options = block.unknown_options(&["not-run"]);
        wrong.extend(
            options
                .iter()
                .map(|option| at(block.line, &format!("no such option: {option}"))),
        );
        let reason = block.option("not-run");
        if reason.is_some_and(|given| REASONS.iter().all(|(reason, _)| *reason != given)) {
            wrong.push(at(block.line, "no such reason: see REASONS"));
        }
        for Shown {
            line,
            command,
            output,
        } in shown(block)
        {
            wrong.extend(misspelt(&command).map(|why| at(line, &why)));
            if is_elsewhere || reason.is_some() || output.iter().all(String::is_empty) {
                continue;
            }
            if !can_run(&command) {
                let why = "shows output, and cannot be run here: say why with `not-run=`";
                wrong.push(at(line, why));
                continue;
            }
            let printed = run(&command, below.path());
            let shown = output.trim_end();
            if !fits(shown, &printed) {
                wrong.push(at(
                    line,
                    &format!("`{command}` prints\n{}", printed.join("\n")),
                ));
            }
        }
    }
    wrong
}

/// What a line of a unit of systemd runs.
fn executed(line: &str) -> Option<&str> {
    let (key, command) = line.split_once('=')?;
    // How it is run, and not what (systemd.service(5), "Command lines").
    let command = command.trim_start_matches(['+', '-', '@', ':', '!']);
    key.starts_with("Exec").then_some(command)
}

/// Lines without the empty ones at their end.
trait Trimmed {
    fn trim_end(&self) -> &[String];
}

impl Trimmed for Vec<String> {
    fn trim_end(&self) -> &[String] {
        let length = self
            .iter()
            .rposition(|line| !line.is_empty())
            .map_or(0, |last| last + 1);
        self.get(..length).unwrap_or_default()
    }
}

#[test]
fn what_is_typed_prints_what_is_shown() {
    let wrong: Vec<_> = pages::all().iter().flat_map(look).collect();
    assert_none(&wrong);
}

/// Command lines in units, with their lines; the first is that before the text's first.
fn unit(before: usize, text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (before + 1..).zip(text.lines());
    lines.filter_map(|(line, text)| Some((line, executed(text)?)))
}

#[test]
fn every_command_line_in_the_text_and_in_units_is_one() {
    let mut wrong = Vec::new();
    for page in pages::all() {
        let spans = page.spans.iter().map(|(line, span)| (*line, span.as_str()));
        let typed = spans.filter(|(_, span)| span.starts_with("egress "));
        let units = page
            .blocks
            .iter()
            .flat_map(|block| unit(block.line, &block.text));
        let named = typed.filter_map(|(line, command)| Some((line, misnamed(command)?)));
        let run = units.filter_map(|(line, command)| Some((line, misspelt(command)?)));
        let told = named
            .chain(run)
            .map(|(line, why)| format!("{}: {why}", page.at(line)));
        wrong.extend(told);
    }
    for path in pages::files(&["service"]) {
        let text = fs::read_to_string(pages::root().join(&path)).expect("a unit");
        for (line, command) in unit(0, &text) {
            wrong.extend(misspelt(command).map(|why| format!("{path}:{line}: {why}")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn what_a_unit_runs_is_found() {
    assert_eq!(
        executed("ExecStartPre=+/bin/egress status"),
        Some("/bin/egress status")
    );
    assert_eq!(executed("Wants=egress.service"), None);
}

#[test]
fn a_command_that_is_none_or_prints_something_else_is_found() {
    const FILE: &str = "```toml\n# /etc/egress/egress.toml\n[[scope]]\ncgroups = [\"/a\"]\n```\n";
    let look = |info: &str, text: &str| {
        let text = format!("{FILE}```console {info}\n{text}\n```\n");
        look(&Page::new("x.md".into(), text)).len()
    };
    let right = "# egress check /etc/egress/egress.toml\n/etc/egress/egress.toml: ok — …";
    assert_eq!(look("", right), 1, "only whole lines are elided");
    assert_eq!(look("", "# egress check /etc/egress/egress.toml\n…"), 0);
    assert_eq!(
        look("", "# egress check /etc/egress/egress.toml; echo $?\n…\n0"),
        0
    );
    assert_eq!(
        look("", "# egress check /etc/egress/egress.toml; echo $?\n…\n1"),
        1
    );
    assert_eq!(look("", "# egress chekc /etc/egress/egress.toml"), 1);
    assert_eq!(look("", "# egress run --config FILE \\\n  --takeover"), 1);
    assert_eq!(look("", "# egress status"), 0);
    assert_eq!(look("", "# egress status\nattached"), 1);
    assert_eq!(look("", "# echo $(egress schema)\n{}"), 1);
    assert!(misspelt("egress connections close").is_some());
    assert!(misnamed("egress connections close").is_none());
    assert!(misnamed("egress connections clsoe").is_some());
    assert!(misnamed("egress completions SHELL").is_none());
    assert!(misnamed("egress completions shell").is_some());
    assert_eq!(look("not-run=node", "# egress status\nattached"), 0);
    assert_eq!(look("not-run=lazy", "# egress status\nattached"), 1);
    assert_eq!(look("notrun=node", "# egress status"), 1);
}
