//! The table as a picture: one panel a column, one bar a relay.
//!
//! It has no background and follows the reader's light or dark colours.

use std::fmt::Write as _;

use super::columns::{Better, COLUMNS, Column};
use super::relay::Relay;
use super::report::text;
use super::results::Results;

/// In pixels, as all that follows: two panels side by side fit the width that READMEs are shown in.
const WIDTH: usize = 880;
const PANEL_WIDTH: usize = WIDTH / 2;
/// From one bar to the next, and the bar itself.
const LINE: usize = 20;
const BAR: usize = 14;
/// A panel's title, and the room below its last bar.
const TITLE: usize = 28;
const ROOM: usize = 18;
/// Where bars begin, and how long the longest is: names are to the left, numbers to the right.
const BARS_AT: usize = 110;
const LONGEST: f64 = 220.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.note { fill: #59636e; }
.peer { fill: #afb8c1; }
.own { fill: #1a7f37; }
.spread { stroke: #1f2328; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note { fill: #9198a1; }
  .peer { fill: #57606a; }
  .own { fill: #3fb950; }
  .spread { stroke: #e6edf3; }
}
";

/// An SVG document.
pub(super) fn chart(results: &Results) -> String {
    let relays: Vec<_> = results
        .relays
        .iter()
        .copied()
        .filter(|relay| !matches!(relay, Relay::None | Relay::EgressAddress))
        .collect();
    let panel_height = TITLE + relays.len() * LINE + ROOM;
    let height = COLUMNS.len().div_ceil(2) * panel_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>The data path beside its peers</title>\n<style>\n{STYLE}</style>\n"
    );
    for (i, column) in COLUMNS.iter().enumerate() {
        let (x, y) = (i % 2 * PANEL_WIDTH, i / 2 * panel_height);
        push(&mut svg, &format!("<g transform=\"translate({x} {y})\">"));
        panel(&mut svg, results, &relays, column);
        push(&mut svg, "</g>");
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, results: &Results, relays: &[Relay], column: &Column) {
    let better = match column.better {
        Better::More => "more is better",
        Better::Less => "less is better",
    };
    let bare = results
        .of(Relay::None, column)
        .map_or_else(String::new, |value| {
            format!("; no relay: {}", text(value.median, column.digits))
        });
    push(
        svg,
        &format!(
            "<text x=\"4\" y=\"16\"><tspan class=\"title\">{}</tspan> <tspan class=\"note\">{better}{bare}</tspan></text>",
            column.title
        ),
    );
    let all = relays.iter().filter_map(|relay| results.of(*relay, column));
    let most = all.map(|value| value.max).fold(f64::MIN_POSITIVE, f64::max);
    let length = |value: f64| value / most * LONGEST;
    for (i, relay) in relays.iter().enumerate() {
        let Some(value) = results.of(*relay, column) else {
            continue;
        };
        let y = TITLE + i * LINE;
        let (foot, middle) = (y + BAR - 3, y + BAR / 2);
        let class = if relay.is_gateway() { "own" } else { "peer" };
        let name = relay.name();
        push(
            svg,
            &format!(
                "<text x=\"{}\" y=\"{foot}\" text-anchor=\"end\">{name}</text>\
                 <rect class=\"{class}\" x=\"{BARS_AT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\"/>",
                BARS_AT - 6,
                length(value.median)
            ),
        );
        let number = text(value.median, column.digits);
        push(
            svg,
            &format!(
                "<g transform=\"translate({BARS_AT})\"><line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>\
                 <text x=\"{:.1}\" y=\"{foot}\">{number}</text></g>",
                length(value.min),
                length(value.max),
                length(value.max) + 6.0
            ),
        );
    }
}

fn push(svg: &mut String, line: &str) {
    // Writing to a text can't fail.
    writeln!(svg, "{line}").ok();
}

#[cfg(test)]
mod tests {
    use super::super::columns::CONNECTIONS;
    use super::*;

    #[test]
    fn the_longest_bar_is_that_of_the_greatest_value() {
        let mut results = Results::new(&[Relay::None, Relay::Egress, Relay::Haproxy]);
        results.push(0, Relay::None, vec![(&CONNECTIONS, 9_000.0)]);
        results.push(0, Relay::Egress, vec![(&CONNECTIONS, 4_000.0)]);
        results.push(0, Relay::Haproxy, vec![(&CONNECTIONS, 1_000.0)]);
        let svg = chart(&results);
        let own = "class=\"own\" x=\"110\" y=\"28\" width=\"220.0\"";
        let peer = "class=\"peer\" x=\"110\" y=\"48\" width=\"55.0\"";
        assert!(svg.contains(own) && svg.contains(peer), "{svg}");
        assert!(
            svg.contains("no relay: 9,000") && svg.contains(">4,000<"),
            "{svg}"
        );
        for tag in ["svg", "g", "text", "tspan", "style", "title"] {
            let open =
                svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
            assert_eq!(open, svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
