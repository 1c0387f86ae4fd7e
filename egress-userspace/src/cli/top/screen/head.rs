//! The lines above the table: how the gateway stands, and what an operator ought to know first.

use std::time::Instant;

use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use crate::answers::{Service, Status};
use crate::cli::top::by::By;
use crate::cli::top::fit::fold;
use crate::cli::top::look::Looks;
use crate::cli::top::show;
use crate::cli::top::view::View;
use crate::types::plain;

/// Lines of a notice: enough for its reason, and there are rows to see, too.
const NOTICE: usize = 3;
/// Between the parts of a line.
const GAP: &str = "  ";

/// How the gateway stands, in two lines.
pub(super) fn status(view: &View) -> Vec<Line<'static>> {
    let Some(looks) = view.looks() else {
        return vec![Line::from("egress"), Line::default()];
    };
    vec![standing(&looks.now.status), traffic(looks)]
}

fn standing(status: &Status) -> Line<'static> {
    let good = |is_good| Style::new().fg(if is_good { Color::Green } else { Color::Yellow });
    let mut parts = vec![
        Span::raw(format!("egress {}", plain(&status.version))),
        Span::styled(plain(&status.readiness), good(status.readiness == "ready")),
        Span::styled(plain(&status.mode), good(status.mode == "enforce")),
    ];
    parts.extend(
        [
            format!("policy {}", status.policy_generation),
            format!("services {}", status.services),
            format!("pid {}", status.pid),
            format!("since {}", plain(show::to_the_minute(&status.started))),
        ]
        .map(Span::raw),
    );
    spaced(parts)
}

fn traffic(looks: &Looks) -> Line<'static> {
    let (status, denials) = (&looks.now.status, &looks.now.denials);
    let sum = |read: fn(&Service) -> u64| {
        let earlier = looks.before()?;
        let total = |services: &[Service]| services.iter().map(read).fold(0, u64::saturating_add);
        earlier.rate(
            total(&earlier.look.services.services),
            total(&looks.now.services.services),
        )
    };
    let told = |rate: Option<f64>| rate.map_or_else(|| "-".into(), show::byte_rate);
    let denied = looks
        .before()
        .and_then(|earlier| earlier.rate(earlier.look.denials.total, denials.total));
    let parts = [
        format!(
            "connections {} of {}",
            status.connections.now, status.connections.limit
        ),
        format!("accepted {}", status.connections.accepted),
        format!("down {}", told(sum(|service| service.sent_bytes))),
        format!("up {}", told(sum(|service| service.received_bytes))),
        format!(
            "denied {} ({})",
            denials.total,
            denied.map_or_else(|| "-".into(), show::rate)
        ),
    ];
    spaced(parts.map(Span::raw).into())
}

/// What is wrong, and what of the whole is not shown; each in a few lines of this width.
pub(super) fn notices(view: &View, now: Instant, room: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut say = |text: String, colour| {
        let text = plain(&text);
        let folded = fold(&text, room, NOTICE);
        lines.extend(folded.map(|text| Line::styled(text, Style::new().fg(colour))));
    };
    if let Some(trouble) = &view.trouble {
        let since = now.saturating_duration_since(trouble.since).as_millis();
        let since = show::age(since.try_into().unwrap_or(u64::MAX));
        say(
            format!("NO ANSWER for {since}: {}; trying again", trouble.why),
            Color::Red,
        );
    }
    let Some(looks) = view.looks() else {
        return lines;
    };
    let status = &looks.now.status;
    if let Some(reload) = &status.last_reload
        && let Some(error) = &reload.error
    {
        let (at, first) = (show::moment(&reload.at), error.lines().next());
        let first = first.unwrap_or_default();
        say(
            format!("RELOAD REFUSED at {at}, the policy before it stays in force: {first}"),
            Color::Red,
        );
    }
    let lacking = status.kernel.iter().flat_map(|kernel| &kernel.lacking);
    let lacking: Vec<_> = lacking.map(String::as_str).collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        say(format!("NOT ATTACHED in the kernel: {lacking}"), Color::Red);
    }
    let (told, total) = match view.by {
        By::Service => (0, 0),
        By::Connection | By::Caller => {
            let connections = &looks.now.connections;
            (connections.connections.len(), connections.total)
        }
        By::Denial => {
            let denials = &looks.now.denials;
            (denials.denied.len(), denials.evicted)
        }
    };
    match view.by {
        By::Connection | By::Caller if u64::try_from(told).is_ok_and(|told| told < total) => say(
            format!("of the {told} connections with the most bytes, of {total}"),
            Color::Yellow,
        ),
        By::Denial if total > 0 => say(
            format!("{total} rarer rows have made way for others"),
            Color::Yellow,
        ),
        _ => {}
    }
    lines
}

fn spaced(parts: Vec<Span<'static>>) -> Line<'static> {
    let mut spans = Vec::new();
    for part in parts {
        if !spans.is_empty() {
            spans.push(Span::raw(GAP));
        }
        spans.push(part);
    }
    Line::from(spans)
}
