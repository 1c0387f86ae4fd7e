//! `egress man`: the pages of the manual, made of the definition of the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;

use super::DEFAULT_CONFIG;
use super::after::{After, after};
use super::help::command;
use super::pages::{Part, to_roff};
use super::topics::TOPICS;

/// The section of the manual that is for administrators' commands.
const SECTION: &str = "8";

/// Where the pages go.
#[derive(Debug, Args)]
pub struct Pages {
    /// The directory, which is made if it is not there.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The date that the pages bear.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
}

/// Writes the pages, and prints the path of each.
pub fn man(pages: &Pages) -> ExitCode {
    match written(pages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn written(Pages { directory, date }: &Pages) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let root = command();
    for topic in TOPICS {
        let page = (topic.page)(&root);
        write(directory, &page.file(), page.to_roff(date).as_bytes())?;
    }
    let mut root = root;
    root.build();
    of_command(directory, date, &root, true)
}

/// Writes a command's page, and those of the commands below it.
fn of_command(
    directory: &Path,
    date: &str,
    command: &Command,
    is_root: bool,
) -> anyhow::Result<()> {
    let visible = |command: &&Command| !command.is_hide_set();
    for below in command.get_subcommands().filter(visible) {
        of_command(directory, date, below, false)?;
    }
    let page = page(command, date, is_root).context("writing to memory")?;
    let name = command.get_display_name().unwrap_or(command.get_name());
    write(directory, &format!("{name}.{SECTION}"), &page)
}

fn page(command: &Command, date: &str, is_root: bool) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .date(date)
        .source(concat!("egress ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend(to_roff(&end(command, is_root)).into_bytes());
    Ok(page)
}

/// What stands below the options.
fn end(command: &Command, is_root: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    for after in after(command) {
        match after {
            After::Examples(lines) => {
                parts.extend([Part::section("Examples"), Part::Verbatim(lines)]);
            }
            After::ExitStatus(text) => {
                parts.extend([Part::section("Exit status"), Part::Text(text)]);
            }
            After::Text(text) => parts.extend([Part::section("Notes"), Part::Text(text)]),
        }
    }
    if is_root {
        parts.extend([
            Part::section("Environment"),
            Part::entry("EGRESS_LOG", "How much is told, as in `EGRESS_LOG=debug`."),
            Part::section("Files"),
            Part::entry(DEFAULT_CONFIG, "The configuration: egress.toml(5)."),
            Part::entry("/sys/fs/bpf/egress", "Where programs and maps are pinned."),
        ]);
    }
    parts.push(Part::section("See also"));
    let others = if is_root { "" } else { "egress(8), " };
    let topics = "egress.toml(5), egress-reasons(7), egress-exit-codes(7)";
    parts.push(Part::Text(format!("{others}{topics}")));
    parts
}

fn write(directory: &Path, name: &str, page: &[u8]) -> anyhow::Result<()> {
    let path = directory.join(name);
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
