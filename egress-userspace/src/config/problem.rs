//! One thing that is wrong with a text, and where.

use std::ops::Range;

/// Bytes of a text: at first those of the piece that is read, and in the end, moved, those of
/// [`Sources`](super::sources::Sources).
pub(super) type Span = Range<usize>;

/// What is wrong at one place.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The place.
    pub(super) span: Span,
    /// What it is about: the key with its section, or a service.
    pub(super) key: Option<String>,
    /// What is wrong.
    pub(super) title: String,
    /// What was expected, said beside the place.
    pub(super) label: String,
    /// What to do.
    pub(super) help: Option<String>,
    /// Another place that has to do with it.
    pub(super) other: Option<(Span, String)>,
}

impl Problem {
    pub(super) fn new(span: Span, title: impl Into<String>, label: impl Into<String>) -> Self {
        let (title, label) = (title.into(), label.into());
        Self {
            span,
            key: None,
            title,
            label,
            help: None,
            other: None,
        }
    }

    /// A text that is not TOML.
    pub(super) fn syntax(error: &toml::de::Error) -> Self {
        // The message is "what, expected this, that".
        let (title, expected) = match error.message().split_once(", expected ") {
            Some((title, expected)) => (title, format!("expected {expected}")),
            None => (error.message(), String::new()),
        };
        Self::new(error.span().unwrap_or_default(), title, expected)
    }

    /// Says what it is about, where that is more than a key.
    pub(super) fn about(mut self, subject: String) -> Self {
        self.key = Some(subject);
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds help if there is any to give.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    pub(super) fn other(mut self, span: Span, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }

    /// Adds another place if it was found.
    pub(super) fn maybe_other(self, span: Option<Span>, label: &str) -> Self {
        match span {
            Some(span) => self.other(span, label),
            None => self,
        }
    }

    /// Moves the places of what was read alone to where it begins.
    pub(super) fn moved(mut self, start: usize) -> Self {
        self.span = moved(&self.span, start);
        self.other = self.other.map(|(span, label)| (moved(&span, start), label));
        self
    }

    /// The title, after the key that it is about.
    pub(super) fn message(&self) -> String {
        match &self.key {
            Some(key) => format!("{key}: {}", self.title),
            None => self.title.clone(),
        }
    }
}

/// The span of a piece that begins at `start`.
pub(super) fn moved(span: &Span, start: usize) -> Span {
    span.start + start..span.end + start
}

/// "did you mean" for a word that is not among `known`, if one is close.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let word = word.to_lowercase();
    let distances = known
        .iter()
        .map(|k| (strsim::osa_distance(&word, &k.to_lowercase()), k));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    // A third of the word mistyped is still a slip; more is another word, or half of one.
    let is_slip = distance <= (word.chars().count() / 3).max(1);
    let half = || known.iter().find(|k| is_half(&word, &k.to_lowercase()));
    let meant = if is_slip { Some(nearest) } else { half() };
    meant.map(|meant| format!("did you mean `{meant}`?"))
}

/// Whether one of two words goes on where the other ends, as `REGISTRY` and `REGISTRY_ONLY`.
fn is_half(word: &str, known: &str) -> bool {
    let goes_on = |long: &str, short: &str| {
        let rest = long.strip_prefix(short);
        rest.is_some_and(|rest| rest.starts_with(['_', '-']))
    };
    goes_on(word, known) || goes_on(known, word)
}

/// Words in a sentence: "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or `{last}`", list(first)),
        words => list(words),
    }
}

/// Words in a list: "`a`, `b`".
pub(super) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
