//! `docs/learn.md` shows what the commands on it print.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use egress_tests::binary;
use egress_tests::command::{output, search_path};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/learn.md");
/// Set it to have the page written instead of compared.
const UPDATE: &str = "UPDATE_DOCS";
/// What the page's commands are run on: a log that a gateway wrote, and a configuration.
const FILES: [(&str, &str); 2] = [
    ("audit.log", include_str!("audit.log")),
    ("egress.toml", include_str!("egress.toml")),
];
/// Where a block of commands begins, and where it ends.
const BEGIN: &str = "```console";
const END: &str = "```";
const PROMPT: &str = "$ ";

#[test]
fn the_page_shows_what_the_commands_print() -> Result<()> {
    let dir = env::temp_dir().join(format!("egress-learn-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    for (name, text) in FILES {
        fs::write(dir.join(name), text)?;
    }
    let page = fs::read_to_string(PAGE).context("cannot read docs/learn.md")?;
    let now = run_all(&page, &dir);
    fs::remove_dir_all(&dir)?;
    let now = now?;
    if env::var_os(UPDATE).is_some() {
        return fs::write(PAGE, now).context("cannot write docs/learn.md");
    }
    ensure!(
        now == page,
        "docs/learn.md is not what the commands print, which is\n{now}"
    );
    Ok(())
}

/// The page, with what its commands print now.
fn run_all(page: &str, dir: &Path) -> Result<String> {
    let mut now = String::new();
    let mut in_block = false;
    for line in page.lines() {
        match (in_block, line) {
            (false, BEGIN) => in_block = true,
            (true, END) => in_block = false,
            // What was printed when the page was written.
            (true, line) if !line.starts_with(PROMPT) => continue,
            _ => {}
        }
        now.push_str(line);
        now.push('\n');
        if let Some(command) = line.strip_prefix(PROMPT).filter(|_| in_block) {
            now.push_str(&run(command, dir)?);
        }
    }
    Ok(now)
}

/// What a command of a shell prints.
fn run(command: &str, dir: &Path) -> Result<String> {
    let binary = binary()?;
    let mut path = OsString::from(binary.parent().context("it is in a directory")?);
    path.push(":");
    path.push(search_path());
    let script = format!("exec 2>&1\n{command}");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .current_dir(dir)
        .env("PATH", path);
    Ok(String::from_utf8_lossy(&output(&mut shell)?.stdout).into_owned())
}
