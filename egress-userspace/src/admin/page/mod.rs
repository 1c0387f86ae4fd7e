//! The status page: one page that shows in a browser what the API tells, and changes nothing.
//!
//! It is whole in itself: its style and its script are in it, and its content security policy, which
//! names both by their hashes, lets no other style or script in, and lets it ask nobody but the gateway.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use super::answer::{Answer, answer};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
const HTML: &str = concat!(
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>egress</title>\n",
    // Browsers ask for an icon otherwise.
    "<link rel=\"icon\" href=\"data:,\">\n",
    "<style>",
    include_str!("page.css"),
    "</style>\n</head>\n<body>\n",
    include_str!("page.html"),
    "<script>",
    include_str!("page.js"),
    "</script>\n</body>\n</html>\n",
);

const CONTENT: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What else a browser is told: to believe the kind of content, to keep nothing, to tell nobody where
/// it has been, and to give the page to no other.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What the page may do: be as it is, and ask the gateway. `frame-ancestors` and `form-action` have no
/// default in `default-src`; no text becomes markup, also by mistake.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| base64(digest(&SHA256, text.as_bytes()).as_ref());
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
});

/// The page, as it is served.
pub(super) fn page() -> Answer {
    let mut page = answer(StatusCode::OK, CONTENT, HTML.into());
    let headers = page.headers_mut();
    headers.extend(HEADERS);
    // Base64 and the words above are visible ASCII.
    headers.extend(HeaderValue::from_str(&POLICY).map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    page
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32, place: usize| {
        let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
        ALPHABET.get(index).copied().map_or('=', char::from)
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            text.push(if place <= chunk.len() {
                digit(bits, place)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_the_standard_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfb]), "//s=");
    }

    #[test]
    fn the_policy_names_the_style_and_the_script_and_nothing_from_elsewhere() {
        let page = page();
        let policy = page.headers().get(CONTENT_SECURITY_POLICY);
        let policy = policy.expect("a policy").to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
        for wide in ["unsafe", "http", "*", "nonce"] {
            assert!(!policy.contains(wide), "{policy}");
        }
        for (header, value) in HEADERS {
            assert_eq!(page.headers().get(&header), Some(&value), "{header}");
        }
    }

    #[test]
    fn the_page_is_whole_and_makes_no_markup_of_what_it_is_told() {
        // Once each, so that the hashes are of all that there is.
        for tag in ["<script", "</script", "<style", "</style"] {
            assert_eq!(HTML.matches(tag).count(), 1, "{tag}");
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "createContextualFragment",
            "DOMParser",
            "setHTML",
            "srcdoc",
            "eval(",
            "Function(",
            " style=",
            " onclick=",
            " src=",
            "@import",
            "url(",
        ] {
            assert!(!HTML.contains(word), "{word}");
        }
        // The only address in it is the name of SVG.
        assert_eq!(HTML.matches("//www.").count(), 1);
        assert!(HTML.contains("\"http://www.w3.org/2000/svg\""));
    }

    #[test]
    fn the_page_only_reads() {
        for word in [
            "POST",
            "PUT",
            "DELETE",
            "PATCH",
            "method:",
            "<form",
            "sendBeacon",
        ] {
            assert!(!HTML.contains(word), "{word}");
        }
    }
}
