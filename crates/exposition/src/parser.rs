//! The parser: walks a body in place, allocating for errors only.
//!
//! Ordinary sample lines are read by [`Parser::plain_sample`] in one pass, eight
//! bytes at a time where it pays. Whatever that does not take (comments, escapes,
//! exemplars, odd blanks, mistakes) goes through the tokens of [`crate::lexer`],
//! which decide what is right and how a mistake is reported. Both ways
//! agree wherever the first one answers; the tests hold them to it.

use std::borrow::Cow;

use narthex_model::MetricType;

use crate::error::ParseError;
use crate::format::Format;
use crate::lexer::{Lexer, State, Token};
use crate::number::{self, NumberError};
use crate::quote::quote_bytes;
use crate::sample::{Point, RawExemplar, Sample, unescape};

/// One entry of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A line with a value.
    Sample(Sample<'a>),
    /// A `# HELP` line.
    Help {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The text, escapes unresolved: [`Parser::help_text`] resolves them.
        text: &'a str,
    },
    /// A `# TYPE` line.
    Type {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The type; text's `untyped` is [`MetricType::Unknown`].
        metric_type: MetricType,
    },
    /// A `# UNIT` line (OpenMetrics only).
    Unit {
        /// The whole line without its line feed.
        line: &'a [u8],
        /// The metric name, without the quotes it may have had.
        name: &'a [u8],
        /// The unit, possibly empty.
        unit: &'a [u8],
    },
    /// Any other comment (text only).
    Comment {
        /// The whole line without its line feed.
        line: &'a [u8],
    },
}

/// The `TYPE` line that counts for the samples to come.
#[derive(Clone, Copy, Debug)]
enum LastType<'a> {
    Known(MetricType),
    /// A line that was skipped as known; read when a sample wants its type.
    Line(&'a [u8]),
}

/// Walks a body, entry by entry.
///
/// A scrape that keeps, for each line of the last body, the length and hash of
/// its series or line, tries these first and calls [`Parser::next`] only when
/// they do not fit:
///
/// - `hasher.hash(&parser.rest()[..series_len])` equal: [`Parser::known_sample`];
/// - the same over a whole comment line: [`Parser::known_line`].
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    body: &'a [u8],
    pos: usize,
    openmetrics: bool,
    last_type: LastType<'a>,
    /// Not [`State::Init`] when upstream took a sample whose line goes wrong
    /// after it; the next call then reports that.
    state: State,
    finished: bool,
}

impl<'a> Parser<'a> {
    /// A parser at the start of `body`. An empty body is well-formed in every format.
    pub fn new(body: &'a [u8], format: Format) -> Parser<'a> {
        let mut parser = Parser {
            body,
            pos: 0,
            openmetrics: format.is_openmetrics(),
            last_type: LastType::Known(MetricType::Unknown),
            state: State::Init,
            finished: body.is_empty(),
        };
        parser.skip_blank_lines();
        parser
    }

    /// The next entry. `None` when the body ended well; after an error, `None` too.
    ///
    /// # Errors
    /// The first mistake in the body. Entries before it were read well.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Option<Result<Entry<'a>, ParseError>> {
        if self.finished {
            return None;
        }
        if self.state == State::Init
            && let Some(sample) = self.plain_sample()
        {
            return Some(Ok(Entry::Sample(sample)));
        }
        self.next_by_tokens()
    }

    /// What has not been read yet; starts at a line start.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.body[self.pos..]
    }

    /// How many bytes have been read.
    #[inline]
    pub fn offset(&self) -> usize {
        self.pos
    }

    /// Reads a sample whose series text, the next `series_len` bytes, parsed well before.
    ///
    /// `None` when the line is not of the plain form (one space, value, perhaps
    /// one space and timestamp, perhaps an exemplar); nothing is read then, and
    /// [`Parser::next`] says what it is. `Some` is what [`Parser::next`] would have answered.
    #[inline]
    pub fn known_sample(&mut self, series_len: usize) -> Option<Point<'a>> {
        if self.finished || self.state != State::Init {
            return None;
        }
        let (point, end) = self.plain_point(self.pos.checked_add(series_len)?)?;
        self.pos = end;
        self.skip_blank_lines();
        Some(point)
    }

    /// Skips a comment line (`HELP`, `TYPE`, `UNIT` included) of `len` bytes without
    /// its line feed, which parsed well before. A skipped `TYPE` line still counts
    /// for the samples after it. Says whether the line ends there; if not, nothing is read.
    #[inline]
    pub fn known_line(&mut self, len: usize) -> bool {
        let rest = &self.body[self.pos..];
        if self.finished || self.state != State::Init || rest.get(len) != Some(&b'\n') || rest[0] != b'#' {
            return false;
        }
        let line = &rest[..len];
        let word = line[1..].trim_ascii_start();
        if word.first() == Some(&b'T') {
            if word.starts_with(b"TYPE") && matches!(word.get(4), Some(b' ' | b'\t')) {
                self.last_type = LastType::Line(line);
            } else if word.contains(&0) {
                // Upstream steps over NULs when it looks for keywords.
                return false;
            }
        }
        self.pos += len + 1;
        self.skip_blank_lines();
        true
    }

    /// A help text with its escapes resolved as the format wants.
    pub fn help_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        unescape(text, self.openmetrics)
    }

    /// The text format allows empty lines; taken together with the line before,
    /// they do not come between a scrape and the line it knows.
    #[inline(always)]
    fn skip_blank_lines(&mut self) {
        while !self.openmetrics && self.body.get(self.pos) == Some(&b'\n') {
            self.pos += 1;
        }
    }

    /// The type that counts now.
    fn current_type(&mut self) -> MetricType {
        match self.last_type {
            LastType::Known(metric_type) => metric_type,
            LastType::Line(line) => {
                let found = Strict::new(line, 0, self.openmetrics).type_of_line().unwrap_or_default();
                self.last_type = LastType::Known(found);
                found
            }
        }
    }

    /// Value, timestamp and exemplar behind a series that ends at `at`, and where
    /// the next line starts. `None` unless the line is of the plain form.
    #[inline(always)]
    fn plain_point(&self, at: usize) -> Option<(Point<'a>, usize)> {
        let body = self.body;
        if body.get(at) != Some(&b' ') {
            return None;
        }
        let mut at = at + 1;
        let value = match number::scan_decimal(&body[at..]) {
            Some((value, len)) if matches!(body.get(at + len), Some(b' ' | b'\n')) => {
                at += len;
                value
            }
            _ => {
                let rest = &body[at..];
                let len = rest.iter().take(64).position(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'{' | 0))?;
                at += len;
                number::parse_float(&rest[..len]).ok()?
            }
        };
        let mut point = Point { value, timestamp_ms: None, exemplar: None };
        match body.get(at)? {
            b'\n' => Some((point, at + 1)),
            b' ' if self.openmetrics => {
                // Timestamps and exemplars: exactness before speed.
                let mut strict = Strict::new(body, at, true);
                strict.lexer.state = State::Timestamp;
                strict.point_tail(&mut point).ok()?;
                (strict.lexer.state == State::Init).then_some((point, strict.lexer.pos))
            }
            b' ' => {
                let digits = &body[at + 1..];
                let len = digits.iter().take(20).position(|byte| !byte.is_ascii_digit()).filter(|&len| len > 0)?;
                if digits[len] != b'\n' {
                    return None;
                }
                point.timestamp_ms = Some(number::parse_int(&digits[..len]).ok()?);
                Some((point, at + 1 + len + 1))
            }
            _ => None,
        }
    }

    /// A sample line as nearly all are. `None` leaves everything as it was.
    #[inline]
    fn plain_sample(&mut self) -> Option<Sample<'a>> {
        let len = plain_series_len(&self.body[self.pos..])?;
        let (point, end) = self.plain_point(self.pos + len)?;
        let series = &self.body[self.pos..self.pos + len];
        self.pos = end;
        self.skip_blank_lines();
        Some(Sample { series, point, last_type: self.current_type() })
    }

    /// Any entry, token by token.
    #[cold]
    fn next_by_tokens(&mut self) -> Option<Result<Entry<'a>, ParseError>> {
        let metric_type = self.current_type();
        let mut strict = Strict::new(self.body, self.pos, self.openmetrics);
        strict.lexer.state = self.state;
        let result = strict.entry(metric_type);
        self.pos = strict.lexer.pos.min(self.body.len());
        self.state = strict.lexer.state;
        match result {
            Ok(Some(entry)) => {
                if self.state == State::Init {
                    self.skip_blank_lines();
                }
                if let Entry::Type { metric_type, .. } = entry {
                    self.last_type = LastType::Known(metric_type);
                }
                Some(Ok(entry))
            }
            Ok(None) => {
                self.finished = true;
                None
            }
            Err(err) => {
                self.finished = true;
                Some(Err(err))
            }
        }
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// What a byte may be part of.
const NAME: u8 = 1;
const LABEL: u8 = 2;
const START: u8 = 4;
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' {
            class[byte] = NAME | LABEL | START;
        } else if b.is_ascii_digit() {
            class[byte] = NAME | LABEL;
        } else if b == b':' {
            class[byte] = NAME;
        }
        byte += 1;
    }
    class
};

#[inline(always)]
fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// The length of the series at the start of `line` when it is plain ASCII without
/// blanks, quoted names and control bytes; both formats read it the same way then.
#[inline]
fn plain_series_len(line: &[u8]) -> Option<usize> {
    let first = *line.first()?;
    if !is(first, START) && first != b':' {
        return None;
    }
    let mut at = 1 + line[1..].iter().position(|&byte| !is(byte, NAME))?;
    if line[at] != b'{' {
        return Some(at);
    }
    at += 1;
    loop {
        let byte = *line.get(at)?;
        if byte == b'}' {
            return Some(at + 1);
        }
        if !is(byte, START) {
            return None;
        }
        at += line[at..].iter().position(|&byte| !is(byte, LABEL))?;
        if line.get(at..at + 2)? != b"=\"" {
            return None;
        }
        at = plain_value_end(line, at + 2)? + 1;
        match line.get(at)? {
            b',' => at += 1,
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Where the quote is that ends the label value starting at `at`.
#[inline(always)]
fn plain_value_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        if let Some(chunk) = line.get(at..at + 8) {
            let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
            let zero = |word: u64| word.wrapping_sub(ONES) & !word;
            let control = word.wrapping_sub(ONES * 0x20) & !word;
            let stops =
                (zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64)) | control | word) & HIGHS;
            if stops == 0 {
                at += 8;
                continue;
            }
            at += (stops.trailing_zeros() / 8) as usize;
        }
        match *line.get(at)? {
            b'"' => return Some(at),
            b'\\' if line.get(at + 1).is_some_and(|byte| (0x20..0x80).contains(byte)) => at += 2,
            0x20..0x80 => at += 1,
            _ => return None,
        }
    }
}

/// One entry, token by token.
struct Strict<'a> {
    body: &'a [u8],
    openmetrics: bool,
    /// Where the entry started.
    start: usize,
    lexer: Lexer<'a>,
}

impl<'a> Strict<'a> {
    fn new(body: &'a [u8], pos: usize, openmetrics: bool) -> Strict<'a> {
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

    fn entry(&mut self, last_type: MetricType) -> Result<Option<Entry<'a>>, ParseError> {
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
    fn type_of_line(&mut self) -> Option<MetricType> {
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
    fn point_tail(&mut self, point: &mut Point<'a>) -> Result<(), ParseError> {
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

#[cfg(test)]
mod tests;
