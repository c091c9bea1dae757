//! What a request says: pairs from the URL and from a form in the body.
//!
//! Pairs that are broken are left out, as Go does; an endpoint that wants to
//! know asks [`Params::problem`].

use narthex_model::quote::quote;

/// Pairs in the order in which they count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// The first thing that is wrong with the pairs.
    problem: Option<String>,
}

impl Params {
    /// The pairs of a URL's query or of an `application/x-www-form-urlencoded` body.
    pub(crate) fn from_query(query: &str) -> Params {
        let mut params = Params::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if pair.contains(';') {
                params.complain("invalid semicolon separator in query".into());
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (unescape(name), unescape(value)) {
                (Ok(name), Ok(value)) => params.pairs.push((name, value)),
                (Err(problem), _) | (_, Err(problem)) => params.complain(problem),
            }
        }
        params
    }

    /// The pairs of a `multipart/form-data` body; files are left out.
    pub(crate) fn from_multipart(content_type: &str, body: &[u8]) -> Params {
        let mut params = Params::default();
        let Some(boundary) = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()) else {
            params.complain("no multipart boundary param in Content-Type".into());
            return params;
        };
        let body = String::from_utf8_lossy(body);
        let delimiter = format!("--{boundary}");
        for part in body.split(delimiter.as_str()).skip(1) {
            let part = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n'));
            let Some((head, value)) = part.and_then(|part| part.split_once("\r\n\r\n")) else { continue };
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            let disposition = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-disposition").then_some(value)
            });
            let Some(disposition) = disposition else { continue };
            if let (Some(name), None) = (parameter(disposition, "name"), parameter(disposition, "filename")) {
                params.pairs.push((name, value.into()));
            }
        }
        params
    }

    fn complain(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// These pairs, then those of `other`.
    pub(crate) fn and(mut self, other: &Params) -> Params {
        self.pairs.extend(other.pairs.iter().cloned());
        self.problem = self.problem.or_else(|| other.problem.clone());
        self
    }

    /// The first value of `name`, or `""`.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first thing that is wrong with the pairs, in Go's words.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// A parameter of a header value such as `form-data; name="a"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').into())
    })
}

/// Undoes the escaping of a query: `+` and `%XX`. What is not UTF-8 is replaced.
fn unescape(text: &str) -> Result<String, String> {
    let bytes = percent_decode(text, true)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Undoes `%XX`, and `+` when `plus_is_space`.
///
/// # Errors
/// Go's text.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                    let shown = &bytes[at..bytes.len().min(at + 3)];
                    return Err(format!("invalid URL escape {}", quote(&String::from_utf8_lossy(shown))));
                };
                out.push((high * 16 + low) as u8);
                at += 3;
                continue;
            }
            b'+' if plus_is_space => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_body_comes_before_the_url() {
        let params = Params::from_query("query=a%2Bb+c&match[]=x").and(&Params::from_query("query=z&match%5B%5D=y"));
        assert_eq!(params.get("query"), "a+b c");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(params.get("nothing"), "");
    }

    #[test]
    fn broken_pairs_are_left_out_and_told() {
        let params = Params::from_query("a=1&b=%ZZ&c=2");
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), ("1", "", "2"));
        assert_eq!(params.problem(), Some("invalid URL escape \"%ZZ\""));
        assert_eq!(Params::from_query("a=1;b=2").problem(), Some("invalid semicolon separator in query"));
        assert_eq!(Params::from_query("a=%4").problem(), Some("invalid URL escape \"%4\""));
    }

    #[test]
    fn forms_in_parts_are_read() {
        let body = "--XX\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"b\"}\r\n--XX\r\n\
                    Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nfile\r\n--XX--\r\n";
        let params = Params::from_multipart("multipart/form-data; boundary=XX", body.as_bytes());
        assert_eq!(params.get("query"), "up{a=\"b\"}");
        assert_eq!(params.get("f"), "");
    }

    proptest! {
        #[test]
        fn any_query_is_answered(query in "\\PC*", escaped in "[%a-f0-9=&;+]*") {
            let _ = Params::from_query(&query);
            let _ = Params::from_query(&escaped);
            let _ = Params::from_multipart("multipart/form-data; boundary=a", query.as_bytes());
        }
    }
}
