//! Shows what is said of a service beside the text that it is written in.

use std::path::Path;

use annotate_snippets::{Renderer, Title};

use super::problem::Problem;
use super::sources::Sources;
use super::warnings::entry_span;
use super::{Config, LastGood, ReadError, show};
use crate::types::Place;

/// The texts of a configuration.
#[derive(Debug)]
pub struct Excerpts(Sources);

/// Something in an entry of the registry.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// The entry.
    pub place: &'a Place,
    /// A key of it; without, its header.
    pub key: Option<&'a str>,
    /// A text in the key's array; without, all of it.
    pub item: Option<&'a str>,
}

impl Excerpts {
    /// Reads a file as [`Config::read`] does, and keeps its texts.
    pub fn read(path: &Path) -> Result<(Config, Self), ReadError> {
        let (config, sources) = Config::read_with_text(path, LastGood::default())?;
        Ok((config, Self(sources)))
    }

    /// A title above the line that is meant; in colour for a terminal. Ends without a newline.
    pub fn show(&self, title: Title<'_>, mark: &Mark<'_>, colour: bool) -> String {
        let span = entry_span(mark.place, mark.key, mark.item, &self.0);
        let problem = Problem::new(span, "", "");
        show::render([(title, &problem)].into_iter(), &self.0, colour).concat()
    }

    /// A title alone, in the same way.
    pub fn title(title: Title<'_>, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[annotate_snippets::Group::with_title(title)])
    }
}
