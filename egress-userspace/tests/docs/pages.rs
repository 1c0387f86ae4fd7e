//! The pages of the repository, and what is on them.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page in Markdown.
#[derive(Debug)]
pub(crate) struct Page {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
    /// Code within text, with its line.
    pub(crate) spans: Vec<(usize, String)>,
    /// Where links and pictures lead, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// What a link to this page may have behind its `#`.
    pub(crate) anchors: Vec<String>,
}

/// A block of code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    pub(crate) language: String,
    /// What stands behind the language.
    options: Vec<String>,
    pub(crate) text: String,
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page, in the order of their paths.
pub(crate) fn all() -> Vec<Page> {
    let pages = files(&["md"]);
    pages
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(root().join(&path)).expect("a page");
            Page::new(path, text)
        })
        .collect()
}

/// The repository's files with these extensions, as paths from its root; none that a build made.
pub(crate) fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    visit(&root(), "", extensions, &mut found);
    found.sort();
    found
}

fn visit(directory: &Path, prefix: &str, extensions: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if name != "target" && !name.starts_with('.') {
                visit(&entry.path(), &format!("{path}/"), extensions, found);
            }
        } else if extension(&path).is_some_and(|own| extensions.contains(&own)) {
            found.push(path);
        }
    }
}

fn extension(path: &str) -> Option<&str> {
    Path::new(path).extension()?.to_str()
}

impl Page {
    pub(crate) fn new(path: String, text: String) -> Self {
        let mut reader = Reader {
            page: Self {
                path,
                text: String::new(),
                blocks: Vec::new(),
                spans: Vec::new(),
                links: Vec::new(),
                anchors: Vec::new(),
            },
            block: None,
            heading: None,
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let events = Parser::new_ext(&text, options).into_offset_iter();
        for (event, Range { start, .. }) in events {
            let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            reader.take(event, line);
        }
        Self {
            text,
            ..reader.page
        }
    }

    /// `path:line`, as editors find it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

impl Block {
    /// The value of a word behind the language; of one alone, nothing.
    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        let mut options = self.options.iter();
        options.find_map(|option| match option.split_once('=') {
            Some((name, value)) => (name == key).then_some(value),
            None => (option == key).then_some(""),
        })
    }

    /// Words behind the language that nobody knows here.
    pub(crate) fn unknown_options(&self, known: &[&str]) -> Vec<&str> {
        let options = self.options.iter().map(String::as_str);
        let name = |option: &str| {
            option
                .split('=')
                .next()
                .is_some_and(|name| known.contains(&name))
        };
        options.filter(|option| !name(option)).collect()
    }

    /// The file that it is, if its first line says so.
    pub(crate) fn file(&self) -> Option<&str> {
        let path = self.text.lines().next()?.strip_prefix("# ")?;
        (path.starts_with('/') && !path.contains(' ')).then_some(path)
    }
}

/// What is put together event by event.
struct Reader {
    page: Page,
    block: Option<Block>,
    heading: Option<String>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                self.block = Some(Block {
                    line,
                    language: words.next().unwrap_or_default(),
                    options: words.collect(),
                    text: String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => self.page.blocks.extend(self.block.take()),
            Event::Start(Tag::Heading { .. }) => self.heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let heading = self.heading.take().unwrap_or_default();
                self.page.anchors.push(anchor(&heading, &self.page.anchors));
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                self.page.links.push((line, dest_url.into_string()));
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let id = html
                    .split("id=\"")
                    .nth(1)
                    .and_then(|id| id.split('"').next());
                self.page.anchors.extend(id.map(str::to_owned));
            }
            Event::Text(text) => match (&mut self.block, &mut self.heading) {
                (Some(block), _) => block.text.push_str(&text),
                (None, Some(heading)) => heading.push_str(&text),
                (None, None) => {}
            },
            Event::Code(code) => {
                if let Some(heading) = &mut self.heading {
                    heading.push_str(&code);
                }
                self.page.spans.push((line, code.into_string()));
            }
            _ => {}
        }
    }
}

/// What GitHub makes of a heading; a second one of the same words is counted.
fn anchor(heading: &str, before: &[String]) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c => c.is_alphanumeric().then_some(c),
    });
    let plain: String = kept.flat_map(char::to_lowercase).collect();
    let taken = |name: &String| before.contains(name);
    let mut names = (1..).map(|number| format!("{plain}-{number}"));
    if taken(&plain) {
        return names.find(|name| !taken(name)).unwrap_or(plain);
    }
    plain
}

#[test]
fn anchors_are_those_of_github() {
    let text = "# A `b.c`: d_e — f\n## Same\n## Same\n<a id=\"own\"></a>\n".to_owned();
    let page = Page::new("x.md".into(), text);
    assert_eq!(page.anchors, ["a-bc-d_e--f", "same", "same-1", "own"]);
}

#[test]
fn a_block_knows_its_line_its_options_and_its_file() {
    let text = "text\n\n```toml fragment=service odd\n# /etc/x.toml\na = 1\n```\n".to_owned();
    let page = Page::new("x.md".into(), text);
    let block = page.blocks.first().expect("a block");
    assert_eq!((block.line, block.language.as_str()), (3, "toml"));
    assert_eq!(block.option("fragment"), Some("service"));
    assert_eq!(block.unknown_options(&["fragment"]), ["odd"]);
    assert_eq!(block.file(), Some("/etc/x.toml"));
}
