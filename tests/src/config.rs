//! Fitting a configuration to a testbed: the few keys that name places on the machine are replaced,
//! all else stays as it was written.

use std::fmt::Write as _;

/// A key, the table it is in, and its value here, as TOML.
pub(crate) struct Override {
    pub(crate) table: &'static str,
    pub(crate) key: &'static str,
    pub(crate) value: String,
}

/// Replaces the overridden keys, those of one table side by side, and every `[[scope]]` by one with these cgroups.
///
/// Works on lines: a table's header stands alone on its line, a key is bare and begins its line.
/// That is how people write such files, and it keeps comments and line order for error messages.
pub(crate) fn localise(text: &str, overrides: &[Override], cgroups: &[String]) -> String {
    let mut out = String::new();
    let mut done = vec![false; overrides.len()];
    for section in sections(text).filter(|s| s.name() != Some("scope")) {
        let ours = |o: &Override| section.name() == Some(o.table);
        section.write_without(&mut out, |key| {
            overrides.iter().any(|o| ours(o) && o.key == key)
        });
        for (o, done) in overrides.iter().zip(&mut done).filter(|(o, _)| ours(o)) {
            push(&mut out, &format!("{} = {}", o.key, o.value));
            *done = true;
        }
    }
    let mut table = "";
    for (o, _) in overrides.iter().zip(done).filter(|(_, done)| !done) {
        if o.table != table {
            table = o.table;
            push(&mut out, &format!("\n[{table}]"));
        }
        push(&mut out, &format!("{} = {}", o.key, o.value));
    }
    push(&mut out, &format!("\n[[scope]]\ncgroups = {cgroups:?}"));
    out
}

fn push(out: &mut String, line: &str) {
    // Writing to a String cannot fail.
    writeln!(out, "{line}").ok();
}

/// A header, if it has one, and the lines up to the next.
struct Section<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn name(&self) -> Option<&'a str> {
        header(self.lines.first()?)
    }

    /// Writes all lines but those of some keys. A value that spans lines goes with its key.
    fn write_without(&self, out: &mut String, drops: impl Fn(&str) -> bool) {
        let mut open = 0;
        for line in &self.lines {
            let inside = open > 0;
            let key = line.split_once('=').map(|(key, _)| key.trim());
            if inside || key.is_some_and(&drops) {
                open += brackets(line);
            } else {
                push(out, line);
            }
        }
    }
}

fn sections(text: &str) -> impl Iterator<Item = Section<'_>> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        let mut section = Section {
            lines: vec![lines.next()?],
        };
        while let Some(line) = lines.next_if(|line| header(line).is_none()) {
            section.lines.push(line);
        }
        Some(section)
    })
}

/// The name in `[name]` or `[[name]]`; `None` for any other line.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next()?.trim();
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    let name = name
        .strip_prefix('[')
        .and_then(|n| n.strip_suffix(']'))
        .unwrap_or(name);
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(bare)).then_some(name)
}

/// How many more brackets a line opens than it closes.
fn brackets(line: &str) -> i32 {
    line.chars()
        .map(|c| i32::from(c == '[') - i32::from(c == ']'))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attach() -> Vec<Override> {
        vec![Override {
            table: "gateway",
            key: "attach",
            value: "\"/here\"".into(),
        }]
    }

    #[test]
    fn a_key_is_replaced_and_the_rest_of_its_table_stays() {
        let text = "# top\n[gateway]\n# why\nattach = \"/there\"\nmode = \"audit\"\n[[service]]\nname = \"a\"\n";
        let expected = "# top\n[gateway]\n# why\nmode = \"audit\"\nattach = \"/here\"\n\
                        [[service]]\nname = \"a\"\n\n[[scope]]\ncgroups = [\"g\"]\n";
        assert_eq!(localise(text, &attach(), &["g".into()]), expected);
    }

    #[test]
    fn a_missing_table_is_added() {
        let expected = "[dns]\nx = 1\n\n[gateway]\nattach = \"/here\"\n\n[[scope]]\ncgroups = []\n";
        assert_eq!(localise("[dns]\nx = 1\n", &attach(), &[]), expected);
    }

    #[test]
    fn a_missing_table_is_added_once() {
        let mut both = attach();
        both.push(Override {
            table: "gateway",
            key: "bpffs",
            value: "2".into(),
        });
        let out = localise("", &both, &[]);
        assert!(
            out.starts_with("\n[gateway]\nattach = \"/here\"\nbpffs = 2\n"),
            "{out}"
        );
    }

    #[test]
    fn the_same_key_of_another_table_stays() {
        let text = "[other]\nattach = 1\n";
        assert!(localise(text, &attach(), &[]).contains("[other]\nattach = 1\n"));
    }

    #[test]
    fn a_value_over_several_lines_goes_as_a_whole() {
        let text = "[gateway]\nattach = [\n  \"a\",\n]\nmode = 1\n";
        let out = localise(text, &attach(), &[]);
        assert!(
            out.starts_with("[gateway]\nmode = 1\nattach = \"/here\"\n"),
            "{out}"
        );
    }

    #[test]
    fn every_scope_of_the_file_goes() {
        let text =
            "[[scope]]\ncgroups = [\"a\"]\n[gateway]\n[[scope]] # second\ncgroups = [\"b\"]\n";
        let out = localise(text, &attach(), &["g".into()]);
        assert_eq!(out.matches("[[scope]]").count(), 1, "{out}");
        assert!(out.ends_with("cgroups = [\"g\"]\n"), "{out}");
    }
}
