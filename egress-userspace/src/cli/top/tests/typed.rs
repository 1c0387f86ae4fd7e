//! What the keys do.

use super::*;

#[test]
fn each_view_has_a_key_and_tab_goes_round() {
    let (mut view, _) = looked(By::Service);
    for (key, by) in ('1'..='4').zip(By::ALL) {
        press(&mut view, KeyCode::Char(key));
        assert_eq!(view.by, by);
    }
    press(&mut view, KeyCode::Tab);
    assert_eq!(view.by, By::Service);
    press(&mut view, KeyCode::BackTab);
    assert_eq!(view.by, By::Denial);
}

#[test]
fn what_moves_most_is_first_and_r_turns_it_around() {
    let (mut view, _) = looked(By::Service);
    assert_eq!(first_column(&view), ["api", "BlackHoleCluster", "packages"]);
    press(&mut view, KeyCode::Char('r'));
    assert_eq!(first_column(&view), ["BlackHoleCluster", "packages", "api"]);
}

#[test]
fn the_arrows_choose_the_column_and_each_view_keeps_its_own() {
    let (mut view, _) = looked(By::Service);
    // UP/s, DOWN.
    press(&mut view, KeyCode::Right);
    press(&mut view, KeyCode::Char('>'));
    assert_eq!(first_column(&view), ["packages", "api", "BlackHoleCluster"]);
    press(&mut view, KeyCode::Char('4'));
    press(&mut view, KeyCode::Char('1'));
    assert_eq!(first_column(&view), ["packages", "api", "BlackHoleCluster"]);
    for _ in 0..5 {
        press(&mut view, KeyCode::Left);
    }
    assert_eq!(
        view.sort(),
        Sort {
            column: 0,
            descending: false
        }
    );
    press(&mut view, KeyCode::Char('<'));
    assert_eq!(view.sort().column, view.table.columns.len() - 1);
}

#[test]
fn a_filter_is_typed_kept_and_taken_back() {
    let (mut view, _) = looked(By::Service);
    type_in(&mut view, "/aPx");
    assert_eq!(view.focus, Focus::Filter);
    assert!(view.table.rows.is_empty());
    press(&mut view, KeyCode::Backspace);
    assert_eq!(first_column(&view), ["api"]);
    press(&mut view, KeyCode::Enter);
    // Keys are keys again.
    assert_eq!(press(&mut view, KeyCode::Char('q')), Then::Quit);
    assert_eq!(first_column(&view), ["api"]);
    press(&mut view, KeyCode::Esc);
    assert_eq!(view.table.rows.len(), 3);
}

#[test]
fn a_filter_has_an_end() {
    let (mut view, _) = looked(By::Service);
    type_in(&mut view, &format!("/{}", "ü".repeat(1_000)));
    assert_eq!(view.filter.chars().count(), 253);
}

#[test]
fn q_is_a_letter_while_a_filter_is_typed_and_control_c_quits_anywhere() {
    let (mut view, _) = looked(By::Service);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys in ["", "/", "?"] {
        type_in(&mut view, keys);
        assert_eq!(view.press(control_c), Then::Quit, "{keys}");
        press(&mut view, KeyCode::Esc);
    }
    type_in(&mut view, "/q");
    assert_eq!(view.filter, "q");
}

#[test]
fn a_held_view_stays_and_goes_on_with_what_came_meanwhile() {
    let (mut view, now) = looked(By::Denial);
    let count = |view: &View| view.table.rows.first().map(|row| row.cells.get(3).cloned());
    let held = count(&view);
    press(&mut view, KeyCode::Char(' '));
    view.saw(Ok(look(now, 5)), now);
    assert_eq!(count(&view), held);
    press(&mut view, KeyCode::Char(' '));
    assert_ne!(count(&view), held);
}

#[test]
fn the_row_that_is_pointed_at_is_followed() {
    let (mut view, _) = looked(By::Service);
    press(&mut view, KeyCode::Down);
    press(&mut view, KeyCode::Down);
    let row = |view: &View| view.selected_row().map(|row| row.id.clone());
    assert_eq!(row(&view).as_deref(), Some("BlackHoleCluster"));
    press(&mut view, KeyCode::Char('r'));
    assert_eq!(row(&view).as_deref(), Some("BlackHoleCluster"));
    assert_eq!(view.selected(), Some(0));
    // One that is gone leaves its place to another.
    type_in(&mut view, "/a");
    type_in(&mut view, "p");
    assert_eq!(row(&view).as_deref(), Some("api"));
    press(&mut view, KeyCode::Esc);
    press(&mut view, KeyCode::Esc);
    assert_eq!(view.selected(), None);
}

#[test]
fn a_pointer_stays_within_the_rows() {
    let (mut view, _) = looked(By::Service);
    for (key, at) in [
        (KeyCode::PageUp, 0),
        (KeyCode::End, 2),
        (KeyCode::Down, 2),
        (KeyCode::PageDown, 2),
        (KeyCode::Home, 0),
        (KeyCode::Char('k'), 0),
        (KeyCode::Char('j'), 1),
    ] {
        press(&mut view, key);
        assert_eq!(view.selected(), Some(at), "{key:?}");
    }
}

#[test]
fn where_nothing_is_no_key_does_harm() {
    let mut view = View::new(By::Service, SECOND);
    for by in '1'..='4' {
        press(&mut view, KeyCode::Char(by));
        for key in [
            KeyCode::Down,
            KeyCode::End,
            KeyCode::Enter,
            KeyCode::Char('r'),
            KeyCode::Left,
            KeyCode::Char(' '),
            KeyCode::Esc,
        ] {
            assert_eq!(press(&mut view, key), Then::GoOn);
        }
    }
    assert_eq!(view.focus, Focus::Table);
}

#[test]
fn a_gateway_that_was_started_anew_has_no_rates_yet() {
    let (mut view, now) = looked(By::Service);
    let mut anew = look(now, 2);
    anew.status.pid = 43;
    view.saw(Ok(anew), now);
    let looks = view.looks().expect("looked");
    assert!(looks.before().is_none());
}

#[test]
fn an_old_connection_that_was_not_told_before_has_no_rate() {
    let start = Instant::now();
    let mut before = look(start, 0);
    before.connections.connections.clear();
    let looks = Looks::after(Some(Looks::after(None, before)), look(start, 1));
    let table = views::table(By::Connection, &looks);
    let rates: Vec<_> = table
        .rows
        .iter()
        .map(|row| row.cells.get(8).map(cell::Cell::show))
        .collect();
    // The first has lived for three seconds, the second for less than one.
    assert_eq!(rates, [Some("-".into()), Some("10B/s".into())]);
}
