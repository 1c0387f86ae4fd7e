//! A page as man(1) reads it: the macros of man(7).

use roff::{Inline, Roff, bold, roman};

use super::{Page, Part, paragraphs, pieces};

impl Page {
    /// The name of its file.
    pub(in crate::cli) fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    /// The file; `date` is as `2026-11-27`, and never empty: what follows it would take its place.
    pub(in crate::cli) fn to_roff(&self, date: &str) -> String {
        let mut roff = Roff::new();
        let source = concat!("egress ", env!("CARGO_PKG_VERSION"));
        let title = [&self.name, self.section, date, source, ""];
        roff.control("TH", title);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{} - {}", self.name, self.about))]);
        write(&mut roff, &self.parts);
        roff.render()
    }
}

/// The parts alone, to go on a page that has been begun.
pub(in crate::cli) fn to_roff(parts: &[Part]) -> String {
    let mut roff = Roff::new();
    write(&mut roff, parts);
    roff.to_roff()
}

fn write(roff: &mut Roff, parts: &[Part]) {
    // A heading begins a paragraph itself.
    let mut begun = true;
    for part in parts {
        match part {
            Part::Heading(heading) => {
                roff.control("SH", [heading.as_str()]);
            }
            Part::Text(text) => {
                for paragraph in paragraphs(text) {
                    if !begun {
                        roff.control("PP", []);
                    }
                    begun = false;
                    roff.text(inlines(paragraph));
                }
            }
            Part::Entry { term, text } => {
                roff.control("TP", []);
                roff.text([bold(term)]);
                for (i, paragraph) in paragraphs(text).enumerate() {
                    if i > 0 {
                        roff.control("IP", []);
                    }
                    roff.text(inlines(paragraph));
                }
            }
            Part::Verbatim(lines) => {
                if !begun {
                    roff.control("PP", []);
                }
                verbatim(roff, lines);
            }
        }
        begun = matches!(part, Part::Heading(_));
    }
}

fn verbatim(roff: &mut Roff, lines: &str) {
    roff.control("nf", []);
    for line in lines.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

/// Line ends within a paragraph mean nothing.
fn inlines(paragraph: &str) -> Vec<Inline> {
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    pieces(&paragraph)
        .filter(|(piece, _)| !piece.is_empty())
        .map(|(piece, literal)| if literal { bold(piece) } else { roman(piece) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_taken_for_a_request_is_text() {
        let parts = [
            Part::Heading("A \"B\"".into()),
            Part::Text(".so /etc/passwd\n\n'tis `-x` \\n".into()),
            Part::Verbatim(".de x\n  y".into()),
        ];
        let written = to_roff(&parts);
        let requests: Vec<_> = written
            .lines()
            .filter(|line| line.starts_with(['.', '\'']))
            .collect();
        assert_eq!(
            requests
                .iter()
                .map(|line| line.get(..3))
                .collect::<Vec<_>>(),
            [".SH", ".PP", ".PP", ".nf", ".fi"].map(Some),
            "{written}"
        );
        assert!(written.contains("\\fB\\-x\\fR"), "{written}");
    }
}
