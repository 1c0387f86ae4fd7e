//! What the keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::by::By;
use super::view::{Focus, View};

/// Rows that Page Up and Page Down go.
const PAGE: usize = 10;

/// For people: keys, and what they do.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("1 2 3 4, Tab", "by service, connection, caller, denial"),
    ("← →, < >", "sort by the column to the left, to the right"),
    ("r", "turn the order around"),
    ("/", "show only rows with this text; Esc shows all again"),
    (
        "↑ ↓, j k, PgUp PgDn, Home End",
        "point at a row; Esc at none",
    ),
    ("Enter", "all of the row; of a denial what would allow it"),
    ("Space", "hold the view, or let it go on"),
    ("?, h", "this page"),
    ("q, Ctrl-C", "quit"),
];

/// What is to be done after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Quit,
}

impl View {
    /// Does what a key says.
    pub(super) fn press(&mut self, key: KeyEvent) -> Then {
        if key.kind == KeyEventKind::Release {
            return Then::GoOn;
        }
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if with_control {
            return if key.code == KeyCode::Char('c') {
                Then::Quit
            } else {
                Then::GoOn
            };
        }
        match self.focus {
            Focus::Table => self.in_table(key.code),
            Focus::Filter => {
                self.in_filter(key.code);
                Then::GoOn
            }
            Focus::Details | Focus::Help => self.in_page(key.code),
        }
    }

    fn in_table(&mut self, key: KeyCode) -> Then {
        match key {
            KeyCode::Char('q') => return Then::Quit,
            KeyCode::Char('?' | 'h') => self.focus = Focus::Help,
            KeyCode::Char('/') => self.focus = Focus::Filter,
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('r') => self.reverse(),
            KeyCode::Right | KeyCode::Char('>') => self.sort_further(1),
            KeyCode::Left | KeyCode::Char('<') => self.sort_further(self.table.columns.len() - 1),
            KeyCode::Tab => self.show(self.by.step(1)),
            KeyCode::BackTab => self.show(self.by.step(By::ALL.len() - 1)),
            KeyCode::Enter if self.selected().is_some() => self.focus = Focus::Details,
            KeyCode::Esc if self.selected().is_some() => self.unselect(),
            KeyCode::Esc => self.refilter(String::clear),
            KeyCode::Char(digit @ '1'..='4') => {
                let number = digit
                    .to_digit(10)
                    .and_then(|digit| usize::try_from(digit).ok());
                let by = number.and_then(|number| By::ALL.get(number - 1));
                self.show(by.copied().unwrap_or_default());
            }
            other => self.point(other),
        }
        Then::GoOn
    }

    fn point(&mut self, key: KeyCode) {
        match key {
            KeyCode::Down | KeyCode::Char('j') => self.select(|at, _| at.map_or(0, |at| at + 1)),
            KeyCode::Up | KeyCode::Char('k') => {
                self.select(|at, _| at.unwrap_or_default().saturating_sub(1));
            }
            KeyCode::PageDown => self.select(|at, _| at.unwrap_or_default() + PAGE),
            KeyCode::PageUp => self.select(|at, _| at.unwrap_or_default().saturating_sub(PAGE)),
            KeyCode::Home => self.select(|_, _| 0),
            KeyCode::End => self.select(|_, last| last),
            _ => {}
        }
    }

    fn in_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.focus = Focus::Table,
            KeyCode::Esc => {
                self.focus = Focus::Table;
                self.refilter(String::clear);
            }
            KeyCode::Backspace => self.refilter(|filter| filter.truncate(last(filter))),
            KeyCode::Char(c) => self.refilter(|filter| filter.push(c)),
            _ => {}
        }
    }

    fn in_page(&mut self, key: KeyCode) -> Then {
        match key {
            KeyCode::Char('q') => return Then::Quit,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'h') => self.focus = Focus::Table,
            other if self.focus == Focus::Details => self.point(other),
            _ => {}
        }
        Then::GoOn
    }
}

/// Where the last character begins.
fn last(text: &str) -> usize {
    text.char_indices().next_back().map_or(0, |(at, _)| at)
}
