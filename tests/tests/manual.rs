//! The manual's pages and the shells' completions, as the binary makes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use egress_tests::{binary, command};

/// A directory of this test's own, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let name = format!("egress-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is below the system's directory for such things.
        fs::remove_dir_all(&self.0).ok();
    }
}

fn egress(args: &[&str]) -> Result<String> {
    command::stdout(command::system(&binary()?.to_string_lossy()).args(args))
}

fn pages(dir: &Path) -> Result<Vec<PathBuf>> {
    let dir = dir.to_string_lossy();
    let printed = egress(&["man", "--date", "2026-11-27", &dir])?;
    Ok(printed.lines().map(PathBuf::from).collect())
}

/// What man(1) makes of a page, in lines of 80 letters, and what it warns of.
fn shown(page: &Path) -> Result<(String, String)> {
    let mut man = command::system("man");
    man.args(["--warnings", "--local-file"]).arg(page);
    man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8");
    let output = command::output(&mut man)?;
    ensure!(output.status.success(), "{output:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

#[test]
fn man_has_nothing_to_warn_of_in_any_page() -> Result<()> {
    let scratch = Scratch::new("pages")?;
    let pages = pages(&scratch.0)?;
    for page in &pages {
        let (text, warnings) = shown(page)?;
        assert_eq!(warnings, "", "{}", page.display());
        let name = page.file_stem().context("a name")?.to_string_lossy();
        // Lines are justified: there may be more than one space between words.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("NAME {name} - ")), "{text}");
        assert!(words.contains(" DESCRIPTION "), "{text}");
        assert!(text.contains("2026-11-27"), "{text}");
    }
    Ok(())
}

#[test]
fn each_command_has_a_page_and_so_has_the_file() -> Result<()> {
    let scratch = Scratch::new("commands")?;
    let pages = pages(&scratch.0)?;
    let has = |name: &str| pages.iter().any(|page| page.ends_with(name));
    let help = egress(&["--help"])?;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(commands.contains(&"run"), "{help}");
    for command in commands {
        assert!(has(&format!("egress-{command}.8")), "{command}: {pages:?}");
    }
    for page in ["egress.8", "egress.toml.5", "egress-reasons.7"] {
        assert!(has(page), "{page}: {pages:?}");
    }
    let (text, _) = shown(&scratch.0.join("egress-check.8"))?;
    assert!(
        text.contains("--strict") && text.contains("EXIT STATUS"),
        "{text}"
    );
    Ok(())
}

#[test]
fn shells_find_no_fault_in_their_completions() -> Result<()> {
    let scratch = Scratch::new("completions")?;
    for shell in ["bash", "zsh", "fish"] {
        let script = scratch.0.join(shell);
        fs::write(&script, egress(&["completions", shell])?)?;
        let mut checked = command::system(shell);
        command::run(checked.arg("-n").arg(&script)).with_context(|| format!("{shell} -n"))?;
    }
    Ok(())
}

#[test]
fn bash_completes_commands_and_topics() -> Result<()> {
    let scratch = Scratch::new("bash")?;
    let script = scratch.0.join("egress");
    fs::write(&script, egress(&["completions", "bash"])?)?;
    let completed = |words: &str| {
        let line = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _egress egress \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo ${{COMPREPLY[@]}}",
            script.display()
        );
        command::stdout(command::system("bash").args(["--norc", "-c", &line]))
    };
    assert_eq!(completed("egress sta")?, "status\n");
    assert_eq!(completed("egress help rea")?, "reasons\n");
    assert_eq!(completed("egress completions zs")?, "zsh\n");
    Ok(())
}

#[test]
fn help_tells_of_each_reason_what_to_do() -> Result<()> {
    let text = egress(&["help", "reasons"])?;
    assert!(
        text.contains("host_not_in_registry") && !text.contains('\x1b'),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let codes = egress(&["help", "exit-codes"])?;
    assert!(codes.contains("3 attached but no gateway runs"), "{codes}");
    Ok(())
}
