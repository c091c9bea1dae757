//! Redirects from paths that are not written as they should be, as upstream's
//! two routers make them: the outer one cleans every path, the inner ones forgive
//! a slash at the end and wrong case where there is something to find.

use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode, Uri};

use crate::params::percent_decode;
use crate::reply::not_found;
use crate::router::empty;

/// Where a request goes whose path has empty elements, `.` or `..`, escaped or
/// not; `None` when it has none.
pub(crate) fn cleaned(uri: &Uri) -> Option<String> {
    let path = String::from_utf8(percent_decode(uri.path(), false).ok()?).ok()?;
    let clean = clean(&path);
    (clean != path).then(|| target(uri, &clean))
}

/// A slash at the end stays.
fn clean(path: &str) -> String {
    let mut elements: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => {
                elements.pop();
            }
            element => elements.push(element),
        }
    }
    let end = if path.ends_with('/') && !elements.is_empty() { "/" } else { "" };
    format!("/{}{end}", elements.join("/"))
}

/// The address of `path` (not escaped) with the query of `uri`.
pub(crate) fn target(uri: &Uri, path: &str) -> String {
    let mut target = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    target
}

/// The status with which the inner routers redirect: other methods than GET
/// must stay what they are.
pub(crate) fn forgiving_status(method: &Method) -> StatusCode {
    if *method == Method::GET { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT }
}

/// Go's answer. Only GET gets a body.
pub(crate) fn redirect(method: &Method, status: StatusCode, target: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(target) else { return not_found() };
    let mut response = empty(status);
    if *method == Method::GET {
        let escaped = target.replace('&', "&amp;").replace('"', "&#34;").replace('<', "&lt;").replace('>', "&gt;");
        let reason = status.canonical_reason().unwrap_or_default();
        *response.body_mut() = format!("<a href=\"{escaped}\">{reason}</a>.\n\n").into();
    }
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    if matches!(*method, Method::GET | Method::HEAD) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_cleaned_as_by_go() {
        for (path, want) in [
            ("/", None),
            ("/query", None),
            ("/query/", None),
            ("//query", Some("/query")),
            ("/a/../query?x=1", Some("/query?x=1")),
            ("/query/./", Some("/query/")),
            ("/query/.", Some("/query")),
            ("/query/%2e%2e/targets", Some("/targets")),
            ("/../..", Some("/")),
            ("/a%20b//c", Some("/a%20b/c")),
            ("/%ff//", None),
        ] {
            assert_eq!(cleaned(&path.parse().unwrap()).as_deref(), want, "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_is_clean_stays(path in "/[a./]*") {
            let once = clean(&path);
            prop_assert_eq!(clean(&once), once.clone());
            prop_assert!(!once.contains("//") && once.starts_with('/'));
        }
    }
}
