//! One entry, token by token: what is right, and how a mistake is reported.

use narthex_model::MetricType;

use crate::error::ParseError;
use crate::lexer::{Lexer, Token};
use crate::number::{self, NumberError};
use crate::parser::Entry;
use crate::quote::quote_bytes;
use crate::sample::{Point, RawExemplar, Sample};

/// One entry, token by token.
pub(crate) struct Strict<'a> {
    body: &'a [u8],
    openmetrics: bool,
    /// Where the entry started.
    start: usize,
    pub(crate) lexer: Lexer<'a>,
}

impl<'a> Strict<'a> {
    pub(crate) fn new(body: &'a [u8], pos: usize, openmetrics: bool) -> Strict<'a> {
        Strict { body, openmetrics, start: pos, lexer: Lexer::new(body, pos, openmetrics) }
    }

    fn syntax(&self, expected: impl Into<String>, got: Token) -> ParseError {
        ParseError::Syntax {
            expected: expected.into(),
            got: quote_bytes(&self.lexer.excerpt(self.lexer.start)),
            token: got.name(),
            line: quote_bytes(&self.lexer.excerpt(self.start)),
        }
    }

    /// The entry so far, without the byte beyond.
    fn so_far(&self) -> &'a [u8] {
        &self.body[self.start..self.lexer.pos.min(self.body.len())]
    }

    fn number_error(&self, function: &str, text: &[u8], err: NumberError) -> ParseError {
        let text = quote_bytes(text);
        let reason = match err {
            NumberError::Unsupported => "unsupported character in float".to_owned(),
            NumberError::Syntax => format!("strconv.{function}: parsing {text}: invalid syntax"),
            NumberError::Range => format!("strconv.{function}: parsing {text}: value out of range"),
        };
        ParseError::Number { reason, line: quote_bytes(self.so_far()) }
    }

    pub(crate) fn entry(&mut self, last_type: MetricType) -> Result<Option<Entry<'a>>, ParseError> {
        loop {
            self.start = self.lexer.pos;
            return match self.lexer.token() {
                Token::Eof if self.openmetrics => Err(ParseError::NoEof),
                Token::Eof => Ok(None),
                Token::Linebreak if !self.openmetrics => continue,
                Token::EofWord => match self.lexer.token() {
                    Token::Eof => Ok(None),
                    _ => Err(ParseError::AfterEof),
                },
                token @ (Token::Help | Token::Type | Token::Unit) => self.metadata(token).map(Some),
                Token::Comment if !self.openmetrics => {
                    let line = self.so_far();
                    match self.lexer.token() {
                        Token::Linebreak => Ok(Some(Entry::Comment { line })),
                        token => Err(self.syntax("linebreak expected after comment", token)),
                    }
                }
                Token::BraceOpen => {
                    if !self.labels(false, false)? {
                        // Upstream looks at the next token first, which then is part of the text.
                        self.lexer.token();
                        return Err(ParseError::NoName(quote_bytes(self.so_far())));
                    }
                    let series = self.so_far();
                    let token = self.lexer.token();
                    self.sample(series, token, last_type)
                }
                Token::MetricName => {
                    let mut series = self.so_far();
                    let mut token = self.lexer.token();
                    if token == Token::BraceOpen {
                        self.labels(true, false)?;
                        series = self.so_far();
                        token = self.lexer.token();
                    }
                    self.sample(series, token, last_type)
                }
                token => Err(self.syntax("expected a valid start token", token)),
            };
        }
    }

    /// What follows `# HELP` and the like.
    fn metadata(&mut self, keyword: Token) -> Result<Entry<'a>, ParseError> {
        let token = self.lexer.token();
        if token != Token::MetricName {
            return Err(self.syntax(format!("expected metric name after {}", keyword.name()), token));
        }
        let name = unquote(self.lexer.text());
        if self.lexer.token() != Token::Text {
            return Err(ParseError::MissingText { keyword: keyword.name() });
        }
        // One blank before the text; in OpenMetrics the line feed is part of the token.
        let mut text = self.lexer.text();
        text = text.strip_suffix(b"\n").filter(|_| self.openmetrics).unwrap_or(text);
        text = text.get(1..).unwrap_or_default();
        if !self.openmetrics && text.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            text = b"";
        }
        let line = self.so_far();
        let line = line.strip_suffix(b"\n").filter(|_| self.openmetrics).unwrap_or(line);
        let entry = match keyword {
            Token::Help => match std::str::from_utf8(text) {
                Ok(text) => Entry::Help { line, name, text },
                Err(_) => return Err(ParseError::HelpNotUtf8(quote_bytes(text))),
            },
            Token::Type => Entry::Type { line, name, metric_type: self.metric_type(text)? },
            _ => {
                let fits = name.strip_suffix(text).is_some_and(|stem| stem.ends_with(b"_"));
                if !text.is_empty() && !fits {
                    return Err(ParseError::Unit { unit: quote_bytes(text), metric: quote_bytes(name) });
                }
                Entry::Unit { line, name, unit: text }
            }
        };
        if !self.openmetrics {
            let token = self.lexer.token();
            if token != Token::Linebreak {
                return Err(self.syntax("linebreak expected after metadata", token));
            }
        }
        Ok(entry)
    }

    fn metric_type(&self, text: &[u8]) -> Result<MetricType, ParseError> {
        Ok(match (text, self.openmetrics) {
            (b"counter", _) => MetricType::Counter,
            (b"gauge", _) => MetricType::Gauge,
            (b"histogram", _) => MetricType::Histogram,
            (b"summary", _) => MetricType::Summary,
            (b"untyped", false) | (b"unknown", true) => MetricType::Unknown,
            (b"gaugehistogram", true) => MetricType::GaugeHistogram,
            (b"info", true) => MetricType::Info,
            (b"stateset", true) => MetricType::StateSet,
            _ => return Err(ParseError::MetricType(quote_bytes(text))),
        })
    }

    /// The type that a line declares, if it is a `TYPE` line.
    pub(crate) fn type_of_line(&mut self) -> Option<MetricType> {
        // OpenMetrics wants the line feed, which the caller cut off.
        let text = self.body.rsplit(|byte| matches!(byte, b' ' | b'\t')).next()?;
        (self.lexer.token() == Token::Type).then(|| self.metric_type(text).ok()).flatten()
    }

    /// What stands between braces, the closing one included. Says whether the
    /// metric name is known; `named` says whether it was before.
    fn labels(&mut self, mut named: bool, exemplar: bool) -> Result<bool, ParseError> {
        let mut token = self.lexer.token();
        loop {
            let quoted = match token {
                Token::BraceClose => return Ok(named),
                Token::LabelName => false,
                Token::QuotedString => true,
                token => return Err(self.syntax("expected label name", token)),
            };
            token = self.lexer.token();
            if matches!(token, Token::Comma | Token::BraceClose) && (quoted || exemplar) {
                if exemplar {
                    return Err(self.syntax("expected label name", token));
                }
                if named {
                    return Err(ParseError::SecondName(quote_bytes(self.so_far())));
                }
                named = true;
                if token == Token::BraceClose {
                    return Ok(true);
                }
                token = self.lexer.token();
                continue;
            }
            // An unquoted name alone ends here, too. Prometheus 3.5 takes it for the
            // metric name and cuts a byte off both its ends, with `{a} 1` for a crash.
            if token != Token::Equal {
                return Err(self.syntax("expected equal", token));
            }
            token = self.lexer.token();
            if token != Token::LabelValue {
                return Err(self.syntax("expected label value", token));
            }
            if std::str::from_utf8(self.lexer.text()).is_err() {
                return Err(ParseError::LabelNotUtf8(quote_bytes(self.lexer.text())));
            }
            token = self.lexer.token();
            if token == Token::Comma {
                token = self.lexer.token();
            } else if self.openmetrics && token != Token::BraceClose {
                return Err(self.syntax("expected comma or brace close", token));
            }
        }
    }

    /// What follows a series; `token` is the first.
    fn sample(
        &mut self,
        series: &'a [u8],
        token: Token,
        last_type: MetricType,
    ) -> Result<Option<Entry<'a>>, ParseError> {
        let value = self.value(token, "metric")?;
        let mut point = Point { value, timestamp_ms: None, exemplar: None };
        if self.openmetrics {
            self.point_tail(&mut point)?;
        } else {
            match self.lexer.token() {
                Token::Linebreak => {}
                Token::Timestamp => {
                    let text = self.lexer.text();
                    let time = number::parse_int(text).map_err(|err| self.number_error("ParseInt", text, err))?;
                    point.timestamp_ms = Some(time);
                    let token = self.lexer.token();
                    if token != Token::Linebreak {
                        return Err(self.syntax("expected next entry after timestamp", token));
                    }
                }
                token => return Err(self.syntax("expected timestamp or new record", token)),
            }
        }
        Ok(Some(Entry::Sample(Sample { series, point, last_type })))
    }

    /// The last token as a value. In OpenMetrics it begins with its space.
    fn value(&mut self, token: Token, after: &str) -> Result<f64, ParseError> {
        if token != Token::Value {
            return Err(self.syntax(format!("expected value after {after}"), token));
        }
        let text = &self.lexer.text()[usize::from(self.openmetrics)..];
        number::parse_float(text).map_err(|err| self.number_error("ParseFloat", text, err))
    }

    /// The last token as an OpenMetrics timestamp, in milliseconds.
    fn timestamp(&mut self, what: &'static str) -> Result<i64, ParseError> {
        let text = &self.lexer.text()[1..];
        let seconds = number::parse_float(text).map_err(|err| self.number_error("ParseFloat", text, err))?;
        if !seconds.is_finite() {
            let value = if seconds.is_nan() { "NaN" } else { ["+Inf", "-Inf"][usize::from(seconds < 0.0)] };
            return Err(ParseError::Timestamp { what, value });
        }
        let ms = seconds * 1000.0;
        // What does not fit becomes the least integer, as on upstream's machines.
        Ok(if ms.abs() < i64::MAX as f64 { ms as i64 } else { i64::MIN })
    }

    /// OpenMetrics: what follows a value.
    pub(crate) fn point_tail(&mut self, point: &mut Point<'a>) -> Result<(), ParseError> {
        let mut token = self.lexer.token();
        if token == Token::Timestamp {
            point.timestamp_ms = Some(self.timestamp("timestamp")?);
            token = self.lexer.token();
            if !matches!(token, Token::Linebreak | Token::Comment) {
                return Err(self.syntax("expected next entry after timestamp", token));
            }
        }
        match token {
            Token::Eof => Err(ParseError::NoEof),
            Token::Comment => {
                point.exemplar = Some(self.exemplar()?);
                Ok(())
            }
            // Upstream takes the sample and finds the mistake on its next call: the
            // sample counts among those scraped.
            _ => Ok(()),
        }
    }

    /// OpenMetrics: what follows ` # {`.
    fn exemplar(&mut self) -> Result<RawExemplar<'a>, ParseError> {
        let from = self.lexer.pos;
        self.labels(true, true)?;
        let labels = &self.body[from..self.lexer.pos - 1];
        let token = self.lexer.token();
        let value = self.value(token, "exemplar labels")?;
        let mut timestamp_ms = None;
        match self.lexer.token() {
            Token::Eof => return Err(ParseError::NoEof),
            Token::Linebreak => {}
            Token::Timestamp => {
                timestamp_ms = Some(self.timestamp("exemplar timestamp")?);
                let token = self.lexer.token();
                if token != Token::Linebreak {
                    return Err(self.syntax("expected next entry after exemplar timestamp", token));
                }
            }
            token => return Err(self.syntax("expected timestamp or comment", token)),
        }
        Ok(RawExemplar { labels, value, timestamp_ms })
    }
}

/// A name token without the quotes it may have.
fn unquote(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
}
