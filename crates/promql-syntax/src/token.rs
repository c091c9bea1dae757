//! What the lexer hands to the parser.

use narthex_model::quote::quote;

use crate::ast::{AggregateOp, BinaryOp, Span};

/// One token: its kind and its bytes in the query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn span(&self) -> Span {
        self.start..self.end
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// Nothing follows.
    End,
    /// The lexer gave up here; the reason is kept beside the tokens. Always the last one.
    Error,
    Identifier,
    /// An identifier with a colon.
    MetricIdentifier,
    Number,
    Duration,
    String,
    Aggregate(AggregateOp),
    /// A binary operator; `!=` in braces is one of them, too.
    Binary(BinaryOp),
    Keyword(Keyword),
    At,
    /// `=`
    Assign,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    End,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    MaxOf,
    MinOf,
    Offset,
    On,
    Range,
    Smoothed,
    Start,
    Step,
    Without,
}

impl Keyword {
    /// Whether upstream counts it among the words that are also functions, which
    /// messages name like punctuation.
    fn is_function(self) -> bool {
        use Keyword::*;
        matches!(self, End | MaxOf | MinOf | Range | Start | Step)
    }

    /// Whether a metric may have this name without quotes.
    fn is_metric_name(self) -> bool {
        use Keyword::*;
        matches!(self, Anchored | By | Offset | Smoothed | Without) || self.is_function()
    }
}

/// The kind of a word outside braces and brackets. Case does not matter.
///
/// `fill` and its kin are keywords only before a parenthesis, which the lexer looks after.
pub(crate) fn word_kind(word: &str) -> TokenKind {
    let lower = word.to_ascii_lowercase();
    if let Some(&op) = AggregateOp::ALL.iter().find(|op| op.as_str() == lower) {
        return TokenKind::Aggregate(op);
    }
    TokenKind::Keyword(match lower.as_str() {
        "and" => return TokenKind::Binary(BinaryOp::And),
        "or" => return TokenKind::Binary(BinaryOp::Or),
        "unless" => return TokenKind::Binary(BinaryOp::Unless),
        "atan2" => return TokenKind::Binary(BinaryOp::Atan2),
        "inf" | "nan" => return TokenKind::Number,
        "anchored" => Keyword::Anchored,
        "bool" => Keyword::Bool,
        "by" => Keyword::By,
        "end" => Keyword::End,
        "fill" => Keyword::Fill,
        "fill_left" => Keyword::FillLeft,
        "fill_right" => Keyword::FillRight,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "ignoring" => Keyword::Ignoring,
        "max_of" => Keyword::MaxOf,
        "min_of" => Keyword::MinOf,
        "offset" => Keyword::Offset,
        "on" => Keyword::On,
        "range" => Keyword::Range,
        "smoothed" => Keyword::Smoothed,
        "start" => Keyword::Start,
        "step" => Keyword::Step,
        "without" => Keyword::Without,
        _ if word.contains(':') => return TokenKind::MetricIdentifier,
        _ => return TokenKind::Identifier,
    })
}

impl TokenKind {
    /// Whether the word can stand for a metric.
    pub(crate) fn is_metric_name(self) -> bool {
        match self {
            TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregate(_) => true,
            TokenKind::Binary(op) => op.is_set(),
            TokenKind::Keyword(keyword) => keyword.is_metric_name(),
            _ => false,
        }
    }

    /// Whether the word can stand in a list of labels.
    pub(crate) fn is_grouping_label(self) -> bool {
        match self {
            TokenKind::Identifier | TokenKind::MetricIdentifier | TokenKind::Aggregate(_) => true,
            TokenKind::Binary(op) => op.is_set() || op == BinaryOp::Atan2,
            TokenKind::Keyword(keyword) => keyword != Keyword::Without,
            _ => false,
        }
    }

    /// Whether, before a parenthesis, the word names a function.
    pub(crate) fn is_function_name(self) -> bool {
        match self {
            TokenKind::Identifier => true,
            TokenKind::Keyword(keyword) => keyword.is_function(),
            _ => false,
        }
    }

    /// Whether an expression can begin with it.
    pub(crate) fn begins_expression(self) -> bool {
        self.is_metric_name()
            || matches!(
                self,
                TokenKind::Number
                    | TokenKind::Duration
                    | TokenKind::String
                    | TokenKind::LeftParen
                    | TokenKind::LeftBrace
                    | TokenKind::Binary(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

/// The token as messages name it: `identifier "x"`, `<op:+>` …
pub(crate) fn describe(token: Token, query: &str) -> String {
    let text = &query[token.start..token.end];
    match token.kind {
        TokenKind::End | TokenKind::Error => "end of input".to_owned(),
        TokenKind::Identifier => format!("identifier {}", quote(text)),
        TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text)),
        TokenKind::Number => format!("number {}", quote_short(text)),
        TokenKind::Duration => format!("duration {}", quote_short(text)),
        TokenKind::String => format!("string {}", quote_short(text)),
        TokenKind::Aggregate(_) => format!("<aggr:{text}>"),
        TokenKind::Binary(_) | TokenKind::At | TokenKind::Regex | TokenKind::NotRegex => {
            format!("<op:{text}>")
        }
        TokenKind::Keyword(keyword) if !keyword.is_function() => format!("<{text}>"),
        _ => quote_short(text),
    }
}

/// Quotes the text; of more than 10 bytes only the first 10 characters.
fn quote_short(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text);
    }
    let short: String = text.chars().take(10).collect();
    quote(&short) + "..."
}
