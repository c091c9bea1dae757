//! The type check.

use std::ops::Range;

use narthex_model::METRIC_NAME;
use narthex_model::quote::quote;

use crate::ast::*;
use crate::error::Fault;
use crate::functions::Variadic;

/// Everything that is wrong with the types of a query. Where two scalars or a
/// scalar and a vector meet, the matching is taken away.
pub(crate) fn check(query: &str, expr: &mut Expr) -> Vec<Fault> {
    let mut checker = Checker { query, faults: Vec::new() };
    checker.expr(expr);
    checker.faults
}

struct Checker<'a> {
    query: &'a str,
    faults: Vec<Fault>,
}

impl Checker<'_> {
    fn fault(&mut self, span: Range<usize>, text: impl Into<String>) {
        self.faults.push(Fault::new(span, text));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::Number(_) | Expr::String(_) => {}
            Expr::Paren(paren) => self.expr(&mut paren.expr),
            Expr::Matrix(matrix) => self.selector(&matrix.selector, false),
            Expr::Vector(vector) => self.selector(vector, false),
            Expr::Subquery(subquery) => {
                self.expr(&mut subquery.expr);
                let got = subquery.expr.value_type();
                if got != ValueType::Vector {
                    let text = format!("subquery is only allowed on instant vector, got {} instead", got.as_str());
                    self.fault(subquery.span.clone(), text);
                }
            }
            Expr::Unary(unary) => {
                self.expr(&mut unary.expr);
                let got = unary.expr.value_type();
                if !is_number(got) {
                    let text = format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {}",
                        quote(got.describe())
                    );
                    self.fault(unary.span.clone(), text);
                }
            }
        }
    }

    /// Checks `expr` itself, then that it has the type wanted by `place`.
    fn expect(&mut self, expr: &mut Expr, wanted: ValueType, place: &str) {
        self.expr(expr);
        let got = expr.value_type();
        if got != wanted {
            let text = format!("expected type {} in {place}, got {}", wanted.describe(), got.describe());
            self.fault(expr.span().clone(), text);
        }
    }

    fn aggregate(&mut self, aggregate: &mut Aggregate) {
        self.expect(&mut aggregate.expr, ValueType::Vector, "aggregation expression");
        if let (Some(param), Some(wanted)) = (&mut aggregate.param, aggregate.op.param_type()) {
            self.expect(param, wanted, "aggregation parameter");
        }
    }

    fn call(&mut self, call: &mut Call) {
        let function = call.function;
        let got = call.args.len();
        let (least, most) = (function.min_args(), function.max_args());
        let wanted = match function.variadic {
            Variadic::No if got != least => Some(format!("expected {least}")),
            Variadic::No => None,
            _ if got < least => Some(format!("expected at least {least}")),
            _ => most.filter(|&most| got > most).map(|most| format!("expected at most {most}")),
        };
        if let Some(wanted) = wanted {
            let text = format!("{wanted} argument(s) in call to {}, got {got}", quote(function.name));
            self.fault(call.span.clone(), text);
        }
        let place = format!("call to function {}", quote(function.name));
        for (index, arg) in call.args.iter_mut().enumerate() {
            if function.args.is_empty() {
                self.expr(arg);
            } else if function.name == "info" && index == 1 {
                self.info_selector(arg);
            } else {
                self.expect(arg, function.arg_type(index), &place);
            }
        }
    }

    /// The second argument of `info`, which says what to look for among the info
    /// metrics and may therefore be satisfied by anything.
    fn info_selector(&mut self, arg: &mut Expr) {
        match arg {
            Expr::Vector(vector) if vector.name.is_empty() => self.selector(vector, true),
            Expr::Vector(vector) => {
                let text = "expected label selectors only, got vector selector instead";
                self.fault(vector.span.clone(), text);
            }
            _ => {
                let span = arg.span().clone();
                self.expect(arg, ValueType::Vector, "call to function \"info\"");
                self.fault(span, "expected label selectors only");
            }
        }
    }

    fn selector(&mut self, selector: &VectorSelector, may_match_empty: bool) {
        if !selector.name.is_empty() {
            let inside = &selector.matchers[..selector.matchers.len() - 1];
            if let Some(other) = inside.iter().find(|matcher| matcher.name() == METRIC_NAME) {
                let text =
                    format!("metric name must not be set twice: {} or {}", quote(&selector.name), quote(other.value()));
                self.fault(selector.span.clone(), text);
            }
        } else if !may_match_empty && selector.matchers.iter().all(|matcher| matcher.matches_empty()) {
            let text = "vector selector must contain at least one non-empty matcher";
            self.fault(selector.span.clone(), text);
        }
    }

    fn binary(&mut self, binary: &mut Binary) {
        self.expr(&mut binary.lhs);
        self.expr(&mut binary.rhs);
        let (left, right) = (binary.lhs.value_type(), binary.rhs.value_type());
        let op = binary.op;
        let at_operator = self.operator_span(binary);
        let whole = binary.span.clone();

        if binary.return_bool && !op.is_comparison() {
            let text = "bool modifier can only be used on comparison operators";
            self.fault(at_operator.clone(), text);
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if op.is_comparison() && !binary.return_bool && scalars {
            self.fault(at_operator.clone(), "comparisons between scalars must use BOOL modifier");
        }
        if let Some(matching) = binary.matching.as_ref().filter(|matching| matching.on) {
            for label in matching.labels.iter().filter(|label| matching.include.contains(label)) {
                let text = format!("label {} must not occur in ON and GROUP clause at once", quote(label));
                self.fault(at_operator.clone(), text);
            }
        }
        for (operand, value_type) in [(&binary.lhs, left), (&binary.rhs, right)] {
            if !is_number(value_type) {
                let text = "binary expression must contain only scalar and instant vector types";
                self.fault(operand.span().clone(), text);
            }
        }
        let vectors = left == ValueType::Vector && right == ValueType::Vector;
        if let Some(matching) = &binary.matching {
            let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
            if !vectors {
                if !matching.labels.is_empty() {
                    self.fault(whole.clone(), "vector matching only allowed between instant vectors");
                }
                if fills {
                    let text = "filling in missing series only allowed between instant vectors";
                    self.fault(whole.clone(), text);
                }
            } else if op.is_set() {
                if matches!(matching.cardinality, Cardinality::OneToMany | Cardinality::ManyToOne) {
                    let text = format!("no grouping allowed for {} operation", quote(op.as_str()));
                    self.fault(whole.clone(), text);
                    self.fault(whole.clone(), "set operations must always be many-to-many");
                }
                if fills {
                    let text = "filling in missing series not allowed for set operators";
                    self.fault(whole.clone(), text);
                }
            }
        }
        if op.is_set() && (left == ValueType::Scalar || right == ValueType::Scalar) {
            let text = format!("set operator {} not allowed in binary scalar expression", quote(op.as_str()));
            self.fault(whole, text);
        }
        if !vectors {
            binary.matching = None;
        }
    }

    /// From the first non-blank after the left side to the right side.
    fn operator_span(&self, binary: &Binary) -> Range<usize> {
        let end = binary.rhs.span().start;
        let between = &self.query[binary.lhs.span().end..end];
        let blanks = between.len() - between.trim_start_matches([' ', '\t', '\r', '\n']).len();
        binary.lhs.span().end + blanks..end
    }
}

fn is_number(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::Scalar | ValueType::Vector)
}
