//! What the screen looks like.

use super::*;

fn draw(view: &View, now: Instant, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen");
    let mut screen = Screen::default();
    terminal
        .draw(|frame| screen.draw(view, now, frame))
        .expect("drawn");
    let buffer = terminal.backend().buffer();
    let lines = buffer
        .content()
        .chunks(usize::from(width).max(1))
        .map(|line| {
            let text: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
            text.trim_end().to_owned()
        });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[track_caller]
fn compare(name: &str, drawn: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/top/tests");
    let expected = directory.join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&expected, drawn).expect("the picture is written");
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert!(
        drawn == expected,
        "{name}: this is drawn:\n{drawn}\nand this was expected:\n{expected}"
    );
}

#[test]
fn every_view_fits_a_small_terminal_and_uses_a_large_one() {
    for by in By::ALL {
        let (view, now) = looked(by);
        compare(by.name(), &draw(&view, now, (80, 12)));
        let wide = format!("{}-wide", by.name());
        compare(&wide, &draw(&view, now, (160, 12)));
    }
}

#[test]
fn a_denial_shows_what_would_allow_it() {
    let (mut view, now) = looked(By::Denial);
    press(&mut view, KeyCode::Down);
    press(&mut view, KeyCode::Enter);
    compare("details", &draw(&view, now, (80, 24)));
}

#[test]
fn the_help_names_every_key() {
    let (mut view, now) = looked(By::Service);
    press(&mut view, KeyCode::Char('?'));
    compare("help", &draw(&view, now, (80, 24)));
}

#[test]
fn what_is_wrong_is_said_above_the_rows() {
    let (mut view, now) = looked(By::Connection);
    let mut wrong = look(now, 2);
    wrong.at = now + SECOND;
    wrong.status.readiness = "draining".into();
    wrong.status.last_reload = Some(from(json!({
        "at": "2026-11-27T13:04:00.000Z", "outcome": "refused",
        "error": "error: gateway.mode: unknown value\n --> egress.toml:2:8",
    })));
    wrong.status.kernel = Some(from(
        json!({"lacking": ["egress_connect4", "egress_connect6"]}),
    ));
    wrong.connections.total = 5_210;
    view.saw(Ok(wrong), now);
    view.saw(Err(unreachable()), now);
    view.saw(Err(unreachable()), now + SECOND);
    press(&mut view, KeyCode::Char(' '));
    type_in(&mut view, "/api");
    compare("wrong", &draw(&view, now + SECOND * 65, (80, 12)));
}

#[test]
fn a_gateway_that_was_never_reached_is_said_to_be_so() {
    let now = Instant::now();
    let mut view = View::new(By::Service, SECOND);
    view.saw(Err(unreachable()), now);
    compare("unreachable", &draw(&view, now, (80, 8)));
}

#[test]
fn no_size_of_the_terminal_is_too_small() {
    for by in By::ALL {
        let (mut view, now) = looked(by);
        press(&mut view, KeyCode::End);
        for size in [(1, 1), (2, 3), (10, 5), (0, 0), (500, 1)] {
            draw(&view, now, size);
        }
    }
}

#[test]
fn no_control_character_reaches_the_screen() {
    let (mut view, now) = looked(By::Connection);
    for key in [KeyCode::Char('2'), KeyCode::Char('3'), KeyCode::Enter] {
        press(&mut view, key);
        press(&mut view, KeyCode::End);
        let drawn = draw(&view, now, (300, 24));
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!drawn.contains(bad), "{drawn:?}");
    }
}
