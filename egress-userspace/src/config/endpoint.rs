//! The URL of a collector of telemetry.

use http::Uri;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::problem::Problem;
use super::value::{Reject, Value, string};

/// A URL of plain HTTP: a host, perhaps a port, perhaps a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// The URL.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

/// An endpoint, or none. A gateway that is built without the export takes none: to take it and do nothing would
/// look like a collector that loses what it gets.
impl Value for Option<Endpoint> {
    fn read(value: &Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let expected = "a URL such as \"http://127.0.0.1:4318\", or \"off\"";
        string(value, problems, expected, |text| {
            if text == "off" {
                return Ok(None);
            }
            if !cfg!(feature = "otel") {
                return Err(Reject::new("this egress is built without OpenTelemetry")
                    .help("build it with `--features otel`"));
            }
            let uri = text.parse::<Uri>().ok().filter(is_endpoint);
            if let Some(uri) = uri {
                return Ok(Some(Endpoint(uri)));
            }
            // What stands before an `@` may be a password, and errors are logged.
            let reject = Reject::new(if text.contains('@') {
                "what names a user is no endpoint".into()
            } else {
                format!("{text:?} is no endpoint")
            });
            Err(if text.starts_with("https:") {
                reject.help("have a collector on this machine, which forwards over TLS")
            } else {
                reject
            })
        })
    }
}

/// Its messages' own paths go behind its path; a query, or a user's name, has no place.
fn is_endpoint(uri: &Uri) -> bool {
    let is_plain = uri.scheme_str() == Some("http") && uri.query().is_none();
    let authority = uri.authority();
    is_plain && authority.is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'))
}
