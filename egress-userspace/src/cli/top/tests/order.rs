//! Sorting and filtering lose nothing, invent nothing, and do what they say.

use super::*;
use crate::cli::top::cell::Cell;
use crate::cli::top::table::{Column, Row};

const COLUMNS: &[Column] = &[
    Column::text("A", "a", 0),
    Column::number("B", "b", 0),
    Column::number("C", "c", 0),
];

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let cells = (
        prop::option::of("[a-cA-C ]{0,3}"),
        prop::option::of(0_u64..5),
        prop::option::of(-1.0_f64..1.0),
    );
    let rows = prop::collection::vec(cells, 0..20);
    rows.prop_map(|rows| {
        let rows = rows.into_iter().enumerate();
        rows.map(|(index, (text, count, rate))| Row {
            id: format!("{index:02}"),
            cells: vec![
                Cell::text(text.as_deref()),
                count.map_or(Cell::Unknown, Cell::Count),
                Cell::rate(rate),
            ],
            more: Vec::new(),
        })
        .collect()
    })
}

proptest! {
    #[test]
    fn sorting_keeps_every_row_and_puts_the_unknown_last(
        rows in rows(), column in 0_usize..3, descending: bool,
    ) {
        let mut sorted = rows.clone();
        Sort { column, descending }.sort(&mut sorted);

        let mut ids: Vec<_> = sorted.iter().map(|row| row.id.clone()).collect();
        ids.sort();
        prop_assert_eq!(ids, rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>());
        for (a, b) in sorted.iter().zip(sorted.iter().skip(1)) {
            let (Some(x), Some(y)) = (a.cells.get(column), b.cells.get(column)) else {
                unreachable!("every row has three cells");
            };
            if *x == Cell::Unknown || *y == Cell::Unknown {
                prop_assert!(*y == Cell::Unknown, "{x:?} is after what is not known");
            } else if descending {
                prop_assert!(x.compare(y).is_ge(), "{x:?} before {y:?}");
            } else {
                prop_assert!(x.compare(y).is_le(), "{x:?} before {y:?}");
            }
            if x == y {
                prop_assert!(a.id < b.id);
            }
        }
    }

    #[test]
    fn an_order_does_not_depend_on_the_one_before(
        rows in rows(), column in 0_usize..3, descending: bool, other in 0_usize..3,
    ) {
        let sort = Sort { column, descending };
        let mut once = rows.clone();
        sort.sort(&mut once);
        let mut twice = rows;
        Sort::by(COLUMNS, other).sort(&mut twice);
        sort.sort(&mut twice);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_filter_looks_at_words_whatever_their_case(rows in rows(), text in "[a-cA-C]{1,2}") {
        for row in rows {
            let has = row.cells.iter().any(|cell| match cell {
                Cell::Text(word) => word.to_uppercase().contains(&text.to_uppercase()),
                _ => false,
            });
            prop_assert_eq!(matches(&row, &text), has);
        }
    }
}

#[test]
fn numbers_are_first_sorted_from_the_largest_down_and_words_from_a() {
    assert!(Sort::by(COLUMNS, 1).descending);
    assert!(!Sort::by(COLUMNS, 0).descending);
}

#[test]
fn the_columns_of_every_view_are_as_many_as_the_cells_of_its_rows() {
    for by in By::ALL {
        let (view, _) = looked(by);
        assert!(!view.table.rows.is_empty());
        for row in &view.table.rows {
            assert_eq!(row.cells.len(), view.table.columns.len(), "{by:?}: {row:?}");
        }
        let numbers = |kind| kind == Kind::Number;
        for (index, column) in view.table.columns.iter().enumerate() {
            let texts = view
                .table
                .rows
                .iter()
                .filter_map(|row| row.cells.get(index));
            for cell in texts.filter(|cell| **cell != Cell::Unknown) {
                let is_text = matches!(cell, Cell::Text(_) | Cell::Moment(_));
                assert_eq!(numbers(column.kind), !is_text, "{by:?}: {}", column.title);
            }
        }
    }
}
