//! Syntax tree to text: `Display`, in the form upstream prints.

use std::fmt::{self, Display, Formatter};

use narthex_model::duration::format_duration;
use narthex_model::float::{format_f, format_g};
use narthex_model::name::is_legacy_label_name;
use narthex_model::quote::write_quoted;
use narthex_model::{METRIC_NAME, MatchOp};

use crate::ast::*;
use crate::strings::quote_bytes;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Aggregate(e) => e.fmt(f),
            Expr::Binary(e) => e.fmt(f),
            Expr::Call(e) => e.fmt(f),
            Expr::Number(e) => e.fmt(f),
            Expr::Paren(e) => write!(f, "({})", e.expr),
            Expr::Matrix(e) => e.fmt(f),
            Expr::String(e) => e.fmt(f),
            Expr::Subquery(e) => e.fmt(f),
            Expr::Unary(e) => write!(f, "{}{}", e.sign(), e.expr),
            Expr::Vector(e) => e.fmt(f),
        }
    }
}

/// `sum by (a, b) (x)`
impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", AggregateHead(self))?;
        if let Some(param) = &self.param {
            write!(f, "{param}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

/// What stands before the parenthesis of an aggregation's arguments.
pub(crate) struct AggregateHead<'a>(pub(crate) &'a Aggregate);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Aggregate { op, grouping, without, .. } = self.0;
        f.write_str(op.as_str())?;
        if *without {
            write!(f, " without ({}) ", LabelList(grouping))
        } else if !grouping.is_empty() {
            write!(f, " by ({}) ", LabelList(grouping))
        } else {
            Ok(())
        }
    }
}

/// `a, b`; labels that are no plain words are quoted.
struct LabelList<'a>(&'a [String]);

impl Display for LabelList<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, label) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if is_legacy_label_name(label) {
                f.write_str(label)?;
            } else {
                write_quoted(f, label)?;
            }
        }
        Ok(())
    }
}

/// `a + on (x) b`
impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.lhs, BinaryHead(self), self.rhs)
    }
}

/// A binary operator and its modifiers.
pub(crate) struct BinaryHead<'a>(pub(crate) &'a Binary);

impl Display for BinaryHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.return_bool {
            f.write_str(" bool")?;
        }
        let Some(matching) = &self.0.matching else { return Ok(()) };
        let grouped = match matching.cardinality {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if !matching.labels.is_empty() || matching.on || grouped.is_some() {
            let word = if matching.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", LabelList(&matching.labels))?;
        }
        if let Some(word) = grouped {
            write!(f, " {word} ({})", LabelList(&matching.include))?;
        }
        let same = |left: f64, right: f64| left == right || (left.is_nan() && right.is_nan());
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if same(left, right) => {
                write!(f, " fill ({})", format_g(left))
            }
            (left, right) => {
                if let Some(value) = left {
                    write!(f, " fill_left ({})", format_g(value))?;
                }
                if let Some(value) = right {
                    write!(f, " fill_right ({})", format_g(value))?;
                }
                Ok(())
            }
        }
    }
}

/// `f(a, b)`
impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        for (index, arg) in self.args.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{arg}")?;
        }
        f.write_str(")")
    }
}

/// `"text"`, quoted as Go quotes it.
impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.not_utf8 {
            Some(bytes) => f.write_str(&quote_bytes(bytes)),
            None => write_quoted(f, &self.value),
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_number(f, self.value, self.is_duration)
    }
}

fn write_number(f: &mut Formatter<'_>, value: f64, is_duration: bool) -> fmt::Result {
    if is_duration {
        f.write_str(&format_duration((value * 1000.0).round() as i64))
    } else {
        f.write_str(&format_f(value))
    }
}

impl Unary {
    pub(crate) fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "+" }
    }
}

/// `x{a="b"} @ 1.000 anchored offset 5m`
impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_selector(f, self)?;
        write_at(f, self.at)?;
        write_mode(f, self.mode)?;
        write_offset(f, &self.offset)
    }
}

/// `x[5m] anchored @ 1.000 offset 5m`
impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_selector(f, &self.selector)?;
        write!(f, "[{}]", self.range)?;
        write_mode(f, self.selector.mode)?;
        write_at(f, self.selector.at)?;
        write_offset(f, &self.selector.offset)
    }
}

/// `x[30m:1m] @ 1.000 offset 5m`
impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, SubquerySuffix(self))
    }
}

/// What stands behind the expression of a sub-query.
pub(crate) struct SubquerySuffix<'a>(pub(crate) &'a Subquery);

impl Display for SubquerySuffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Subquery { range, step, at, offset, .. } = self.0;
        write!(f, "[{range}:")?;
        if let Some(step) = step {
            step.fmt(f)?;
        }
        f.write_str("]")?;
        write_at(f, *at)?;
        write_offset(f, offset)
    }
}

/// The name and the other matchers, which upstream sorts.
fn write_selector(f: &mut Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let mut matchers: Vec<String> = selector
        .matchers
        .iter()
        .filter(|matcher| {
            let names_it =
                matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && matcher.value() == selector.name;
            selector.name.is_empty() || !names_it
        })
        .map(|matcher| matcher.to_string())
        .collect();
    matchers.sort_unstable();
    f.write_str(&selector.name)?;
    if matchers.is_empty() && !selector.name.is_empty() {
        return Ok(());
    }
    write!(f, "{{{}}}", matchers.join(","))
}

fn write_at(f: &mut Formatter<'_>, at: Option<AtModifier>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(AtModifier::Start) => f.write_str(" @ start()"),
        Some(AtModifier::End) => f.write_str(" @ end()"),
        Some(AtModifier::Ms(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            let ms = ms.unsigned_abs();
            write!(f, " @ {sign}{}.{:03}", ms / 1000, ms % 1000)
        }
    }
}

fn write_mode(f: &mut Formatter<'_>, mode: RangeMode) -> fmt::Result {
    f.write_str(match mode {
        RangeMode::Plain => "",
        RangeMode::Anchored => " anchored",
        RangeMode::Smoothed => " smoothed",
    })
}

fn write_offset(f: &mut Formatter<'_>, offset: &DurationValue) -> fmt::Result {
    if *offset == DurationValue::Ms(0) { Ok(()) } else { write!(f, " offset {offset}") }
}

impl Display for DurationValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            DurationValue::Ms(ms) => f.write_str(&format_duration(*ms)),
            DurationValue::Expr(expr) => expr.fmt(f),
        }
    }
}

/// `(5m + step())`
impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.wrapped {
            f.write_str("(")?;
        }
        match &self.kind {
            DurationExprKind::Number { seconds, is_duration } => write_number(f, *seconds, *is_duration),
            DurationExprKind::Step => f.write_str("step()"),
            DurationExprKind::Range => f.write_str("range()"),
            DurationExprKind::Unary { negative, operand } => {
                write!(f, "{}{operand}", if *negative { "-" } else { "+" })
            }
            DurationExprKind::Binary { op: op @ (DurationOp::MinOf | DurationOp::MaxOf), lhs, rhs } => {
                write!(f, "{}({lhs}, {rhs})", op.as_str())
            }
            DurationExprKind::Binary { op, lhs, rhs } => write!(f, "{lhs} {} {rhs}", op.as_str()),
        }?;
        if self.wrapped {
            f.write_str(")")?;
        }
        Ok(())
    }
}
