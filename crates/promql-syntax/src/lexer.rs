//! Text to tokens.
//!
//! What a character means depends on where it stands: inside braces every word
//! is a label name, inside brackets only the words of duration expressions exist,
//! and before the first number there fewer characters are understood than after it.

use crate::ast::BinaryOp;
use crate::error::Fault;
use crate::number::{is_word_byte, scan_duration, scan_number};
use crate::strings::{scan_quoted, scan_raw};
use crate::token::{Keyword, Token, TokenKind, word_kind};

/// The tokens of a text; the last one is [`TokenKind::End`] or [`TokenKind::Error`].
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
    /// Why the last token is [`TokenKind::Error`].
    pub(crate) fault: Option<Fault>,
}

/// Reads a text up to its end or to the first thing that is not a token.
pub(crate) fn tokenize(query: &str) -> Tokens {
    let mut lexer = Lexer {
        query,
        bytes: query.as_bytes(),
        pos: 0,
        tokens: Vec::with_capacity(query.len() / 4 + 1),
        mode: Mode::Normal,
        brackets: false,
        paren_depth: 0,
        got_duration: false,
        got_colon: false,
    };
    let fault = loop {
        match lexer.step() {
            Ok(true) => {}
            Ok(false) => break None,
            Err(fault) => break Some(fault),
        }
    };
    if let Some(fault) = &fault {
        let start = fault.span.start;
        lexer.tokens.push(Token { kind: TokenKind::Error, start, end: start });
    }
    Tokens { tokens: lexer.tokens, fault }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Also inside brackets, from the first number on.
    Normal,
    Braces,
    /// Inside brackets, before the first number.
    Duration,
}

struct Lexer<'a> {
    query: &'a str,
    bytes: &'a [u8],
    pos: usize,
    tokens: Vec<Token>,
    mode: Mode,
    /// Whether a `[` is open.
    brackets: bool,
    paren_depth: usize,
    /// Whether something that can be a range was seen since the `[`.
    got_duration: bool,
    /// Whether a colon was seen since the `[`.
    got_colon: bool,
}

impl Lexer<'_> {
    /// Reads one token, or blanks and comments. `Ok(false)` at the end.
    fn step(&mut self) -> Result<bool, Fault> {
        let Some(char) = self.query[self.pos..].chars().next() else {
            self.end()?;
            self.emit(TokenKind::End, 0);
            return Ok(false);
        };
        if matches!(char, ' ' | '\t' | '\r' | '\n') {
            self.pos += 1;
        } else if char == '#' && self.mode != Mode::Duration {
            let rest = &self.bytes[self.pos..];
            self.pos += rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        } else {
            match self.mode {
                Mode::Normal => self.normal(char)?,
                Mode::Braces => self.inside_braces(char)?,
                Mode::Duration => self.duration(char)?,
            }
        }
        Ok(true)
    }

    fn end(&self) -> Result<(), Fault> {
        match self.mode {
            Mode::Braces => Err(self.fault("unexpected end of input inside braces")),
            Mode::Duration => Err(self.fault("unexpected end of input in duration expression")),
            Mode::Normal if self.paren_depth > 0 => Err(self.fault("unclosed left parenthesis")),
            Mode::Normal if self.brackets => Err(self.fault("unclosed left bracket")),
            Mode::Normal => Ok(()),
        }
    }

    fn normal(&mut self, char: char) -> Result<(), Fault> {
        let next = self.query[self.pos + char.len_utf8()..].chars().next();
        match char {
            ',' => self.emit(TokenKind::Comma, 1),
            '=' if next == Some('=') => self.emit(TokenKind::Binary(BinaryOp::Equal), 2),
            '=' if next == Some('~') => {
                return Err(self.fault(format!("unexpected character after '=': {}", quote_next(next))));
            }
            '=' => self.emit(TokenKind::Assign, 1),
            '!' if next == Some('=') => self.emit(TokenKind::Binary(BinaryOp::NotEqual), 2),
            '!' => {
                return Err(self.fault(format!("unexpected character after '!': {}", quote_next(next))));
            }
            '<' => match next {
                Some('=') => self.emit(TokenKind::Binary(BinaryOp::LessEqual), 2),
                Some('/') => self.emit(TokenKind::Binary(BinaryOp::TrimUpper), 2),
                _ => self.emit(TokenKind::Binary(BinaryOp::Less), 1),
            },
            '>' => match next {
                Some('=') => self.emit(TokenKind::Binary(BinaryOp::GreaterEqual), 2),
                Some('/') => self.emit(TokenKind::Binary(BinaryOp::TrimLower), 2),
                _ => self.emit(TokenKind::Binary(BinaryOp::Greater), 1),
            },
            '@' => self.emit(TokenKind::At, 1),
            '"' | '\'' | '`' => self.string(char)?,
            '{' => {
                self.emit(TokenKind::LeftBrace, 1);
                self.mode = Mode::Braces;
            }
            '[' if self.brackets => return Err(self.unexpected("left bracket", char)),
            '[' => {
                self.emit(TokenKind::LeftBracket, 1);
                self.mode = Mode::Duration;
                self.brackets = true;
                self.got_duration = false;
                self.got_colon = false;
            }
            ']' if !self.brackets => return Err(self.unexpected("right bracket", char)),
            ']' => self.close_bracket(),
            ':' if self.brackets && self.got_colon => return Err(self.unexpected("colon", char)),
            ':' if self.brackets => {
                self.got_colon = true;
                self.emit(TokenKind::Colon, 1);
            }
            c if self.brackets && is_word_start(c) => {
                if !self.duration_word() {
                    let quoted = quote_char(c);
                    return Err(self.fault(format!("unexpected character: {quoted}, expected ':'")));
                }
            }
            c if is_word_start(c) || c == ':' => self.word(),
            c if self.is_number_start(c) => self.number()?,
            c => {
                if !self.arithmetic_or_paren(c)? {
                    return Err(self.fault(format!("unexpected character: {}", quote_char(c))));
                }
            }
        }
        Ok(())
    }

    fn inside_braces(&mut self, char: char) -> Result<(), Fault> {
        let next = self.query[self.pos + char.len_utf8()..].chars().next();
        match char {
            ',' => self.emit(TokenKind::Comma, 1),
            '=' if next == Some('~') => self.emit(TokenKind::Regex, 2),
            '=' => self.emit(TokenKind::Assign, 1),
            '!' if next == Some('~') => self.emit(TokenKind::NotRegex, 2),
            '!' if next == Some('=') => self.emit(TokenKind::Binary(BinaryOp::NotEqual), 2),
            '!' => {
                let next = quote_next(next);
                return Err(self.fault(format!("unexpected character after '!' inside braces: {next}")));
            }
            '"' | '\'' | '`' => self.string(char)?,
            '{' => return Err(self.unexpected("left brace", char)),
            '}' => {
                self.emit(TokenKind::RightBrace, 1);
                self.mode = Mode::Normal;
            }
            c if is_word_start(c) => {
                let len = self.word_len(false);
                self.emit(TokenKind::Identifier, len);
            }
            c => {
                let text = format!("unexpected character inside braces: {}", quote_char(c));
                return Err(self.fault(text));
            }
        }
        Ok(())
    }

    /// Inside brackets, before the first number.
    fn duration(&mut self, char: char) -> Result<(), Fault> {
        match char {
            ']' => self.close_bracket(),
            ':' if !self.got_duration || self.got_colon => {
                // Upstream has taken the character when it notices.
                self.pos += 1;
                return Err(self.fault(if self.got_colon {
                    "unexpected repeated colon in duration expression"
                } else {
                    "unexpected colon before duration in duration expression"
                }));
            }
            ':' => {
                self.got_colon = true;
                self.emit(TokenKind::Colon, 1);
            }
            ',' => self.emit(TokenKind::Comma, 1),
            c if self.is_number_start(c) => {
                self.mode = Mode::Normal;
                self.number()?;
            }
            c if is_word_start(c) && self.duration_word() => {}
            c => {
                if !self.arithmetic_or_paren(c)? {
                    let quoted = quote_char(c);
                    return Err(self.fault(format!("unexpected character in duration expression: {quoted}")));
                }
            }
        }
        Ok(())
    }

    /// What means the same inside and outside brackets.
    fn arithmetic_or_paren(&mut self, char: char) -> Result<bool, Fault> {
        let kind = match char {
            '+' => TokenKind::Binary(BinaryOp::Add),
            '-' => TokenKind::Binary(BinaryOp::Sub),
            '*' => TokenKind::Binary(BinaryOp::Mul),
            '/' => TokenKind::Binary(BinaryOp::Div),
            '%' => TokenKind::Binary(BinaryOp::Mod),
            '^' => TokenKind::Binary(BinaryOp::Pow),
            '(' => {
                self.paren_depth += 1;
                TokenKind::LeftParen
            }
            ')' => {
                let Some(depth) = self.paren_depth.checked_sub(1) else {
                    // Upstream has taken the character when it notices.
                    self.pos += 1;
                    return Err(self.unexpected("right parenthesis", char));
                };
                self.paren_depth = depth;
                TokenKind::RightParen
            }
            _ => return Ok(false),
        };
        self.emit(kind, 1);
        Ok(true)
    }

    fn close_bracket(&mut self) {
        self.emit(TokenKind::RightBracket, 1);
        self.mode = Mode::Normal;
        self.brackets = false;
    }

    fn word(&mut self) {
        let len = self.word_len(true);
        let mut kind = word_kind(&self.query[self.pos..self.pos + len]);
        if let TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) = kind {
            let after = self.query[self.pos + len..].trim_start_matches([' ', '\t', '\r', '\n']);
            if !after.starts_with('(') {
                kind = TokenKind::Identifier;
            }
        }
        self.emit(kind, len);
    }

    /// Reads one of the words of duration expressions, if there is one.
    fn duration_word(&mut self) -> bool {
        let len = self.word_len(false);
        let kind = word_kind(&self.query[self.pos..self.pos + len]);
        let known =
            matches!(kind, TokenKind::Keyword(Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf));
        if known {
            self.got_duration = true;
            self.emit(kind, len);
        }
        known
    }

    fn word_len(&self, colons: bool) -> usize {
        let rest = &self.bytes[self.pos..];
        let belongs = |b: u8| is_word_byte(b) || (colons && b == b':');
        rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len())
    }

    fn is_number_start(&self, char: char) -> bool {
        char.is_ascii_digit() || (char == '.' && self.bytes.get(self.pos + 1).is_some_and(u8::is_ascii_digit))
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.got_duration = true;
        let (end, complete) = scan_number(self.bytes, self.pos, true);
        if complete {
            self.emit(TokenKind::Number, end - self.pos);
            return Ok(());
        }
        let (end, complete) = scan_duration(self.bytes, end);
        if complete {
            self.emit(TokenKind::Duration, end - self.pos);
            return Ok(());
        }
        let text = narthex_model::quote::quote(&self.query[self.pos..end]);
        Err(self.fault(format!("bad number or duration syntax: {text}")))
    }

    fn string(&mut self, delimiter: char) -> Result<(), Fault> {
        let rest = &self.query[self.pos..];
        let scanned = if delimiter == '`' { scan_raw(rest) } else { scan_quoted(rest, delimiter) };
        match scanned {
            Ok(len) => {
                self.emit(TokenKind::String, len);
                Ok(())
            }
            Err(text) => Err(self.fault(text)),
        }
    }

    fn emit(&mut self, kind: TokenKind, len: usize) {
        self.tokens.push(Token { kind, start: self.pos, end: self.pos + len });
        self.pos += len;
    }

    fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.pos..self.query.len(), text)
    }

    fn unexpected(&self, what: &str, char: char) -> Fault {
        self.fault(format!("unexpected {what} {}", quote_char(char)))
    }
}

fn is_word_start(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '_'
}

/// The character after an operator's first one; upstream shows the end as U+FFFD.
fn quote_next(next: Option<char>) -> String {
    quote_char(next.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// A character as Go's `%q` prints it.
fn quote_char(char: char) -> String {
    match char {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        _ => {
            let quoted = narthex_model::quote::quote(char.encode_utf8(&mut [0; 4]));
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
