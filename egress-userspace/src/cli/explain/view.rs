//! An explanation for people: the verdict, what came near, and what would allow it, each beside the text
//! that it is about.

use annotate_snippets::{Level, Title};

use crate::config::{Excerpts, Mark};
use crate::policy::{Connection, Explanation, Kind, LetThrough, Miss};
use crate::types::Place;

/// All that is told, with the lines that `excerpts` have of it; in colour for a terminal. Ends with a
/// newline.
pub fn text(explanation: &Explanation, excerpts: Option<&Excerpts>, colour: bool) -> String {
    let view = View { excerpts, colour };
    let mut parts = vec![view.verdict(explanation)];
    parts.extend(explanation.nearest.iter().map(|miss| view.miss(miss)));
    let mut notes = explanation.notes.clone();
    if explanation.left_out > 0 {
        let left_out = explanation.left_out;
        notes.push(format!("{left_out} more came near, and are left out"));
    }
    if explanation.let_through == Some(LetThrough::Audit) {
        notes.push("gateway.mode is \"audit\": it is let through, and recorded as denied".into());
    }
    let notes = notes
        .iter()
        .map(|note| view.title(Level::NOTE.primary_title(note)));
    let notes: Vec<_> = notes.collect();
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    if let Some(toml) = &explanation.to_allow {
        let is_slip = explanation.nearest.first().map(|miss| miss.miss) == Some(Kind::Slip);
        let title = Level::HELP.primary_title(if is_slip {
            "if the name is right, this would allow it"
        } else {
            "this would allow it"
        });
        parts.push(format!("{}\n\n{}", view.title(title), toml.trim_end()));
    }
    parts.join("\n\n") + "\n"
}

/// How it is told.
struct View<'a> {
    excerpts: Option<&'a Excerpts>,
    colour: bool,
}

impl View<'_> {
    fn verdict(&self, explanation: &Explanation) -> String {
        let said = said(explanation);
        let title = match &explanation.reason {
            Some(reason) => {
                let title = Level::ERROR.with_name("denied").primary_title(&said);
                title.id(reason)
            }
            None => Level::NOTE.with_name("allowed").primary_title(&said),
        };
        // Of a service that only came near, the miss says more.
        let is_told = |service: &String| {
            explanation
                .nearest
                .iter()
                .any(|miss| miss.service == *service)
        };
        let rule = explanation.rule.as_deref();
        let rule = rule.filter(|_| !explanation.service.as_ref().is_some_and(is_told));
        let key = if explanation.reason.as_deref() == Some("service_denied") {
            "deny"
        } else {
            "name"
        };
        match rule {
            Some(rule) => self.beside(title, rule, Some(key), None),
            None => self.title(title),
        }
    }

    fn miss(&self, miss: &Miss) -> String {
        let title = Level::WARNING.with_name("near").primary_title(&miss.text);
        let key = miss.key.as_deref().or(Some("name"));
        self.beside(title, &miss.rule, key, miss.item.as_deref())
    }

    /// A title, and where a service is written.
    fn beside(
        &self,
        title: Title<'_>,
        rule: &str,
        key: Option<&str>,
        item: Option<&str>,
    ) -> String {
        if let Some(excerpts) = self.excerpts
            && let Some(place) = place(rule)
        {
            let mark = Mark {
                place: &place,
                key,
                item,
            };
            return excerpts.show(title, &mark, self.colour);
        }
        format!("{}\n --> {rule}", self.title(title))
    }

    fn title(&self, title: Title<'_>) -> String {
        Excerpts::title(title, self.colour)
    }
}

/// The verdict in a sentence.
fn said(explanation: &Explanation) -> String {
    let connection = connection(&explanation.connection);
    match (&explanation.message, explanation.let_through) {
        (Some(message), _) => format!("{connection}: {message}"),
        (None, None) => match &explanation.service {
            Some(service) => format!("{connection}, by `{service}`"),
            None => connection,
        },
        (None, Some(why)) => format!("{connection}: {}", let_through(why)),
    }
}

fn let_through(why: LetThrough) -> &'static str {
    match why {
        LetThrough::Audit => "gateway.mode is \"audit\"",
        LetThrough::AllowAny => {
            "no service has to do with it, and gateway.outbound_traffic_policy is \"ALLOW_ANY\""
        }
        LetThrough::Internal => "the destination is inside the mesh, and nothing is judged",
        LetThrough::NotGoverned => "the caller's cgroup is in no [[scope]], and nothing is judged",
    }
}

/// "TLS to api.example.com on port 443".
fn connection(connection: &Connection) -> String {
    let Connection {
        host,
        port,
        protocol,
        ip,
        ip_assumed,
    } = connection;
    let to = match (host, ip_assumed) {
        (Some(host), true) => host.clone(),
        (Some(host), false) => format!("{host} at {ip}"),
        (None, _) => ip.to_string(),
    };
    format!("{protocol} to {to} on port {port}")
}

/// The place that `file:line` says.
fn place(rule: &str) -> Option<Place> {
    let (file, line) = rule.rsplit_once(':')?;
    Some(Place {
        file: file.into(),
        line: line.parse().ok()?,
    })
}
