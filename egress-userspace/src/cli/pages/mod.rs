//! A page of the manual, and the two ways to write it: for man(1), and for a terminal.

mod roff;
mod text;

pub(super) use self::roff::to_roff;

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    /// Its name in the manual.
    pub(super) name: String,
    /// The manual's section that it is in, a digit.
    pub(super) section: &'static str,
    /// What it is about, in a few words without a full stop.
    pub(super) about: String,
    /// What is on it, from the top.
    pub(super) parts: Vec<Part>,
}

/// A part of a page. What is between backticks in a text is meant literally.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What follows is about this.
    Heading(String),
    /// Paragraphs, with an empty line between each two.
    Text(String),
    /// A word, and what there is to know of it.
    Entry {
        /// The word; literal as a whole.
        term: String,
        /// Paragraphs.
        text: String,
    },
    /// Lines that stay as they are.
    Verbatim(String),
}

impl Part {
    /// A heading, in capitals, as the manual has those of whole sections.
    pub(super) fn section(heading: &str) -> Self {
        Self::Heading(heading.to_uppercase())
    }

    /// An entry.
    pub(super) fn entry(term: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Entry {
            term: term.into(),
            text: text.into(),
        }
    }
}

/// The paragraphs of a text.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A text in pieces, each with whether it is literal.
fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let odd = std::iter::successors(Some(false), |literal| Some(!literal));
    text.split('`').zip(odd)
}
