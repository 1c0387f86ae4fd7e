//! The pages that take the table's place: all of one row, and what the keys are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Stylize;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::cli::top::by::By;
use crate::cli::top::cell::Cell;
use crate::cli::top::keys::KEYS;
use crate::cli::top::view::View;
use crate::types::plain;

/// Characters of the names before values.
const NAMES: usize = 32;

/// All of the row that is pointed at.
pub(super) fn details(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::default()];
    if let Some(row) = view.selected_row() {
        for (column, cell) in view.table.columns.iter().zip(&row.cells) {
            lines.push(pair(column.key, &cell.show()));
        }
        for (name, cell) in &row.more {
            match cell {
                // One of several lines is there to be copied.
                Cell::Text(text) => {
                    let mut parts = text.split('\n');
                    lines.push(pair(name, &plain(parts.next().unwrap_or_default())));
                    lines.extend(parts.map(|part| pair("", &plain(part))));
                }
                other => lines.push(pair(name, &other.show())),
            }
        }
    }
    let page = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(page, area);
}

/// What the keys are, and what the columns mean.
pub(super) fn help(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![Line::default()];
    lines.extend(KEYS.iter().map(|(keys, what)| pair(keys, what)));
    lines.push(Line::default());
    let meanings = [
        ("DOWN, UP", "bytes to the client, and from it"),
        ("/s", "on average since the look before"),
    ];
    lines.extend(meanings.map(|(name, what)| pair(name, what)));
    let note = match view.by {
        By::Service => ("FAILED", "denied, or not to be connected"),
        By::Connection => ("TO", "where the client wanted to go"),
        By::Caller => (
            "LIVE",
            "connections now; those that ended are not in the sums",
        ),
        By::Denial => ("LAST", "when it was denied last, in UTC"),
    };
    lines.push(pair(note.0, note.1));
    frame.render_widget(Paragraph::new(lines), area);
}

fn pair(name: &str, value: &str) -> Line<'static> {
    Line::from(vec![
        Span::raw(format!("{name:NAMES$}")).bold(),
        Span::raw(value.to_owned()),
    ])
}
