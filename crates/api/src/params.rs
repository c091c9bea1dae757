//! Request parameters, from the address and from a posted form.

/// The parameters of a request: those of the body first, then those of the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
    /// The first thing in them that could not be decoded.
    broken: Option<String>,
}

impl Params {
    /// Reads them. Pairs that cannot be decoded are left out; [`Params::strict`] tells.
    pub fn parse(query: &str, form: &str) -> Params {
        let mut params = Params::default();
        for pair in form.split('&').chain(query.split('&')).filter(|pair| !pair.is_empty()) {
            params.add(pair);
        }
        params
    }

    fn add(&mut self, pair: &str) {
        if pair.contains(';') {
            self.broken.get_or_insert_with(|| "invalid semicolon separator in query".into());
            return;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decode(name), decode(value)) {
            (Ok(name), Ok(value)) => self.pairs.push((name, value)),
            (Err(escape), _) | (_, Err(escape)) => {
                self.broken
                    .get_or_insert_with(|| format!("invalid URL escape {}", narthex_model::quote::quote(&escape)));
            }
        }
    }

    /// The first value of a parameter; `""` when it is not given.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// What could not be decoded, for endpoints that refuse such requests.
    pub fn strict(&self) -> Result<(), crate::ApiError> {
        match &self.broken {
            Some(why) => Err(crate::ApiError::bad_data(format_args!("error parsing form values: {why}"))),
            None => Ok(()),
        }
    }
}

/// Undoes percent-encoding and `+`; the error is the escape that makes no sense.
fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    return Err(String::from_utf8_lossy(&rest[..rest.len().min(3)]).into_owned());
                };
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
                continue;
            }
            byte => bytes.push(byte),
        }
        rest = tail;
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_comes_before_the_address() {
        let params = Params::parse("query=a&match[]=x", "query=b+c%2B&match%5B%5D=y");
        assert_eq!(params.get("query"), "b c+");
        assert_eq!(params.all("match[]").collect::<Vec<_>>(), ["y", "x"]);
        assert_eq!(params.get("none"), "");
        assert!(params.strict().is_ok());
    }

    #[test]
    fn broken_pairs_are_left_out_and_told() {
        let params = Params::parse("a=%ZZ&b=1", "");
        assert_eq!((params.get("a"), params.get("b")), ("", "1"));
        assert_eq!(params.strict().unwrap_err().message, "error parsing form values: invalid URL escape \"%ZZ\"");
        let params = Params::parse("a=1;b=2", "");
        assert_eq!(
            params.strict().unwrap_err().message,
            "error parsing form values: invalid semicolon separator in query"
        );
    }
}
