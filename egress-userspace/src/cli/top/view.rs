//! The state of the live view: what was told, and what of it the operator wants to see in which order.
//! It knows neither the terminal nor the gateway.

use std::time::{Duration, Instant};

use super::by::By;
use super::look::{Look, Looks};
use super::sort::{Sort, matches};
use super::table::{Row, Table};
use super::views;
use crate::cli::ask::AskError;

/// Characters of a filter: no host name is longer (RFC 1035 section 2.3.4), and few paths are.
const LONGEST_FILTER: usize = 253;

/// The state.
#[derive(Debug)]
pub(super) struct View {
    pub(super) by: By,
    /// One for each of [`By::ALL`].
    sorts: [Sort; By::ALL.len()],
    /// Rows without this text are not shown.
    pub(super) filter: String,
    pub(super) focus: Focus,
    selection: Selection,
    latest: Option<Looks>,
    /// What is shown while the view is paused.
    held: Option<Looks>,
    /// Why there is no answer, since when.
    pub(super) trouble: Option<Trouble>,
    pub(super) interval: Duration,
    /// What of all this is seen.
    pub(super) table: Table,
}

/// What keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Focus {
    /// The rows.
    Table,
    /// The filter, which is being typed.
    Filter,
    /// All of one row.
    Details,
    /// What the keys are.
    Help,
}

/// The gateway does not answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    pub(super) since: Instant,
}

/// The row that is pointed at: by what it is about, so that it stays the same wherever it moves to. If it
/// goes away, the one in its place.
#[derive(Debug, Default)]
struct Selection {
    id: Option<String>,
    index: usize,
}

impl View {
    pub(super) fn new(by: By, interval: Duration) -> Self {
        Self {
            by,
            sorts: By::ALL.map(views::first_sort),
            filter: String::new(),
            focus: Focus::Table,
            selection: Selection::default(),
            latest: None,
            held: None,
            trouble: None,
            interval,
            table: Table {
                columns: views::columns(by),
                rows: Vec::new(),
            },
        }
    }

    /// Takes in what the gateway told, or that it told nothing.
    pub(super) fn saw(&mut self, look: Result<Look, AskError>, now: Instant) {
        match look {
            Ok(look) => {
                self.trouble = None;
                self.latest = Some(Looks::after(self.latest.take(), look));
                self.refresh();
            }
            Err(error) => {
                let since = self.trouble.as_ref().map_or(now, |trouble| trouble.since);
                let why = error.to_string();
                self.trouble = Some(Trouble { why, since });
            }
        }
    }

    /// What is shown.
    pub(super) fn looks(&self) -> Option<&Looks> {
        self.held.as_ref().or(self.latest.as_ref())
    }

    pub(super) fn is_paused(&self) -> bool {
        self.held.is_some()
    }

    /// Holds what is shown, or lets it go.
    pub(super) fn pause(&mut self) {
        self.held = match self.held {
            None => self.latest.clone(),
            Some(_) => None,
        };
        self.refresh();
    }

    pub(super) fn show(&mut self, by: By) {
        if by != self.by {
            self.by = by;
            self.selection = Selection::default();
            self.refresh();
        }
    }

    pub(super) fn sort(&self) -> Sort {
        let sort = self.sorts.get(self.by.index()).copied();
        sort.unwrap_or_else(|| views::first_sort(self.by))
    }

    /// Sorts by the column that is so many places further, around the end.
    pub(super) fn sort_further(&mut self, places: usize) {
        let columns = views::columns(self.by);
        let column = (self.sort().column + places) % columns.len();
        self.set_sort(Sort::by(columns, column));
    }

    pub(super) fn reverse(&mut self) {
        let sort = self.sort();
        self.set_sort(Sort {
            descending: !sort.descending,
            ..sort
        });
    }

    fn set_sort(&mut self, sort: Sort) {
        if let Some(place) = self.sorts.get_mut(self.by.index()) {
            *place = sort;
        }
        self.refresh();
    }

    /// Changes the filter's text.
    pub(super) fn refilter(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.filter);
        if let Some((end, _)) = self.filter.char_indices().nth(LONGEST_FILTER) {
            self.filter.truncate(end);
        }
        self.refresh();
    }

    /// The row that is pointed at, if one is.
    pub(super) fn selected(&self) -> Option<usize> {
        let id = self.selection.id.as_ref()?;
        let index = self.selection.index;
        (self.table.rows.get(index)?.id == *id).then_some(index)
    }

    /// All of that row.
    pub(super) fn selected_row(&self) -> Option<&Row> {
        self.table.rows.get(self.selected()?)
    }

    /// Points at another row, given the one that is pointed at and the last.
    pub(super) fn select(&mut self, choose: impl FnOnce(Option<usize>, usize) -> usize) {
        let Some(last) = self.table.rows.len().checked_sub(1) else {
            return;
        };
        let index = choose(self.selected(), last).min(last);
        let id = self.table.rows.get(index).map(|row| row.id.clone());
        self.selection = Selection { id, index };
    }

    /// Points at none: the view stays at its top, whatever moves there.
    pub(super) fn unselect(&mut self) {
        self.selection = Selection::default();
    }

    fn refresh(&mut self) {
        let table = self.looks().map(|looks| views::table(self.by, looks));
        self.table = table.unwrap_or(Table {
            columns: views::columns(self.by),
            rows: Vec::new(),
        });
        if !self.filter.is_empty() {
            self.table.rows.retain(|row| matches(row, &self.filter));
        }
        let sort = self.sort();
        sort.sort(&mut self.table.rows);
        let Some(id) = self.selection.id.take() else {
            return;
        };
        let found = self.table.rows.iter().position(|row| row.id == id);
        if let Some(index) = found {
            let id = Some(id);
            self.selection = Selection { id, index };
        } else {
            let index = self.selection.index;
            self.select(|_, _| index);
            if self.focus == Focus::Details {
                self.focus = Focus::Table;
            }
        }
    }
}
