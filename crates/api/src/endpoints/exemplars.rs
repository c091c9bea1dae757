//! `query_exemplars`.

use narthex_promql_syntax::ast::Expr;
use narthex_promql_syntax::parse_expr;

use crate::context::{Context, Success};
use crate::error::ApiError;

/// The exemplars of the series that a query reads. The store keeps none yet, so
/// that there are none for any series.
pub(crate) fn query(context: &Context) -> Result<Success, ApiError> {
    let (start_ms, end_ms) = context.time_range()?;
    if end_ms < start_ms {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    }
    let options = context.state.handles.engine.parser_options();
    let expr = parse_expr(context.params.get("query"), &options).map_err(ApiError::bad_data)?;
    if !selects(&expr) {
        return Ok(Success::nothing());
    }
    Ok(Success::new(|json| json.array(|_| {})))
}

/// Whether the expression reads any series.
fn selects(expr: &Expr) -> bool {
    match expr {
        Expr::Vector(_) | Expr::Matrix(_) => true,
        Expr::Number(_) | Expr::String(_) => false,
        Expr::Aggregate(e) => selects(&e.expr) || e.param.as_deref().is_some_and(selects),
        Expr::Binary(e) => selects(&e.lhs) || selects(&e.rhs),
        Expr::Call(e) => e.args.iter().any(selects),
        Expr::Paren(e) => selects(&e.expr),
        Expr::Subquery(e) => selects(&e.expr),
        Expr::Unary(e) => selects(&e.expr),
    }
}
