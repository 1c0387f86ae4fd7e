//! Draws the view.

mod head;
mod page;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::by::By;
use super::cell::Cell as Value;
use super::fit::{GAP, cut, width, widths};
use super::table::Kind;
use super::view::{Focus, View};
use crate::types::plain;

/// Marks the column that the rows are sorted by, and the way.
const DOWN: &str = "▼";
const UP: &str = "▲";

/// The screen. Remembers how far it has been scrolled.
#[derive(Debug, Default)]
pub(super) struct Screen {
    rows: TableState,
}

impl Screen {
    /// Draws the whole view as it is at this moment.
    pub(super) fn draw(&mut self, view: &View, now: Instant, frame: &mut Frame<'_>) {
        let mut top = head::status(view);
        top.extend(head::notices(view, now, frame.area().width));
        let height = top.len().try_into().unwrap_or(u16::MAX);
        let [head, tabs, body, foot] = Layout::vertical([
            Constraint::Length(height),
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(top), head);
        frame.render_widget(tab_line(view, tabs.width), tabs);
        match view.focus {
            Focus::Table | Focus::Filter => self.draw_table(view, frame, body),
            Focus::Details => page::details(view, frame, body),
            Focus::Help => page::help(view, frame, body),
        }
        frame.render_widget(foot_line(view), foot);
    }

    fn draw_table(&mut self, view: &View, frame: &mut Frame<'_>, area: Rect) {
        let (columns, sort) = (view.table.columns, view.sort());
        let headings: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| match sort.descending {
                _ if index != sort.column => column.title.to_owned(),
                true => format!("{}{DOWN}", column.title),
                false => format!("{}{UP}", column.title),
            })
            .collect();
        let shown: Vec<Vec<_>> = view
            .table
            .rows
            .iter()
            .map(|row| row.cells.iter().map(Value::show).collect())
            .collect();
        let natural: Vec<_> = (0..columns.len())
            .map(|index| {
                let cells = shown.iter().filter_map(|row| row.get(index));
                let widest = cells.chain(headings.get(index)).map(|text| width(text));
                widest.max().unwrap_or_default()
            })
            .collect();
        let widths = widths(columns, &natural, sort.column, area.width);
        let line = |texts: &[String]| {
            let cells = texts.iter().zip(columns).zip(&widths);
            let cells = cells.filter_map(|((text, column), width)| {
                let line = Line::from(cut(text, column.kind, (*width)?));
                Some(Cell::new(match column.kind {
                    Kind::Number => line.alignment(Alignment::Right),
                    Kind::Text | Kind::Path => line,
                }))
            });
            Row::new(cells.collect::<Vec<_>>())
        };
        let rows: Vec<_> = shown.iter().map(|row| line(row)).collect();
        let table = Table::new(
            rows,
            widths.iter().flatten().copied().map(Constraint::Length),
        )
        .header(line(&headings).style(Modifier::BOLD))
        .column_spacing(GAP)
        .row_highlight_style(Modifier::REVERSED);
        self.rows.select(view.selected());
        if view.selected().is_none() {
            *self.rows.offset_mut() = 0;
        }
        frame.render_stateful_widget(table, area, &mut self.rows);
        if let Some(text) = emptiness(view) {
            let [_, middle] =
                Layout::vertical([Constraint::Length(2), Constraint::Min(0)]).areas(area);
            frame.render_widget(Paragraph::new(text).dim(), middle);
        }
    }
}

/// Why there are no rows.
fn emptiness(view: &View) -> Option<&'static str> {
    if !view.table.rows.is_empty() {
        return None;
    }
    Some(match (view.looks(), view.filter.is_empty(), view.by) {
        (None, ..) => "waiting for the gateway",
        (_, false, _) => "no row has this text; Esc shows all",
        (_, _, By::Service) => "no service has carried anything yet",
        (_, _, By::Connection | By::Caller) => "no connection lives",
        (_, _, By::Denial) => "nothing was denied",
    })
}

fn tab_line(view: &View, room: u16) -> Line<'static> {
    let mut spans = Vec::new();
    for (number, by) in (1..).zip(By::ALL) {
        let style = if by == view.by {
            Style::new().reversed()
        } else {
            Style::new()
        };
        spans.push(Span::styled(format!(" {number} {} ", by.name()), style));
        spans.push(Span::raw(" "));
    }
    if view.is_paused() {
        spans.push(Span::styled("HELD", Style::new().fg(Color::Yellow).bold()));
        spans.push(Span::raw("  "));
    }
    let typing = view.focus == Focus::Filter;
    if typing || !view.filter.is_empty() {
        let taken: usize = spans.iter().map(Span::width).sum();
        let room = room.saturating_sub(taken.try_into().unwrap_or(u16::MAX));
        // The end of it is where one types.
        let filter = cut(&plain(&view.filter), Kind::Path, room.saturating_sub(2));
        spans.push(Span::raw("/").bold());
        spans.push(Span::raw(filter).bold());
        spans.extend(typing.then(|| Span::raw(" ").reversed()));
    }
    Line::from(spans)
}

fn foot_line(view: &View) -> Line<'static> {
    let keys = match view.focus {
        Focus::Table => {
            "q quit  ? help  Tab view  ←→ sort  r reverse  / filter  Space hold  ↑↓ rows"
        }
        Focus::Filter => "Enter keep the filter  Esc show all  Ctrl-C quit",
        Focus::Details => "Esc back  ↑↓ other rows  q quit",
        Focus::Help => "Esc back  q quit",
    };
    Line::from(keys).dim()
}
