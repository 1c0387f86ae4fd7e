//! Command lines as a shell sees them, as far as the pages need it.

/// One command of a line, without what is before and behind it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Simple {
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    /// Whether its input or output is a file, or another command's.
    pub(crate) is_redirected: bool,
}

/// The commands of a line: joined by `;`, `&&`, `||`, `&` or `|`. What follows a `#` is a comment.
pub(crate) fn commands(line: &str) -> Vec<Simple> {
    let mut reader = Reader::default();
    let mut quote = None;
    for char in line.replace("2>&1", "").chars() {
        if let Some(open) = quote {
            if char == open {
                quote = None;
            } else {
                reader.word.get_or_insert_default().push(char);
            }
            continue;
        }
        match char {
            '\'' | '"' => {
                quote = Some(char);
                reader.word.get_or_insert_default();
            }
            '#' if reader.word.is_none() => break,
            ' ' | '\t' => reader.end_word(),
            '>' | '<' => {
                reader.end_word();
                reader.command.is_redirected = true;
                reader.is_target = true;
            }
            '|' | ';' | '&' => {
                reader.command.is_redirected |= char == '|';
                reader.end_command();
            }
            _ => reader.word.get_or_insert_default().push(char),
        }
    }
    reader.end_command();
    reader.all
}

/// What was read of a line.
#[derive(Default)]
struct Reader {
    all: Vec<Simple>,
    command: Simple,
    word: Option<String>,
    /// The next word is a file that the command is redirected to or from.
    is_target: bool,
}

impl Reader {
    fn end_word(&mut self) {
        let word = self.word.take();
        let is_target = self.is_target && word.is_some();
        self.is_target &= word.is_none();
        self.command.words.extend(word.filter(|_| !is_target));
    }

    fn end_command(&mut self) {
        self.end_word();
        let command = std::mem::take(&mut self.command);
        if !command.words.is_empty() {
            self.all.push(command);
        }
    }
}

impl Simple {
    /// The arguments of the gateway's command, if it is that, wherever it is installed.
    pub(crate) fn egress(&self) -> Option<Vec<&str>> {
        let words = self.words.iter().map(String::as_str);
        // `NAME=VALUE` before a command is for its environment.
        let mut words = words.skip_while(|word| *word == "sudo" || word.contains('='));
        let program = words.next()?;
        let is_ours = program == "egress" || program.ends_with("/egress");
        is_ours.then(|| words.collect())
    }
}

#[test]
fn lines_come_apart_as_in_a_shell() {
    let words = |line| -> Vec<Vec<String>> {
        commands(line)
            .into_iter()
            .map(|command| command.words)
            .collect()
    };
    assert_eq!(
        words("a 'b c' --d=\"e f\" && g; h # i"),
        [vec!["a", "b c", "--d=e f"], vec!["g"], vec!["h"]]
    );
    let redirected = commands("egress schema > x 2>&1 | jq .y");
    let first = redirected.first().expect("a command");
    assert_eq!(first.words, ["egress", "schema"]);
    assert!(first.is_redirected);
}

#[test]
fn the_gateways_command_is_known_wherever_it_is() {
    let egress = |line| commands(line).first().is_some_and(|c| c.egress().is_some());
    assert!(egress("target/release/egress run"));
    assert!(egress("sudo EGRESS_LOG=debug egress run"));
    assert!(!egress("ls /etc/egress"));
}
