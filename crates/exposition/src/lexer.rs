//! The tokens of both text grammars, exactly as upstream cuts them.
//!
//! Written for exactness, not for speed: ordinary lines never get here (see
//! `parser.rs`). What matters is where a token that fails has come to,
//! because the error texts quote the bytes from the token's start to one byte
//! beyond that place. Upstream's scanner is generated, reads byte by byte, and
//! has its ways with NUL bytes; each is named where it is kept.
//!
//! Source: the rules in Prometheus `model/textparse/promlex.l` and
//! `openmetricslex.l`, and the answers of Prometheus 3.5 to bad bodies.

/// What a run of bytes was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Invalid,
    Eof,
    Linebreak,
    Whitespace,
    Help,
    Type,
    Unit,
    EofWord,
    Text,
    Comment,
    MetricName,
    QuotedString,
    BraceOpen,
    BraceClose,
    LabelName,
    LabelValue,
    Comma,
    Equal,
    Timestamp,
    Value,
}

impl Token {
    /// The name in upstream's error texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Token::Invalid => "INVALID",
            Token::Eof => "EOF",
            Token::Linebreak => "LINEBREAK",
            Token::Whitespace => "WHITESPACE",
            Token::Help => "HELP",
            Token::Type => "TYPE",
            Token::Unit => "UNIT",
            Token::EofWord => "EOFWORD",
            Token::Text => "TEXT",
            Token::Comment => "COMMENT",
            Token::MetricName => "MNAME",
            Token::QuotedString => "QSTRING",
            Token::BraceOpen => "BOPEN",
            Token::BraceClose => "BCLOSE",
            Token::LabelName => "LNAME",
            Token::LabelValue => "LVALUE",
            Token::Comma => "COMMA",
            Token::Equal => "EQUAL",
            Token::Timestamp => "TIMESTAMP",
            Token::Value => "VALUE",
        }
    }
}

/// Where in a line the lexer is; decides which tokens there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// At a line start.
    Init,
    /// Behind `# `.
    Comment,
    /// Behind `HELP` and the like.
    MetaName,
    /// Behind the name of a metadata line.
    MetaText,
    /// Within the braces of a series.
    Labels,
    /// Behind the `=` of a series' label.
    LabelValue,
    /// Behind a series.
    Value,
    /// Behind the value.
    Timestamp,
    /// Within the braces of an exemplar.
    Exemplar,
    /// Behind a `=` or the braces of an exemplar.
    ExemplarValue,
    /// Behind the value of an exemplar.
    ExemplarTimestamp,
}

/// Cuts a body into tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexer<'a> {
    body: &'a [u8],
    openmetrics: bool,
    pub(crate) state: State,
    /// Where the last token started.
    pub(crate) start: usize,
    /// Where the last token ended, or where it failed.
    pub(crate) pos: usize,
}

pub(crate) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
}

pub(crate) fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit()
}

fn is_label_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_label(byte: u8) -> bool {
    is_label_start(byte) || byte.is_ascii_digit()
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(body: &'a [u8], pos: usize, openmetrics: bool) -> Lexer<'a> {
        Lexer { body, openmetrics, state: State::Init, start: pos, pos }
    }

    /// The body's length; text has one line feed more than the target sent.
    fn len(&self) -> usize {
        self.body.len() + usize::from(!self.openmetrics)
    }

    /// The byte at `pos`, or 0 at the end.
    fn cur(&self) -> u8 {
        match self.body.get(self.pos) {
            Some(&byte) => byte,
            None if self.pos < self.len() => b'\n',
            None => 0,
        }
    }

    /// Goes one byte on. Where NUL is allowed, upstream's scanner, which cannot
    /// tell it from the end, steps over it.
    fn advance(&mut self) -> u8 {
        self.pos += 1;
        if matches!(self.state, State::LabelValue | State::MetaText | State::Comment) {
            while self.pos < self.body.len() && self.body[self.pos] == 0 {
                self.pos += 1;
            }
        }
        self.pos = self.pos.min(self.len());
        self.cur()
    }

    fn advance_while(&mut self, in_class: impl Fn(u8) -> bool) {
        while in_class(self.cur()) {
            self.advance();
        }
    }

    /// Goes one byte on; the token ends there.
    fn single(&mut self, token: Token, state: State) -> Token {
        self.advance();
        self.state = state;
        token
    }

    /// The bytes of the last token.
    pub(crate) fn text(&self) -> &'a [u8] {
        let end = self.pos.min(self.body.len());
        &self.body[self.start.min(end)..end]
    }

    /// The bytes from `from` to one beyond the last token, for error texts.
    pub(crate) fn excerpt(&self, from: usize) -> Vec<u8> {
        let to = (self.pos + 1).min(self.len());
        let mut bytes = self.body[from.min(self.body.len())..to.min(self.body.len())].to_vec();
        if to > self.body.len() {
            bytes.push(b'\n');
        }
        bytes
    }

    /// The next token, blanks of the text format left out.
    pub(crate) fn token(&mut self) -> Token {
        loop {
            match self.lex() {
                Token::Whitespace => {}
                token => return token,
            }
        }
    }

    fn lex(&mut self) -> Token {
        if self.pos >= self.len() {
            return Token::Eof;
        }
        self.start = self.pos;
        if self.openmetrics { self.lex_openmetrics() } else { self.lex_text() }
    }

    fn lex_text(&mut self) -> Token {
        let byte = self.cur();
        if is_blank(byte) && self.state != State::MetaText {
            self.advance_while(is_blank);
            return Token::Whitespace;
        }
        match (self.state, byte) {
            // A NUL at a line start ends the body.
            (State::Init, 0) => self.single(Token::Eof, State::Init),
            (State::Init | State::Timestamp, b'\n') => self.single(Token::Linebreak, State::Init),
            (State::Init, b'#') => {
                if !is_blank(self.advance()) {
                    return self.comment();
                }
                self.advance_while(is_blank);
                self.state = State::Comment;
                self.keyword(&[("HELP", Token::Help), ("TYPE", Token::Type)])
            }
            (State::Init | State::Value, b'{') => self.single(Token::BraceOpen, State::Labels),
            (State::Init, byte) if is_name_start(byte) => self.name(State::Value),
            (State::MetaName, b'"') => self.string(Token::MetricName, State::MetaText, true),
            (State::MetaName, byte) if is_name_start(byte) => self.name(State::MetaText),
            (State::MetaText, _) => {
                self.advance_while(|byte| byte != b'\n' && byte != 0);
                self.state = State::Init;
                Token::Text
            }
            (State::Labels, _) => self.in_braces(State::Value, State::LabelValue),
            (State::LabelValue, b'"') => self.string(Token::LabelValue, State::Labels, true),
            (State::Value, byte) if byte != b'\n' && byte != 0 => {
                self.advance_while(|byte| !matches!(byte, b'{' | b' ' | b'\t' | b'\n' | 0));
                self.state = State::Timestamp;
                Token::Value
            }
            (State::Timestamp, byte) if byte.is_ascii_digit() => {
                self.advance_while(|byte| byte.is_ascii_digit());
                Token::Timestamp
            }
            _ => Token::Invalid,
        }
    }

    fn lex_openmetrics(&mut self) -> Token {
        match (self.state, self.cur()) {
            (State::Init, b'#') => {
                if self.advance() != b' ' {
                    return Token::Invalid;
                }
                self.advance();
                self.state = State::Comment;
                let words = [("HELP", Token::Help), ("TYPE", Token::Type), ("UNIT", Token::Unit)];
                if self.cur() == b'E' { self.eof_word() } else { self.keyword(&words) }
            }
            (State::Init | State::Value, b'{') => self.single(Token::BraceOpen, State::Labels),
            (State::Init, byte) if is_name_start(byte) => self.name(State::Value),
            (State::MetaName, b'"') => self.string(Token::MetricName, State::MetaText, true),
            (State::MetaName, byte) if is_name_start(byte) => self.name(State::MetaText),
            (State::MetaText, b' ') => {
                self.advance_while(|byte| byte != b'\n' && byte != 0);
                if self.cur() == b'\n' { self.single(Token::Text, State::Init) } else { Token::Invalid }
            }
            (State::Labels, _) => self.in_braces(State::Value, State::LabelValue),
            (State::LabelValue, b'"') => self.string(Token::LabelValue, State::Labels, false),
            (State::Value, b' ') => self.word(Token::Value, State::Timestamp),
            (State::Timestamp, b' ') if self.body.get(self.pos + 1) == Some(&b'#') => {
                self.advance();
                if self.advance() != b' ' {
                    // `#x` is a word like any other.
                    self.advance_while(|byte| !matches!(byte, b' ' | b'\n' | 0));
                    return Token::Timestamp;
                }
                if self.advance() != b'{' {
                    return Token::Invalid;
                }
                self.single(Token::Comment, State::Exemplar)
            }
            (State::Timestamp, b' ') => self.word(Token::Timestamp, State::Timestamp),
            (State::ExemplarTimestamp, b' ') => self.word(Token::Timestamp, State::ExemplarTimestamp),
            (State::Timestamp | State::ExemplarTimestamp, b'\n') => self.single(Token::Linebreak, State::Init),
            (State::Exemplar, _) => self.in_braces(State::ExemplarValue, State::ExemplarValue),
            (State::ExemplarValue, b'"') => self.string(Token::LabelValue, State::Exemplar, false),
            (State::ExemplarValue, b' ') => self.word(Token::Value, State::ExemplarTimestamp),
            _ => Token::Invalid,
        }
    }

    /// A metric name.
    fn name(&mut self, state: State) -> Token {
        self.advance_while(is_name);
        self.state = state;
        Token::MetricName
    }

    /// OpenMetrics: a space and what follows up to the next one.
    fn word(&mut self, token: Token, state: State) -> Token {
        self.advance();
        let from = self.pos;
        self.advance_while(|byte| !matches!(byte, b' ' | b'\n' | 0));
        if self.pos == from {
            return Token::Invalid;
        }
        self.state = state;
        token
    }

    /// The tokens within braces.
    fn in_braces(&mut self, closed: State, value: State) -> Token {
        match self.cur() {
            b'}' => self.single(Token::BraceClose, closed),
            b'=' => self.single(Token::Equal, value),
            b',' => self.single(Token::Comma, self.state),
            b'"' => self.string(Token::QuotedString, self.state, true),
            byte if is_label_start(byte) => {
                self.advance_while(is_label);
                Token::LabelName
            }
            _ => Token::Invalid,
        }
    }

    /// A quoted string. A backslash covers any byte but a line feed.
    fn string(&mut self, token: Token, state: State, linebreaks: bool) -> Token {
        let mut byte = self.advance();
        loop {
            match byte {
                b'"' => {
                    // Upstream steps over NULs here, too, and takes the quote and all but the last
                    // of them for part of the value. They are no token here and fail the line.
                    self.pos += 1;
                    self.state = state;
                    return token;
                }
                0 => return Token::Invalid,
                b'\n' if !linebreaks => return Token::Invalid,
                b'\\' => {
                    byte = self.advance();
                    if byte == b'\n' || byte == 0 {
                        return Token::Invalid;
                    }
                    byte = self.advance();
                }
                _ => byte = self.advance(),
            }
        }
    }

    /// A keyword behind `# ` and the blanks after it.
    fn keyword(&mut self, words: &[(&str, Token)]) -> Token {
        let first = self.cur();
        let Some((word, token)) = words.iter().find(|(word, _)| word.as_bytes()[0] == first) else {
            return self.not_a_keyword();
        };
        for &byte in word.as_bytes() {
            if self.cur() != byte {
                return self.not_a_keyword();
            }
            self.advance();
        }
        match (self.openmetrics, self.cur()) {
            (true, b' ') => self.advance_state(State::MetaName),
            (false, b' ' | b'\t') => {
                self.advance_while(is_blank);
                self.state = State::MetaName;
            }
            _ => return self.not_a_keyword(),
        }
        *token
    }

    fn advance_state(&mut self, state: State) {
        self.advance();
        self.state = state;
    }

    fn not_a_keyword(&mut self) -> Token {
        if self.openmetrics { Token::Invalid } else { self.comment() }
    }

    fn eof_word(&mut self) -> Token {
        for &byte in b"EOF" {
            if self.cur() != byte {
                return Token::Invalid;
            }
            self.advance();
        }
        if self.cur() == b'\n' {
            self.advance();
        }
        self.state = State::Init;
        Token::EofWord
    }

    /// The rest of a comment line. A NUL that is not stepped over ends the body.
    fn comment(&mut self) -> Token {
        loop {
            match self.cur() {
                0 => return Token::Eof,
                b'\n' => {
                    self.state = State::Init;
                    return Token::Comment;
                }
                _ => self.advance(),
            };
        }
    }
}
