//! Addresses: `http://host:port/path?query`.

use http::HeaderValue;
use http::uri::{PathAndQuery, Uri};

use crate::error::UrlError;

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Encrypted.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port that an address without one means.
    fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// A checked absolute address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    authority: HeaderValue,
    path_and_query: PathAndQuery,
}

impl Url {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// When it is none, or its scheme is neither `http` nor `https`.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let invalid = |what: String| UrlError::Invalid { text: text.to_owned(), what };
        let Some((scheme_text, after)) = text.split_once("://") else {
            return Err(invalid("missing protocol scheme".to_owned()));
        };
        let scheme = match scheme_text.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(UrlError::Scheme(scheme_text.to_owned())),
        };
        // A fragment is for browsers; it is never sent.
        let sent = after.split('#').next().unwrap_or(after);
        let uri: Uri = format!("http://{sent}").parse().map_err(|e: http::uri::InvalidUri| invalid(e.to_string()))?;
        let authority = uri.authority().ok_or_else(|| invalid("no Host in request URL".to_owned()))?;
        // Whoever writes `user:password@` wants them sent, which comes with credentials of any kind.
        let host_port = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("no Host in request URL".to_owned()));
        }
        let port_text = &host_port[host_port.len().min(host.len())..];
        let port = match port_text.strip_prefix(':') {
            None | Some("") => scheme.port(),
            Some(digits) => digits.parse().map_err(|_| invalid(format!("invalid port \"{port_text}\" after host")))?,
        };
        let path_and_query = match uri.path_and_query() {
            // It prints with the slash that `?a=b` lacks.
            Some(given) => given.to_string().parse().map_err(|e: http::uri::InvalidUri| invalid(e.to_string()))?,
            None => PathAndQuery::from_static("/"),
        };
        let authority = HeaderValue::from_str(host_port).map_err(|e| invalid(e.to_string()))?;
        Ok(Url {
            text: text.to_owned(),
            scheme,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            authority,
            path_and_query,
        })
    }

    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or IP address of the server; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or what the scheme implies.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says: host and port as written.
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// What is asked for: `/path?query`.
    pub fn path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }

    /// Whether both are served by the same connection.
    pub fn is_same_server(&self, other: &Url) -> bool {
        (self.scheme, self.port) == (other.scheme, other.port) && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The address that `reference` means on a page of this address (RFC 3986,
    /// section 5.2).
    ///
    /// # Errors
    /// When the result is not an address, or its scheme is neither `http` nor `https`.
    pub fn join(&self, reference: &str) -> Result<Url, UrlError> {
        if has_scheme(reference) {
            return Url::parse(reference);
        }
        let scheme = self.scheme.as_str();
        if reference.starts_with("//") {
            return Url::parse(&format!("{scheme}:{reference}"));
        }
        let authority = self.authority.to_str().expect("an authority was read from text");
        let (path, query) = match reference.find(['?', '#']) {
            Some(at) => reference.split_at(at),
            None => (reference, ""),
        };
        let base = self.path_and_query.path();
        if path.is_empty() {
            let query = if query.starts_with('?') {
                query.to_owned()
            } else {
                self.path_and_query.query().map(|q| format!("?{q}")).unwrap_or_default()
            };
            return Url::parse(&format!("{scheme}://{authority}{base}{query}"));
        }
        let merged = if path.starts_with('/') {
            path.to_owned()
        } else {
            let folder = base.rfind('/').map_or("/", |at| &base[..=at]);
            format!("{folder}{path}")
        };
        Url::parse(&format!("{scheme}://{authority}{}{query}", without_dot_segments(&merged)))
    }
}

/// Whether a reference begins with a scheme: letters, digits, `+-.` and a colon.
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Resolves `.` and `..` in an absolute path.
fn without_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.split('/').skip(1).peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." if is_last => segments.push(""),
            "." => {}
            ".." => {
                segments.pop();
                if is_last {
                    segments.push("");
                }
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_join(base: &str, reference: &str, want: &str) {
        assert_eq!(Url::parse(base).unwrap().join(reference).unwrap().as_str(), want);
    }

    #[test]
    fn parts_are_found() {
        let url = Url::parse("http://[::1]:9090/a%3Fb?x=1&x=2#frag").unwrap();
        assert_eq!((url.host(), url.port(), url.scheme()), ("::1", 9090, Scheme::Http));
        assert_eq!(url.authority(), "[::1]:9090");
        assert_eq!(url.path_and_query().as_str(), "/a%3Fb?x=1&x=2");
        assert_eq!(Url::parse("HTTPS://host").unwrap().port(), 443);
        assert_eq!(Url::parse("http://host?a=b").unwrap().path_and_query().as_str(), "/?a=b");
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        assert_eq!(Url::parse("ftp://a").unwrap_err().to_string(), r#"unsupported protocol scheme "ftp""#);
        assert_eq!(Url::parse("a/b").unwrap_err().to_string(), r#"parse "a/b": missing protocol scheme"#);
        for bad in ["http://", "http://a b/", "http://a:99999/", "http://:80/", "http://a:b/"] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_are_resolved() {
        check_join("http://a:1/b/c?d=e", "/x", "http://a:1/x");
        check_join("http://a:1/b/c?d=e", "x?y=z", "http://a:1/b/x?y=z");
        check_join("http://a:1/b/c", "../x/./y/..", "http://a:1/x/");
        check_join("http://a:1/b/c", "../../../x", "http://a:1/x");
        check_join("http://a:1/b/c?d=e", "?f", "http://a:1/b/c?f");
        check_join("http://a:1/b/c?d=e", "", "http://a:1/b/c?d=e");
        check_join("http://a:1/b", "//c/d", "http://c/d");
        check_join("http://a:1/b", "https://c/d", "https://c/d");
        check_join("http://a:1", "x", "http://a:1/x");
    }
}
