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
    let mut all = vec![Simple::default()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for char in line.chars() {
        let command = all.last_mut().expect("there is always one");
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(char),
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '\t') => command.words.extend(word.take()),
            (None, '>' | '<') => {
                command.is_redirected = true;
                command.words.extend(word.take());
            }
            (None, '|' | ';' | '&') => {
                command.is_redirected |= char == '|';
                command.words.extend(word.take());
                all.push(Simple::default());
            }
            (None, _) => word.get_or_insert_default().push(char),
        }
    }
    if let Some(command) = all.last_mut() {
        command.words.extend(word);
    }
    all.retain(|command| !command.words.is_empty());
    all
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
    let piped = commands("egress schema > x | jq .y");
    assert!(piped.first().is_some_and(|command| command.is_redirected));
}

#[test]
fn the_gateways_command_is_known_wherever_it_is() {
    let egress = |line| commands(line).first().is_some_and(|c| c.egress().is_some());
    assert!(egress("target/release/egress run"));
    assert!(egress("sudo EGRESS_LOG=debug egress run"));
    assert!(!egress("ls /etc/egress"));
}
