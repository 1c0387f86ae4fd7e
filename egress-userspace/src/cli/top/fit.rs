//! How wide the columns are, and which there is room for.

use ratatui::text::Span;

use super::table::{Column, Kind};

/// Spaces between columns.
pub(super) const GAP: u16 = 2;
/// Characters of a text that tell it from others: as many as an IPv4 address with its port has. A column that
/// has not so many is not worth its place.
const LEAST: u16 = 21;
/// What is left out is marked.
const CUT: &str = "…";

/// The width of each column, `None` for one that is left out.
///
/// `natural` is what each would like to have. Numbers are shown whole or not at all; text gives way down to
/// [`LEAST`]; then columns go, but never the one that the rows are sorted by.
pub(super) fn widths(
    columns: &[Column],
    natural: &[u16],
    sorted_by: usize,
    room: u16,
) -> Vec<Option<u16>> {
    let wish = |index: usize| natural.get(index).copied().unwrap_or_default();
    let mut widths: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| match column.kind {
            Kind::Number => Some(wish(index)),
            Kind::Text | Kind::Path => Some(wish(index).min(LEAST)),
        })
        .collect();
    while taken(&widths) > u32::from(room) {
        let last = columns
            .iter()
            .enumerate()
            .filter(|(index, _)| {
                *index != sorted_by && widths.get(*index).is_some_and(Option::is_some)
            })
            .max_by_key(|(_, column)| column.rank);
        let Some(width) = last.and_then(|(index, _)| widths.get_mut(index)) else {
            break;
        };
        *width = None;
    }
    let mut spare = u32::from(room).saturating_sub(taken(&widths));
    // One character each in turn, so that all texts get their share.
    loop {
        let mut given = false;
        for (index, width) in widths.iter_mut().enumerate() {
            if let Some(width) = width.as_mut().filter(|width| **width < wish(index))
                && spare > 0
            {
                *width += 1;
                spare -= 1;
                given = true;
            }
        }
        if !given {
            return widths;
        }
    }
}

/// The room that columns and the gaps between them take.
fn taken(widths: &[Option<u16>]) -> u32 {
    let shown = || widths.iter().flatten();
    let gaps = shown().skip(1).map(|_| u32::from(GAP)).sum::<u32>();
    shown().map(|width| u32::from(*width)).sum::<u32>() + gaps
}

/// How many columns of a terminal a text takes.
pub(super) fn width(text: &str) -> u16 {
    Span::raw(text).width().try_into().unwrap_or(u16::MAX)
}

/// As much of a text as there is room for.
pub(super) fn cut(text: &str, kind: Kind, room: u16) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(width(CUT));
    if kind == Kind::Path {
        let tail: String = take(text.chars().rev(), room);
        let tail: String = tail.chars().rev().collect();
        format!("{CUT}{tail}")
    } else {
        format!("{}{CUT}", take(text.chars(), room))
    }
}

/// A text in lines of this width, as many as there may be.
pub(super) fn fold(text: &str, room: u16, most: usize) -> impl Iterator<Item = String> + '_ {
    let mut rest = text;
    let mut lines = most;
    std::iter::from_fn(move || {
        lines = lines.checked_sub(1)?;
        let line = take(rest.chars(), room);
        let (_, after) = rest.split_at_checked(line.len())?;
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

fn take(chars: impl Iterator<Item = char>, room: u16) -> String {
    let mut left = room;
    chars
        .map_while(|c| {
            left = left.checked_sub(width(c.encode_utf8(&mut [0; 4])))?;
            Some(c)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::text("NAME", "name", 0),
        Column::number("COUNT", "count", 2),
        Column::path("PATH", "path", 1),
    ];

    #[test]
    fn text_gives_way_before_columns_do() {
        let natural = [40, 5, 30];
        let all = |room| widths(COLUMNS, &natural, 0, room);
        assert_eq!(all(100), [Some(40), Some(5), Some(30)]);
        assert_eq!(all(60), [Some(26), Some(5), Some(25)]);
        assert_eq!(all(51), [Some(21), Some(5), Some(21)]);
        assert_eq!(all(50), [Some(24), None, Some(24)]);
        assert_eq!(all(30), [Some(30), None, None]);
        assert_eq!(all(5), [Some(21), None, None]);
    }

    #[test]
    fn the_column_that_is_sorted_by_stays() {
        assert_eq!(widths(COLUMNS, &[40, 5, 30], 1, 10), [None, Some(5), None]);
    }

    #[test]
    fn a_text_is_cut_where_it_tells_least() {
        assert_eq!(cut("api.example.com", Kind::Text, 8), "api.exa…");
        assert_eq!(cut("/usr/bin/python3", Kind::Path, 8), "…python3");
        assert_eq!(cut("東京都", Kind::Text, 5), "東京…");
        assert_eq!(cut("東京都", Kind::Text, 4), "東…");
        assert_eq!(cut("abc", Kind::Text, 3), "abc");
    }

    #[test]
    fn a_long_text_goes_on_below() {
        let folded = |room, most| fold("abcdefg", room, most).collect::<Vec<_>>();
        assert_eq!(folded(3, 9), ["abc", "def", "g"]);
        assert_eq!(folded(3, 2), ["abc", "def"]);
        assert_eq!(folded(7, 9), ["abcdefg"]);
        assert!(folded(0, 9).is_empty());
    }

    proptest! {
        #[test]
        fn columns_never_take_more_than_there_is(
            natural in prop::collection::vec(0_u16..300, 3), room in 21_u16..300,
        ) {
            let widths = widths(COLUMNS, &natural, 0, room);
            prop_assert!(taken(&widths) <= u32::from(room));
            for (width, natural) in widths.iter().zip(&natural) {
                prop_assert!(width.is_none_or(|width| width <= *natural));
            }
        }

        #[test]
        fn what_is_cut_fits(text in ".{0,40}", room in 1_u16..40) {
            let text = crate::types::plain(&text);
            for kind in [Kind::Text, Kind::Path] {
                prop_assert!(width(&cut(&text, kind, room)) <= room);
            }
        }
    }
}
