//! The syntax tree.
//!
//! Every node knows the bytes of the query it came from ([`Span`]); positions in
//! messages are made of them at the edge. Durations are whole milliseconds, or
//! an expression that is computed when the query is prepared.

use std::ops::Range;

use narthex_model::Matcher;

/// The bytes of the query text that a node was read from.
pub type Span = Range<usize>;

/// A query or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `sum by (job) (x)`
    Aggregate(Aggregate),
    /// `a + on (job) b`
    Binary(Binary),
    /// `rate(x[5m])`
    Call(Call),
    /// `5`, `5m`, `0x1F`, `Inf`
    Number(NumberLiteral),
    /// `(x)`
    Paren(Paren),
    /// `x[5m]`
    Matrix(MatrixSelector),
    /// `"text"`
    String(StringLiteral),
    /// `x[30m:1m]`
    Subquery(Subquery),
    /// `-x`
    Unary(Unary),
    /// `x{a="b"}`
    Vector(VectorSelector),
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One float.
    Scalar,
    /// A text.
    String,
    /// One sample per series.
    Vector,
    /// Several samples per series.
    Matrix,
}

impl ValueType {
    /// The name in users' messages: `instant vector` …
    pub fn describe(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
        }
    }

    /// The name in the HTTP API: `vector` …
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::String => "string",
            ValueType::Vector => "vector",
            ValueType::Matrix => "matrix",
        }
    }
}

/// A duration that is written down (milliseconds) or computed.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationValue {
    /// A literal, in milliseconds.
    Ms(i64),
    /// An expression, computed in seconds when the query is prepared.
    Expr(Box<DurationExpr>),
}

/// An expression where a duration is wanted: `5m + step()`.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationExpr {
    /// What it computes.
    pub kind: DurationExprKind,
    /// Whether it was written in parentheses.
    pub wrapped: bool,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of duration expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExprKind {
    /// A number of seconds; `is_duration` when written as `5m`.
    Number {
        /// Seconds.
        seconds: f64,
        /// Whether it was written with a unit.
        is_duration: bool,
    },
    /// `step()`
    Step,
    /// `range()`
    Range,
    /// `+x` or `-x`
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// Its operand.
        operand: Box<DurationExpr>,
    },
    /// `a + b` and the like, also `min_of(a, b)` and `max_of(a, b)`.
    Binary {
        /// The operation.
        op: DurationOp,
        /// Left operand.
        lhs: Box<DurationExpr>,
        /// Right operand.
        rhs: Box<DurationExpr>,
    },
}

/// Operations on durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    MinOf,
    MaxOf,
}

impl DurationOp {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            DurationOp::Add => "+",
            DurationOp::Sub => "-",
            DurationOp::Mul => "*",
            DurationOp::Div => "/",
            DurationOp::Mod => "%",
            DurationOp::Pow => "^",
            DurationOp::MinOf => "min_of",
            DurationOp::MaxOf => "max_of",
        }
    }
}

/// The `@` modifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AtModifier {
    /// A fixed time, in milliseconds.
    Ms(i64),
    /// The query's start.
    Start,
    /// The query's end.
    End,
}

/// `anchored` and `smoothed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangeMode {
    /// Neither.
    #[default]
    Plain,
    /// Samples at the borders are taken from outside.
    Anchored,
    /// Values at the borders are interpolated.
    Smoothed,
}

/// A vector selector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    /// The name before the braces; `""` when there is none.
    pub name: String,
    /// All conditions; the one for the name before the braces comes last.
    pub matchers: Vec<Matcher>,
    /// `offset`.
    pub offset: DurationValue,
    /// `@`.
    pub at: Option<AtModifier>,
    /// `anchored`, `smoothed`.
    pub mode: RangeMode,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// A range selector. Offset, `@` and mode stand on the vector selector inside.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// What is selected.
    pub selector: VectorSelector,
    /// How far back.
    pub range: DurationValue,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// A sub-query.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated at each inner step.
    pub expr: Box<Expr>,
    /// How far back.
    pub range: DurationValue,
    /// Distance of the inner steps; `None` for the default.
    pub step: Option<DurationValue>,
    /// `offset`.
    pub offset: DurationValue,
    /// `@`.
    pub at: Option<AtModifier>,
    /// Where it stands.
    pub span: Span,
}

/// An aggregation operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [AggregateOp; 14] = [
        AggregateOp::Sum,
        AggregateOp::Avg,
        AggregateOp::Count,
        AggregateOp::Min,
        AggregateOp::Max,
        AggregateOp::Group,
        AggregateOp::Stddev,
        AggregateOp::Stdvar,
        AggregateOp::Topk,
        AggregateOp::Bottomk,
        AggregateOp::CountValues,
        AggregateOp::Quantile,
        AggregateOp::Limitk,
        AggregateOp::LimitRatio,
    ];

    /// Its word in the language, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            AggregateOp::Sum => "sum",
            AggregateOp::Avg => "avg",
            AggregateOp::Count => "count",
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Group => "group",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            AggregateOp::Topk => "topk",
            AggregateOp::Bottomk => "bottomk",
            AggregateOp::CountValues => "count_values",
            AggregateOp::Quantile => "quantile",
            AggregateOp::Limitk => "limitk",
            AggregateOp::LimitRatio => "limit_ratio",
        }
    }

    /// The type of the parameter before the operand; `None` when it takes none.
    pub fn param_type(self) -> Option<ValueType> {
        match self {
            AggregateOp::Topk
            | AggregateOp::Bottomk
            | AggregateOp::Quantile
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio => Some(ValueType::Scalar),
            AggregateOp::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether it needs `--enable-feature=promql-experimental-functions`.
    pub fn is_experimental(self) -> bool {
        matches!(self, AggregateOp::Limitk | AggregateOp::LimitRatio)
    }
}

/// An aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// What is computed.
    pub op: AggregateOp,
    /// Over what.
    pub expr: Box<Expr>,
    /// `k` of topk, φ of quantile, the label of count_values …
    pub param: Option<Box<Expr>>,
    /// The labels of `by` or `without`.
    pub grouping: Vec<String>,
    /// Whether it is `without`.
    pub without: bool,
    /// Where it stands.
    pub span: Span,
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    And,
    Or,
    Unless,
    /// `</`: keeps the part of a histogram below.
    TrimUpper,
    /// `>/`: keeps the part of a histogram above.
    TrimLower,
}

impl BinaryOp {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Greater => ">",
            BinaryOp::Less => "<",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::LessEqual => "<=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
        }
    }

    /// Whether it compares; the trim operators do not.
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Greater
                | BinaryOp::Less
                | BinaryOp::GreaterEqual
                | BinaryOp::LessEqual
        )
    }

    /// Whether it is `and`, `or` or `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

/// How many elements of each side may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Cardinality {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// Set operators.
    ManyToMany,
}

impl Cardinality {
    /// The name in the HTTP API: `many-to-one` …
    pub fn as_str(self) -> &'static str {
        match self {
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::ManyToMany => "many-to-many",
        }
    }
}

/// How the elements of two vectors find each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// How many of each side may match.
    pub cardinality: Cardinality,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Whether it is `on`.
    pub on: bool,
    /// The labels of `group_left`/`group_right`.
    pub include: Vec<String>,
    /// `fill` or `fill_left`.
    pub fill_left: Option<f64>,
    /// `fill` or `fill_right`.
    pub fill_right: Option<f64>,
}

/// A binary operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: Box<Expr>,
    /// Right operand.
    pub rhs: Box<Expr>,
    /// Present when both operands are vectors.
    pub matching: Option<Matching>,
    /// `bool`.
    pub return_bool: bool,
    /// Where it stands.
    pub span: Span,
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static crate::functions::Function,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberLiteral {
    /// Its value; for a duration, seconds.
    pub value: f64,
    /// Whether it was written as a duration.
    pub is_duration: bool,
    /// Where it stands.
    pub span: Span,
}

/// A text.
#[derive(Clone, Debug, PartialEq)]
pub struct StringLiteral {
    /// What it says, escapes resolved; U+FFFD for bytes that are no UTF-8.
    pub value: String,
    /// What it says when that is no UTF-8, as in `"\xff"`.
    pub not_utf8: Option<Vec<u8>>,
    /// Where it stands.
    pub span: Span,
}

/// An expression in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub struct Paren {
    /// What is inside.
    pub expr: Box<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A signed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// Whether the sign is a minus.
    pub negative: bool,
    /// What it applies to.
    pub expr: Box<Expr>,
    /// Where it stands.
    pub span: Span,
}

impl Expr {
    /// Where the expression stands.
    pub fn span(&self) -> &Span {
        match self {
            Expr::Aggregate(e) => &e.span,
            Expr::Binary(e) => &e.span,
            Expr::Call(e) => &e.span,
            Expr::Number(e) => &e.span,
            Expr::Paren(e) => &e.span,
            Expr::Matrix(e) => &e.span,
            Expr::String(e) => &e.span,
            Expr::Subquery(e) => &e.span,
            Expr::Unary(e) => &e.span,
            Expr::Vector(e) => &e.span,
        }
    }

    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match self {
            Expr::Aggregate(_) | Expr::Vector(_) => ValueType::Vector,
            Expr::Call(call) => call.function.returns,
            Expr::Number(_) => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Matrix(_) | Expr::Subquery(_) => ValueType::Matrix,
            Expr::Paren(paren) => paren.expr.value_type(),
            Expr::Unary(unary) => unary.expr.value_type(),
            Expr::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }
}
